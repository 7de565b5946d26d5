"""An existing ``guild.yml`` of Guild AI, as far as its operations run here; the rest of it is named in warnings.

The rules are Guild's: ``main`` is a module, dependencies go to the root of the run without their folders, and only
those flags count that ``flags`` and ``flags-import`` name.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Operation, PrintedScalars, ScalarPattern, Source, SourceKind
from dvc_magic.operations.arguments import arguments, takes_arguments
from dvc_magic.operations.constants import constants
from dvc_magic.operations.fields import abridged, listed, read_map, read_text, read_texts, refusal, seen, shown
from dvc_magic.operations.files import check_name
from dvc_magic.operations.flags import (
    ARGS,
    CONFIG,
    GLOBALS,
    REST,
    Flags,
    bind_flags,
    check_value,
    read_flags,
    templated,
)
from dvc_magic.operations.programs import Program, ProjectFiles, commands, read_cmd, read_main, split_main
from dvc_magic.operations.sources import ATTRIBUTES, GUILD_KINDS, read_sources
from dvc_magic.operations.yaml_text import load_yaml
from dvc_magic.runs import compiled

ORIGIN = "guild.yml"

_STAGE_MAIN = "guild.plugins.dvc_stage_main"
_OBJECTS = ("model", "config", "package", "test", "include")
_MODEL_KEYS = frozenset({"model", "operations", "description", "default", "references"})
_KEYS = frozenset(
    {
        "main",
        "exec",
        "requires",
        "flags",
        "flags-dest",
        "flags-import",
        "run-attrs",
        "description",
        "output-scalars",
    }
)
_MOST_PATTERNS = 100  # of one operation: each is tried on each line of output

_FLAG_KEYS = frozenset({"default", "description", "type", "required", "choices", "allow-other", "min", "max"})
"""What a flag may say without a warning: its default is taken, and none of the others changes what a run does."""

_SOURCE_KEYS_UNSAID = frozenset({"always-resolve", "replace-existing"})
"""What sources may say without a warning: here they are always looked up, and always take their place."""


def read_guild(
    text: str, *, exists: Callable[[str], bool], read_text: Callable[[str], str | None]
) -> tuple[tuple[Operation, ...], tuple[str, ...]]:
    """The operations of a ``guild.yml``, and warnings that name what of it is left out of account.

        >>> read_guild("hello: {requires: [dvcfile: hello.in]}", exists=exists, read_text=read_text)

    An operation that cannot run here is left out, with a warning that says why; a warning begins with whose it is.
    An operation of a model with a name has its own name, or ``MODEL.NAME`` where several models have one of that name.

    Args:
        text: of the file.
        exists: whether the project has a file of this path.
        read_text: its text; None where there is none.

    Raises:
        OperationError: the text is not YAML, or neither a list of objects nor a map of operations.
    """
    reader = _Reader(files=ProjectFiles(exists=exists, read_text=read_text))
    entries = list(_entries(load_yaml(text, at=ORIGIN), reader))
    models = Counter(name for _, name, _ in entries)
    found: list[Operation] = []
    for model, name, entry in entries:
        full = f"{model}.{name}" if model and models[name] > 1 else name
        if any(other.name == full for other in found):
            reader.warn(f"operation {full!r} in {ORIGIN}", "there is another of that name; the later one is left out")
            continue
        operation = reader.operation(full, entry)
        if operation is not None:
            found.append(operation)
    return tuple(found), tuple(reader.warnings)


def _entries(content: object, reader: _Reader) -> Iterator[tuple[str, str, object]]:
    """Model, name and entry of every operation."""
    if content is None:
        return
    if isinstance(content, dict) and not (isinstance(content.get("operations"), dict) and "model" in content):
        content = [{"model": "", "operations": content}]
    items = content if isinstance(content, list) else [content]
    for item in items:
        if not isinstance(item, dict):
            raise refusal(ORIGIN, f"it has to be a list of objects, or a map of operations; of one, {seen(item)}")
        yield from _entries_of(item, reader)


def _entries_of(item: Mapping[Any, Any], reader: _Reader) -> Iterator[tuple[str, str, object]]:
    kind = next((kind for kind in _OBJECTS if kind in item), None)
    if kind in {"config", "package"}:
        return  # one runs nothing unless others refer to it, and the other makes Python packages
    if kind != "model":
        keys = f"with {listed([str(key) for key in item])}" if item else "without a key"
        reader.warn(ORIGIN, f"an object {keys} is not supported, and left out")
        return
    model = item["model"] if isinstance(item["model"], str) else ""
    reader.skipped(f"model {model!r} in {ORIGIN}", [key for key in item if key not in _MODEL_KEYS])
    operations = item.get("operations") or {}
    if not isinstance(operations, dict):
        reader.warn(f"model {model!r} in {ORIGIN}", f"its operations have to be a map; {seen(operations)}")
        return
    for name, entry in operations.items():
        if isinstance(name, str):
            yield model, name, entry
        else:
            reader.warn(ORIGIN, f"the operation {shown(name)} is left out: its name has to be text; put it in quotes")


class _Reader(Struct, frozen=True, kw_only=True):
    """Reads operations, and collects what has to be said of them."""

    files: ProjectFiles
    warnings: list[str] = field(default_factory=list)

    def warn(self, at: str, problem: str) -> None:
        self.warnings.append(f"{at}: {problem}")

    def skipped(self, at: str, keys: list[Any]) -> None:
        """Warn of keys that are left out of account, if any are."""
        if keys:
            self.warn(at, f"not supported, and left out of account: {listed([str(key) for key in keys])}")

    def operation(self, name: str, entry: object) -> Operation | None:
        """The operation; None, and a warning, for one that cannot run here."""
        warned = len(self.warnings)
        try:
            return self._operation(name, entry)
        except OperationError as error:
            del self.warnings[warned:]  # of what is left out as a whole, one word is enough
            self.warnings.append(f"{error}. It is left out")
            return None

    def _operation(self, name: str, entry: object) -> Operation:
        check_name(name, at=ORIGIN)
        at = f"operation {name!r} in {ORIGIN}"
        fields = read_map({"main": entry} if isinstance(entry, str) else entry, at=at, such_as="{main: fit}")
        self.skipped(at, [key for key in fields if key not in _KEYS])
        stage = _stage_of_main(fields.get("main"), at=at)
        program = Program() if stage else self._program(name, fields, at=at)
        sources = self._sources(fields.get("requires"), at=at)
        flags = self._flags(fields, program, sources, at=at, runs=stage)
        bound = bind_flags(flags, program, sources, name=name, at=at, files=self.files)
        return Operation(
            name=name,
            origin=ORIGIN,
            cmd=bound.cmd,
            runs=stage,
            serves=stage or self._serves(fields.get("run-attrs"), at=at),
            requires=sources,
            code=(program.script,) if program.script else (),
            params=bound.params,
            variables=bound.variables,
            files=bound.files,
            presets=bound.presets,
            desc=_first_line(fields.get("description")),
            scalars=self._scalars(fields.get("output-scalars"), at=at),
        )

    def _scalars(self, value: object, *, at: str) -> PrintedScalars | None:
        """How ``output-scalars`` finds numbers in output: by default where it says nothing; None where it says no."""
        if value is None:
            return PrintedScalars()
        if not isinstance(value, str | list | Mapping) and value is not False:
            problem = "'output-scalars' is left out of account: expected a pattern, a list or map of them, or no"
            self.warn(at, f"{problem}; {seen(value)}")
            return None
        patterns = [pattern for pattern in _patterns(value) if self._is_usable(pattern, at=at)]
        if len(patterns) > _MOST_PATTERNS:
            self.warn(at, f"'output-scalars' has {len(patterns)} patterns; the first {_MOST_PATTERNS} are used")
        return PrintedScalars(patterns=tuple(patterns[:_MOST_PATTERNS])) if patterns else None

    def _is_usable(self, pattern: ScalarPattern | object, *, at: str) -> TypeGuard[ScalarPattern]:
        """Whether there is sense in an entry of ``output-scalars``; a warning says why not."""
        if not isinstance(pattern, ScalarPattern):
            self.warn(at, f"'output-scalars' has what is no pattern, and it is left out: {shown(pattern)}")
            return False
        try:
            compiled(pattern)
        except ValueError as error:
            named = f"{pattern.key}: " if pattern.key else ""
            self.warn(at, f"'output-scalars': {shown(f'{named}{pattern.pattern}')} is left out: {error}")
            return False
        return True

    def _program(self, name: str, fields: Mapping[str, Any], *, at: str) -> Program:
        if "exec" in fields:
            command = read_text(fields["exec"], "exec", at=at)
            command = command.replace("${python_exe}", "python").replace("${flag_args}", REST)
            return read_cmd(command, at=at, files=self.files)
        if "main" not in fields and "steps" in fields:
            raise refusal(at, "operations of 'steps' are not supported; require the stages that they serve")
        main = read_text(fields.get("main", name.replace("-", "_")), "main", at=at)
        word, rest = split_main(main)
        if "/" in word and not word.endswith(".py"):  # a folder for sys.path, and a module in it
            return read_main(f"{shlex.quote(f'{word}.py')} {rest}", at=at, files=self.files)
        return read_main(main, at=at, files=self.files)

    def _flags(
        self, fields: Mapping[str, Any], program: Program, sources: tuple[Source, ...], *, at: str, runs: str
    ) -> Flags:
        """Those that ``flags`` defines and ``flags-import`` names, and no others, as in Guild."""
        defaults = self._defaults(fields.get("flags"), at=at)
        wanted = fields.get("flags-import")
        every = wanted is True or wanted == "all"
        names = [*defaults, *(read_texts(wanted, "flags-import", at=at) if wanted and not every else ())]
        dest = _dest(fields.get("flags-dest"), at=at) or _usual_dest(program, sources, is_exec="exec" in fields)
        if runs and names and not dest.startswith(CONFIG):
            raise refusal(at, "its flags belong to a file; name it with 'flags-dest: config:FILE'")
        if every and dest.startswith(CONFIG):
            return Flags(defaults=_given(defaults), dest=dest)
        if every:
            names += _all_names(program, dest)
        if "exec" in fields and dest == ARGS:
            names = self._placed(names, program, at=at)
        placed = {name: defaults.get(name) for name in names}
        return Flags(names=tuple(placed), defaults=_given(placed), dest=dest if placed or not runs else "")

    def _placed(self, names: list[str], program: Program, *, at: str) -> list[str]:
        """The flags that an ``exec`` has a place for; a warning names the others."""
        rest = any(REST in command for command in commands(program.cmd))
        placed = [name for name in names if rest or templated(name, program.cmd)]
        if len(placed) < len(names):
            missing = listed(set(names) - set(placed))
            self.warn(at, f"its command has no ${{..}} for the flags {missing}; they are left out of account")
        return placed

    def _defaults(self, value: object, *, at: str) -> dict[str, Any]:
        """The flags that an entry defines, with their defaults."""
        if value is None:
            return {}
        found = {}
        for name, flag in read_map(value, at=f"{at}, in 'flags'", such_as="{lr: 0.1}").items():
            if name.startswith("$"):
                self.skipped(at, [name])
                continue
            default = flag.get("default") if isinstance(flag, Mapping) else flag
            if isinstance(flag, Mapping):
                self.skipped(f"{at}, flag {name!r}", [key for key in flag if key not in _FLAG_KEYS])
            if isinstance(default, list):
                self.warn(f"{at}, flag {name!r}", f"a list is a grid, to be given in the call: {shown(default)}")
                default = None
            found[name] = check_value(default, name, at=at)
        return found

    def _sources(self, entries: object, *, at: str) -> tuple[Source, ...]:
        found: list[Source] = []
        for entry in entries if isinstance(entries, list) else [] if entries is None else [entries]:
            kept = self._source_entry(entry, at=at)
            if kept is not None:
                found += [replace(source, flat=True) for source in read_sources(kept, where=at)]
        return tuple(found)

    def _source_entry(self, entry: object, *, at: str) -> object | None:
        """The entry in our words; None for one that is no source here."""
        if isinstance(entry, str):
            if entry.partition(":")[0] in list(SourceKind):
                return entry
            self.warn(at, f"the resource {entry!r} is not supported, and left out")
            return None
        fields = dict(read_map(entry, at=f"{at}, in 'requires'", such_as="{dvcfile: data.csv}"))
        kind = next((kind for kind in SourceKind if kind in fields), None)
        other = next((key for key in fields if key in {*GUILD_KINDS, "resource"}), None)
        if kind is None and other:
            self.warn(at, f"'{other}: {abridged(fields[other])}' is no source that is supported, and left out")
            return None
        if kind is None:
            return fields
        if "path" in fields:
            fields.setdefault("target-path", fields.pop("path"))
        known = {kind, *ATTRIBUTES[kind]}
        unknown = [key for key in fields if key not in known and key not in _SOURCE_KEYS_UNSAID]
        self.skipped(f"{at}, '{kind}: {abridged(fields[kind])}'", unknown)
        return {str(key): value for key, value in fields.items() if key in known}

    def _serves(self, value: object, *, at: str) -> str:
        """The stage of ``run-attrs``: ``dvc: {stage: S}``, or ``dvc-stage: S`` as before."""
        if value is None:
            return ""
        such_as = "{dvc: {stage: train}}"
        attributes = read_map(value, at=f"{at}, in 'run-attrs'", such_as=such_as)
        self.skipped(f"{at}, in 'run-attrs'", [key for key in attributes if key not in {"dvc", "dvc-stage"}])
        if "dvc" in attributes:
            dvc = read_map(attributes["dvc"], at=f"{at}, in 'run-attrs'", such_as=such_as)
            return read_text(dvc.get("stage"), "stage", at=at)
        return read_text(attributes["dvc-stage"], "dvc-stage", at=at) if "dvc-stage" in attributes else ""


def _patterns(value: object) -> Iterator[ScalarPattern | object]:
    """The entries of ``output-scalars``, those of a map by their keys, as in Guild; what is no text as it stands."""
    for entry in value if isinstance(value, list) else [value] if value is not False else []:
        if isinstance(entry, Mapping):
            named = sorted(entry.items(), key=lambda item: str(item[0]))
            yield from (
                ScalarPattern(pattern=text, key=str(key)) if isinstance(text, str) else text for key, text in named
            )
        else:
            yield ScalarPattern(pattern=entry) if isinstance(entry, str) else entry


def _stage_of_main(value: object, *, at: str) -> str:
    """The stage that Guild's plugin for DVC would run; empty for any other ``main``."""
    if not isinstance(value, str) or split_main(value.strip() or ".")[0] != _STAGE_MAIN:
        return ""
    words = split_main(value.strip())[1].split()
    if len(words) != 1 or words[0].startswith("-"):
        raise refusal(at, f"{_STAGE_MAIN} is supported with one stage alone; it is {shown(value)}")
    return words[0]


def _dest(value: object, *, at: str) -> str:
    dest = "" if value is None else read_text(value, "flags-dest", at=at)
    return ARGS if dest == "args:click" else read_flags(None, dest or None, at=at).dest


def _usual_dest(program: Program, sources: tuple[Source, ...], *, is_exec: bool) -> str:
    """Where Guild takes flags to which name no place: its config files, templates of ``exec``, or the script."""
    configs = [source.path for source in sources if source.kind == SourceKind.CONFIG]
    if configs:
        return CONFIG + configs[0]
    return ARGS if is_exec or takes_arguments(program.text) else GLOBALS


def _all_names(program: Program, dest: str) -> list[str]:
    try:
        return list(constants(program.text) if dest == GLOBALS else arguments(program.text))
    except OperationError:
        return []


def _given(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are empty, which leave what the file or the script has."""
    return {name: value for name, value in defaults.items() if value is not None}


def _first_line(value: object) -> str:
    return value.strip().splitlines()[0].strip() if isinstance(value, str) and value.strip() else ""

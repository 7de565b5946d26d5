"""An operation's flags: where their values go, and what of it the compiled stage has to have."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct, field

from dvc_magic.errors import OperationError, close_matches
from dvc_magic.model.operation import OperationParams, Preset, Source, SourceKind, TextFile
from dvc_magic.model.values import Value, same
from dvc_magic.operations.arguments import Argument, arguments, takes_arguments
from dvc_magic.operations.constants import constants
from dvc_magic.operations.fields import listed, read_path, read_text, refusal, seen, shown
from dvc_magic.operations.programs import Program, ProjectFiles, commands

GLOBALS = "globals"
ARGS = "args"
CONFIG = "config:"
REST = "${args}"
"""The template that stands for all flags of a command line that have none of their own."""

_ARGUMENT = re.compile(r"\w[\w.-]*")
_SEVERAL_COMMANDS = re.compile(r"[|&;<>()`\n#]")
_DEPTH = 50  # lists in lists
_MOST = 10_000  # single values in the value of one flag
_Tree: TypeAlias = dict[str, Any]


class Flags(Struct, frozen=True, kw_only=True):
    """What an entry says of its operation's flags.

    Attributes:
        names: of its flags; None for all that there are.
        defaults: values for some of them.
        dest: where they go: ``globals``, ``args``, ``config:FILE``; empty for what the program suggests.
    """

    names: tuple[str, ...] | None = None
    defaults: Mapping[str, Value] = field(default_factory=dict)
    dest: str = ""


class BoundFlags(Struct, frozen=True, kw_only=True):
    """What flags become: the fields of an `Operation` of the same names."""

    cmd: str | tuple[str, ...]
    params: tuple[OperationParams, ...] = ()
    variables: tuple[str, ...] = ()
    files: tuple[TextFile, ...] = ()
    presets: tuple[Preset, ...] = ()


def read_flags(value: object, dest: object, *, at: str) -> Flags:
    """The flags of an entry: a list of names, a map of names to defaults, or nothing, which means all.

    A default that is empty (``lr:``) leaves what the file or the script has.

    Raises:
        OperationError: they are something else.
    """
    where = "" if dest is None else _read_dest(dest, at=at)
    if value is None:
        return Flags(dest=where)
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return Flags(names=tuple(dict.fromkeys(read_text(name, "flags", at=at) for name in value)), dest=where)
    if not isinstance(value, Mapping):
        raise refusal(at, f"'flags' has to be a list of names, or a map such as {{lr: 0.1}}; {seen(value)}")
    names = tuple(read_text(name, "flags", at=at) for name in value)
    given = {name: check_value(item, name, at=at) for name, item in value.items() if item is not None}
    return Flags(names=names, defaults=given, dest=where)


def check_value(value: object, name: str, *, at: str) -> Value:
    """A value that a param can have.

    Raises:
        OperationError: it is something else, such as a date, which YAML makes of ``2024-01-31``, or too much of it.
    """
    for count, (depth, part) in enumerate(_parts(value)):
        if count >= _MOST or depth >= _DEPTH:
            raise refusal(at, f"the flag {name!r} has more in it than the value of a flag can have; {seen(value)}")
        if not _is_value(part):
            raise refusal(at, f"the flag {name!r} cannot have this value; {seen(value)}. Put text in quotes")
    return value  # type: ignore[return-value]


def _parts(value: object) -> Iterator[tuple[int, object]]:
    """A value and all that it contains, each with how deep it lies."""
    waiting = [(0, value)]
    while waiting:
        depth, part = waiting.pop()
        yield depth, part
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += ((depth + 1, item) for item in inner)


def _is_value(part: object) -> bool:
    if isinstance(part, dict):
        return all(isinstance(key, str) for key in part)
    return part is None or isinstance(part, bool | int | float | str | list)


def bind_flags(
    flags: Flags, program: Program, sources: Sequence[Source], *, name: str, at: str, files: ProjectFiles
) -> BoundFlags:
    """What an operation's flags become, and its config files with them.

    ``globals`` are constants at the top level of the script; ``config:FILE`` is a file of params, at the place that a
    config source of that file gives it; ``args`` are filled by DVC into the command from a file of the run's own,
    ``NAME.flags.json``: each where the command has ``${FLAG}``, and the others where it has ``${args}``, which is
    added at its end. There DVC quotes text for the shell, and lists become several words.

    Raises:
        OperationError: a flag is not where it would have to be, or cannot be given in that way.
    """
    configs = [source for source in sources if source.kind == SourceKind.CONFIG]
    dest = flags.dest or _usual_dest(flags, program, configs, at=at)
    bound = _Binding(flags=flags, program=program, configs=configs, name=name, at=at, files=files)
    if dest == GLOBALS:
        return bound.globals()
    if dest == ARGS:
        return bound.args()
    if dest:
        return bound.config(dest.removeprefix(CONFIG))
    return bound.nothing()


def templated(name: str, cmd: str | tuple[str, ...]) -> bool:
    """Whether the command has the flag's template, ``${NAME}``."""
    return any(f"${{{name}}}" in command for command in commands(cmd))


def _read_dest(value: object, *, at: str) -> str:
    dest = read_text(value, "flags-dest", at=at)
    if dest in {GLOBALS, ARGS}:
        return dest
    if dest.startswith(CONFIG):
        return CONFIG + read_path(dest.removeprefix(CONFIG), "flags-dest", at=at)
    hint = close_matches(dest, [GLOBALS, ARGS])
    raise refusal(at, f"'flags-dest' is one of globals, args and config:FILE; it is {shown(dest)}.{hint}")


def _usual_dest(flags: Flags, program: Program, configs: Sequence[Source], *, at: str) -> str:
    """Where the flags go when `flags-dest` does not say so; empty when there are no flags."""
    if flags.names and any(templated(name, program.cmd) for name in flags.names):
        return ARGS
    if len(configs) == 1:
        return CONFIG + configs[0].path
    if configs and flags.names:
        paths = listed([source.path for source in configs])
        raise refusal(at, f"its flags could go to any of {paths}; say which with 'flags-dest: config:FILE'")
    if configs:
        return ""
    if program.script:
        return ARGS if takes_arguments(program.text) else GLOBALS
    if flags.names:
        raise refusal(
            at,
            f"its command starts no Python file of the project that could take its flags; write ${{{flags.names[0]}}} "
            "where the value goes",
        )
    return ""


class _Binding(Struct, frozen=True, kw_only=True):
    """Binds the flags of one operation."""

    flags: Flags
    program: Program
    configs: Sequence[Source]
    name: str
    at: str
    files: ProjectFiles

    def nothing(self) -> BoundFlags:
        """No flags beside those of its config files."""
        return BoundFlags(cmd=self.program.cmd, params=self._config_params(), files=self._config_files())

    def globals(self) -> BoundFlags:
        """Constants of the script."""
        script = self.program.script
        if not script:
            raise refusal(self.at, "'flags-dest: globals' needs a Python file of the project that its command starts")
        known = self._read(constants)
        names = tuple(known) if self.flags.names is None else self.flags.names
        for name in names:
            if name not in known:
                raise refusal(
                    self.at, f"{script} assigns no constant {name!r} once at its top level.{_of(name, known)}"
                )
        presets = tuple(
            Preset(file=script, key=name, value=value)
            for name, value in self.flags.defaults.items()
            if not same(value, known[name])
        )
        return BoundFlags(
            cmd=self.program.cmd,
            params=(*self._config_params(), *([OperationParams(path=script, keys=names)] if names else [])),
            files=(*self._config_files(), *([TextFile(path=script, origin=script)] if presets else [])),
            presets=presets,
        )

    def config(self, path: str) -> BoundFlags:
        """Values of a file, at the place where the runs have it."""
        source = next((source for source in self.configs if source.path == path), None)
        if source is None and not self.files.has(path):
            hint = close_matches(path, [source.path for source in self.configs])
            raise refusal(self.at, f"its flags go to {path!r}, but the project has no such file.{hint}")
        target = path if source is None else source.target(path)
        presets = tuple(Preset(file=target, key=name, value=value) for name, value in self.flags.defaults.items())
        own = [OperationParams(path=path, keys=self.flags.names or ())] if source is None else []
        alone = [TextFile(path=path, origin=path)] if source is None and presets else []
        return BoundFlags(
            cmd=self.program.cmd,
            params=(*self._config_params(path), *own),
            files=(*self._config_files(path if presets else ""), *alone),
            presets=presets,
        )

    def args(self) -> BoundFlags:
        """Templates of the command, filled from a file that the run has for that."""
        known = self._read(arguments) if self.program.script else {}
        names = self._args_named(known) if self.flags.names is None else self.flags.names
        if not names:
            return self.nothing()
        values = {name: self._arg(name, known) for name in names}
        rest = {name: value for name, value in values.items() if not templated(name, self.program.cmd)}
        tree: _Tree = {}
        for name, value in values.items():
            place = f"{REST[2:-1]}.{name}" if name in rest else name
            _put(tree, place, value, at=self.at)
        path = f"{self.name}.flags.json"
        return BoundFlags(
            cmd=self._with_rest(list(rest)) if rest else self.program.cmd,
            params=(*self._config_params(), OperationParams(path=path)),
            variables=(path,),
            files=(*self._config_files(), TextFile(path=path, text=json.dumps(tree, indent=2) + "\n")),
        )

    def _args_named(self, known: Mapping[str, Argument]) -> tuple[str, ...]:
        """All options of a script that its command does not have already; none where they have no place to go."""
        if self._place_of_rest() is None:
            return ()
        return tuple(name for name in known if not self._has_option(name))

    def _arg(self, name: str, known: Mapping[str, Argument]) -> Value:
        if not _ARGUMENT.fullmatch(name):
            raise refusal(self.at, f"{shown(name)} is no name for a flag of a command line: letters, digits, - _ .")
        argument = known.get(name)
        value = self.flags.defaults.get(name, argument.default if argument else None)
        inside = templated(name, self.program.cmd)
        if value is None:
            raise refusal(
                self.at, f"no default is seen for {name!r}; write it: flags: {{{name}: 0.1}}.{_of(name, known)}"
            )
        if not inside and self._has_option(name):
            raise refusal(self.at, f"its command has --{name} already; leave it out there, or out of 'flags'")
        if not inside and isinstance(value, bool) and not (argument and argument.switch):
            raise refusal(
                self.at,
                f"{name!r} is true or false, and nothing tells how its command takes that; write ${{{name}}} into "
                "'cmd' where true or false is to stand",
            )
        return value

    def _has_option(self, name: str) -> bool:
        option = f"--{name}"
        return any(word == option or word.startswith(f"{option}=") for word in _words(self.program.cmd))

    def _with_rest(self, names: list[str]) -> str | tuple[str, ...]:
        """The command with `REST`, in the place that is for it."""
        if templated(REST[2:-1], self.program.cmd):
            return self.program.cmd
        place = self._place_of_rest()
        if place is None:
            raise refusal(
                self.at, f"'cmd' holds several commands; write {REST} where its flags go, or ${{{names[0]}}} for one"
            )
        if isinstance(self.program.cmd, str):
            return f"{self.program.cmd} {REST}"
        return tuple(f"{cmd} {REST}" if index == place else cmd for index, cmd in enumerate(self.program.cmd))

    def _place_of_rest(self) -> int | None:
        """Which command takes the flags: that which starts the script, or the only one; None where it is unclear."""
        found = commands(self.program.cmd)
        if templated(REST[2:-1], found):
            return 0
        script = self.program.script
        places = [index for index, cmd in enumerate(found) if not script or _starts(cmd, script)]
        simple = len(places) == 1 and not _SEVERAL_COMMANDS.search(found[places[0]])
        return places[0] if simple else None

    def _read(self, reader: Any) -> dict[str, Any]:
        """What `reader` finds in the script; nothing in one that is not Python, unless flags are named."""
        try:
            found: dict[str, Any] = reader(self.program.text)
        except OperationError as error:
            if self.flags.names:
                raise refusal(f"{self.at}, {self.program.script}", str(error)) from error
            return {}
        return found

    def _config_params(self, path: str = "") -> tuple[OperationParams, ...]:
        """The config files; all of a file counts, but for the one at `path`, which has the flags."""
        return tuple(
            OperationParams(
                path=source.target(source.path), keys=(self.flags.names or ()) if source.path == path else ()
            )
            for source in self.configs
        )

    def _config_files(self, changed: str = "") -> tuple[TextFile, ...]:
        """Those config files that a run has in another place than the project, or with other values (`changed`)."""
        places = [(source.path, source.target(source.path)) for source in self.configs]
        return tuple(TextFile(path=place, origin=path) for path, place in places if place != path or path == changed)


def _of(name: str, known: Mapping[str, object]) -> str:
    """A hint for a name that is not among those known."""
    if not known or name in known:
        return ""
    return f"{close_matches(name, list(known))} There are: {listed(known)}"


def _put(tree: _Tree, place: str, value: Value, *, at: str) -> None:
    """Give a tree of values one more, at a dotted place."""
    *folders, last = place.split(".")
    for part in folders:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise refusal(at, f"one of its flags is a part of another, {place!r}; rename one")
    if not last or last in tree:
        raise refusal(at, f"one of its flags is a part of another, {place!r}; rename one")
    tree[last] = value


def _words(cmd: str | tuple[str, ...]) -> list[str]:
    return [word for command in commands(cmd) for word in command.split()]


def _starts(command: str, script: str) -> bool:
    """Whether a command names the script, as a file or as a module."""
    module = script.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return any(word.removeprefix("./") in {script, module} for word in words)

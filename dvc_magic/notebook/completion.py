"""Completions of the magics' lines, for IPython's completer.

A completion is asked for with a key and has to come at once: it takes what is known of the project within a moment,
or within a second where nothing is known yet; gives nothing otherwise, prints nothing and never raises.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError
from dvc_magic.line import (
    OPERATION_USAGE,
    Begun,
    Option,
    StageWords,
    Usage,
    as_word,
    flags_of,
    format_value,
    matching,
    quote,
    read_begun,
)
from dvc_magic.model.example import example_names
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.record import RunStatus
from dvc_magic.model.request import UpstreamPolicy
from dvc_magic.model.stage import Param, Pipeline, Stage, address_of, group_of
from dvc_magic.notebook.usage import usage_of
from dvc_magic.operations import constants
from dvc_magic.runs import FIELDS, metrics_of, params_of
from dvc_magic.untrusted import hidden, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from dvc_magic.notebook.session import Session
    from dvc_magic.project import Connection
    from dvc_magic.store import StoredRun

_IDENTIFIER = "dvc_magic"
_RUNS = 50  # the newest ones are offered
_READ = 100  # the newest ones are asked for names of params and metrics
_ENTRIES = 200  # of a folder
_SHOWN = 24  # characters of a value beside a flag
_MAGIC = r"(?s)^\s*(?:[^=%'\"#]+=\s*)?(?P<percent>%{0,2})(?P<name>dvc\w*)[ \t](?P<rest>.*)$"
_LAST_NAME = r"[\w.:/@%+-]*$"
_VALUE_OF = r"(?:^|[\s(\"])(stage|status)\s*(?:==?|!=)\s*(['\"]?[^'\"\s]*)$"
_VARIABLE = r"\{(\w+)$"
_AFTER_OPERATOR = r"(?:[=<>~]|\bcontains|\bin\s*\[[^\]]*)\s*['\"]?[^\s'\"]*$"


class Offer(Struct, frozen=True):
    """A completion: what stands in the line afterwards, and a word on what it is."""

    text: str
    about: str = ""


class Offers(Struct, frozen=True):
    """Completions, best first, and the end of the line that they take the place of."""

    replaced: str
    items: tuple[Offer, ...]


def install(shell: InteractiveShell, session: Session) -> None:
    """Put the matcher of the magics first in the shell's completer."""
    lines = Lines(shell, session)

    @context_matcher(identifier=_IDENTIFIER)  # type: ignore[untyped-decorator]
    def dvc_magic_matcher(context: CompletionContext) -> SimpleMatcherResult:
        offers = lines.offers(context.full_text, context.cursor_line, context.cursor_position)
        return {
            "completions": [SimpleCompletion(text=item.text, type=_unbroken(item.about)) for item in offers.items],
            "matched_fragment": offers.replaced,
            "ordered": True,
            "suppress": bool(offers.items),
        }

    shell.Completer.custom_matchers.append(dvc_magic_matcher)


def remove(shell: InteractiveShell) -> None:
    """Take the matcher out again."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [known for known in matchers if getattr(known, "matcher_identifier", "") != _IDENTIFIER]


class Lines:
    """Completes the lines of the registered magics."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        self._shell = shell
        self._session = session

    def offers(self, text: str, row: int, column: int) -> Offers:
        """The completions at a place of a cell; none where there is nothing to say or something is wrong."""
        try:
            return self._offers(text, row, column)
        except Exception:  # noqa: BLE001 - a key that completes must not fail, whatever state the project is in
            return Offers("", ())

    def _offers(self, text: str, row: int, column: int) -> Offers:
        found = re.match(_MAGIC, _logical_line(text, row, column))
        usage = self._usage(found) if found is not None else None
        if found is None or usage is None:
            return Offers("", ())
        below = text.partition("\n")[2] if found["percent"] == "%%" else ""
        return Answer(usage, self._session, cell=below).offers(found["rest"])

    def _usage(self, found: re.Match[str]) -> Usage | None:
        manager = self._shell.magics_manager
        if not found["percent"] and (not manager.auto_magic or found["rest"].lstrip().startswith(("=", ".", "(", ","))):
            return None
        kind = "cell" if found["percent"] == "%%" else "line"
        return usage_of(manager.magics[kind].get(found["name"]))


def _logical_line(text: str, row: int, column: int) -> str:
    """What stands before the cursor, with the lines above that a backslash continues."""
    lines = text.split("\n")
    first = row
    while first and lines[first - 1].endswith("\\"):
        first -= 1
    return "\n".join([*lines[first:row], lines[row][:column]])


class Answer:
    """The completions of one line; of a cell magic's, with the `cell` below it."""

    def __init__(self, usage: Usage, session: Session, *, cell: str = "") -> None:
        self._usage = usage
        self._session = session
        self._cell = cell

    @property
    def _connection(self) -> Connection:
        return self._session.connection

    @cached_property
    def _pipeline(self) -> Pipeline:
        """What is known of the stages; nothing outside of a project."""
        with contextlib.suppress(DvcMagicError):
            return self._connection.glance() or Pipeline()
        return Pipeline()

    @cached_property
    def _constants(self) -> tuple[Param, ...]:
        """The flags that the constants of a cell are, as far as it can be read already."""
        with contextlib.suppress(DvcMagicError):
            return tuple(Param(file="", key=key, value=value) for key, value in constants(self._cell).items())
        return ()

    def offers(self, rest: str) -> Offers:
        """What can follow `rest`, the line from the magic's name to the cursor."""
        begun = read_begun(rest, self._usage, is_bool=self._is_bool)
        if begun is None or "\n" in begun.word:
            return Offers("", ())
        if variable := re.search(_VARIABLE, begun.word):
            return _fitting(variable[1], self._variables())
        if self._usage.raw and begun.option is None and not re.match(r"-(?:-|$)", begun.word):
            return self._query(rest, begun)
        return _fitting(begun.word, self._candidates(begun))

    def _is_bool(self, flag: str) -> bool:
        every = [*self._constants, *(param for stage in self._pipeline.stages for param in stage.flags)]
        found = matching(flag, every, ())
        return bool(found) and all(param.type == "bool" for param in found)

    def _candidates(self, begun: Begun) -> Iterator[Offer]:
        if begun.option is not None:
            yield from self._of_kind(begun.option.what, begun)
            return
        if begun.flag:
            yield from self._values(begun)
            if not begun.maybe:
                return
        if not begun.word.startswith("-") and not begun.flag and len(begun.words) < len(self._usage.words):
            yield from self._of_kind(self._usage.words[len(begun.words)], begun)
            return
        if self._usage.flags:
            yield from self._flags(begun)
        yield from self._options(begun)
        if self._usage.repeats and not begun.word.startswith("-"):
            given = {as_word(word) for word in begun.words}
            yield from (offer for offer in self._of_kind(self._usage.words[-1], begun) if offer.text not in given)

    def _of_kind(self, what: str, begun: Begun) -> Iterator[Offer]:
        """What a word of this kind can be; nothing for kinds that only the user knows."""
        kinds: dict[str, Callable[[Begun], Iterable[Offer]]] = {
            "TARGET": lambda begun: (Offer(as_word(word.text), word.about) for word in self._target_words(begun)),
            "STAGE": lambda begun: (Offer(as_word(word.text), word.about) for word in self._stage_words(begun)),
            "RUN": lambda _: self._runs(),
            "TRASHED": lambda _: _run_offers(self._connection.store.trash.runs()[:_RUNS]),
            "STATUS": lambda _: (Offer(status.value, "status") for status in RunStatus),
            "POLICY": lambda _: (Offer(policy.value, "upstream policy") for policy in UpstreamPolicy),
            "TAG": lambda _: self._tags(),
            "KEY": lambda begun: self._names(down=begun.word.startswith("-")),
            "KEY=V": self._keys,
            "STAGE=RUN": self._uses,
            "SOURCE": self._sources,
            "PATH": lambda begun: _paths(self._connection.root, begun.word),
            "EXAMPLE": lambda _: (Offer(name, "example") for name in example_names()),
            "FOLDER": lambda begun: _paths(Path.cwd(), begun.word, folders=True),
        }
        return iter(kinds[what](begun)) if what in kinds else iter(())

    # stages and flags

    @cached_property
    def _words(self) -> StageWords:
        return StageWords((stage.address for stage in self._pipeline.stages), self._session.folder)

    def _stage_words(self, begun: Begun) -> Iterator[Offer]:
        """The stages as they are called here; where a path is begun, as in the root."""
        for stage in self._pipeline.stages:
            yield Offer(stage.address if "/" in begun.word else self._words.word(stage), _about(stage))

    def _target_words(self, begun: Begun) -> Iterator[Offer]:
        """The stages, and before the first item of a group the group itself."""
        groups: set[str] = set()
        for stage, word in zip(self._pipeline.stages, self._stage_words(begun), strict=True):
            group = group_of(stage.address)
            if group and group not in groups:
                groups.add(group)
                yield Offer(word.text[: len(word.text) - len(stage.address) + len(group)], "group of stages")
            yield word

    def _targets(self, begun: Begun) -> tuple[Stage, ...]:
        addresses = [address_of(self._words.address(word)) for word in begun.words]
        if not addresses and (start := begun.values.get("--from")):
            with contextlib.suppress(DvcMagicError):
                addresses = [self._connection.store.find(start).record.stage]
        if addresses:
            return tuple(stage for address in addresses for stage in self._pipeline.meant(address))
        final = self._pipeline.final_stages()
        return final if len(final) == 1 or "--all" in begun.given else self._pipeline.stages

    def _params(self, begun: Begun) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
        """The params of the stage, and those upstream of it; of a cell, its constants."""
        if self._usage == OPERATION_USAGE:
            script = begun.values.get("--script") or f"{begun.words[0] if begun.words else ''}.py"
            return tuple(replace(param, file=script) for param in self._constants), ()
        return flags_of(self._targets(begun), self._pipeline)

    def _flags(self, begun: Begun) -> Iterator[Offer]:
        """The flags of the stage, then of those upstream of it, each in every spelling that the line would take."""
        own, upstream = self._params(begun)
        taken = {param.name for given in begun.given for param in matching(given.lstrip("-"), own, upstream)}
        for param in dict.fromkeys(param.name for param in (*own, *upstream)):
            if param not in taken:
                found = next(one for one in (*own, *upstream) if one.name == param)
                yield from _spellings(found, own, upstream, options=self._usage.options)
        if begun.words and begun.word and not begun.word.startswith("-"):
            yield from self._keys(begun)

    def _options(self, begun: Begun) -> Iterator[Offer]:
        for option in self._usage.every_option:
            if not option.repeats and option.name in begun.given:
                continue
            name = option.name.removeprefix("--")
            taken = self._usage.flags and matching(name, *self._params(begun))
            yield Offer(f"--option:{name}" if taken else option.name, option.what or "option")
            if option.short and begun.word == "-":
                yield Offer(option.short, option.what or "option")

    def _values(self, begun: Begun) -> Iterator[Offer]:
        """Values of a flag: the booleans, the configs of a group, the one it has, those that earlier runs had."""
        own, upstream = self._params(begun)
        for param in matching(begun.flag, own, upstream)[:1]:
            if param.group is not None:
                for name in param.group.choices:
                    yield Offer(as_value(name), "now" if name == param.value else "config")
                return
            if param.type == "bool":
                yield from (Offer(word, "now" if param.value is (word == "true") else "") for word in ("true", "false"))
                return
            yield Offer(as_value(param.value), "now")
            for run in self._stored():
                used = run.record.params.get(param.file, {})
                if param.key in used:
                    yield Offer(as_value(used[param.key]), f"in {run.record.name}")

    def _keys(self, begun: Begun) -> Iterator[Offer]:
        own, upstream = self._params(begun)
        for param in (*own, *upstream):
            name = param.key if param.file == "params.yaml" else param.name
            yield Offer(f"{name}=", _now(param))

    # runs

    def _stored(self) -> list[StoredRun]:
        return self._connection.store.all(limit=_READ)

    def _runs(self) -> Iterator[Offer]:
        runs = self._stored()[:_RUNS]
        if any(run.record.call.asked for run in runs):
            yield Offer("last", "the newest run")
        yield from _run_offers(runs)

    def _uses(self, begun: Begun) -> Iterator[Offer]:
        """``STAGE=``, and once that is there, the completed runs of that stage."""
        word, equals, _ = begun.word.partition("=")
        if equals:
            address = address_of(self._words.address(word))
            runs = self._connection.store.of_stage(address, status=RunStatus.COMPLETED)[:_RUNS]
            yield from (Offer(f"{word}={run.text}", run.about) for run in _run_offers(runs))
            return
        targets = self._targets(begun)
        above = {stage.address: stage for target in targets for stage in self._pipeline.lineage(target)[:-1]}
        yield from (Offer(f"{self._words.word(stage)}=", _about(stage)) for stage in above.values())

    def _sources(self, begun: Begun) -> Iterator[Offer]:
        """The kinds of sources, and after the colon, what there is of the kind."""
        kind, colon, rest = begun.word.partition(":")
        if not colon:
            yield from (Offer(f"{known}:", "source") for known in SourceKind)
        elif kind == SourceKind.DVCSTAGE:
            yield from (Offer(f"{kind}:{word.text}", word.about) for word in self._stage_words(begun))
        else:
            yield from (Offer(f"{kind}:{path.text}", path.about) for path in _paths(self._connection.root, rest))
            for data in self._pipeline.tracked if kind == SourceKind.DVCFILE else ():
                yield Offer(f"{kind}:{data.path}", "tracked by DVC")

    def _tags(self) -> Iterator[Offer]:
        for run in self._stored():
            yield from (Offer(as_word(tag), "tag") for tag in run.notes.tags)

    def _names(self, *, down: bool = False) -> Iterator[Offer]:
        """What a query or a sort key can name; with `down`, with the minus that sorts downwards."""
        sign = "-" if down else ""
        yield from (Offer(f"{sign}{name}", "field") for name in FIELDS)
        for run in self._stored():
            yield from (Offer(f"{sign}params.{key}", "param") for key in params_of(run.record))
            yield from (Offer(f"{sign}metrics.{key}", "metric") for key in metrics_of(run.record))

    def _query(self, rest: str, begun: Begun) -> Offers:
        valued = re.search(_VALUE_OF, rest)
        if valued is not None:
            known = [str(status) for status in RunStatus] if valued[1] == "status" else self._stages()
            style = '"' if valued[2].startswith('"') else "'"
            return _fitting(valued[2], (Offer(quote(name, style), valued[1]) for name in known))
        if re.search(_AFTER_OPERATOR, rest):
            return Offers("", ())
        found = re.search(_LAST_NAME, rest)
        word = found[0] if found is not None else ""
        stages = [] if begun.words else [Offer(as_word(name), "stage") for name in self._stages()]
        options = self._options(begun) if not word else ()
        return _fitting(word, [*self._names(), *stages, *options])

    def _variables(self) -> Iterator[Offer]:
        names = self._session.shell.user_ns.items()
        return (Offer(name, type(value).__name__) for name, value in names if not name.startswith("_"))

    def _stages(self) -> list[str]:
        return [*dict.fromkeys([*(stage.address for stage in self._pipeline.stages), *self._of_runs()])]

    def _of_runs(self) -> Iterator[str]:
        return (run.record.stage for run in self._stored())


def _fitting(word: str, candidates: Iterable[Offer]) -> Offers:
    """The candidates that begin as `word` does; an opened quote around it is kept.

    Left out is what has characters that nobody sees or that move the cursor, since spelled out it would mean something
    else, and an address with a password.
    """
    style = word[:1] if word[:1] in ("'", '"') else ""
    begun = word[1:] if style else word
    found: dict[str, Offer] = {}
    for item in candidates:
        plain = item.text.strip("'\"")
        if plain.startswith(begun) and plain != word and item.text.isprintable() and hidden(item.text) == item.text:
            text = quote(plain, style) if style else item.text
            found.setdefault(text, Offer(text, item.about))
    return Offers(word, tuple(found.values()))


def _unbroken(about: str) -> str:
    """A word on a completion with blanks at which no line ends: JupyterLab would put the rest over the next one."""
    return one_line(about).replace(" ", "\N{NO-BREAK SPACE}")


def _about(stage: Stage) -> str:
    return stage.desc.split("\n")[0][:60] or "stage"


def _now(param: Param) -> str:
    value = as_value(param.value)
    kind = param.type if param.group is None else "config group"
    return f"{kind} = {value if len(value) <= _SHOWN else value[: _SHOWN - 1] + '…'}"


def as_value(value: Any) -> str:
    """A value as a line has it."""
    try:
        return format_value(value)
    except TypeError:
        return ""


def _spellings(
    param: Param, own: tuple[Param, ...], upstream: tuple[Param, ...], *, options: Iterable[Option]
) -> Iterator[Offer]:
    taken = {option.name.removeprefix("--") for option in options}
    parts = param.key.split(".")
    ends = [".".join(parts[index:]) for index in range(len(parts) - 1, -1, -1)]
    takes = [
        end
        for end in ends
        if end not in taken and [found.name for found in matching(end, own, upstream)] == [param.name]
    ]
    for name in takes or [param.name]:
        yield Offer(f"--{as_word(name)}", _now(param))
    if param.type == "bool" and takes:
        yield Offer(f"--no-{as_word(takes[0])}", _now(param))


def _run_offers(runs: Iterable[StoredRun]) -> Iterator[Offer]:
    for run in runs:
        notes = " ".join([run.notes.label, *run.notes.tags]).strip()
        yield Offer(str(run.record.number), f"{run.record.stage} {run.record.status} {notes}".rstrip())
    for run in runs:
        if run.notes.label:
            yield Offer(as_word(run.notes.label), f"{run.record.name} {run.record.status}")


def _paths(base: Path, word: str, *, folders: bool = False) -> Iterator[Offer]:
    """Files and folders that begin as `word` does, seen from `base`; hidden ones only when a dot is typed."""
    typed = word.strip("'\"")
    parent, _, begun = typed.rpartition("/")
    start = f"{parent}/" if "/" in typed else ""
    folder = base / Path(start or ".").expanduser()
    entries = sorted(folder.iterdir())[:_ENTRIES] if folder.is_dir() else []
    for entry in entries:
        is_folder = entry.is_dir()
        if entry.name.startswith(".") > begun.startswith(".") or (folders and not is_folder):
            continue
        yield Offer(as_word(f"{start}{entry.name}{'/' if is_folder else ''}"), "folder" if is_folder else "file")

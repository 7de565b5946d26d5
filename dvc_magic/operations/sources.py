"""An operation's ``requires``: sources, as an entry of a file has them and as a line spells them."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from dvc_magic.errors import close_matches
from dvc_magic.model.operation import Rename, Source, SourceKind
from dvc_magic.operations.fields import (
    abridged,
    check_key,
    leads_out,
    listed,
    read_bool,
    read_map,
    read_path,
    read_text,
    read_texts,
    refusal,
    seen,
    shown,
)

_COMMON = frozenset({"rename", "target-path", "name", "help"})
ATTRIBUTES: Mapping[SourceKind, frozenset[str]] = {
    SourceKind.FILE: _COMMON,
    SourceKind.DVCFILE: _COMMON | {"remote", "always-pull"},
    SourceKind.DVCSTAGE: _COMMON | {"select", "run"},
    SourceKind.CONFIG: _COMMON,
}
"""What each kind of source can have beside its path."""

GUILD_KINDS = {
    "url": "run `dvc import-url URL NAME` once, then require it as 'dvcfile: NAME'",
    "module": "an operation runs with the packages of the notebook's kernel; leave it out",
    "operation": "its outputs are those of a stage that it serves; write 'dvcstage: STAGE'",
}
"""Guild AI's other kinds of sources, and what to use here."""

GUILD_ATTRIBUTES = {
    "path": "write 'target-path'",
    "link": "inputs are linked or copied, whichever is cheap and safe; leave it out",
    "target-type": "inputs are linked or copied, whichever is cheap and safe; leave it out",
    "sha256": "DVC knows the hash of what it manages; leave it out",
    "unpack": "unpack it in a stage, and require the stage's output",
    "preserve-path": "folders are kept unless 'target-path' names another; leave it out",
    "always-resolve": "sources are looked up for each run anyway; leave it out",
    "replace-existing": "a source always takes the place of what was there; leave it out",
    "optional": "leave out the source, or see that it is there",
    "warn-if-empty": "a source that gives nothing is an error; leave it out",
    "fail-if-empty": "a source that gives nothing is an error; leave it out",
    "flag-name": "name the run of a stage with 'run', or with --use STAGE=RUN",
    "select-min": "use 'select'",
    "select-max": "use 'select'",
    "post-process": "do it in the operation's own code, or in a stage",
    "params": "values of params are flags of the call; leave it out",
}
"""Guild AI's other attributes of sources, and what to do here."""

_BY_HYPHEN = "train-model or sub/dvc.yaml:train-model"
_EXAMPLE = "{dvcfile: data.csv}"


def read_sources(entries: object, *, where: str) -> tuple[Source, ...]:
    """The sources of a ``requires``: a list, one entry, or nothing.

        >>> read_sources([{"dvcfile": "data.csv", "remote": "s3"}, "config:params.json"], where="operation 'fit'")

    An entry is a map, or a text in the short form of `parse_source`. `where` says whose they are, for messages.

    Raises:
        OperationError: an entry cannot be read.
    """
    if entries is None:
        return ()
    if isinstance(entries, list | tuple):
        return tuple(read_source(entry, where=where) for entry in entries)
    return (read_source(entries, where=where),)


def read_source(entry: object, *, where: str) -> Source:
    """The source that one entry names.

        >>> read_source({"dvcstage": "train", "select": "model.joblib"}, where="operation 'fit'")

    Raises:
        OperationError: it names no source or several, or has what its kind does not have.
    """
    if isinstance(entry, str):
        return parse_source(entry, where=where)
    fields = read_map(entry, at=f"{where}, in 'requires'", such_as=_EXAMPLE)
    kind = _kind(fields, where=where)
    at = f"{where}, '{kind}: {abridged(fields[kind])}'"
    for key in fields:
        if key != kind:
            _check_attribute(key, kind, at=at)
    source = Source(kind=kind, path=_path(kind, fields[kind], at=at), **_attributes(fields, at=at))
    _check_target(source, at=at)
    return source


def parse_source(text: str, *, where: str) -> Source:
    """The source that the short form names: ``KIND:PATH``, or ``dvcstage:STAGE:SELECT``.

        >>> parse_source("dvcstage:train-model:model.joblib", where="--requires")

    The stage ends at the next colon, unless what stands before that is a ``dvc.yaml``, to which a stage's name
    belongs (``dvcstage:sub/dvc.yaml:train:model.joblib``). What follows is one regular expression, colons and all.

    Raises:
        OperationError: it has no kind, or the entry that it stands for cannot be read.
    """
    word, colon, rest = text.partition(":")
    kind = word.strip()
    if rest.startswith("//"):
        raise refusal(f"{where}, {shown(text)}", f"a url is no source: {GUILD_KINDS['url']}")
    if not colon or kind not in list(SourceKind):
        raise refusal(f"{where}, {shown(text)}", _no_kind(kind if colon else "", text.strip()))
    entry: dict[str, str] = {kind: rest.strip()}
    if kind == SourceKind.DVCSTAGE:
        stage, select = _split_stage(rest.strip())
        entry = {kind: stage} | ({} if select is None else {"select": select})
    return read_source(entry, where=where)


def read_renames(value: object, *, at: str) -> tuple[Rename, ...]:
    """The rules of a ``rename``: ``PATTERN REPL``, ``NAME``, a map of the two, or a list of those (as in Guild AI).

    Raises:
        OperationError: one is no such rule, or its regular expression or its replacement cannot be used.
    """
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(_rename(item, at=at) for item in items)


def _kind(fields: Mapping[str, Any], *, where: str) -> SourceKind:
    kinds = [kind for kind in SourceKind if kind in fields]
    if len(kinds) > 1:
        raise refusal(f"{where}, in 'requires'", f"one entry names {' and '.join(kinds)}; give each its own entry")
    if kinds:
        return kinds[0]
    first = next(iter(fields), "")
    known = next((key for key in fields if key in GUILD_KINDS), first)
    rest = fields.get(known)
    raise refusal(f"{where}, in 'requires'", _no_kind(known, rest if isinstance(rest, str) else ""))


def _no_kind(word: str, path: str) -> str:
    """What to say of an entry of no known kind: `word` is what it has in the place of one."""
    if word in GUILD_KINDS:
        return f"there is no source {word!r} here: {GUILD_KINDS[word]}"
    kinds = [str(kind) for kind in SourceKind]
    if not word:
        return (
            f"it names no source. Write dvcfile:{path or 'PATH'} for a file that DVC manages, file:PATH for any other "
            "file, dvcstage:STAGE for outputs of a stage, config:PATH for a file of params"
        )
    return f"{shown(word)} is no kind of source.{close_matches(word, kinds)} The kinds are {listed(kinds)}"


def _check_attribute(key: str, kind: SourceKind, *, at: str) -> None:
    hyphened = key.replace("_", "-")
    owners = [f"a {other}" for other, names in ATTRIBUTES.items() if hyphened in names]
    if owners and hyphened not in ATTRIBUTES[kind]:
        raise refusal(at, f"{hyphened!r} belongs to {' or '.join(owners)}. A {kind} has: {listed(ATTRIBUTES[kind])}")
    if key in GUILD_ATTRIBUTES:
        raise refusal(at, f"there is no {key!r} here: {GUILD_ATTRIBUTES[key]}")
    check_key(key, ATTRIBUTES[kind], at=at, of=f"a {kind}")


def _path(kind: SourceKind, value: object, *, at: str) -> str:
    if kind == SourceKind.DVCSTAGE:
        return _stage(value, at=at)
    path = read_path(value, str(kind), at=at, url=GUILD_KINDS["url"])
    if kind == SourceKind.DVCFILE and path.endswith(".dvc") and posixpath.basename(path) != ".dvc":
        path = path.removesuffix(".dvc")
    if path == ".":
        raise refusal(at, "it is the project itself; name a file or a folder in it")
    return path


def _stage(value: object, *, at: str) -> str:
    stage = read_text(value, str(SourceKind.DVCSTAGE), at=at)
    if stage.endswith(".dvc"):
        raise refusal(at, f"a .dvc file is no stage of a dvc.yaml; write 'dvcfile: {stage.removesuffix('.dvc')}'")
    if "://" in stage or not stage.isprintable() or stage.endswith(":"):
        raise refusal(at, f"{shown(stage)} is no stage; name one as DVC does, such as {_BY_HYPHEN}")
    return stage


def _split_stage(text: str) -> tuple[str, str | None]:
    stage, colon, rest = text.partition(":")
    if colon and stage.endswith("dvc.yaml"):
        name, colon, rest = rest.partition(":")
        stage = f"{stage}:{name}"
    return stage, rest if colon else None


def _attributes(fields: Mapping[str, Any], *, at: str) -> dict[str, Any]:
    """The fields of a `Source` that its entry gives; its keys are those of its kind."""
    return {key.replace("-", "_"): _READERS[key](value, key, at=at) for key, value in fields.items() if key in _READERS}


def _read_select(value: object, key: str, *, at: str) -> tuple[str, ...]:
    patterns = read_texts(value, key, at=at)
    for pattern in patterns:
        _expression(pattern, key, at=at)
    return patterns


def _expression(pattern: str, key: str, *, at: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        raise refusal(at, f"{shown(pattern)} in {key!r} is not a regular expression: {error}") from error


def _read_rename(value: object, _key: str, *, at: str) -> tuple[Rename, ...]:
    return read_renames(value, at=at)


def _read_target(value: object, key: str, *, at: str) -> str:
    path = read_path(value, key, at=at)
    _check_place(path, at=at)
    return path


def _read_run(value: object, key: str, *, at: str) -> str:
    """A run by its number, id or label; ids and labels may be digits alone, so all are kept as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return read_text(value, key, at=at)


_READERS: Mapping[str, Callable[..., Any]] = {
    "rename": _read_rename,
    "target-path": _read_target,
    "name": read_text,
    "help": read_text,
    "remote": read_text,
    "always-pull": read_bool,
    "select": _read_select,
    "run": _read_run,
}


def _rename(item: object, *, at: str) -> Rename:
    rule = _rename_of_map(item, at=at) if isinstance(item, Mapping) else _rename_of_text(item, at=at)
    pattern = _expression(rule.pattern, "rename", at=at)
    try:
        pattern.sub(rule.repl, "")
    except (re.error, ValueError, IndexError, OverflowError) as error:
        problem = f"{shown(rule.repl)} in 'rename' cannot take the place of {shown(rule.pattern)}: {error}"
        raise refusal(at, problem) from error
    if leads_out(posixpath.normpath(rule.repl)):
        raise refusal(at, f"{shown(rule.repl)} in 'rename' leads out of the run; folders go into 'target-path'")
    return rule


def _rename_of_map(item: Mapping[Any, Any], *, at: str) -> Rename:
    fields = read_map(item, at=f"{at}, in 'rename'", such_as="{pattern: draft, repl: final}")
    for key in fields:
        check_key(key, ("pattern", "repl"), at=f"{at}, in 'rename'", of="a rule")
    missing = next((key for key in ("pattern", "repl") if key not in fields), None)
    if missing:
        raise refusal(at, f"a rule of 'rename' has both pattern and repl; {missing!r} is not there")
    repl = fields["repl"]
    return Rename(
        pattern=read_text(fields["pattern"], "pattern", at=at),
        repl=repl if repl == "" else read_text(repl, "repl", at=at),
    )


def _rename_of_text(item: object, *, at: str) -> Rename:
    if not isinstance(item, str):
        raise refusal(at, f"'rename' has to be text, a map with pattern and repl, or a list of those; {seen(item)}")
    try:
        words = shlex.split(item)
    except ValueError as error:
        raise refusal(at, f"'rename' cannot be split in words: {error}; it is {shown(item)}") from error
    match words:
        case [name]:
            return Rename(pattern=".*", repl=name)
        case [pattern, repl]:
            return Rename(pattern=pattern, repl=repl)
    problem = f"'rename' takes 'PATTERN REPL' or 'NAME', one or two words; {shown(item)} has {len(words)}"
    raise refusal(at, f"{problem}. Put a word with blanks in quotes")


def _check_target(source: Source, *, at: str) -> None:
    """See that the source has a place in a run, as far as that can be told here: outs of a stage are not known."""
    if source.kind == SourceKind.DVCSTAGE:
        return
    target = source.target(source.path)
    if target == "." or leads_out(target):
        raise refusal(at, f"its place in a run would be {shown(target)}; change 'rename' or 'target-path'")
    _check_place(target, at=at)


def _check_place(path: str, *, at: str) -> None:
    if path.split("/", maxsplit=1)[0] in {".dvc", ".git"}:
        raise refusal(at, f"{shown(path)} in a run is not for files of its own; give another place with 'target-path'")

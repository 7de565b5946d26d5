"""An operation in words: what it was read from, its sources and how its deps come in."""

from __future__ import annotations

from collections.abc import Iterator

from dvc_magic.model.operation import Operation, PrintedScalars, Source
from dvc_magic.model.record import Learned
from dvc_magic.model.stage import Dep
from dvc_magic.views.format import few
from dvc_magic.views.table import Table

_ORIGINS = {"cell": "a cell of a notebook", "api": "Python"}
_WIDTH = 200  # characters of a list of files that a run learned
_HELP = 80


def operation_origin(origin: str) -> str:
    """What an operation was read from, in words: ``a cell of a notebook``, ``dvc_magic.yaml``."""
    return _ORIGINS.get(origin, origin)


def operation_pairs(operation: Operation) -> Iterator[tuple[str, str]]:
    """Where an operation comes from, and what it is to the stages, as lines of a card."""
    yield "defined in", operation_origin(operation.origin)
    if operation.runs:
        yield "runs", f"stage {operation.runs} as it is"
    if operation.serves:
        yield "serves", f"stage {operation.serves}"
    if operation.learn:
        yield "learns", "its runs find out which files the code reads"
    if operation.scalars is not None:
        yield "scalars", _scalars_text(operation.scalars)


def _scalars_text(scalars: PrintedScalars) -> str:
    if not scalars.patterns:
        return "numbers in printed lines such as 'loss: 0.5'"
    patterns = (f"{one.key}: {one.pattern}" if one.key else one.pattern for one in scalars.patterns)
    return f"printed numbers: {few(tuple(patterns), width=_WIDTH)}"


def sources_table(operation: Operation) -> Table:
    """One row for each entry of ``requires``, its attributes spelled as in the file."""
    rows = tuple((source.kind.value, source.path, ", ".join(_attributes(source))) for source in operation.requires)
    return Table(headers=("kind", "of", "attributes"), rows=rows, wrapped=frozenset({2}), empty="none")


def _attributes(source: Source) -> Iterator[str]:
    for name, value in (("name", source.name), ("remote", source.remote), ("target-path", source.target_path)):
        if value:
            yield f"{name} {value}"
    if source.run:
        yield f"run {source.run}"
    yield from (f"select {pattern}" for pattern in source.select)
    yield from (f"rename {rule.pattern} to {rule.repl}" for rule in source.rename)
    if source.always_pull:
        yield "always-pull"
    if source.help:
        yield f"help {few([source.help], width=_HELP)}"


def dep_name(dep: Dep) -> str:
    """A dep in one word, with the project's path of its content where that is another: ``a.csv from raw/a.csv``."""
    return f"{dep.path} from {dep.origin}" if dep.origin not in ("", dep.path) else dep.path


def learned_pairs(learned: Learned) -> tuple[tuple[str, str], ...]:
    """What a run found out about its code, each list cut where it gets long."""
    lists = (("read", learned.read), ("found", learned.found), ("made", learned.made))
    pairs = [(name, few(list(paths), width=_WIDTH)) for name, paths in lists if paths]
    if learned.read_by == "imports":
        pairs.append(("seen by", "imports alone: access times are off here, so other files may have been read"))
    return tuple(pairs)

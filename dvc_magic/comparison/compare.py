"""Comparing two runs with what is upstream of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dvc_magic.comparison.contents import Diff, kept_content, unified
from dvc_magic.comparison.difference import MISSING, Content, DataChange, Difference, FileChange, ValueChange
from dvc_magic.comparison.inputs import SourceFiles, data_of, environment_of, read_by
from dvc_magic.model.record import RunRecord
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.model.stage import OutKind
from dvc_magic.model.values import same
from dvc_magic.runs import RunRow
from dvc_magic.store import DIR_SUFFIX, DirListing, Objects, RunStore, StoredRun, read_listing

_MOST_DIFFS = 50  # files whose lines are compared: more are no reading matter

Pair = tuple[StoredRun, StoredRun]


def difference(a: RunRow, b: RunRow, store: RunStore, *, everything: bool = False) -> Difference:
    """What differs between two runs, stage by stage where their lineages have the same stages.

    Runs of different stages are compared by the params, metrics and stages that both have.

    Args:
        a, b: the runs with their lineage.
        store: has what they were made from.
        everything: compare the lines of source files that no stage was seen to read, too.
    """
    alike = a.run.record.stage == b.run.record.stage
    pairs = [pair for pair in _pairs(a, b) if pair[0].id != pair[1].id]
    files = SourceFiles(store)
    lines = _LineBudget(store)
    sources = tuple(_each_once(change for pair in pairs for change in _sources(pair, files, lines)))
    unread = _unread((a.run, b.run), files, {change.path for change in sources}, lines if everything else None)
    data = tuple(_each_once(change for pair in pairs for change in _data(pair, files, lines)))
    commits = [_commit(each.run.record) for each in (a, b)]
    return Difference(
        metrics=_values(a.metrics, b.metrics, shared=not alike),
        params=_values(a.params, b.params, shared=not alike),
        definition=tuple(change for pair in pairs for change in _definition(pair)),
        sources=sources,
        unread=unread,
        data=tuple(sorted(data, key=_is_made)),  # what nothing makes comes first: the rest follows from it
        outs=_outs((a.run, b.run), lines) if alike and a.run.id != b.run.id else (),
        environment=_values(*environment_of([each.run.record.environment for each in (a, b)], store)),
        commit=None if commits[0] == commits[1] else ValueChange(name="commit", a=commits[0], b=commits[1]),
        notes=tuple(_notes(a, b, files)),
    )


def _pairs(a: RunRow, b: RunRow) -> Iterator[Pair]:
    """The runs of the stages that both lineages have, the nearest first."""
    others = {run.record.stage: run for run in (*b.upstream, b.run)}
    for run in (a.run, *reversed(a.upstream)):
        if (other := others.pop(run.record.stage, None)) is not None:
            yield run, other


def _values(a: Mapping[str, Any], b: Mapping[str, Any], *, shared: bool = False) -> tuple[ValueChange, ...]:
    """The names with other values.

    Args:
        shared: leave out the names that only one of them has.
    """
    one, other = dict(a), dict(b)
    names = [name for name in {**one, **other} if not shared or (name in one and name in other)]
    return tuple(
        ValueChange(name=name, a=one.get(name, MISSING), b=other.get(name, MISSING))
        for name in names
        if name not in one or name not in other or not same(one[name], other[name])
    )


def _definition(pair: Pair) -> Iterator[ValueChange]:
    a, b = (run.record for run in pair)
    told: list[tuple[str, Callable[[RunRecord], Any]]] = [
        ("cmd", lambda record: record.cmd),
        ("wdir", lambda record: record.wdir),
        ("deps", lambda record: sorted(path for path, dep in record.deps.items() if dep.declared)),
        ("outs", _declared_outs),
    ]
    for name, of in told:
        one, other = of(a), of(b)
        if one is not None and other is not None and not same(one, other):
            yield ValueChange(name=f"{a.stage}: {name}", a=one, b=other)


def _declared_outs(record: RunRecord) -> list[str] | None:
    # A run that failed has not made all of its outs: what it lacks says nothing of the stage.
    return sorted(record.outs) if record.exit_code == 0 else None


class _LineBudget:
    """Compares the lines of files, as long as there are not too many of them."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._left = _MOST_DIFFS

    def source(self, path: str, pair: Pair, a: SourceFile | None, b: SourceFile | None) -> Diff:
        if a is not None and b is not None and a.md5 == b.md5:
            return (), ""
        one, other = (_source(self._store.sources, file, run, path) for file, run in zip((a, b), pair, strict=True))
        return self._compared(path, one, other)

    def data(self, path: str, pair: Pair, a: Content | None, b: Content | None) -> Diff:
        one, other = (_content(self._store.cache, each, run, path) for each, run in zip((a, b), pair, strict=True))
        return self._compared(path, one, other)

    def listing(self, content: Content | None) -> DirListing | None:
        """The files of a folder; of a single file, itself; None when the store no longer has its listing."""
        if content is None:
            return {}
        if not content.hash.endswith(DIR_SUFFIX):
            return {"": content.hash}
        return read_listing(self._store.paths, content.hash)

    def _compared(self, path: str, one: bytes | str, other: bytes | str) -> Diff:
        if not self._left:
            return (), f"beyond the first {_MOST_DIFFS} files"
        self._left -= 1
        return unified(path, one, other)


def _source(objects: Objects, file: SourceFile | None, run: StoredRun, path: str) -> bytes | str:
    if file is None:
        return b""
    return f"{file.link}\n".encode() if file.link is not None else kept_content(objects, file.md5, run, path)


def _content(objects: Objects, content: Content | None, run: StoredRun, path: str) -> bytes | str:
    return b"" if content is None else kept_content(objects, content.hash, run, path)


def _sources(pair: Pair, files: SourceFiles, lines: _LineBudget) -> Iterator[FileChange]:
    a, b = (files.of(run.record) for run in pair)
    used = read_by(pair[0].record, a) | read_by(pair[1].record, b)
    if not files.lost.isdisjoint(run.id for run in pair):
        used &= a.keys() & b.keys()  # of the others it is not known whether one run lacks them
    for path in sorted(used):
        if _as_code(a.get(path)) != _as_code(b.get(path)):
            yield _file_change(path, pair, a.get(path), b.get(path), lines)


def _unread(pair: Pair, files: SourceFiles, told: set[str], lines: _LineBudget | None) -> tuple[FileChange, ...]:
    a, b = (files.of(run.record) for run in pair)
    if not files.lost.isdisjoint(run.id for run in pair):
        return ()
    paths = sorted(path for path in a.keys() | b.keys() if path not in told and not path.endswith("dvc.lock"))
    return tuple(
        _file_change(path, pair, a.get(path), b.get(path), lines)
        for path in paths
        if _as_code(a.get(path)) != _as_code(b.get(path))
    )


def _as_code(file: SourceFile | None) -> tuple[Any, ...]:
    return () if file is None else (file.md5, file.executable, file.link)


def _file_change(
    path: str, pair: Pair, a: SourceFile | None, b: SourceFile | None, lines: _LineBudget | None
) -> FileChange:
    diff, note = lines.source(path, pair, a, b) if lines is not None else ((), "")
    return FileChange(path=path, stage=pair[0].record.stage, a=a, b=b, diff=diff, note=note)


def _data(pair: Pair, files: SourceFiles, lines: _LineBudget) -> Iterator[DataChange]:
    a, b = (data_of(run.record, files.of(run.record)) for run in pair)
    for path in sorted(a.keys() | b.keys()):
        one, other = a.get(path), b.get(path)
        if (one.hash if one else "") != (other.hash if other else "") or (one is None) != (other is None):
            yield _data_change(path, pair, one, other, lines)


def _is_made(change: DataChange) -> bool:
    return any(content is not None and content.made_by for content in (change.a, change.b))


def _outs(pair: Pair, lines: _LineBudget) -> tuple[DataChange, ...]:
    a, b = (_made(run.record) for run in pair)
    return tuple(
        _data_change(path, pair, a.get(path), b.get(path), lines)
        for path in sorted(a.keys() | b.keys())
        if path not in a or path not in b or a[path].hash != b[path].hash
    )


def _made(record: RunRecord) -> dict[str, Content]:
    return {
        path: Content(hash=out.hash, size=out.size, files=out.files, made_by=record.stage)
        for path, out in record.outs.items()
        if out.kind is not OutKind.METRIC
    }


def _data_change(path: str, pair: Pair, a: Content | None, b: Content | None, lines: _LineBudget) -> DataChange:
    stage = pair[0].record.stage
    if any(each is not None and each.hash.endswith(DIR_SUFFIX) for each in (a, b)):
        listings = [lines.listing(each) for each in (a, b)]
        if listings[0] is None or listings[1] is None:
            return DataChange(path=path, stage=stage, a=a, b=b, note="the store no longer lists its files")
        one, other = listings[0], listings[1]
        return DataChange(
            path=path,
            stage=stage,
            a=a,
            b=b,
            added=tuple(sorted(other.keys() - one.keys())),
            removed=tuple(sorted(one.keys() - other.keys())),
            changed=tuple(sorted(name for name in one.keys() & other.keys() if one[name] != other[name])),
        )
    diff, note = lines.data(path, pair, a, b)
    return DataChange(path=path, stage=stage, a=a, b=b, diff=diff, note=note)


def _commit(record: RunRecord) -> str | None:
    return f"{record.commit}{' dirty' if record.dirty else ''}" if record.commit else None


def _each_once(changes: Iterable[Any]) -> Iterator[Any]:
    """The changes without those that a nearer stage has told already: several stages read one file."""
    told = set()
    for change in changes:
        key = (change.path, _key(change.a), _key(change.b))
        if key not in told:
            told.add(key)
            yield change


def _key(content: SourceFile | Content | None) -> tuple[Any, ...]:
    return (content.hash,) if isinstance(content, Content) else _as_code(content)


def _notes(a: RunRow, b: RunRow, files: SourceFiles) -> Iterator[str]:
    stages = [each.run.record.stage for each in (a, b)]
    if stages[0] != stages[1]:
        yield (
            f"{a.run.record.name} and {b.run.record.name} are of different stages: they are compared by the params, "
            "metrics and stages that both have"
        )
    for each in (a, b):
        there = {run.id for run in each.upstream}
        gone = sorted(stage for stage, run_id in each.run.record.upstream.items() if run_id not in there)
        if gone:
            yield f"the run of {', '.join(gone)} that {each.run.record.name} used is gone, and its params with it"
        if each.run.id in files.lost:
            yield (
                f"the snapshot of {each.run.record.name} is gone: of its source files, only those that the run read "
                "are compared"
            )

"""What a run was made from: source files, data, Python and packages."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from dvc_magic.comparison.difference import Content
from dvc_magic.errors import RecordDamagedError, StoreError
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.record import DepRecord, Environment, RunRecord
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.model.stage import folders_around
from dvc_magic.runs import RunRow
from dvc_magic.store import DIR_SUFFIX, RunStore, StoredRun, load_snapshot, read_packages

_STORE_LACKS = "the store no longer has its list of packages"


class SourceFiles:
    """The source files of runs, each snapshot read once.

    Args:
        store: has the snapshots.

    Attributes:
        lost: ids of runs whose snapshot is gone: of these only the files are known that they have read.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._snapshots: dict[str, Mapping[str, SourceFile] | None] = {}
        self.lost: set[str] = set()

    def of(self, record: RunRecord) -> dict[str, SourceFile]:
        """Path -> file, of all sources of the run's call, and of the scripts of an operation."""
        files = self._snapshot(record.snapshot)
        if files is None:
            self.lost.add(record.id)
            files = {path: _read_file(md5) for path, md5 in {**_plain_deps(record), **record.read}.items()}
        scripts = record.op.code if record.op is not None else ()
        texts = {path: _read_file(dep.seen or dep.hash) for path, dep in record.deps.items() if path in scripts}
        return {**files, **texts}

    def _snapshot(self, snapshot: str) -> Mapping[str, SourceFile] | None:
        if snapshot not in self._snapshots:
            try:
                self._snapshots[snapshot] = load_snapshot(self._store.paths, snapshot).files
            except (StoreError, RecordDamagedError):
                self._snapshots[snapshot] = None
        return self._snapshots[snapshot]


def _plain_deps(record: RunRecord) -> dict[str, str]:
    return {
        path: dep.seen or dep.hash
        for path, dep in record.deps.items()
        if dep.source is SourceKind.FILE and not dep.hash.endswith(DIR_SUFFIX)
    }


def _read_file(md5: str) -> SourceFile:
    return SourceFile(md5=md5, size=0, mtime_ns=0)


def read_by(record: RunRecord, files: Mapping[str, SourceFile]) -> set[str]:
    """The source files that a run declares or was seen to read, without its param files.

    Args:
        record: of the run.
        files: its sources.
    """
    declared = {path for path in files if not record.deps.keys().isdisjoint((path, *folders_around(path)))}
    return (declared | (record.read.keys() & files.keys())) - record.params.keys()


def data_of(record: RunRecord, files: Mapping[str, SourceFile]) -> dict[str, Content]:
    """The dependencies of a run that are no source files: what DVC tracks, what stages made, what git ignores."""
    sources = {*record.params, *files, *(folder for path in files for folder in folders_around(path))}
    return {path: _content(dep) for path, dep in record.deps.items() if path not in sources}


def _content(dep: DepRecord) -> Content:
    stage = dep.origin if dep.source is SourceKind.DVCSTAGE else ""
    return Content(hash=dep.seen or dep.hash, size=dep.size, files=dep.files, made_by=stage)


def read_by_stage(runs: Iterable[StoredRun], files: SourceFiles) -> dict[str, set[str]]:
    """Stage -> the source files that any of its runs declares or was seen to read."""
    used: dict[str, set[str]] = {}
    for run in {run.id: run for run in runs}.values():
        used.setdefault(run.record.stage, set()).update(read_by(run.record, files.of(run.record)))
    return used


def code_of(row: RunRow, used: Mapping[str, Iterable[str]], files: SourceFiles) -> dict[str, Hashable]:
    """Path -> content and mode of the source files of a run and those upstream of it.

    Args:
        row: the run with its lineage. A file that several of its stages use is as the nearest one had it.
        used: stage -> the files that count.
        files: of all runs.
    """
    code: dict[str, Hashable] = {}
    for run in (row.run, *reversed(row.upstream)):
        sources = files.of(run.record)
        for path in sorted(used[run.record.stage]):
            if path in sources:
                code.setdefault(path, (sources[path].md5, sources[path].executable))
    return code


def raw_data_of(row: RunRow, files: SourceFiles) -> dict[str, Hashable]:
    """Path -> hash of the data of a run and those upstream of it that no stage has made."""
    return {
        path: content.hash
        for run in (*row.upstream, row.run)
        for path, content in data_of(run.record, files.of(run.record)).items()
        if not content.made_by
    }


def environment_of(environments: Iterable[Environment], store: RunStore) -> list[dict[str, str]]:
    """Name -> version, of each environment: ``python``, ``platform`` and the packages, as far as they are known.

    Packages are told only where the environments have different lists of them.
    """
    several = list(environments)
    alike = len({each.packages for each in several}) == 1
    return [
        {
            **({"python": each.python} if each.python else {}),
            **({"platform": each.platform} if each.platform else {}),
            **({} if alike else _packages(store, each.packages)),
        }
        for each in several
    ]


def _packages(store: RunStore, digest: str) -> dict[str, str]:
    if not digest:
        return {}
    try:
        return read_packages(store.paths, digest)
    except StoreError:
        return {"packages": _STORE_LACKS}

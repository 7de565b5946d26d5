"""The source files of a run as a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dvc_magic.model.record import RunRecord
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.model.stage import folders_around
from dvc_magic.views.format import format_bytes
from dvc_magic.views.table import Table

_UNREAD = 20


def files_table(
    record: RunRecord, sources: Mapping[str, SourceFile], *, read: Collection[str], complete: bool = True
) -> Table:
    """One row for each source file: path, what the run did with it, size, md5.

    Args:
        record: of the run.
        sources: path -> file.
        read: those that the run declares or was seen to read.
        complete: False when the snapshot is gone, and only files that were read are known.
    """
    used = sorted(path for path in sources if path in read or path in record.params)
    others = sorted(sources.keys() - set(used))
    rows = tuple(
        (
            path,
            _use(path, record, read),
            format_bytes(sources[path].size) if sources[path].size else "",
            sources[path].md5[:10],
        )
        for path in [*used, *others[:_UNREAD]]
    )
    left = len(others) - _UNREAD
    notes = [
        f"{left} more that were not seen to be read" if left > 0 else "",
        "" if complete else "the snapshot is gone: these are the files that the run read",
        f"the text of one: project.runs[{record.number}].source({rows[0][0]!r})" if rows else "",
    ]
    return Table(
        headers=("source file", "use", "size", "md5"),
        rows=rows,
        numeric=frozenset({2}),
        note="; ".join(filter(None, notes)),
        empty=f"{record.name} has no source files",
    )


def _use(path: str, record: RunRecord, read: Collection[str]) -> str:
    if path in record.params:
        return "params"
    if not record.deps.keys().isdisjoint((path, *folders_around(path))):
        return "dep"
    return "read" if path in read else ""

"""What differs between several runs, side by side."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvc_magic.comparison.difference import MISSING
from dvc_magic.comparison.inputs import SourceFiles, code_of, environment_of, raw_data_of, read_by_stage
from dvc_magic.comparison.marks import letters
from dvc_magic.errors import RequestError
from dvc_magic.model.values import same
from dvc_magic.runs import RunRow
from dvc_magic.store import RunStore

MOST_RUNS = 50


class Line(Struct, frozen=True, kw_only=True):
    """One thing in which runs differ.

    Attributes:
        section: ``metrics``, ``params``, ``code``, ``data`` or ``environment``.
        name: of a value, a file or a package.
        values: one for each run, `MISSING` where a run has none. Files have marks: runs with the same mark are alike.
    """

    section: str
    name: str
    values: tuple[Any, ...]


class SideBySide(Struct, frozen=True, kw_only=True):
    """What differs between several runs.

    Attributes:
        rows: the runs with their lineage, in their order.
        lines: what is not the same in all of them.
    """

    rows: tuple[RunRow, ...]
    lines: tuple[Line, ...]


def side_by_side(rows: Sequence[RunRow], store: RunStore) -> SideBySide:
    """Compare runs: metrics, params, source files, data and environment in which not all are alike.

    Raises:
        RequestError: there are more runs than have room beside each other.
    """
    if len(rows) > MOST_RUNS:
        message = (
            f"{len(rows):,} runs do not fit side by side: {MOST_RUNS} do. Choose some of them, as in "
            f"runs[:{MOST_RUNS}].compare(), or take runs.to_frame(), which has a row for each"
        )
        raise RequestError(message)
    files = SourceFiles(store)
    used = read_by_stage([run for row in rows for run in (row.run, *row.upstream)], files)
    ages = [row.run.number for row in rows]
    sections: list[tuple[str, Sequence[Mapping[str, Any]]]] = [
        ("metrics", [row.metrics for row in rows]),
        ("params", [row.params for row in rows]),
        ("code", _marked([code_of(row, used, files) for row in rows], ages)),
        ("data", _marked([raw_data_of(row, files) for row in rows], ages)),
        ("environment", environment_of([row.run.record.environment for row in rows], store)),
    ]
    lines = tuple(line for section, values in sections for line in _differing(section, values))
    return SideBySide(rows=tuple(rows), lines=lines)


def _differing(section: str, several: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    plain = [dict(values) for values in several]
    for name in dict.fromkeys(name for values in plain for name in values):
        told = tuple(values.get(name, MISSING) for values in plain)
        if not all(value is told[0] or same(value, told[0]) for value in told):
            yield Line(section=section, name=name, values=told)


def _marked(several: Sequence[Mapping[str, Hashable]], ages: Sequence[int]) -> list[dict[str, str]]:
    """The contents of each path as letters, the same for the same content; the oldest run's is ``A``."""
    by_path: dict[str, dict[Hashable, str]] = {}
    marked: list[dict[str, str]] = [{} for _ in several]
    for place in sorted(range(len(several)), key=ages.__getitem__):
        for path, content in several[place].items():
            seen = by_path.setdefault(path, {})
            marked[place][path] = seen.setdefault(content, letters(len(seen)))
    return marked

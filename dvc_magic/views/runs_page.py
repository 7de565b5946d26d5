"""One page of a table of runs: rows, columns, and the line that gives the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvc_magic.comparison import KINDS, Marks
from dvc_magic.line import quote
from dvc_magic.model.record import RunStatus
from dvc_magic.model.values import ends_with_key
from dvc_magic.runs import RunRow
from dvc_magic.views.format import cut, format_number, format_seconds, format_time, format_value, run_seconds
from dvc_magic.views.runs_table import differing
from dvc_magic.views.table import Table

_PAGE = 25
_CELL = 24
_HEADER = 24
_MOST = 6  # of metrics, and of params, that have a column until others are chosen
_FIELDS = ("stage", "status", "started", "duration", "label", "tags")
_BAD = (RunStatus.FAILED, RunStatus.LOST)


class TableState(Struct, frozen=True, kw_only=True):
    """What a user has chosen of a table of runs.

    Attributes:
        query: which runs, as in ``%dvc_runs EXPR``.
        sort: the name of a column; empty for the newest first. descending: whether large values come first.
        first: position of the first run of the page. size: runs of a page.
        columns: names of columns in their order; empty for those that tell most.
    """

    query: str = ""
    sort: str = ""
    descending: bool = False
    first: int = 0
    size: int = _PAGE
    columns: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The line that shows the same runs in the same order.

        >>> TableState(query="stage = train", sort="metrics.loss").line
        '%dvc_runs stage = train --sort metrics.loss -n 25'
        """
        key = f"{'-' * self.descending}{self.sort}"
        sort = f" --sort {key if _is_plain(key) else quote(key)}" if self.sort else ""
        query = f" {self.query}" if self.query else ""
        return f"%dvc_runs{query}{sort} -n {self.first + self.size}"


class RunsColumns(Struct, frozen=True, kw_only=True):
    """The columns that a table of some runs can have.

    Attributes:
        telling: those that tell most. every: all of them.
    """

    telling: tuple[str, ...] = ()
    every: tuple[str, ...] = ()


class RunsPage(Struct, frozen=True, kw_only=True):
    """A page of a table of runs.

    Attributes:
        state: what was chosen.
        ids, numbers: of the runs on it. bad: whether each failed or was lost.
        columns: name -> the texts of its cells. titles: name -> what the column is headed by.
        numeric: names of the columns to align right.
        every: names of all columns that there are.
        total: how many runs match. stored: how many there are to choose from.
    """

    state: TableState
    ids: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    bad: tuple[bool, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = {}
    titles: Mapping[str, str] = {}
    numeric: frozenset[str] = frozenset()
    every: tuple[str, ...] = ()
    total: int = 0
    stored: int = 0

    @property
    def count(self) -> str:
        """``26-50 of 300 runs (10,000 in all)``."""
        rest = f" ({self.stored:,} in all)" if self.stored > self.total else ""
        if not self.ids:
            return f"no run matches{rest}" if self.stored else "no runs yet: %dvc_run STAGE makes one"
        first = self.state.first
        return f"{first + 1:,}-{first + len(self.ids):,} of {self.total:,} runs{rest}"

    def table(self) -> Table:
        """The page as a static table."""
        return Table(
            headers=("run", *(self.titles[name] for name in self.columns)),
            rows=tuple(zip(map(str, self.numbers), *self.columns.values(), strict=True)),
            numeric=frozenset({0, *(place for place, name in enumerate(self.columns, 1) if name in self.numeric)}),
            note=f"{self.count}: {self.state.line}",
            empty=self.count,
        )


def columns_of(rows: Sequence[RunRow]) -> RunsColumns:
    """The columns for some runs: metrics, code and the like, params that vary, fields.

    All rows decide, not those of a page: a flag that a sweep varied may be the same on each page.
    """
    metrics = dict.fromkeys(f"metrics.{key}" for row in rows for key in row.metrics)
    params = dict.fromkeys(f"params.{key}" for row in rows for key in row.params)
    varying = [f"params.{key}" for key in differing([row.params for row in rows])] if len(rows) > 1 else []
    shown = {
        "stage": len({row.run.record.stage for row in rows}) > 1,
        "label": any(row.run.notes.label for row in rows),
        "tags": any(row.run.notes.tags for row in rows),
    }
    fields = [name for name in _FIELDS if shown.get(name, True)]
    return RunsColumns(
        telling=(*list(metrics)[:_MOST], *KINDS, *varying[:_MOST], *fields), every=(*metrics, *KINDS, *params, *_FIELDS)
    )


def runs_page(
    state: TableState, rows: Sequence[RunRow], columns: RunsColumns, marks: Marks, *, total: int, stored: int
) -> RunsPage:
    """The page of some rows.

    Args:
        state: what was chosen.
        rows: those of the page. columns: those that all runs can have. marks: of the rows.
        total: how many runs match. stored: how many there are.
    """
    chosen = [name for name in state.columns if name in columns.every]
    names = chosen or [name for name in columns.telling if name not in KINDS or name in marks.kinds]
    return RunsPage(
        state=state,
        ids=tuple(row.run.id for row in rows),
        numbers=tuple(row.run.number for row in rows),
        bad=tuple(row.run.record.status in _BAD for row in rows),
        columns={name: tuple(_cell(name, row, marks) for row in rows) for name in names},
        titles={name: _title(name, columns.every) for name in names},
        numeric=frozenset(name for name in names if _is_numeric([_value(name, row) for row in rows])),
        every=columns.every,
        total=total,
        stored=stored,
    )


def _title(name: str, every: Sequence[str]) -> str:
    """The shortest end of a name at a dot that no other column's name ends in: ``lr`` for ``params.train.lr``."""
    parts = name.split(".")
    ends = (".".join(parts[place:]) for place in range(len(parts) - 1, -1, -1))
    alone = next((end for end in ends if not any(other != name and ends_with_key(other, end) for other in every)), name)
    title = "time" if name == "duration" else alone
    return title if len(title) <= _HEADER else f"…{title[1 - _HEADER :]}"


def _cell(name: str, row: RunRow, marks: Marks) -> str:
    record = row.run.record
    if name in KINDS:
        return marks.of(record.id, name)
    if name == "started":
        return format_time(record.times.started)[5:-3]  # without the year and the seconds
    if name == "duration":
        return format_seconds(run_seconds(record))
    if name == "tags":
        return cut(" ".join(row.run.notes.tags), width=_CELL)
    value = _value(name, row)
    return "" if value in (None, "") else format_value(format_number(value), width=_CELL)


def _value(name: str, row: RunRow) -> Any:
    kind, _, key = name.partition(".")
    leaves = {"metrics": row.metrics, "params": row.params}.get(kind)
    if leaves is None or not key:
        return row.fields.get(name)
    return leaves[key] if leaves.find(key) == (key,) else None


def _is_numeric(values: Sequence[Any]) -> bool:
    numbers = [value for value in values if value is not None]
    return bool(numbers) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers)


def _is_plain(word: str) -> bool:
    return all(character.isalnum() or character in "-_./@:" for character in word)

"""Several runs side by side: a column for each, a row for each thing in which they differ."""

from __future__ import annotations

from typing import Any

from dvc_magic.comparison import MISSING, SideBySide
from dvc_magic.views.format import format_number, format_value
from dvc_magic.views.table import Table

_CELL = 24
_ROWS = 60
_MARKED = ("code", "data")


def side_by_side_table(compared: SideBySide) -> Table:
    """The runs as columns, headed by their numbers, and by their stages where these differ."""
    records = [row.run.record for row in compared.rows]
    one_stage = len({record.stage for record in records}) == 1
    shown = compared.lines[:_ROWS]
    rows = tuple(
        (
            "" if place and shown[place - 1].section == line.section else line.section,
            line.name,
            *map(_cell, line.values),
        )
        for place, line in enumerate(shown)
    )
    left = len(compared.lines) - len(shown)
    notes = [
        f"{left} more in to_frame()" if left else "",
        "files with the same letter are alike" if any(line.section in _MARKED for line in shown) else "",
    ]
    stage = records[0].stage if records and one_stage else ""
    return Table(
        headers=("", stage, *(str(record.number) if one_stage else record.name for record in records)),
        rows=rows,
        numeric=frozenset(range(2, len(records) + 2)),
        note="; ".join(filter(None, notes)),
        empty=_nothing([record.name for record in records]),
    )


def _cell(value: Any) -> str:
    return "" if value is MISSING else format_value(format_number(value), width=_CELL)


def _nothing(names: list[str]) -> str:
    if len(names) < 2:  # noqa: PLR2004
        return f"nothing to compare: there is {names[0]} alone" if names else "no runs to compare"
    return f"{len(names)} runs do not differ: results, params, code, data and environment are alike"

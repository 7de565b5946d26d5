"""Many runs as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dvc_magic.model.record import Notes, RunRecord
from dvc_magic.views.format import format_number, format_seconds, format_time, format_value
from dvc_magic.views.table import Table

_CELL = 24
_COLUMNS = 8


def runs_table(
    rows: Sequence[tuple[RunRecord, Notes, Mapping[str, Any], Mapping[str, Any]]],
    *,
    total: int,
    stored: int,
) -> Table:
    """One row for each run: number, stage, status, when, how long, then params that differ and metrics.

    Args:
        rows: record, notes, flat params (of the lineage too) and flat metrics of each run, in the order to show.
        total: how many runs there are, when not all are shown.
        stored: how many runs the store has, for the word on an empty table.
    """
    params = differing([row[2] for row in rows])[:_COLUMNS]
    metrics = list(dict.fromkeys(key for row in rows for key in row[3]))[:_COLUMNS]
    labels = any(row[1].label or row[1].tags for row in rows)
    headers = ["run", "stage", "status", "started", "time", *(["label"] if labels else []), *params, *metrics]
    body = tuple(
        (
            str(record.number),
            record.stage,
            str(record.status),
            format_time(record.times.started),
            format_seconds(record.times.duration),
            *([" ".join(filter(None, [notes.label, *notes.tags]))] if labels else []),
            *(_cell(own_params, key) for key in params),
            *(_cell(own_metrics, key) for key in metrics),
        )
        for record, notes, own_params, own_metrics in rows
    )
    first_value = len(headers) - len(params) - len(metrics)
    shown = len(rows)
    return Table(
        headers=tuple(headers),
        rows=body,
        numeric=frozenset({0, 4, *range(first_value, len(headers))}),
        note=f"{shown} of {total} runs" if shown < total else "",
        empty="no runs yet: %dvc_run STAGE makes one" if stored == 0 else f"none of {stored} runs matches",
    )


def _cell(values: Mapping[str, Any], key: str) -> str:
    return format_value(format_number(values[key]), width=_CELL) if key in values else ""


def differing(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values are not the same in all runs that have them; with a single run, all of its keys."""
    keys = list(dict.fromkeys(key for values in params for key in values))
    if len(params) == 1:
        return keys
    return [key for key in keys if len({repr(values[key]) for values in params if key in values}) > 1]

"""Many runs as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dvc_magic.comparison import Marks
from dvc_magic.model.record import Notes, RunRecord
from dvc_magic.views.format import (
    cut,
    format_bytes,
    format_number,
    format_seconds,
    format_time,
    format_value,
    run_seconds,
)
from dvc_magic.views.table import Table

_CELL = 24
_HEADER = 28
_COLUMNS = 6  # of params, and of metrics: more would push what one compares out of view


def runs_table(
    rows: Sequence[tuple[RunRecord, Notes, Mapping[str, Any], Mapping[str, Any]]],
    *,
    total: int,
    stored: int,
    marks: Marks | None = None,
    disk: Sequence[int] = (),
    hint: str = "",
) -> Table:
    """One row for each run: number, stage, status, when, how long, label, tags, then what differs, then metrics.

    What differs is code, data and packages, as letters that are the same where these are alike, and params.

    Of many params and metrics the first few have columns, those of the runs themselves before those of runs upstream
    of them; the line below says how many have none.

    Args:
        rows: record, notes, flat params (of the lineage too) and flat metrics of each run, in the order to show.
        total: how many runs there are, when not all are shown.
        stored: how many runs the store has, for the word on an empty table.
        marks: of the runs' code, data and packages.
        disk: bytes that each run has for itself, where that is to be shown.
        hint: one more line below the table.
    """
    params = _params(rows)
    metrics = _metrics([row[3] for row in rows])
    labels = any(notes.label for _, notes, _, _ in rows)
    tags = any(notes.tags for _, notes, _, _ in rows)
    kinds = marks.kinds if marks is not None else ()
    headers = [
        "run",
        "stage",
        "status",
        "started",
        "time",
        *["disk"] * bool(disk),
        *["label"] * labels,
        *["tags"] * tags,
        *kinds,
    ]
    body = tuple(
        (
            str(record.number),
            record.stage,
            f"{record.status}, never started" if record.unbegun else str(record.status),
            format_time(record.times.started),
            format_seconds(run_seconds(record)),
            *[format_bytes(size) for size in disk[place : place + 1]],
            *[cut(notes.label, width=_CELL)] * labels,
            *[cut(" ".join(notes.tags), width=_CELL)] * tags,
            *(marks.of(record.id, kind) for kind in kinds if marks is not None),
            *(_cell(own_params, key) for key in params[:_COLUMNS]),
            *(_cell(own_metrics, key) for key in metrics[:_COLUMNS]),
        )
        for place, (record, notes, own_params, own_metrics) in enumerate(rows)
    )
    values = [*params[:_COLUMNS], *metrics[:_COLUMNS]]
    count = f"{len(rows)} of {total} runs" if len(rows) < total else ""
    return Table(
        headers=(*headers, *map(_header, values)),
        rows=body,
        numeric=frozenset({0, 4, *({5} if disk else ()), *range(len(headers), len(headers) + len(values))}),
        note="; ".join(filter(None, [count, _left_out(params, metrics), _alike(kinds), hint])),
        empty="; ".join(filter(None, [_empty(stored), hint])),
    )


def _alike(kinds: Sequence[str]) -> str:
    """What the letters mean."""
    return f"the same letter: the same {' or '.join(kinds)} (%dvc_diff)" if kinds else ""


def _empty(stored: int) -> str:
    return f"none of {stored} runs matches" if stored else "no runs yet: %dvc_run STAGE makes one"


def _params(rows: Sequence[tuple[RunRecord, Notes, Mapping[str, Any], Mapping[str, Any]]]) -> list[str]:
    """The params to show: of one run its own, of several those that differ, the runs' own ones first."""
    own = {key for record, *_ in rows for values in record.params.values() for key in values}
    found = [key for key in differing([row[2] for row in rows]) if key in own or len(rows) > 1]
    return sorted(found, key=lambda key: key not in own)


def _metrics(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """The metrics to show; when they are too many, those that differ first."""
    keys = list(dict.fromkeys(key for own in values for key in own))
    if len(keys) <= _COLUMNS:
        return keys
    telling = set(differing(values))
    return sorted(keys, key=lambda key: key not in telling)


def _left_out(params: Sequence[str], metrics: Sequence[str]) -> str:
    """How many params and metrics have no column."""
    left = [
        f"{len(names) - _COLUMNS} more {kind}"
        for kind, names in (("params", params), ("metrics", metrics))
        if len(names) > _COLUMNS
    ]
    return f"{' and '.join(left)} in to_frame()" if left else ""


def _header(key: str) -> str:
    return key if len(key) <= _HEADER else f"…{key[1 - _HEADER :]}"


def _cell(values: Mapping[str, Any], key: str) -> str:
    return format_value(format_number(values[key]), width=_CELL) if key in values else ""


def differing(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values are not the same in all runs that have them; with a single run, all of its keys."""
    keys = list(dict.fromkeys(key for values in params for key in values))
    if len(params) == 1:
        return keys
    return [key for key in keys if len({repr(values[key]) for values in params if key in values}) > 1]

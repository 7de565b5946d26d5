"""Short names of runs in a plot: the number, and what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dvc_magic.model.record import RunStatus
from dvc_magic.model.values import ends_with_key
from dvc_magic.runs import RunRow
from dvc_magic.untrusted import one_line
from dvc_magic.views.format import format_value
from dvc_magic.views.runs_table import differing

_PARAMS = 3
_WIDTH = 16
_LABEL = 24
_DIGITS = 4


def run_labels(rows: Sequence[RunRow]) -> tuple[str, ...]:
    """``42 lr=0.1 failed`` for each run: number, the user's label or else params that differ, status if no good one.

    The stage comes first where there are several, or a single run.
    """
    keys = differing([row.params for row in rows])[:_PARAMS] if len(rows) > 1 else []
    short = {key: _short(key, rows) for key in keys}
    with_stage = len(rows) == 1 or len({row.run.record.stage for row in rows}) > 1
    return tuple(_label(row, short, with_stage=with_stage) for row in rows)


def _label(row: RunRow, keys: dict[str, str], *, with_stage: bool) -> str:
    record, label, params = row.run.record, row.run.notes.label, dict(row.params)
    values = [
        f"{one_line(short)}={format_value(_rounded(params[key]), width=_WIDTH)}"
        for key, short in keys.items()
        if key in params
    ]
    parts = [one_line(record.stage)] if with_stage else []
    parts += [str(record.number), *([format_value(label, width=_LABEL)] if label else values)]
    parts += [] if record.status is RunStatus.COMPLETED else [str(record.status)]
    return " ".join(parts)


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _short(key: str, rows: Sequence[RunRow]) -> str:
    """The shortest end of a key that no other param of the runs has."""
    others = {other for row in rows for other in row.params if other != key}
    parts = key.split(".")
    ends = (".".join(parts[place:]) for place in range(len(parts) - 1, -1, -1))
    return next((end for end in ends if not any(ends_with_key(other, end) for other in others)), key)

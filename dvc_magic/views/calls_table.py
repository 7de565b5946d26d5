"""Calls as lines and as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from dvc_magic.model.call import CallEvent, CallRecord, CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.views.format import cut, format_seconds, format_time
from dvc_magic.views.live_line import CallCounts
from dvc_magic.views.table import Table

_LINE = 60
_START = 6  # characters of an id


class Place(StrEnum):
    """Where a call is driven from, seen from this kernel."""

    HERE = "this kernel"
    ELSEWHERE = "another kernel"
    DETACHED = "detached"


class CallRow(Struct, frozen=True, kw_only=True):
    """What a table shows of a call.

    Attributes:
        line: what it runs. seconds: that it took so far. counts: how far it is.
    """

    record: CallRecord
    line: str
    seconds: float
    counts: CallCounts
    place: Place


def counts_of(targets: Collection[str], events: Iterable[CallEvent]) -> CallCounts:
    """How far a call is by its events, which say nothing of what was stopped.

    Args:
        targets: ids of the runs that it was asked for.
    """
    asked, status, reused = set(targets), dict[str, str](), set[str]()
    for event in events:
        if event.run in asked and event.what in ("finished", "reused"):
            status[event.run] = event.status
            if event.what == "reused":
                reused.add(event.run)
    failed = sum(one not in (RunStatus.COMPLETED, RunStatus.STOPPED) for one in status.values())
    return CallCounts(total=len(targets), ended=len(status), failed=failed, reused=len(reused))


def call_line(row: CallRow) -> str:
    """``c3f2 %dvc_run train: running, 3 of 12, 1 failed, 12 s, this kernel``."""
    parts = [row.record.status, row.counts.text(), format_seconds(row.seconds), *_where(row)]
    return f"{call_name(row.record.id)} {cut(row.line, width=_LINE)}: {', '.join(parts)}"


def _where(row: CallRow) -> list[str]:
    """Who drives it; of no interest once it has ended."""
    return [str(row.place)] if row.record.status is CallStatus.RUNNING else []


def call_name(call_id: str) -> str:
    """``call:3f2a1b``: how a line names a call, by the start of its id."""
    return f"call:{call_id[:_START]}"


def calls_table(rows: Sequence[CallRow], *, left_out: int = 0) -> Table:
    """One row for each call.

    Args:
        left_out: how many more there are.
    """
    going = [row for row in rows if row.record.status is CallStatus.RUNNING]
    hints = []
    if going:
        name = call_name(going[0].record.id)
        hints.append(f"%dvc_stop {name} stops one, %dvc_show {name} shows its runs")
    if left_out:
        hints.append(f"{left_out} earlier calls in project.calls")
    return Table(
        headers=("call", "what", "status", "runs", "started", "time", "driven by"),
        rows=tuple(
            (
                call_name(row.record.id),
                cut(row.line, width=_LINE),
                row.record.status + (f": {row.record.error}" if row.record.error else ""),
                row.counts.text(),
                format_time(row.record.created),
                format_seconds(row.seconds),
                *(_where(row) or [""]),
            )
            for row in rows
        ),
        numeric=frozenset({5}),
        wrapped=frozenset({1, 2}),
        note="; ".join(hints),
        empty="no calls yet: %dvc_run STAGE --background makes one that goes on beside the notebook",
    )

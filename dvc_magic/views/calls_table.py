"""Calls as lines and as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from dvc_magic.model.call import CallEvent, CallRecord, CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.views.format import cut, format_seconds, format_time
from dvc_magic.views.table import Table

_LINE = 60


class Place(StrEnum):
    """Where a call is driven from, seen from this kernel."""

    HERE = "this kernel"
    ELSEWHERE = "another kernel"
    DETACHED = "detached"


class Progress(Struct, frozen=True, kw_only=True):
    """How far a call is: its targets, those that have ended, of these the ones that failed or were reused."""

    total: int
    ended: int = 0
    failed: int = 0
    reused: int = 0

    def text(self) -> str:
        """``12 of 300, 2 failed, 1 reused``."""
        further = [f"{count} {what}" for count, what in ((self.failed, "failed"), (self.reused, "reused")) if count]
        return ", ".join([f"{self.ended} of {self.total}", *further])


class CallRow(Struct, frozen=True, kw_only=True):
    """What a table shows of a call.

    Attributes:
        line: what it runs. seconds: that it took so far.
    """

    record: CallRecord
    line: str
    seconds: float
    progress: Progress
    place: Place


def progress_of(targets: Collection[str], events: Iterable[CallEvent]) -> Progress:
    """How far a call is by its events.

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
    return Progress(total=len(targets), ended=len(status), failed=failed, reused=len(reused))


def call_line(row: CallRow) -> str:
    """``c3f2 %dvc_run train: running, 3 of 12, 1 failed, 12 s, this kernel``."""
    parts = [row.record.status, row.progress.text(), format_seconds(row.seconds), *_where(row)]
    return f"{_short(row.record)} {cut(row.line, width=_LINE)}: {', '.join(parts)}"


def _where(row: CallRow) -> list[str]:
    """Who drives it; of no interest once it has ended."""
    return [str(row.place)] if row.record.status is CallStatus.RUNNING else []


def _short(record: CallRecord) -> str:
    return f"call:{record.id[:_START]}"


_START = 6  # characters of an id


def calls_table(rows: Sequence[CallRow], *, left_out: int = 0) -> Table:
    """One row for each call.

    Args:
        left_out: how many more there are.
    """
    going = [row for row in rows if row.record.status is CallStatus.RUNNING]
    hints = []
    if going:
        name = _short(going[0].record)
        hints.append(f"%dvc_stop {name} stops one, %dvc_show {name} shows its runs")
    if left_out:
        hints.append(f"{left_out} earlier calls in project.calls")
    return Table(
        headers=("call", "what", "status", "runs", "started", "time", "driven by"),
        rows=tuple(
            (
                _short(row.record),
                cut(row.line, width=_LINE),
                row.record.status + (f": {row.record.error}" if row.record.error else ""),
                row.progress.text(),
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

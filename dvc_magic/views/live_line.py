"""A call in one line while it goes, and in one line when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from dvc_magic.untrusted import one_line
from dvc_magic.views.format import format_number, format_seconds, format_value
from dvc_magic.views.live_run import LiveRun

_TELLING = ("loss", "error", "rmse", "acc", "auc", "f1", "score")  # in the names of metrics that one looks for
_MINUTE, _HOUR = 60, 3600


class CallCounts(Struct, frozen=True, kw_only=True):
    """How far a call is.

    Attributes:
        total: its targets. ended: those that are decided, whatever came of them.
        failed, reused, stopped: of these.
        seconds: since the call's plan stood.
        left: seconds until its end, as far as that can be said.
    """

    total: int
    ended: int = 0
    failed: int = 0
    reused: int = 0
    stopped: int = 0
    seconds: float = 0.0
    left: float | None = None

    def text(self) -> str:
        """``12 of 300, 2 failed, 1 reused``."""
        return ", ".join([f"{self.ended} of {self.total}", *self.further()])

    def further(self) -> list[str]:
        """``2 failed``, ``1 reused``."""
        kinds = ((self.failed, "failed"), (self.stopped, "stopped"), (self.reused, "reused"))
        return [f"{count} {what}" for count, what in kinds if count]


def live_line(counts: CallCounts, running: Sequence[LiveRun], *, now: datetime, note: str = "") -> str:
    """``12 of 300, train 42 (lr=0.1) 0:41, loss 0.13, 2 failed, about 6 min left (09:30:41)``.

    The time of day lets a text that nothing updates any more be seen as what it is.

    Args:
        note: what the call does while nothing runs: ``pulling data.csv``.
    """
    parts = [f"{counts.ended} of {counts.total}"] if counts.total > 1 else []
    parts += [f"{one_line(each.name)} {clock(each.seconds)}" for each in running[:2]]
    if len(running) > 2:  # noqa: PLR2004
        parts.append(f"{len(running) - 2} more run")
    if not running:
        parts.append(note or ("between two runs" if counts.ended < counts.total else "ending"))
    elif metric := telling_metric(running[-1].metrics or {}):
        parts.append(metric)
    parts += counts.further()
    if counts.left is not None:
        parts.append(f"about {_roughly(counts.left)} left")
    return f"{', '.join(parts)} ({now:%H:%M:%S})"


def end_line(counts: CallCounts) -> str:
    """``300 runs: 297 completed, 2 failed, 1 reused in 12 min 3 s``."""
    completed = counts.ended - counts.failed - counts.stopped - counts.reused
    never = counts.total - counts.ended
    parts = [f"{completed} completed"] if completed or not counts.further() else []
    parts += [*counts.further(), *([f"{never} never started"] if never else [])]
    return f"{counts.total} runs: {', '.join(parts)} in {format_seconds(counts.seconds)}"


def telling_metric(metrics: Mapping[str, Any]) -> str:
    """``loss 0.13``: the metric that one looks at first, by its name; the first one if none has such a name."""
    numbers = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
    wanted = (key for part in _TELLING for key in numbers if part in key.rpartition(".")[2].lower())
    key = next(wanted, next(iter(numbers), None))
    if key is None:
        return ""
    return f"{one_line(key.rpartition('.')[2])} {format_value(format_number(numbers[key]), width=24)}"


def clock(seconds: float) -> str:
    """``0:41``, ``12:05``, ``1:02:03``."""
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"


def time_left(counts: CallCounts, durations: Sequence[float], *, jobs: int) -> float | None:
    """Seconds until the end of a call of many runs, from what its runs took until now; None when that says little.

    Args:
        durations: seconds of the targets that were executed and have ended.
    """
    remaining = counts.total - counts.ended
    if len(durations) < 3 or remaining <= 0:  # noqa: PLR2004
        return None
    recent = durations[-20:]
    return sum(recent) / len(recent) * remaining / max(min(jobs, remaining), 1)


def _roughly(seconds: float) -> str:
    """To the minute from two minutes on, to ten seconds before that, so that it does not jump about."""
    if seconds < 10:  # noqa: PLR2004
        return "10 s"
    if seconds < 2 * _MINUTE:
        return f"{round(seconds, -1):.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"

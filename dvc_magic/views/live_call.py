"""A call while it goes: its plan, the runs that have ended, and what the running ones print and measure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from msgspec import Struct

from dvc_magic.untrusted import lines, one_line, screen_of
from dvc_magic.views.format import format_number, format_seconds, format_value

_ENDED = 8  # lines about runs that have ended
_WIDTH = 400  # characters of a log's line
_CELL = 24
_BOX = "border: 1px solid var(--jp-border-color2, #8888); padding: 4px 8px; margin: 2px 0"
_LOG = f"{_BOX}; max-height: 18em; overflow: auto; display: flex; flex-direction: column-reverse"  # stays at its end
_TEXT = "white-space: pre-wrap; overflow: visible; overflow-wrap: anywhere; flex: none; margin: 0"


class LiveRun(Struct, frozen=True, kw_only=True):
    """A run that goes.

    Attributes:
        name: ``train 42``. seconds: since it was started.
        log: its whole log. tail: the last lines of it.
        metrics: what it has measured so far.
    """

    name: str
    seconds: float
    log: Path
    tail: tuple[str, ...] = ()
    metrics: Mapping[str, Any] | None = None

    def html(self) -> str:
        """Name, metrics and log; everything in it is escaped."""
        head = f"<strong>{escape(one_line(self.name))}</strong> running for {escape(_whole_seconds(self.seconds))}"
        return f"<div>{head}</div>{metrics_html(self.metrics or {})}{log_html(self.tail, self.log)}"


class LiveCall(Struct, frozen=True, kw_only=True):
    """A call at one moment.

    Attributes:
        plan: in one line.
        ended: a line about each run that has ended, oldest first.
        running: the runs that go.
        log: of the run that ended last. tail: its last lines, shown while nothing runs.
    """

    plan: str = ""
    ended: tuple[str, ...] = ()
    running: tuple[LiveRun, ...] = ()
    log: Path | None = None
    tail: tuple[str, ...] = ()

    def html(self) -> str:
        """Static HTML; everything of the project's in it is escaped."""
        plan = f"<div>{escape(lines(self.plan))}</div>" if self.plan else ""
        hidden = len(self.ended) - _ENDED
        before = [f"<div>... {hidden} before</div>"] if hidden > 0 else []
        ended = [f"<div>{escape(lines(line))}</div>" for line in self.ended[-_ENDED:]]
        running = [run.html() for run in self.running]
        last = [log_html(self.tail, self.log)] if self.log is not None and not self.running else []
        return f"<div>{''.join([plan, *before, *ended, *running, *last])}</div>"


def _whole_seconds(seconds: float) -> str:
    """A duration in steps of a second, so that what shows it changes once in a second."""
    return f"{int(seconds)} s" if seconds < 10 else format_seconds(seconds)  # noqa: PLR2004


def metrics_html(metrics: Mapping[str, Any]) -> str:
    """Metrics side by side, to six digits."""
    cells = "".join(
        f'<span style="margin-right: 1.5em">{escape(one_line(key))} '
        f"<strong>{escape(format_value(format_number(value), width=_CELL))}</strong></span>"
        for key, value in metrics.items()
    )
    return f"<div>{cells}</div>" if cells else ""


def log_html(tail: tuple[str, ...], log: Path) -> str:
    """The end of a log in a box that stays at its end, and where all of it is."""
    text = "\n".join(line for each in tail for line in screen_of(each, width=_WIDTH).html() or [""])
    pre = f'<pre style="{_TEXT}">{text}</pre>'
    where = (
        f'<div style="opacity: 0.75; overflow-wrap: anywhere">log: {escape(one_line(str(log), longest=_WIDTH))}</div>'
    )
    return (f'<div style="{_LOG}">{pre}</div>' if text else "") + where

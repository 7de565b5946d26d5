"""A run while it goes, and what it prints and measures."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from msgspec import Struct

from dvc_magic.untrusted import one_line, screen_of
from dvc_magic.views.format import format_bytes, format_number, format_seconds, format_value

_WIDTH = 400  # characters of a log's line
_CELL = 24
_BOX = "border: 1px solid var(--jp-border-color2, #8888); padding: 4px 8px; margin: 2px 0"
_LOG = f"{_BOX}; max-height: 18em; overflow: auto; display: flex; flex-direction: column-reverse"  # stays at its end
_TEXT = "white-space: pre-wrap; overflow: visible; overflow-wrap: anywhere; flex: none; margin: 0"


class LiveRun(Struct, frozen=True, kw_only=True):
    """A run that goes, or went last.

    Attributes:
        name: ``train 42``, of a grid ``train 42 (lr=0.1)``. seconds: since it was started.
        log: its whole log. tail: the last lines of it as a terminal shows them, with their colours.
        left_out: lines before these. skipped: bytes of a flood that were not looked at.
        metrics: what it has measured so far.
    """

    name: str
    seconds: float
    log: Path
    tail: tuple[str, ...] = ()
    left_out: int = 0
    skipped: int = 0
    metrics: Mapping[str, Any] | None = None

    def html(self) -> str:
        """Name, metrics and log; everything in it is escaped."""
        head = f"<strong>{escape(one_line(self.name))}</strong> running for {escape(_whole_seconds(self.seconds))}"
        return f"<div>{head}</div>{metrics_html(self.metrics or {})}{log_html(self.tail, self.log)}"

    def log_lines(self) -> list[str]:
        """The end of the log, and before it how much more there is."""
        more = [f"{self.left_out} lines"] if self.left_out else []
        more += [format_bytes(self.skipped)] if self.skipped else []
        where = f"... {' and '.join(more)} before, all in {one_line(str(self.log), longest=_WIDTH)} ..."
        return [*([where] if more else []), *self.tail]


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

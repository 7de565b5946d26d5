"""Values, sizes and times as people read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.untrusted import one_line

_MINUTE, _HOUR, _KILO = 60.0, 3600.0, 1000.0


_DIGITS = 6


def format_number(value: Any) -> Any:
    """A float to six significant digits, for tables and lines; anything else as it is."""
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) and value == value else value  # noqa: PLR0124 - NaN


def format_value(value: Any, *, width: int | None = None) -> str:
    """A param or metric value on one line, exact unless it is long; cut with an ellipsis beyond `width` characters."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = value if value.isprintable() else json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = repr(value)
    text = one_line(text)
    return text if width is None else cut(text, width=width)


def few(items: Sequence[str], *, width: int) -> str:
    """As many items as fit into `width` characters, one at least, and how many more there are."""
    shown = [item for place, item in enumerate(items) if not place or len(", ".join(items[: place + 1])) <= width]
    more = f", and {len(items) - len(shown)} more" if len(shown) < len(items) else ""
    return cut(", ".join(shown), width=width) + more


def cut(text: str, *, width: int) -> str:
    """`text`, with an ellipsis in the place of what is beyond `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def format_seconds(seconds: float | None) -> str:
    """A duration: ``0.21 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE)} s"
    return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE)} min"


def run_seconds(record: RunRecord) -> float | None:
    """How long the commands of a run took; of one that goes, how long ago they began."""
    if record.status is not RunStatus.RUNNING or record.times.started is None:
        return record.times.duration
    return max(0.0, (datetime.now(UTC) - record.times.started).total_seconds())  # the clock may have been set back


def format_bytes(size: int | None) -> str:
    """A size in decimal units: ``812 B``, ``3.4 MB``."""
    if size is None:
        return ""
    amount, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while amount >= _KILO and len(units) > 1:
        amount /= _KILO
        units.pop(0)
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def format_time(moment: datetime | None) -> str:
    """A moment in local time, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment is not None else ""

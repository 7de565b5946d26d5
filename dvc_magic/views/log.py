"""What is new in a log, as it is shown."""

from __future__ import annotations

from pathlib import Path

from dvc_magic.runs import LogPart
from dvc_magic.views.format import format_bytes


def log_text(part: LogPart, *, kept_in: Path | None = None) -> str:
    """The new part of a log; a line before it says how much of a flood is left out, and where all of it stays."""
    if not part.skipped:
        return part.text
    where = f", all of it is in {kept_in}" if kept_in is not None else ""
    return f"\n... {format_bytes(part.skipped)} not shown here{where} ...\n{part.text}"

"""What the commands of a run printed: the end of a log, and what is new in one that grows."""

from __future__ import annotations

import codecs
from pathlib import Path

from msgspec import Struct

from dvc_magic.untrusted import coloured, screen_of, whole_escapes

LOG_TAIL = 20
"""Lines of a log that say how it ended."""

_READ = 64 * 1024
_CHUNK = 64 * 1024  # bytes taken of one log at one look; the rest of a flood stays on disk


def log_tail(log: Path, lines: int = LOG_TAIL) -> list[str]:
    """The last lines of a log as a terminal shows them, with their colours; reads at most 64 KiB.

    Bytes that are no UTF-8 are replaced.
    """
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - _READ))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return screen_of(text, lines=lines + 1).lines()[-lines:]  # the cursor may stand in an empty line below them


class LogPart(Struct, frozen=True):
    """What has come to a log since the last look.

    Attributes:
        text: with its colours; other escape sequences are left out, unless it was asked for as it is.
        skipped: bytes left out before it, the middle of a flood.
    """

    text: str = ""
    skipped: int = 0


class LogTail:
    """The new part of a growing log at each look.

    Args:
        path: of the log. raw: whether it is wanted with all escape sequences, for a `dvc_magic.untrusted.Screen`.
    """

    def __init__(self, path: Path, *, raw: bool = False) -> None:
        self.path = path
        self._raw = raw
        self._position = 0
        self._begun = ""  # of an escape sequence
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read(self, *, last: bool = False) -> LogPart:
        """What was written since the last look."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                skipped = max(0, size - self._position - _CHUNK)
                file.seek(self._position + skipped)
                data = file.read(_CHUNK)
                self._position = file.tell()
        except FileNotFoundError:
            return LogPart()
        text, self._begun = whole_escapes(self._begun + self._decoder.decode(data, final=last))
        if last:
            text += self._begun
        return LogPart(text=text if self._raw else coloured(text), skipped=skipped)

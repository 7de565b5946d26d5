"""Following a log while it grows."""

from __future__ import annotations

import codecs
from pathlib import Path

from dvc_magic.untrusted import coloured, whole_escapes
from dvc_magic.views import format_bytes

_CHUNK = 64 * 1024  # bytes shown of one log in one update; the rest of a flood stays on disk


class LogTail:
    """The new part of a growing log at each look; `stays` says whether one can read it later as well."""

    def __init__(self, path: Path, *, stays: bool = True) -> None:
        self._stays = stays
        self._path = path
        self._position = 0
        self._begun = ""  # of an escape sequence
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read(self, *, last: bool = False) -> str:
        """What was written since the last look, with its colours; other escape sequences are left out.

        The middle of a flood is left out too, with a line that says so.
        """
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                skipped = max(0, size - self._position - _CHUNK)
                file.seek(self._position + skipped)
                data = file.read(_CHUNK)
                self._position = file.tell()
        except FileNotFoundError:
            return ""
        text, self._begun = whole_escapes(self._begun + self._decoder.decode(data, final=last))
        if last:
            text += self._begun
        text = coloured(text)
        if skipped:
            where = f", all of it is in {self._path}" if self._stays else ""
            text = f"\n... {format_bytes(skipped)} not shown here{where} ...\n{text}"
        return text

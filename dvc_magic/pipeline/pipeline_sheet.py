"""A ``dvc.yaml`` with one more stage, written by DVC's own writer, in memory."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Any

from dvc.utils.serialize import modify_yaml

from dvc_magic.model.promotion import FileChange
from dvc_magic.pipeline.definition import DVCFILE
from dvc_magic.pipeline.write_files import decoded

_BOM = "\ufeff"


def with_entry(root: Path, name: str, entry: dict[str, Any]) -> FileChange:
    """The ``dvc.yaml`` of `root` with the stage `name`; the writer keeps comments."""
    place = root / DVCFILE
    before = decoded(place.read_bytes()) if place.exists() else None
    sheet = _Sheet(before)
    with modify_yaml(os.fspath(place), fs=sheet) as data:
        stages = data.get("stages")
        data["stages"] = {} if stages is None else stages
        data["stages"][name] = entry
    return FileChange(path=DVCFILE, after=sheet.text, before=before)


def rewritten(change: FileChange) -> int:
    """How many lines that were there are not there any more."""
    after = set(change.after.splitlines())
    return sum(line not in after for line in (change.before or "").splitlines() if line.strip())


class _Sheet:
    """One file in memory, in the place of the file system that DVC's writer would write to."""

    def __init__(self, text: str | None) -> None:
        self._before = text
        self._after = _Kept()

    @property
    def text(self) -> str:
        """What was written, with the line ends and the byte order mark that the file had: DVC's writer has its own."""
        before = self._before or ""
        text = self._after.kept
        if 2 * before.count("\r\n") > before.count("\n"):
            text = text.replace("\n", "\r\n")
        return f"{_BOM}{text}" if before.startswith(_BOM) else text

    def exists(self, _: str) -> bool:
        return self._before is not None

    def open(self, _: str, mode: str = "r", *, encoding: str = "utf-8") -> IO[str]:
        return self._after if "w" in mode else io.StringIO((self._before or "").replace("\r\n", "\n"))


class _Kept(io.StringIO):
    kept = ""

    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()

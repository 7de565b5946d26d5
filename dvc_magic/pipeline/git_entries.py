"""What git has to know of a stage that is written: lines of ``.gitignore`` files for its outs, and files to commit."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dvc.scm import NoSCM

from dvc_magic.errors import OperationError
from dvc_magic.model.promotion import FileChange
from dvc_magic.pipeline.write_files import decoded


def check_inside(file: Path, root: Path) -> None:
    """A file that gets more lines lies in the project itself, whatever links lead to it.

    Raises:
        OperationError: it lies elsewhere.
    """
    if not file.resolve().is_relative_to(root.resolve()):
        raise OperationError(
            f"{file.relative_to(root).as_posix()} leads by a link to {file.resolve()}, which is outside of the project "
            "and is not written: put a file or folder of the project in the place of the link"
        )


class GitEntries:
    """What git has and lacks in the project at `root`; `scm` is DVC's object for it, which may stand for no git."""

    def __init__(self, root: Path, scm: Any) -> None:
        self._root = root
        self._scm = scm
        self._there = not isinstance(scm, NoSCM)

    def check_outs(self, stage: Any) -> None:
        """Refuse outs that git has.

        Raises:
            OperationError: it has one.
        """
        for out in stage.outs:
            if out.use_scm_ignore and self._scm.is_tracked(out.fspath):
                raise OperationError(
                    f"{out.def_path} is a file of git, and an out of a stage belongs to DVC: take it out of git first "
                    f"(git rm -r --cached {shlex.quote(out.def_path)}), or let the code write elsewhere"
                )

    def entries(self, stage: Any) -> dict[Path, list[str]]:
        """The entries that outs need: absolute path of a ``.gitignore`` file -> lines.

        Raises:
            OperationError: the file lies outside of the project.
        """
        entries: dict[Path, list[str]] = {}
        for out in stage.outs:
            if out.use_scm_ignore and self._there and not self._scm.is_ignored(out.fspath):
                check_inside(Path(out.fspath).parent / self._scm.GITIGNORE, self._root)
                entry, file = self._scm._get_gitignore(out.fspath)  # noqa: SLF001 - its public caller writes at once
                entries.setdefault(Path(file), []).append(entry)
        return entries

    def change(self, file: Path, entries: Sequence[str]) -> FileChange:
        """A ``.gitignore`` file with entries added as DVC adds them."""
        before = file.read_bytes() if file.exists() else None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "gitignore")
            copy.write_bytes(before or b"")
            for entry in entries:
                self._scm._add_entry_to_gitignore(entry, os.fspath(copy))  # noqa: SLF001
            after = copy.read_bytes()
        return FileChange(
            path=file.relative_to(self._root).as_posix(),
            after=decoded(after),
            before=None if before is None else decoded(before),
        )

    def lacking(self, changes: Iterable[FileChange], others: Iterable[str]) -> Iterator[str]:
        """The files to give to git: those that are written, and of the others what it neither has nor ignores."""
        if not self._there:
            return
        changes = list(changes)
        written = {change.path for change in changes if change.before != change.after}
        for path in dict.fromkeys([*(change.path for change in changes), *others]):
            place = os.fspath(self._root / path)
            if path in written or not (self._scm.is_tracked(place) or self._scm.is_ignored(place)):
                yield path

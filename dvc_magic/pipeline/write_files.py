"""Writes several files of a project, or none of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from dvc_magic.errors import ProjectError
from dvc_magic.model.promotion import FileChange
from dvc_magic.store import aside


class _Undo(Struct):
    """How to put back what was there: in reverse order of the writing."""

    root: Path
    steps: list[tuple[Path, Callable[[], Any]]] = field(default_factory=list)

    def add(self, place: Path, step: Callable[[], Any]) -> None:
        """Note how to put back one file or folder."""
        self.steps.append((place, step))

    def run(self) -> list[str]:
        """Take every step; the names of the files and folders that could not be put back."""
        left = []
        for place, step in reversed(self.steps):
            try:
                step()
            except OSError:
                left.append(os.path.relpath(place, self.root))
        return left


def write_files(root: Path, changes: Sequence[FileChange]) -> None:
    """Write files of a project, all or none; nothing is overwritten that is not what its change says it was.

    Side effects: each file is written aside and gets its name when it is whole; folders are made where there are none.
    When one cannot be written, those before it are put back, with their times.

    Args:
        root: the project's folder.
        changes: what to write.

    Raises:
        ProjectError: a file cannot be written, or somebody else has changed it; names what could not be put back.
    """
    undo = _Undo(root=root.resolve())
    try:
        for change in changes:
            _write_one(undo.root, change, undo)
    except ProjectError as error:
        left = undo.run()
        raise ProjectError(f"{error}; {_outcome(left)}") from error.__cause__
    except BaseException as error:
        left = undo.run()
        if left:
            error.add_note(_outcome(left))
        raise


def _outcome(left: Sequence[str]) -> str:
    if not left:
        return "everything is as it was"
    return f"{', '.join(left)} could not be put back: see git status, and take away what you do not want"


def encoded(text: str) -> bytes:
    """The bytes of a text that was read with `decoded`."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """The text of a file, whatever its bytes are."""
    return data.decode("utf-8", "surrogateescape")


def _write_one(root: Path, change: FileChange, undo: _Undo) -> None:
    try:
        if change.before is None:
            _create(root / change.path, encoded(change.after), undo)
        else:
            _replace((root / change.path).resolve(), encoded(change.before), encoded(change.after), undo)
    except OSError as error:
        raise ProjectError(f"{change.path} cannot be written ({error.strerror or error})") from error


def _create(place: Path, content: bytes, undo: _Undo) -> None:
    """Write aside, then link: readers see nothing or all of it, and what somebody else puts there meanwhile stays."""
    for folder in reversed([folder for folder in place.parents if not folder.exists()]):
        folder.mkdir()
        undo.add(folder, folder.rmdir)
    with aside(place, mode=None) as new:
        new.write(content)
        new.close()
        try:
            os.link(new.path, place)
            undo.add(place, place.unlink)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            place.open("xb").close()
            undo.add(place, place.unlink)
            new.keep()


def _replace(place: Path, before: bytes, after: bytes, undo: _Undo) -> None:
    """Write aside, then rename: readers see the old content or the new one, never half of it."""
    facts = place.stat()
    if place.read_bytes() != before:
        raise ProjectError(f"{place.name} was changed by somebody else just now; promote again")

    def put(content: bytes) -> None:
        with aside(place, mode=facts.st_mode & 0o7777) as new:
            new.write(content)
            new.keep()

    def put_back() -> None:
        put(before)
        os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    put(after)
    undo.add(place, put_back)

"""Writes several files of a project, or none of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvc_magic.errors import ProjectError
from dvc_magic.model.promotion import FileChange


@dataclass(slots=True)
class _Undo:
    """How to put back what was there: in reverse order of the writing."""

    steps: list[Callable[[], Any]] = field(default_factory=list)

    def run(self) -> None:
        for step in reversed(self.steps):
            step()


def write_files(root: Path, changes: Sequence[FileChange]) -> None:
    """Write files of a project, all or none; nothing is overwritten that is not what its change says it was.

    Side effects: each file is written aside and renamed; folders are made where there are none. When one cannot be
    written, those before it are put back, with their times.

    Args:
        root: the project's folder.
        changes: what to write.

    Raises:
        ProjectError: a file cannot be written, or somebody else has changed it.
    """
    undo = _Undo()
    try:
        for change in changes:
            _write_one(root, change, undo)
    except OSError as error:
        undo.run()
        name = os.path.relpath(error.filename, root) if error.filename else "a file"
        message = f"{name} cannot be written ({error.strerror or error}); everything is as it was"
        raise ProjectError(message) from error
    except BaseException:
        undo.run()
        raise


def _write_one(root: Path, change: FileChange, undo: _Undo) -> None:
    if change.before is None:
        _create(root / change.path, _encoded(change.after), undo)
    else:
        _replace((root / change.path).resolve(), _encoded(change.before), _encoded(change.after), undo)


def _create(place: Path, content: bytes, undo: _Undo) -> None:
    for folder in reversed([folder for folder in place.parents if not folder.exists()]):
        folder.mkdir()
        undo.steps.append(folder.rmdir)
    with place.open("xb") as stream:
        undo.steps.append(place.unlink)
        stream.write(content)


def _replace(place: Path, before: bytes, after: bytes, undo: _Undo) -> None:
    """Write aside, then rename: readers see the old content or the new one, never half of it."""
    facts = place.stat()
    if place.read_bytes() != before:
        raise ProjectError(f"{place.name} was changed by somebody else just now; promote again")

    def put_back() -> None:
        place.write_bytes(before)
        os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    descriptor, aside = tempfile.mkstemp(prefix=f".{place.name}-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(after)
        os.chmod(aside, facts.st_mode & 0o7777)
        undo.steps.append(put_back)
        os.replace(aside, place)
    finally:
        Path(aside).unlink(missing_ok=True)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

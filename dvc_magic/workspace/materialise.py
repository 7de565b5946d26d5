"""Writing a snapshot's files into a workspace."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dvc_magic.errors import StoreError
from dvc_magic.model.paths import object_path
from dvc_magic.model.relative import is_below, parent_folders
from dvc_magic.model.snapshot import Snapshot, SourceFile
from dvc_magic.store import Objects, clone_content, copy_content, write_all
from dvc_magic.untrusted import first_few

__all__ = ["materialise"]

_SMALL = 1 << 18  # bytes: read and written at once
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def materialise(
    snapshot: Snapshot,
    objects: Objects,
    target: Path,
    *,
    leave_out: Callable[[str], bool],
    replace: Mapping[str, bytes],
) -> tuple[str, ...]:
    """Write the files of a snapshot below `target`, each with its own content, and atime 0 to show later reads.

    Args:
        snapshot: what to write.
        objects: the contents that the store keeps; each is checked.
        target: an existing folder that has none of the files yet.
        leave_out: says of a path that it is not wanted.
        replace: path -> other content; written in any case, with the current time as mtime.

    Returns:
        The paths written.

    Raises:
        StoreError: a path leads out of `target` or through a link, or a content is missing or damaged.
        OSError: the disk is full, or the like.
    """
    wanted = {path: file for path, file in snapshot.files.items() if path not in replace and not leave_out(path)}
    files = {path: file for path, file in wanted.items() if file.link is None}
    links = {path: file for path, file in wanted.items() if file.link is not None}
    _check([*wanted, *replace], links)
    _check_contents(files, objects)
    writer = _Writer(objects.folder, target)
    try:
        writer.make_folders(parent_folders([*wanted, *replace]))
        for path, file in files.items():
            writer.write(path, file)
        for path, content in replace.items():
            known = snapshot.files.get(path)
            writer.write_content(path, content, executable=bool(known and known.executable))
        for path, file in links.items():
            writer.link(path, file)
    finally:
        writer.close()
    return (*files, *replace, *links)


def _check(paths: Iterable[str], links: Mapping[str, SourceFile]) -> None:
    """Refuse paths that could lead out of the target."""
    listed = list(paths)
    for path in listed:
        if not is_below(path):
            message = f"the snapshot names {path!r}, which is no path below the project; it is not to be trusted"
            raise StoreError(message)
    for folder in parent_folders(listed):
        if folder in links:
            message = f"the snapshot has files below {folder!r}, which is a link; it is damaged or not to be trusted"
            raise StoreError(message)


def _check_contents(files: Mapping[str, SourceFile], objects: Objects) -> None:
    lacking = set(objects.lacking({file.md5 for file in files.values()}))
    spoiled = [path for path, file in files.items() if file.md5 in lacking]
    if spoiled:
        message = (
            f"the store no longer has {first_few([*map(repr, spoiled)], 1)} as the run's snapshot says: the kept "
            "content is gone or was changed; run again, which takes a new snapshot"
        )
        raise StoreError(message)


class _Writer:
    """Writes below a folder that it holds open, so that paths stay short and the folder cannot be exchanged."""

    def __init__(self, objects: Path, target: Path) -> None:
        self._objects = str(objects)
        self._target = str(target)
        self._folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._folder)

    def make_folders(self, folders: Iterable[str]) -> None:
        """Make the folders, parents first; what exists must be a folder itself."""
        for folder in folders:
            try:
                os.mkdir(folder, dir_fd=self._folder)
            except FileExistsError:
                if os.path.islink(f"{self._target}/{folder}"):
                    message = f"{self._target}/{folder} is a link, expected a folder to write sources in"
                    raise StoreError(message) from None

    def write(self, path: str, file: SourceFile) -> None:
        """Write one file with the content, mode and mtime of the snapshot."""
        source = os.open(object_path(self._objects, file.md5), os.O_RDONLY | os.O_CLOEXEC)
        try:
            target = self._new(path, executable=file.executable)
            try:
                self._fill(target, source, path, file)
                os.utime(target, ns=(0, file.mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)

    def write_content(self, path: str, content: bytes, *, executable: bool) -> None:
        """Write other content than the snapshot's."""
        target = self._new(path, executable=executable)
        try:
            write_all(target, content)
            os.utime(target, ns=(0, time.time_ns()))
        finally:
            os.close(target)

    def link(self, path: str, file: SourceFile) -> None:
        """Write a symlink."""
        assert file.link is not None
        os.symlink(file.link, path, dir_fd=self._folder)
        os.utime(path, ns=(0, file.mtime_ns), dir_fd=self._folder, follow_symlinks=False)

    def _new(self, path: str, *, executable: bool) -> int:
        mode = 0o755 if executable else 0o644
        target = os.open(path, _NEW, mode, dir_fd=self._folder)
        os.fchmod(target, mode)  # whatever the umask
        return target

    def _fill(self, target: int, source: int, path: str, file: SourceFile) -> None:
        if file.size <= _SMALL:
            content = os.read(source, file.size + 1)
            written = len(content)
            if written == file.size:
                write_all(target, content)
        else:
            if not clone_content(source, target):
                copy_content(source, target)
            written = os.fstat(target).st_size
        if written != file.size:
            message = f"the snapshot has {path!r} with {file.size} bytes, its content has {written}; run again"
            raise StoreError(message)

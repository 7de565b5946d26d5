"""Files that appear whole or not at all: written aside, in the folder where they are to be, then renamed.

The name aside has one pattern, and the writer holds a lock on the file: so whoever finds such a file later can tell
whether a writer that was killed has left it (see `dvc_magic.store.litter`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_magic.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

ASIDE = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_LOCKLESS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_LITTLE = 64 << 10  # bytes
ELSEWHERE = "%env DVC_MAGIC_HOME=~/dvc_magic_runs, then %dvc_project ."


class NewFile:
    """An empty file beside `target`, open to read and write; made by `aside`.

    Attributes:
        target: the path that it is meant for. path: where it lies until then. descriptor: of the open file.
    """

    def __init__(self, target: Path | str, mode: int | None) -> None:
        self.target = Path(target)
        self.path = self.target.with_name(f".{self.target.name}.{secrets.token_hex(6)}.tmp")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = os.open(self.path, flags, 0o666 if mode is None else 0o600)
        self._mode = mode
        self._open = self._temporary = True
        with suppress(OSError):  # on a file system without locks, only its age tells whether it is litter
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, content: bytes) -> None:
        """Write all of `content` at the end."""
        write_all(self.descriptor, content)

    def close(self) -> None:
        """Close the file: on a network file system this is where a full disk shows."""
        if self._open:
            self._open = False
            os.close(self.descriptor)

    def keep(self, *, durable: bool = False) -> None:
        """Give the file its mode, whatever the umask, and its name.

        Args:
            durable: survive a power cut once this returns (fsync of file and folder).
        """
        if self._mode is not None:
            os.fchmod(self.descriptor, self._mode)
        if durable:
            os.fsync(self.descriptor)
        self.close()
        self.path.replace(self.target)
        self._temporary = False
        if durable:
            sync_folder(self.target.parent)

    def discard(self) -> None:
        """Close and remove the file, unless it was kept; never raises."""
        with suppress(OSError):
            self.close()
        if self._temporary:
            with suppress(OSError):
                self.path.unlink()


def write_all(target: int, content: bytes | memoryview) -> None:
    """Write all of `content` to an open file."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(target, rest) :]


@contextmanager
def aside(target: Path | str, *, mode: int | None = 0o600) -> Iterator[NewFile]:
    """A new file beside `target`, which gets its name by `NewFile.keep`, or is gone at the end of the block.

    Args:
        target: the file to be; its folder exists.
        mode: the rights that it gets; None for those of any new file, which depend on the umask.

    Raises:
        OSError: it cannot be made.
    """
    file = NewFile(target, mode)
    try:
        yield file
    finally:
        file.discard()


def write_whole(path: Path | str, content: bytes, *, mode: int = 0o600, durable: bool = False) -> os.stat_result:
    """Put `content` into the file at `path`; whatever fails, the old file stays and no other one is left.

    Args:
        path: the file; its folder exists.
        content: all of it.
        mode: its rights, whatever the umask.
        durable: survive a power cut once this returns.

    Returns:
        The stat of the new file, but for its ctime, which the renaming sets anew.

    Raises:
        OSError: it cannot be written.
    """
    with aside(path, mode=mode) as file:
        file.write(content)
        facts = os.fstat(file.descriptor)
        file.keep(durable=durable)
    return facts


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut.

    Raises:
        OSError: the file system refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot(what: str, error: OSError, *, at: Path) -> StoreError:
    """The error for something of the store that cannot be written: why, and what to do next.

    Args:
        what: such as ``write /home/me/project/.dvc_magic/runs/a1/run.json``.
        error: of the system.
        at: a path on the file system that it is about, for the room left there.
    """
    return StoreError(f"Cannot {what}: {error.strerror or error}.{advice(error, at)}")


def is_full(error: BaseException | None) -> bool:
    """Whether an error comes of a full disk, directly or as one of its causes."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def advice(error: OSError, at: Path) -> str:
    """What to do when something of the store cannot be written, with a blank before it; empty when that is unknown."""
    if error.errno in FULL:
        return f" {room_left(at)}; make room, then try again."
    if error.errno in READ_ONLY:
        return f" Keep the runs in a folder that you can write: {ELSEWHERE}"
    if error.errno in _LOCKLESS:
        return f" The file system there has no locks (NFS?). Keep the runs on a local disk: {ELSEWHERE}"
    return ""


def nearly_full(at: Path) -> bool:
    """Whether so little room is left that a program has most likely failed for the want of it."""
    try:
        facts = os.statvfs(at)
    except OSError:
        return False
    return facts.f_bavail * facts.f_frsize < _LITTLE or bool(facts.f_files and not facts.f_favail)


def room_left(at: Path) -> str:
    """How much room a file system has: ``4096 bytes are free there``, or that it cannot take another file."""
    place = next((folder for folder in (at, *at.parents) if folder.exists()), at)
    try:
        facts = os.statvfs(place)
    except OSError:
        return "the disk is full"
    if facts.f_files and not facts.f_favail:
        return "no inode is free there: it can take no other file"
    return f"{facts.f_bavail * facts.f_frsize} bytes are free there"

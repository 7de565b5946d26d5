"""Copying file contents with the kernel's help, and objects that appear whole."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sys
from pathlib import Path

from dvc_magic.store.whole_files import aside, write_all

__all__ = ["clone_content", "copy_content", "put_file"]

_FICLONE = 0x40049409  # linux/fs.h
_CHUNK = 1 << 20  # bytes
_SPAN = 1 << 30  # bytes in one call of copy_file_range
_NOT_HERE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EBADF)


def clone_content(source: int, target: int) -> bool:
    """Make an open, empty file share the blocks of another (a reflink); False where that cannot be done."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def copy_content(source: int, target: int) -> None:
    """Copy from one open file to another, from their positions on."""
    if sys.platform == "linux":
        try:
            while os.copy_file_range(source, target, _SPAN):
                pass
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    while chunk := os.read(source, _CHUNK):  # where the kernel did it all there is nothing left
        write_all(target, chunk)


def _copy_hashed(source: int, target: int) -> str:
    """Reflink or copy, and the md5 of what `target` then holds."""
    digest = hashlib.md5(usedforsecurity=False)
    cloned = clone_content(source, target)
    reading = target if cloned else source
    while chunk := os.read(reading, _CHUNK):
        digest.update(chunk)
        if not cloned:
            write_all(target, chunk)
    return digest.hexdigest()


def put_file(target: str, source: Path | str, md5: str) -> bool:
    """Put a copy of `source` in the place `target`, mode 0444; it appears whole or not at all.

    Returns:
        False when the content is not `md5` (any more); then nothing is kept.
    """
    os.makedirs(os.path.dirname(target), exist_ok=True)
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with aside(target, mode=0o444) as copy:
            same = _copy_hashed(reading, copy.descriptor) == md5
            if same:
                copy.keep()
    finally:
        os.close(reading)
    return same

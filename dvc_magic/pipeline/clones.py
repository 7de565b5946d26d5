"""Where nothing can be cloned (a reflink) DVC tries it for each file: it makes an empty one, fails, and removes it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from dvc_objects.fs import system

_CANNOT = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS)


@contextlib.contextmanager
def without_vain_clones(folder: Path, other: Path) -> Iterator[None]:
    """Let DVC try no clones while the block runs, if files of these folders cannot be cloned.

    It is tried once in each `folder`, of the store. Side effects: two small files there, made and removed.

    Args:
        folder: where it is tried. other: what holds the files; on another file system it is left to DVC.
    """
    original = system.reflink
    if _may_clone(folder, other, original):
        yield
        return
    system.reflink = _refuse
    try:
        yield
    finally:
        system.reflink = original


def _refuse(*_: str) -> None:
    raise OSError(errno.ENOTSUP, "reflink is not supported")


def _may_clone(folder: Path, other: Path, reflink: Callable[[str, str], None]) -> bool:
    try:
        device = os.stat(folder).st_dev
        return device != os.stat(other).st_dev or _clones(reflink, os.fspath(folder), device)
    except OSError:  # a full disk, say, of which nothing is kept
        return True


@lru_cache(maxsize=8)
def _clones(reflink: Callable[[str, str], None], folder: str, _: int) -> bool:
    source, target = (Path(folder, f".clone.{secrets.token_hex(6)}.tmp") for _ in range(2))
    try:
        source.write_bytes(b"x")
        reflink(os.fspath(source), os.fspath(target))
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    else:
        return True
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)

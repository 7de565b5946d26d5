"""Who uses the store's contents, and who takes away those that no run needs: never both at once.

A call that goes holds the lock shared, from before its first content is kept until its runs have their records. Content
is given back under the exclusive lock alone: whatever no record names then, nobody needs. ``flock`` ends with the
process, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dvc_magic.model.paths import StorePaths


class StoreUse:
    """A shared hold on the store's contents, until `end` or the end of the process."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def end(self) -> None:
        """Let go; harmless when that was done."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


def begin_use(paths: StorePaths) -> StoreUse | None:
    """Hold the store's contents; None while somebody gives some back: try again a moment later.

    A store that cannot be written, or whose file system has no locks, is held by nobody: nothing is given back there.
    """
    try:
        descriptor = _open(paths)
    except OSError:
        return StoreUse(None)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        return StoreUse(None)
    return StoreUse(descriptor)


@contextmanager
def alone(paths: StorePaths) -> Iterator[bool]:
    """Whether nobody uses the store's contents, nor begins to inside the block."""
    try:
        descriptor = _open(paths)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # in use, or no locks here
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _open(paths: StorePaths) -> int:
    return os.open(paths.use_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

"""The lock that a worker holds while its run lives, and the readers' test of it.

``flock`` goes with the open file, not with the process: it ends when the last copy of the descriptor is closed,
however the process dies, but a forked child's copy would keep it. So the descriptor is not inherited by programs,
and forked children close theirs.
"""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from dvc_magic.errors import StoreError
from dvc_magic.store.whole_files import cannot

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_PATIENCE = 1.0  # seconds; a reader's test holds the lock for microseconds
_PAUSE = 0.002


class RunLock:
    """An exclusive lock on one file, from `acquire` until `release` or the end of the process.

    Attributes:
        path: the lock's file, created with mode 0600 when missing and never removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._owned = False
        close = weakref.WeakMethod(self._close_copy)

        # Such a callback cannot be taken back: through the weak reference it keeps nothing alive.
        def in_child() -> None:
            method = close()
            if method is not None:
                method()

        os.register_at_fork(after_in_child=in_child)

    @property
    def owned(self) -> bool:
        """Whether this object holds the lock, in this process."""
        return self._owned

    def acquire(self) -> Self:
        """Take the lock; readers that test it at this moment are waited for, up to a second.

        Raises:
            StoreError: another process holds it, the file cannot be made, or its file system has no locks.
        """
        if self.owned:
            raise StoreError(f"{self.path} is already locked by this very object; release it first.")
        try:
            # kept at once, so that a fork of another thread meanwhile closes its copy
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._wait(self._descriptor)
        except OSError as error:
            self._close_copy()
            raise cannot(f"take the lock {self.path}", error, at=self.path) from error
        except BaseException:
            self._close_copy()
            raise
        self._owned = True
        return self

    def _wait(self, descriptor: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise StoreError(f"{self.path} is held by another process: a worker still executes this run.")
            time.sleep(_PAUSE)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        self._close_copy()

    def _close_copy(self) -> None:
        # closing, not unlocking: in a forked child LOCK_UN would take the lock from the parent
        descriptor, self._descriptor, self._owned = self._descriptor, None, False
        if descriptor is not None:
            with suppress(OSError):  # it is closed, and the lock gone, whatever the disk says about it
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self if self.owned else self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self._close_copy()


def _try(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def held(path: Path) -> bool:
    """Whether some process holds the lock at `path`; a missing file is held by nobody.

    Raises:
        StoreError: the file is there and cannot be tested.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(f"Cannot test the lock {path}: {error.strerror}.") from error
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    except OSError as error:
        raise StoreError(f"Cannot test the lock {path}: {error.strerror}.") from error
    finally:
        os.close(descriptor)

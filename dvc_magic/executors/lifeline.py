"""What ties a worker to the kernel that started it.

A pipe alone does not do: a child that the kernel forked (``multiprocessing`` with fork) holds the pipe open, and the
worker never sees its end. A pidfd of the kernel becomes readable at once when the kernel is gone, whoever holds its
pipes. Where there are no pidfds (macOS) the worker asks for its parent's id instead.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Make this process the parent of every orphan below it (Linux), so that none escapes; False elsewhere."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Lifeline:
    """Tells whether the parent process still lives.

    Attributes:
        fd: a descriptor that becomes readable when the parent ends, or None where polling is needed.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self.fd: int | None = None
        if hasattr(os, "pidfd_open"):
            try:
                self.fd = os.pidfd_open(parent)
            except OSError:  # gone before the first look, or a kernel without pidfds: `broken` tells
                self.fd = None

    @property
    def broken(self) -> bool:
        """Whether the parent is gone. A process whose parent ends is given another one."""
        return os.getppid() != self._parent

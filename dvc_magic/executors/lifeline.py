"""What ties a process to one that it serves: to the kernel, or to a worker.

A pipe alone does not do: a child that the kernel forked (``multiprocessing`` with fork) holds the pipe open, and the
worker never sees its end. A pidfd becomes readable at once when its process is gone, whoever holds its pipes. Where
there are no pidfds (macOS), `Lifeline.broken` is asked now and then instead.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys

import psutil

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Make this process the parent of every orphan below it (Linux), so that none escapes; False elsewhere."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def name_this_process(name: str) -> None:
    """Set what ``top`` and ``ps -o comm`` show of this process, up to 15 bytes (Linux); nothing elsewhere."""
    _prctl(_PR_SET_NAME, name.encode())


def _prctl(option: int, value: int | bytes) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(option, value, 0, 0, 0) == 0)


class Lifeline:
    """Tells whether a process still lives; made while it is sure to, as by its child.

    Attributes:
        fd: a descriptor that becomes readable when the process ends, or None where polling is needed.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process: psutil.Process | None = None
        self.fd: int | None = None
        try:
            self.fd = os.pidfd_open(pid)
        except (AttributeError, OSError):  # no pidfds here, or the process is gone already
            self._process = _process(pid)

    @property
    def broken(self) -> bool:
        """Whether the process is gone; one that nobody has waited for yet is."""
        if self.fd is not None:
            poll = select.poll()
            poll.register(self.fd, select.POLLIN)
            return bool(poll.poll(0))
        if os.getppid() == self._pid:
            return False
        return self._process is None or not is_living(self._process)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def is_living(process: psutil.Process) -> bool:
    """Whether a process still runs, whatever has its id by now."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False

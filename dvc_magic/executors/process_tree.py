"""Ending everything below this process, whatever session or group it put itself into."""

from __future__ import annotations

import os
import signal
import time

import psutil

from dvc_magic.executors.lifeline import is_living
from dvc_magic.executors.sweep import processes_of_run, signal_all

_PATIENCE = 10.0  # seconds that a killed process is waited for
_LAST_MOMENT = 0.1  # seconds in which a process may end by itself after the command, as the end of a pipeline does
_HELPER_MOMENT = 2.0  # the same for helpers of Python: they take their leave on a busy machine too
# Started by multiprocessing and loky, on behalf of a process and without its doing. They end when its pipe closes, and
# ignore SIGTERM until then: the tracker still has to remove shared memory.
_HELPERS = ("resource_tracker import main", "multiprocessing.forkserver import main")


class Descendants:
    """All processes below this one, orphans included.

    A child subreaper (`become_subreaper`) inherits them. For others (macOS) they are those that belong to the run.

    Attributes:
        exit_codes: of the children that have ended, by process id; negative for a signal.
        run_id: of the run that they are for; for those who are no child subreaper.
    """

    def __init__(self, *, is_subreaper: bool = True) -> None:
        self._is_subreaper = is_subreaper
        self.exit_codes: dict[int, int] = {}
        self.run_id = ""

    def reap(self) -> bool:
        """Take the exit codes of children that have ended, so that none stays a zombie; returns whether any goes on."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self.exit_codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            return False
        return True

    def living(self) -> list[psutil.Process]:
        """Those that still run, now."""
        below = psutil.Process().children(recursive=True) if self.reap() else []
        if not self._is_subreaper and self.run_id:
            below = [*{*below, *processes_of_run(self.run_id)}]
        return [process for process in below if is_living(process)]

    def left_running(self) -> int:
        """How many do not end by themselves, now that the command has; waits a moment for those that do."""
        began = time.monotonic()
        while living := self.living():
            waited = time.monotonic() - began
            others = [process for process in living if not _is_helper(process)]
            if waited > (_LAST_MOMENT if others else _HELPER_MOMENT):
                return len(others)
            time.sleep(0.005)
        return 0

    def end(self, *, grace: float) -> int:
        """End all of them: SIGTERM, then after `grace` seconds SIGKILL, until none is left.

        Returns:
            How many were still alive at the first look.
        """
        first = self.living()
        signal_all(first, signal.SIGTERM)
        until = time.monotonic() + grace
        while living := self.living():
            if time.monotonic() > until + _PATIENCE:  # one that may not be signalled (sudo), or hangs in the kernel
                break
            if time.monotonic() > until:
                signal_all(living, signal.SIGKILL)
            time.sleep(0.01)
        return len(first)


def _is_helper(process: psutil.Process) -> bool:
    try:
        return any(helper in argument for argument in process.cmdline() for helper in _HELPERS)
    except psutil.Error:
        return False

"""Ending everything that a run started, whatever session or group it put itself into."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_PATIENCE = 10.0  # seconds that a killed process is waited for

RUN_TOKEN = "DVC_MAGIC_RUN"  # noqa: S105 - the name of an environment variable
"""Environment variable that every process of a run inherits; its value is the run's id."""


def _signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    import psutil  # noqa: PLC0415 - 11 ms of a kernel that may never have to end a process

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _reap() -> None:
    """Collect children that ended, so that orphans which this process inherited do not stay as zombies."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    import psutil  # noqa: PLC0415 - see above

    living = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
    return living


def _has_children() -> bool:
    """Whether this process has any child, at the price of one system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_descendants(*, grace: float = 2.0) -> int:
    """End every descendant of this process: SIGTERM, then after `grace` seconds SIGKILL, until none is left.

    Complete only for a child subreaper (`become_subreaper`), which inherits the orphans below it.

    Returns:
        How many processes were still alive at the first look.
    """
    import psutil  # noqa: PLC0415 - see above

    _reap()
    if not _has_children():
        return 0
    me = psutil.Process()
    first = _living(me.children(recursive=True))
    _signal_all(first, signal.SIGTERM)
    until = time.monotonic() + grace
    while living := _living(me.children(recursive=True)):
        if time.monotonic() > until + _PATIENCE:  # one that may not be signalled (sudo), or hangs in the kernel
            break
        if time.monotonic() > until:
            _signal_all(living, signal.SIGKILL)
        time.sleep(0.01)
        _reap()
    _reap()
    return len(first)


def sweep_run(run_id: str) -> int:
    """End with SIGKILL every process of this machine that carries the token of the run (for runs whose worker died).

    Returns:
        How many processes were found.
    """
    import psutil  # noqa: PLC0415 - see above

    found = 0
    while True:
        marked = [process for process in psutil.process_iter() if _carries(process, run_id)]
        if not marked:
            return found
        found += len(marked)
        _signal_all(marked, signal.SIGKILL)
        time.sleep(0.02)  # not psutil.wait_procs, which would take the exit code from whoever started them


def _carries(process: psutil.Process, run_id: str) -> bool:
    import psutil  # noqa: PLC0415 - see above

    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and process.pid != os.getpid() and process.environ().get(RUN_TOKEN) == run_id
    except (psutil.Error, OSError):
        return False

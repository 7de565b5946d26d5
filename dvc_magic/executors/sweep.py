"""Ending what is left of a run whose worker and supervisor may be gone: its processes have to be looked for."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

RUN_TOKEN = "DVC_MAGIC_RUN"  # noqa: S105 - the name of an environment variable
"""Environment variable that every process of a run inherits; its value is the run's id."""


def sweep_run(run_id: str) -> int:
    """End with SIGKILL every process of this machine that belongs to a run, whose worker and supervisor may be gone.

    One belongs to it that carries the run's token, or whose output goes to the run's log (Linux): ``env -i`` takes
    the token away, and leaves the output.

    Returns:
        How many processes were found.
    """
    swept = 0
    while processes := processes_of_run(run_id):
        swept += len(processes)
        signal_all(processes, signal.SIGKILL)
        time.sleep(0.02)  # not psutil.wait_procs, which would take the exit code from whoever started them
    return swept


def processes_of_run(run_id: str) -> list[psutil.Process]:
    """The processes of this machine that belong to a run."""
    import psutil  # noqa: PLC0415 - 11 ms of a kernel that may never have to end a process

    return [process for process in psutil.process_iter() if _belongs(process, run_id)]


def signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to those that still run."""
    import psutil  # noqa: PLC0415 - see above

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _belongs(process: psutil.Process, run_id: str) -> bool:
    import psutil  # noqa: PLC0415 - see above

    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(RUN_TOKEN) == run_id or _writes_log(process.pid, run_id)
    except (psutil.Error, OSError):
        return False


def _writes_log(pid: int, run_id: str) -> bool:
    """Whether standard output or error is the log of a run; one who only reads it (``tail -f``) does not count."""
    return any(_is_log(f"/proc/{pid}/fd/{number}", run_id) and _is_written(pid, number) for number in (1, 2))


def _is_log(link: str, run_id: str) -> bool:
    try:
        return os.readlink(link).endswith(f"/{run_id}/output.log")  # noqa: PTH115 - see _is_written
    except OSError:  # closed, of another user, or there is no /proc
        return False


def _is_written(pid: int, number: int) -> bool:
    with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as lines:  # noqa: PTH123 - pathlib would cost memory
        flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
    return flags & os.O_ACCMODE != os.O_RDONLY

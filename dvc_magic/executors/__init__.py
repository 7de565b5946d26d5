"""Where runs execute: warm local worker processes, and what keeps them from leaving anything behind.

Names are imported at their first use: the kernel needs a few of them, and a supervisor, which is forked from a process
that has imported this package, is a third smaller for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc_magic.executors.channel import Ended
    from dvc_magic.executors.contract import Executor, Submitted
    from dvc_magic.executors.lifeline import Lifeline, become_subreaper
    from dvc_magic.executors.local import Message, Worker
    from dvc_magic.executors.supervisor import Supervisor
    from dvc_magic.executors.supervisor_process import fork_supervisor
    from dvc_magic.executors.sweep import RUN_TOKEN, sweep_run
    from dvc_magic.executors.workers import Heard, Task, Workers

__all__ = [
    "RUN_TOKEN",
    "Ended",
    "Executor",
    "Heard",
    "Lifeline",
    "Message",
    "Submitted",
    "Supervisor",
    "Task",
    "Worker",
    "Workers",
    "become_subreaper",
    "fork_supervisor",
    "sweep_run",
]

_HOMES = {
    "RUN_TOKEN": "sweep",
    "Ended": "channel",
    "Executor": "contract",
    "Heard": "workers",
    "Lifeline": "lifeline",
    "Message": "local",
    "Submitted": "contract",
    "Supervisor": "supervisor",
    "Task": "workers",
    "Worker": "local",
    "Workers": "workers",
    "become_subreaper": "lifeline",
    "fork_supervisor": "supervisor_process",
    "sweep_run": "sweep",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)

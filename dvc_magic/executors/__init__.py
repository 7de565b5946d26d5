"""Where runs execute: warm local worker processes, and what keeps them from leaving anything behind."""

from dvc_magic.executors.lifeline import Lifeline, become_subreaper
from dvc_magic.executors.local import Message, Worker, WorkerPool
from dvc_magic.executors.own_process import starting_environment
from dvc_magic.executors.process_tree import RUN_TOKEN, end_descendants, sweep_run

__all__ = [
    "RUN_TOKEN",
    "Lifeline",
    "Message",
    "Worker",
    "WorkerPool",
    "become_subreaper",
    "end_descendants",
    "starting_environment",
    "sweep_run",
]

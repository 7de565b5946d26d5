"""Supervisors whose worker is the test's own process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager

from dvc_magic.executors import Lifeline, Supervisor, fork_supervisor


@contextmanager
def supervisor_of_this_process(*, kernel: int | None = None) -> Iterator[Supervisor]:
    """A supervisor of this process, and of another one as its kernel; by default its parent.

    It is gone when the block ends, with all that it has started.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside the threads of a test runner
        forked = fork_supervisor(Lifeline(os.getppid() if kernel is None else kernel))
    with closing(Supervisor(*forked)) as supervisor:
        yield supervisor

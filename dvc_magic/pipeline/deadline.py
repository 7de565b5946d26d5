"""An end to work that people's regular expressions decide the length of."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from dvc_magic.errors import OperationError

SECONDS = 1.0
"""Of the processor's time, so that a busy machine or a slow disk ends nothing; names are matched in microseconds."""

T = TypeVar("T")


def in_time(work: Callable[[], T], *, name: str) -> T:
    """What `work` gives, if it ends within `SECONDS`; in a thread other than the main one, whenever it ends.

    Python's search for a pattern looks for signals now and then, and only the main thread gets them.

    Args:
        work: matches expressions of an operation. name: the operation's.

    Raises:
        OperationError: it did not end.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise OperationError(
            f"operation {name!r}: a regular expression in its 'rename' or 'select' takes too long to be matched; write "
            "it without repeats of what repeats, such as (a+)+"
        )

    before = signal.signal(signal.SIGVTALRM, end)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            return work()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:  # also when the signal comes just now
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL if before is None else before)

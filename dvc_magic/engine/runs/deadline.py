"""Work of a library that may wait for ever, ended from within its own process."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_FIRST, _NEXT = 1.0, 0.2  # seconds until the first look and between further ones


class GivenUpError(BaseException):
    """The block of `given_up` is not to go on; no ``except Exception`` on the way keeps it.

    Args:
        reason: as `given_up` was told.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextlib.contextmanager
def given_up(asked: Callable[[float], str]) -> Iterator[None]:
    """End the block as soon as `asked` says why, even while it waits for a file to be opened.

    By a timer of this process, whose signal reaches the main thread alone: elsewhere the block is left to itself.

    Args:
        asked: is given the seconds that the block has taken, and says why it has to end, or an empty text.

    Raises:
        GivenUpError: `asked` said why.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    began = time.monotonic()

    def look(_number: int, _frame: FrameType | None) -> None:
        reason = asked(time.monotonic() - began)
        if reason:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise GivenUpError(reason)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _FIRST, _NEXT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

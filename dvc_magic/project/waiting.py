"""Waiting for what goes on in other processes, by looking at what they write."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 5.0
"""Seconds that a stop waits for the end of what it stops, unless it is told."""

_FIRST, _LONGEST = 0.02, 0.2  # seconds between two looks, at first and later


def wait_until(done: Callable[[], bool], *, timeout: float | None) -> bool:
    """Look until something is done, at most `timeout` seconds (None: for ever); returns whether it is.

    Raises:
        KeyboardInterrupt: it was interrupted; what is waited for goes on.
    """
    until = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST
    while not done():
        left = _LONGEST if until is None else until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST)
    return True

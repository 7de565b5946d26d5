"""Steps of the driver that an interrupt must not split."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold SIGINT back while the block runs and deliver it, once, when it ends.

    For what is done in two places, such as a request that a worker gets and the driver notes. Does nothing outside of
    the main thread, where Python delivers no signal. The handler is the caller's again afterwards.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[Any, ...]] = []
    signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])

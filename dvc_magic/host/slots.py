"""Room for commands, shared by the background calls of a host."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Slots:
    """At most `limit` commands at a time: first come, first served, then in turn.

    Args:
        limit: how many; None for as many as anybody asks for.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._taken = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, wake: Callable[[], None]) -> bool:
        """Take a slot; where there is none, `wake` is called once when it is this caller's turn to ask again."""
        first = not self._waiting or self._waiting[0] == wake
        if self.limit is not None and (self._taken >= self.limit or not first):
            if wake not in self._waiting:
                self._waiting.append(wake)
            return False
        if wake in self._waiting:
            self._waiting.remove(wake)
        self._taken += 1
        return True

    def give_back(self) -> None:
        """Give a slot back."""
        self._taken -= 1
        self._wake_next()

    def leave(self, wake: Callable[[], None]) -> None:
        """Wait for a slot no longer."""
        if wake in self._waiting:
            self._waiting.remove(wake)
            self._wake_next()

    def _wake_next(self) -> None:
        if self._waiting and (self.limit is None or self._taken < self.limit):
            self._waiting[0]()

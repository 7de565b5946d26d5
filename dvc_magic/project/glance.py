"""The stages for those who cannot wait: completion."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from dvc_magic.client import Pending
from dvc_magic.errors import DvcMagicError
from dvc_magic.model.stage import Pipeline

_PATIENCE = 0.3  # seconds; there are stages to show, though they may be older
_FIRST = 1.0  # seconds; without any, the key that asks for them would do nothing


class Glance:
    """Asks for the pipeline and waits for a moment only; what comes later is there for the next look.

    Any thread may look, several at once: those who wait, wait for one answer.

    Args:
        ask: begins to ask for it.
    """

    def __init__(self, ask: Callable[[], Pending]) -> None:
        self._ask = ask
        self._lock = threading.Lock()  # never held while one waits
        self._asked: Pending | None = None
        self._known: Pipeline | None = None

    def look(self, *, patience: float | None = None) -> Pipeline | None:
        """The stages as DVC resolves them now, or when it takes more than `patience` seconds, as they were last seen.

        None when they were never seen. A ``dvc.yaml`` that cannot be read leaves what was seen before.

        Args:
            patience: seconds; a moment unless given, and at most one second while they were never seen.
        """
        if patience is None:
            patience = _FIRST if self._known is None else _PATIENCE
        deadline = time.monotonic() + patience
        with self._lock:
            if self._asked is not None and self._asked.done:  # how it was some time ago
                self._take(self._asked)
            earlier = self._asked
        if earlier is not None and not self._answered(earlier, patience):
            return self._known
        self._answered(
            self._question(), max(0.0, deadline - time.monotonic())
        )  # since `earlier`, files may have changed
        return self._known

    def _question(self) -> Pending:
        """The question that waits for its answer, asked now if there is none."""
        with self._lock:
            self._asked = self._asked or self._ask()
            return self._asked

    def _answered(self, asked: Pending, patience: float) -> bool:
        """Wait for an answer, and take it if no other thread has; returns whether it is there."""
        if not asked.wait(patience):
            return False
        with self._lock:
            if self._asked is asked:
                self._take(asked)
        return True

    def _take(self, answered: Pending) -> None:
        self._asked = None
        with contextlib.suppress(DvcMagicError):
            self._known = answered.result()

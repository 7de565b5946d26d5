"""The stages for those who cannot wait: completion."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from dvc_magic.client import Pending
from dvc_magic.errors import DvcMagicError
from dvc_magic.model.stage import Pipeline

_PATIENCE = 0.3  # seconds; there are stages to show, though they may be older
_FIRST = 1.0  # seconds; without any, the key that asks for them would do nothing


class Glance:
    """Asks for the pipeline and waits for a moment only; what comes later is there for the next look.

    Any thread may look, several at once: they wait for one answer.

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
        with self._lock:
            if self._asked is not None and self._asked.done:  # how it was some time ago
                self._take(self._asked)
            asked = self._asked = self._asked or self._ask()
        if asked.wait(patience):
            with self._lock:
                if self._asked is asked:  # else another thread has taken it
                    self._take(asked)
        return self._known

    def _take(self, answered: Pending) -> None:
        self._asked = None
        with contextlib.suppress(DvcMagicError):
            self._known = answered.result()

"""The stages for those who cannot wait, such as a key pressed for completions."""

from __future__ import annotations

import time
from typing import Any

from dvc_magic.codec import from_data
from dvc_magic.errors import DvcMagicError
from dvc_magic.executors import Message, Worker, WorkerPool
from dvc_magic.model.stage import Pipeline

_PATIENCE = 0.3  # seconds; there are stages to show, though they may be older
_FIRST = 1.0  # seconds; without any, the key that asks for them would do nothing


class Glance:
    """Asks a worker for the pipeline and waits for a moment only; what comes later is there for the next look.

    Not safe to share between threads.
    """

    def __init__(self, pool: WorkerPool, question: dict[str, Any]) -> None:
        self._pool = pool
        self._question = question
        self._asked: Worker | None = None
        self._known: Pipeline | None = None

    def look(self, *, patience: float | None = None) -> Pipeline | None:
        """The stages as DVC resolves them now, or when it takes more than `patience` seconds, as they were last seen.

        None when they were never seen. A ``dvc.yaml`` that cannot be read leaves what was seen before.

        Args:
            patience: seconds; a moment unless given, and at most one second while they were never seen.
        """
        if patience is None:
            patience = _FIRST if self._known is None else _PATIENCE
        if self._asked is None:
            self._asked = self._pool.idle()
            self._asked.request("describe", **self._question)
        self._wait(patience)
        return self._known

    def settle(self) -> None:
        """Wait for an answer that is still to come, so that its worker is free for others."""
        self._wait(None)

    def _wait(self, patience: float | None) -> None:
        until = None if patience is None else time.monotonic() + patience
        while self._asked is not None:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return
            try:
                said = self._pool.wait([self._asked], timeout=left)
            except BaseException:
                self._give_up()
                raise
            for _, message in said:
                self._hear(message)

    def _hear(self, message: Message) -> None:
        if message.lost:
            self._give_up()
        elif message.is_answer:
            self._asked = None
            try:
                self._known = from_data(message.result(), Pipeline)
            except DvcMagicError:
                return

    def _give_up(self) -> None:
        if self._asked is not None:
            self._pool.discard(self._asked)
            self._asked = None

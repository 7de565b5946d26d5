"""What every executor promises: the words by which calls have runs executed, wherever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dvc_magic.executors.local import Message


class Submitted(Protocol):
    """One attempt at a run.

    Attributes:
        answer: resolves once, to the run's last record as data, to an error, or to a message that is `lost`, when
            whoever executed it is gone; then the store tells how far it came.
    """

    answer: asyncio.Future[Message]

    def stop(self, steps: int = 1) -> None:
        """Ask for the run to be stopped; each step climbs the ladder of SIGINT, SIGTERM, SIGKILL."""

    def kill(self) -> None:
        """End whoever executes it at once: the attempt is lost."""

    @property
    def let_go(self) -> Callable[[], None]:
        """Stops the run as when its host is gone, and takes no further one."""


class Executor(Protocol):
    """Executes runs. To be used in the event loop's thread alone."""

    def submit(
        self,
        order: Any,
        attempt: int,
        *,
        environ: Mapping[str, str],
        addresses: Mapping[str, str],
        events: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Submitted:
        """Have a run executed; never waits.

        Args:
            order: a `dvc_magic.engine.WorkOrder`, which has no secrets; it is spelled once, on its way.
            attempt: how often it was submitted, this time included, from 1. Two attempts are never executed at once.
            environ, addresses: variables of the call, and URLs with secrets; they are kept nowhere.
            events: gets what is said of it before its end.
        """

"""Following a call from the thread that made it, to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

from dvc_magic.client import Pending
from dvc_magic.errors import DvcMagicError
from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.plan import PointPlan
from dvc_magic.model.record import RunRecord
from dvc_magic.wire import CallEnd, Event, Finished, Planned, Pulling, Reused, Started

_TICK = 0.05  # seconds between looks at the logs of running stages


class Observer(Protocol):
    """Is told what a call does while it does it."""

    def planned(self, call: str, plan: Sequence[PointPlan]) -> None:
        """The plan of the call of this id stands; nothing has run yet."""

    def pulling(self, progress: PullProgress) -> None:
        """Data comes from a remote: told at the start, twice a second meanwhile, and at the end."""

    def started(self, record: RunRecord) -> None:
        """A run was handed to a worker."""

    def waiting(self) -> None:
        """Some run goes: time to look at its log."""

    def finished(self, record: RunRecord) -> None:
        """A run has ended, whatever its status."""

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """A run of another call, which may have gone on until now, answers for one of this call.

        `started` was told of it before when it still went; `notices` are lines for people.
        """


class Silent:
    """An observer that looks away."""

    def planned(self, call: str, plan: Sequence[PointPlan]) -> None:
        """Nothing."""

    def pulling(self, progress: PullProgress) -> None:
        """Nothing."""

    def started(self, record: RunRecord) -> None:
        """Nothing."""

    def waiting(self) -> None:
        """Nothing."""

    def finished(self, record: RunRecord) -> None:
        """Nothing."""

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """Nothing."""


def tell(observer: Observer, event: Event) -> None:
    """Tell an observer of an event."""
    match event:
        case Planned():
            observer.planned(event.call, event.plan)
        case Pulling():
            observer.pulling(event.progress)
        case Started():
            observer.started(event.record)
        case Finished():
            observer.finished(event.record)
        case Reused():
            observer.reused(event.record, event.notices)


def follow(pending: Pending, observer: Observer | None = None) -> Any:
    """The answer to a question, following what happens on the way.

    Raises:
        DvcMagicError: what the host answered with.
        KeyboardInterrupt: again, after what was running has been stopped. The first one sends SIGINT to the running
            stages and starts nothing more, a second SIGTERM, a third SIGKILL. Runs of other calls that were waited for
            go on; its message names them.
    """
    watcher = observer or Silent()
    interrupted = False
    going: set[str] = set()
    while True:
        try:
            for events in pending.follow(every=_TICK):
                for event in events:
                    if isinstance(event, Started):
                        going.add(event.record.id)
                    elif isinstance(event, Finished | Reused):
                        going.discard(event.record.id)
                    tell(watcher, event)
                if going:
                    watcher.waiting()
            break
        except KeyboardInterrupt:
            interrupted = True
            pending.stop()
        except BaseException:  # nobody will look at what comes of it
            pending.stop(2)
            pending.wait()
            raise
    if not interrupted:
        return pending.result()
    left: tuple[str, ...] = ()
    with contextlib.suppress(DvcMagicError):
        answer = pending.result()
        left = answer.left if isinstance(answer, CallEnd) else ()
    raise KeyboardInterrupt(*([f"{', '.join(left)} goes on, as another call has started it"] if left else []))

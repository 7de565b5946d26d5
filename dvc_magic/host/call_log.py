"""What a call leaves in its folder while it goes: its record, its plan, what changes, and who is asked to stop."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from dvc_magic.engine import Capture
from dvc_magic.engine.calls import PlannedRuns, PointState
from dvc_magic.model.call import CallEvent, CallPlan, CallRecord, CallStatus
from dvc_magic.store import RunStore
from dvc_magic.wire import CallRequest, Event, Finished, Reused, Started


class CallLog:
    """Keeps the folder of one call, from its plan to its end.

    Args:
        call: its id. asked: the call.
        capture: of the call. runs: those that it plans. store: has the folder.
        targets: id of the run of each point, in grid order.
        background: whether nobody waits for it. detached: whether it outlives its kernel.

    Raises:
        StoreError: the folder cannot be written.
    """

    def __init__(
        self,
        call: str,
        asked: CallRequest,
        *,
        capture: Capture,
        runs: PlannedRuns,
        targets: Sequence[str],
        store: RunStore,
        background: bool,
        detached: bool,
    ) -> None:
        self._runs = runs
        self._folder = store.calls.folder(call)
        self._began = time.monotonic()
        self._record = CallRecord(
            id=call,
            request=asked.request,
            created=datetime.now(UTC),
            kernel=asked.kernel,
            host=os.getpid(),
            background=background,
            detached=detached,
        )
        self._plan = CallPlan(
            runs=runs.rows,
            targets=tuple(targets),
            snapshot=capture.snapshot,
            commit=capture.commit,
            dirty=capture.dirty,
            surroundings=capture.surroundings,
        )
        self._obeyed: dict[str, int] = {}
        self._folder.begin(self._record, self._plan, durable=background or detached)
        self._note("planned")

    def _note(self, what: str, run: str = "", status: str = "", *, by: str = "") -> None:
        self._folder.note(CallEvent(at=round(time.time(), 3), what=what, run=run, status=status, by=by))

    def heard(self, event: Event) -> None:
        """Note what an event says of a run."""
        match event:
            case Started(record=record):
                self._note("started", record.id)
            case Finished(record=record):
                self._note("finished", record.id, record.status)
            case Reused(record=record, planned=planned):
                self._note("reused", planned or record.id, record.status, by=record.id if planned else "")

    def detach(self) -> None:
        """Note that the call outlives its kernel."""
        self._record = replace(self._record, detached=True)
        self._folder.write(self._record)

    def stops(self) -> dict[str, int]:
        """By id of a run, `dvc_magic.store.ALL` or `DRAIN`: how many steps were asked for since the last look."""
        asked = self._folder.stops()
        fresh = {name: step - self._obeyed.get(name, 0) for name, step in asked.items()}
        self._obeyed |= asked
        return {name: steps for name, steps in fresh.items() if steps > 0}

    def end(
        self,
        status: CallStatus,
        *,
        points: Sequence[PointState],
        answers: Mapping[int, str],
        reason: str = "",
        error: str = "",
    ) -> None:
        """Write how the call has ended.

        Args:
            points: of the call. answers: index of a point -> id of the run that answers for its target.
            reason: why it was stopped. error: one line, when the call could not go on.

        Raises:
            StoreError: it cannot be written.
        """
        # Not the time of day: people and time servers set it, and a call would have taken hours, or less than none.
        ended = self._record.created + timedelta(seconds=time.monotonic() - self._began)
        record = replace(self._record, ended=ended, status=status, reason=reason, error=error)
        targets = tuple(
            answers.get(point.point.index, target) for point, target in zip(points, self._plan.targets, strict=True)
        )
        self._folder.end(record, replace(self._plan, runs=self._runs.close(points, answers), targets=targets))

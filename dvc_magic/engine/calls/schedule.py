"""What of a call is open, queued, running and done: no process, no file, no clock.

Points go in; `next_open` gives those about which something can be decided now. What is decided comes back as `finish`,
`queue` or `attach`; `start_next` gives what is to be executed, and `end` what came of it, which opens the points that
waited for it again. A point is looked at when something changed for it alone, so that the cost of one does not grow
with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from dvc_magic.engine.calls.point import PointState
from dvc_magic.model.call import PlannedRun
from dvc_magic.model.record import RunRecord
from dvc_magic.model.stage import Stage


class Execution(Struct, eq=False, kw_only=True):
    """One run to execute: for a point whose target it is, and for every other point that needs the same.

    Attributes:
        target: the point that asked for it; None for a run that is only needed upstream.
        waiting: the points that need what it makes.
        attached: the run of another call that is waited for instead.
        planned: the run, once it is going to be executed. attempts: how often its worker died before it had begun.
        record: how it ended, once it has.
    """

    stage: Stage
    target: PointState | None = None
    waiting: list[PointState] = []
    attached: RunRecord | None = None
    planned: PlannedRun | None = None
    attempts: int = 0
    record: RunRecord | None = None

    @property
    def point(self) -> PointState:
        """The point whose values it has."""
        return self.waiting[0] if self.target is None else self.target


class Schedule:
    """The state of one call.

    Args:
        points: of the call, those first on whose targets others build.
        jobs: how many runs may be executed at the same time.

    Attributes:
        running: what is being executed. done: the record of each target that is decided or has ended, by point.
    """

    def __init__(self, points: Iterable[PointState], *, jobs: int) -> None:
        self._open = deque(points)
        self._jobs = jobs
        self._queue: deque[Execution] = deque()
        self._attached: dict[str, list[Execution]] = {}  # by the id of another call's run
        self._by_work: dict[str, Execution] = {}  # the one that serves all points with the same work
        self.running: list[Execution] = []
        self.done: dict[int, RunRecord] = {}

    def next_open(self) -> PointState | None:
        """A point about which something can be decided now, if there is one."""
        while self._open:
            point = self._open.popleft()
            if point.point.index not in self.done:
                return point
        return None

    def put_back(self, point: PointState) -> None:
        """Have a point looked at again: deciding about it was interrupted."""
        self._open.appendleft(point)

    def finish(self, point: PointState, record: RunRecord) -> None:
        """The target of a point has its record without having been executed."""
        self.done.setdefault(point.point.index, record)

    def queue(self, execution: Execution, *, work: str | None = None) -> None:
        """Have a run executed when a slot is free; with `work`, it serves other points that need the same."""
        self._queue.append(execution)
        self._expect(execution, work)

    def queue_again(self, execution: Execution) -> None:
        """Have a run that was to be executed, and was not, executed first."""
        self.running.remove(execution)
        self._queue.appendleft(execution)

    def attach(self, execution: Execution, run: RunRecord, *, work: str | None = None) -> bool:
        """Wait for a run of another call; returns whether nobody did before."""
        execution.attached = run
        first = run.id not in self._attached
        self._attached.setdefault(run.id, []).append(execution)
        self._expect(execution, work)
        return first

    def _expect(self, execution: Execution, work: str | None) -> None:
        if execution.target is not None:
            execution.target.waiting.add(execution.stage.address)
            if work is not None:
                self._by_work.setdefault(work, execution)
        elif work is not None:
            self._by_work[work] = execution

    def doing(self, work: str) -> Execution | None:
        """The execution of this work, queued, running or ended."""
        return self._by_work.get(work)

    @staticmethod
    def wait_for(execution: Execution, point: PointState) -> None:
        """Have a point wait for an execution that has not ended."""
        point.waiting.add(execution.stage.address)
        execution.waiting.append(point)

    def withdraw(self, run_id: str) -> Execution | None:
        """Take a run out of the queue; None when it is not in it."""
        for execution in self._queue:
            if execution.planned is not None and execution.planned.id == run_id:
                self._queue.remove(execution)
                self._forget_work(execution)
                return execution
        return None

    @property
    def has_next(self) -> bool:
        """Whether there is a run to execute, and one more may be."""
        return bool(self._queue) and len(self.running) < self._jobs

    def start_next(self) -> Execution:
        """The next run to execute, which runs from now on; there has to be one."""
        execution = self._queue.popleft()
        self.running.append(execution)
        return execution

    def end(self, execution: Execution, record: RunRecord) -> list[PointState]:
        """Note how an execution ended; returns the points that waited for it, which are open again."""
        execution.record = record
        if execution in self.running:
            self.running.remove(execution)
        if execution.target is not None:
            self.done[execution.target.point.index] = record
        for point in execution.waiting:
            point.waiting.discard(execution.stage.address)
        self._open.extend(execution.waiting)
        return execution.waiting

    @property
    def attached(self) -> tuple[str, ...]:
        """Ids of the runs of other calls that are waited for."""
        return tuple(self._attached)

    def detach(self, run_id: str) -> list[Execution]:
        """What waited for a run of another call that has ended."""
        return self._attached.pop(run_id)

    def _forget_work(self, execution: Execution) -> None:
        """Let an execution that comes to nothing serve no further point."""
        self._by_work = {work: other for work, other in self._by_work.items() if other is not execution}

    def reopen(self, execution: Execution) -> None:
        """Have what waited for an execution decided anew: it came to nothing."""
        self._forget_work(execution)
        points = [*execution.waiting, *([execution.target] if execution.target is not None else [])]
        for point in points:
            point.waiting.discard(execution.stage.address)
        if execution.target is not None:
            execution.target.answer = None
        self._open.extend(points)

    def stop(self) -> list[RunRecord]:
        """Begin nothing more; returns the runs of other calls that were waited for and go on."""
        left = [run for executions in self._attached.values() for run in [executions[0].attached] if run is not None]
        self._queue.clear()
        self._attached.clear()
        self._open.clear()
        return left

    @property
    def at_rest(self) -> bool:
        """Whether nothing is queued, executed or waited for."""
        return not (self._queue or self.running or self._attached)

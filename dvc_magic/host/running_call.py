"""The runs of a call, decided, started and ended step by step.

It walks the points of the call, settles upstream stages as their outputs become known, and hands runs to workers. An
upstream run that several points need is executed once. A run of another call may answer instead of one; one that still
goes is only watched, and never stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from dvc_magic.codec import from_data
from dvc_magic.engine import WorkOrder
from dvc_magic.engine.calls import Execution, PlannedRuns, PointState, Schedule, answered, mismatch, settle, work_of
from dvc_magic.errors import MissingInputError, RunNotFoundError, WorkerLostError
from dvc_magic.executors import Executor, Message, Submitted, sweep_run
from dvc_magic.host.opened_call import OpenedCall
from dvc_magic.host.slots import Slots
from dvc_magic.model.plan import Action
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import Stage
from dvc_magic.store import RunStore
from dvc_magic.wire import Event, Finished, Reused, Started

_TICK = 0.1  # seconds between looks at runs of other calls that are waited for
KILL_STEP = 3  # interrupts until the worker itself is ended
_PATIENCE = 15.0  # seconds for a worker to end its run, once the call cannot go on


class StoppedError(Exception):
    """The user has stopped the call before it had anything to stop."""


class RunningCall:
    """A call whose plan stands, carried out by `carry_out`.

    Args:
        opened: the call. runs: those that it plans. store: gets their records.
        executor: has the runs executed. environ: variables of the call.
        at_workers: by id, the runs of all calls that some worker has; those of this call come and go in it.
        slots: room for commands, shared with other calls. say: gets each event. breathe: lets others have their turn.

    Attributes:
        left: names of other calls' runs that go on after a stop.
        reason: why it is stopped, if it is: ``user`` or ``kernel``.
    """

    def __init__(
        self,
        opened: OpenedCall,
        runs: PlannedRuns,
        *,
        store: RunStore,
        executor: Executor,
        environ: Mapping[str, str],
        at_workers: dict[str, RunRecord],
        slots: Slots,
        say: Callable[[Event], None],
        breathe: Callable[[], Awaitable[None]],
    ) -> None:
        self._opened = opened
        self._decisions = opened.decisions
        self._points = opened.points
        self._runs = runs
        self._store = store
        self._executor = executor
        self._environ = environ
        self._at_workers = at_workers
        self._slots = slots
        self._say = say
        self._breathe = breathe
        self._schedule = Schedule(opened.decisions.in_turn, jobs=opened.request.jobs)
        self._tasks: dict[int, tuple[Execution, Submitted]] = {}  # by id of the execution
        self._answers: deque[tuple[Execution, WorkOrder, Message]] = deque()
        self._news = asyncio.Event()
        self._unwanted: set[str] = set()  # ids of planned runs that are not to begin
        self._stops = 0
        self._draining = False
        self.reason = "user"
        self.left: list[str] = []

    async def carry_out(self) -> None:
        """Run everything, to the last record."""
        try:
            while not await self._step():
                pass
        except BaseException:
            await self._abandon()
            raise

    @property
    def answers(self) -> dict[int, RunRecord]:
        """Index of a point -> the record of the run that answers for its target, of those that have one."""
        return self._schedule.done

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is begun, because somebody wanted it so."""
        return self._draining or self._stops > 0

    def _is_done(self, point: PointState) -> bool:
        return point.point.index in self._schedule.done

    async def _step(self) -> bool:
        """Decide what can be decided, start what can be started, wait for news; returns whether nothing is left."""
        with contextlib.suppress(StoppedError):
            await self._breathe()
            while point := self._schedule.next_open():
                await self._advance(point)
                await self._breathe()
            while self._schedule.has_next and self._slots.take(self._news.set):
                await self._start(self._schedule.start_next())
        if self.is_stopped:  # whatever was queued until that was noticed
            self._begin_no_more()
        if self._schedule.at_rest:
            return True
        await self._wait()
        self._take_answers()
        self._look_at_attached()
        return False

    async def _wait(self) -> None:
        """Wait until a run has ended or a stop is asked for; a moment only when runs of other calls are waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TICK if self._schedule.attached else None):
                await self._news.wait()
        self._news.clear()

    async def _advance(self, point: PointState) -> None:
        """Settle what can be settled of a point, and queue what has to run."""
        try:
            needed = await answered(partial(self._decisions.needed, point))
            *upstream, target = point.stages
            for stage in upstream:
                is_open = stage.address in needed and stage.address not in (point.settled.keys() | point.waiting)
                if is_open and point.ready(stage):
                    await self._advance_upstream(point, stage)
            if target.address not in point.waiting and point.ready(target):
                await self._advance_target(point, target)
        except MissingInputError as error:  # of what has just been made: the other points go on
            self._close(point, error=str(error))
        except StoppedError:
            self._schedule.put_back(point)
            raise

    async def _advance_upstream(self, point: PointState, stage: Stage) -> None:
        def decide() -> RunRecord | None:
            decision = self._decisions.decide(point, stage)
            settle(point, stage, decision)
            return decision.run if decision.action is Action.ATTACH else None

        # The user asked for this run: it is the target of that point, which may not have had its turn yet.
        beside = await answered(partial(self._decisions.asked_beside, point, stage))
        if beside is not None and not self._is_done(beside) and stage.address not in beside.waiting:
            await self._advance_target(beside, beside.stages[-1])
        going = await answered(decide)
        if stage.address in point.settled:
            return
        if going is None:
            await self._opened.fetch_for(point, stage)
        work = await answered(partial(work_of, point, stage))
        execution = self._schedule.doing(work)
        if execution is not None and execution.record is not None:
            if not mismatch(point.facts(stage), execution.record):
                self._hand_on(point, execution.record)
                return
            execution = None
        if execution is None:
            execution = Execution(stage=stage)
            self._schedule.wait_for(execution, point)
            if going is not None:
                self._attach(execution, going, work=work)
            else:
                self._queue(execution, work=work)
            return
        self._schedule.wait_for(execution, point)

    async def _advance_target(self, point: PointState, target: Stage) -> None:
        decision = await answered(partial(self._decisions.decide_target, point))
        if decision.action is Action.REUSE and decision.run is not None:
            self._schedule.finish(point, decision.run)
            planned = self._runs.planned(point, target.address)
            self._say(
                Reused(
                    record=decision.run,
                    planned=planned.id if planned is not None else "",
                    notices=self._not_applied(decision.run),
                )
            )
            return
        work = None
        if target.address in self._decisions.shared:
            work = await answered(partial(work_of, point, target))
        execution = Execution(stage=target, target=point)
        if decision.action is Action.ATTACH and decision.run is not None:
            self._attach(execution, decision.run, work=work)
        else:
            await self._opened.fetch_for(point, target)
            self._queue(execution, work=work)

    def _queue(self, execution: Execution, *, work: str | None) -> None:
        """Have a run executed when a slot is free, unless it was stopped beforehand."""
        execution.planned = self._runs.take(execution.point, execution.stage.address)
        self._schedule.queue(execution, work=work)
        if execution.planned.id in self._unwanted:
            self._withdraw(execution.planned.id)

    def _attach(self, execution: Execution, run: RunRecord, *, work: str | None) -> None:
        """Wait for a run of another call."""
        if self._schedule.attach(execution, run, work=work):
            self._say(Started(record=run))

    def _not_applied(self, record: RunRecord) -> tuple[str, ...]:
        if not (self._opened.request.label or self._opened.request.tags):
            return ()
        return (f"{record.name} is of another call and keeps its own label and tags; run.tag(..) changes them",)

    async def _start(self, execution: Execution) -> None:
        """Give a run to a worker.

        Raises:
            StoppedError: the call was stopped before.
        """
        try:
            order = await answered(partial(self._order, execution))
            await self._breathe()
        except BaseException:
            self._schedule.running.remove(execution)
            self._slots.give_back()
            raise
        task = self._executor.submit(
            order,
            1 + execution.attempts,
            environ=self._environ,
            addresses=self._opened.capture.addresses,
        )
        self._tasks[id(execution)] = (execution, task)
        self._runs.started(order.record.id)
        self._at_workers[order.record.id] = order.record
        task.answer.add_done_callback(partial(self._note_answer, execution, order))
        self._say(Started(record=order.record))

    def _order(self, execution: Execution) -> WorkOrder:
        assert execution.planned is not None
        return self._opened.records.order(
            execution.planned,
            execution.point,
            execution.stage,
            asked=execution.target is not None,
            reported_reads=self._opened.candidates.reported_reads(execution.stage),
            notices=self._opened.inputs.notices,
        )

    def _note_answer(self, execution: Execution, order: WorkOrder, answer: asyncio.Future[Message]) -> None:
        self._tasks.pop(id(execution), None)
        self._at_workers.pop(order.record.id, None)
        self._slots.give_back()
        if not answer.cancelled():
            self._answers.append((execution, order, answer.result()))
            self._news.set()

    def _take_answers(self) -> None:
        while self._answers:
            execution, order, message = self._answers.popleft()
            try:
                record = from_data(message.result(), RunRecord)
            except WorkerLostError as error:
                sweep_run(order.record.id)
                if self._begin_again(execution, order):
                    continue
                stopped = self.reason if self.is_stopped else ""
                record = self._opened.records.of_lost_worker(order, str(error), stopped=stopped)
            self._say(Finished(record=record))
            self._conclude(execution, record)

    def _begin_again(self, execution: Execution, order: WorkOrder) -> bool:
        """Queue a run again whose worker died before its command had started; once, as it may be the run's fault."""
        if self.is_stopped or execution.attempts or not self._opened.records.forget_unstarted(order.record.id):
            return False
        execution.attempts += 1
        self._schedule.queue_again(execution)
        return True

    def _conclude(self, execution: Execution, record: RunRecord) -> None:
        """Give the points that waited for a run what it has come to."""
        self._opened.candidates.report(record)
        waiting = self._schedule.end(execution, record)
        if waiting:
            self._opened.others.look_again()  # other calls may have finished runs meanwhile
        for point in waiting:
            if self.is_stopped:
                self._stop_target(point, record)
            # What the run read without declaring it may differ between the points that waited for it.
            elif point is execution.point or not mismatch(point.facts(point.stage(execution.stage.address)), record):
                self._hand_on(point, record)

    def _hand_on(self, point: PointState, record: RunRecord) -> None:
        """Give a point what an upstream run has made, or end the point when that run ended badly."""
        if record.status is RunStatus.COMPLETED:
            point.settle_from_run(point.stage(record.stage), record)
        else:
            error = f"not executed: {record.name} {record.status}" + (f" ({record.error})" if record.error else "")
            self._close(point, error=error, cause=record)

    def _look_at_attached(self) -> None:
        """Take what runs of other calls have come to; one that neither completed nor failed is made here instead."""
        for run_id in self._schedule.attached:
            try:
                record = self._store.get(run_id).record
            except RunNotFoundError:  # its worker was only told of it
                if run_id not in self._at_workers:
                    self._make_instead(run_id)
                continue
            if record.status in (RunStatus.COMPLETED, RunStatus.FAILED):
                self._say(Reused(record=record, notices=self._not_applied(record)))
                for execution in self._schedule.detach(run_id):
                    self._conclude(execution, record)
            elif record.status.final:
                self._make_instead(run_id)

    def _make_instead(self, run_id: str) -> None:
        """Decide anew about what waited for a run of another call that came to nothing."""
        self._opened.others.look_again()
        for execution in self._schedule.detach(run_id):
            self._schedule.reopen(execution)

    def _close(
        self,
        point: PointState,
        *,
        error: str,
        cause: RunRecord | None = None,
        status: RunStatus = RunStatus.FAILED,
        reason: str = "upstream",
    ) -> None:
        """Record that the target of a point is never executed."""
        if self._is_done(point):
            return
        upstream = {cause.stage: cause.id} if cause is not None else None
        target = point.point.target
        planned = self._runs.planned(point, target) or self._runs.take(point, target)
        record = self._opened.records.never_executed(
            planned, point, error=error, upstream=upstream, status=status, reason=reason
        )
        self._schedule.finish(point, record)
        self._say(Finished(record=record))

    def stop(self, steps: int = 1) -> None:
        """Stop the call: the first step sends SIGINT to the running stages and starts nothing more.

        Further steps send SIGTERM, SIGKILL, and end the workers themselves.
        """
        self._stops += steps
        self._begin_no_more()
        for _, task in list(self._tasks.values()):
            task.stop(steps)
            if self._stops > KILL_STEP:
                task.kill()
        self._news.set()

    def drain(self) -> None:
        """Begin nothing more, and let what runs end by itself."""
        self._draining = True
        self._begin_no_more()
        self._news.set()

    def _begin_no_more(self) -> None:
        self.left += [run.name for run in self._schedule.stop()]
        self._slots.leave(self._news.set)

    def end_with_kernel(self) -> None:
        """Stop the call because nobody is there any more who made it: workers end their runs by themselves."""
        self._stops += 1
        self.reason = "kernel"
        self._begin_no_more()
        for _, task in list(self._tasks.values()):
            task.let_go()
        self._news.set()

    def stop_run(self, run_id: str, steps: int = 1) -> None:
        """Stop one run of the call: as `stop` does if it goes; else it is never begun."""
        task = next((task for one, task in self._tasks.values() if one.planned and one.planned.id == run_id), None)
        if task is not None:
            task.stop(steps)
            return
        self._unwanted.add(run_id)
        self._withdraw(run_id)

    def _withdraw(self, run_id: str) -> None:
        """Take a run out of the queue, and end what waited for it."""
        execution = self._schedule.withdraw(run_id)
        if execution is None:
            return
        error = (
            f"not executed: {execution.stage.address} {execution.planned.number if execution.planned else ''} stopped"
        )
        for point in [execution.target] if execution.target is not None else execution.waiting:
            self._close(point, error=error, status=RunStatus.STOPPED, reason="user")
        self._news.set()

    async def close_unbegun(self) -> None:
        """Record the targets whose turn had not come when the call was stopped, so that tables can tell of them."""
        for point in self._points:
            planned = self._runs.planned(point, point.point.target)
            if self._is_done(point) or planned is None:
                continue
            self._opened.records.never_executed(
                planned,
                point,
                error="never begun: its call was stopped before",
                status=RunStatus.STOPPED,
                reason=self.reason,
                unbegun=True,
            )
            await asyncio.sleep(0)  # other calls go on

    async def _abandon(self) -> None:
        """Stop what runs, because the call cannot go on; the workers end their runs by themselves."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.stop(2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*(task.answer for task in tasks))

    def _stop_target(self, point: PointState, cause: RunRecord) -> None:
        """Record that a target was never executed, because the call was stopped while a stage above it ran."""
        after = "interrupted after " if cause.status is RunStatus.COMPLETED else ""
        self._close(
            point,
            error=f"not executed: {after}{cause.name} {cause.status}",
            cause=cause,
            status=RunStatus.STOPPED,
            reason=self.reason,
        )

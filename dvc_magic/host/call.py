"""The life of one call, from its capture to the last record.

The call holds no truth: workers write the records, and a host that dies leaves runs that end by themselves. It walks
the points of the call in grid order, settles upstream stages as their outputs become known, and hands runs to workers.
An upstream run that several points need is executed once. Under ``--reuse`` a run of another call may answer instead;
one that still goes is only watched, and never stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import ChainMap, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dvc_magic.codec import from_data, to_data
from dvc_magic.engine import Capture, CaptureRequest, WorkOrder, source_marks, text_marks
from dvc_magic.engine.calls import (
    CallInputs,
    CallRecords,
    Candidates,
    Decisions,
    Execution,
    NewFiles,
    PlannedRuns,
    PointState,
    ReusableRuns,
    Schedule,
    answered,
    made_before,
    mismatch,
    named_runs,
    settle,
    work_of,
)
from dvc_magic.errors import MissingInputError, StoreError, WorkerLostError
from dvc_magic.executors import Message, Task, Workers, sweep_run
from dvc_magic.host.call_log import CallLog
from dvc_magic.model.call import CallStatus
from dvc_magic.model.plan import Action, PlannedStage, PointPlan, Supplied
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import Stage
from dvc_magic.store import ALL, RunStore
from dvc_magic.wire import CallEnd, CallRequest, Event, Finished, Planned, Pulling, Reused, Started
from dvc_magic.workspace import load_snapshot

_LOOK = 0.2  # seconds between looks for stops that others ask for
_TICK = 0.1  # seconds between looks at runs of other calls that are waited for
KILL_STEP = 3  # interrupts until the worker itself is ended
_PATIENCE = 15.0  # seconds for a worker to end its run, once the call cannot go on


class StoppedError(Exception):
    """The user has stopped the call before it had anything to stop."""


class Call:
    """One call under way: `open`, then `plan`, then `run` or `supply`.

    Args:
        asked: the call. project: root of the project. store: its run store. workers: of the host.
        tell: gets each event.

    Attributes:
        id: which the records of its runs have.
    """

    def __init__(
        self, asked: CallRequest, *, project: Path, store: RunStore, workers: Workers, tell: Callable[[Event], None]
    ) -> None:
        self.id = store.new_id()
        self._asked = asked
        self._request = asked.request
        self._project = project
        self._store = store
        self._workers = workers
        self._tell = tell
        self._stops = 0
        self._question: asyncio.Future[Any] | None = None  # the one that waits for a worker
        self._tasks: dict[int, tuple[Execution, Task]] = {}  # by id of the execution
        self._answers: deque[tuple[Execution, WorkOrder, Message]] = deque()
        self._news = asyncio.Event()
        self._unwanted: set[str] = set()  # ids of planned runs that are not to begin
        self._left: list[str] = []  # names of other calls' runs that go on after a stop
        self._points: list[PointState] = []
        self._plans: tuple[PointPlan, ...] = ()
        self._schedule = Schedule([], jobs=0)  # a stop may come before the project was captured

    async def open(self) -> None:
        """Fix the project's state in a worker, and look at what it holds.

        Raises:
            DvcMagicError: the call makes no sense, or the project cannot be used as it is.
        """
        self._store.check_writable()
        request = self._request
        self._workers.warm(1 + min(request.jobs - 1, 4))  # DVC takes half a second to be there
        question = CaptureRequest(
            project=str(self._project),
            home=str(self._store.home),
            targets=request.stages,
            points=tuple(request.points()),
            operations=self._asked.operations,
            copy_paths=request.copy_paths,
            hydra=request.hydra,
            python=self._asked.python,
            pythonpath=self._asked.environ.get("PYTHONPATH", ""),
        )
        capture = from_data(await self._ask("capture", request=to_data(question), environ=self._asked.environ), Capture)
        self._capture = capture
        self._inputs = CallInputs(
            capture.inputs,
            project=self._project,
            store=self._store,
            call=self.id,
            ask=self._ask,
            environ=self._asked.environ,
            deadline=self._asked.pull_timeout,
            pulling=lambda progress: self._tell(Pulling(progress=progress)),
        )
        self._candidates = Candidates(capture, self._store, altered_outs=self._altered_outs)
        self._others = ReusableRuns(self._store, capture, call=self.id)
        self._points = self._all_points(capture)
        self._decisions = Decisions(
            request,
            capture,
            self._points,
            used=named_runs(capture, request.use, self._store),
            candidates=self._candidates,
            others=self._others,
            asked_for=self._why_asked(),
        )
        self._schedule = Schedule(self._decisions.in_turn, jobs=request.jobs)

    def _all_points(self, capture: Capture) -> list[PointState]:
        snapshot = load_snapshot(self._store.paths, capture.snapshot)
        new_files = NewFiles(snapshot, self._store.paths)
        self._records = CallRecords(
            self.id,
            self._request,
            capture,
            linked=snapshot.linked,
            operations=self._asked.operations,
            looked=new_files.digest,
            project=self._project,
            store=self._store,
        )
        marks = source_marks(snapshot, {})
        earlier = partial(
            made_before, store=self._store, project=self._project, by_magic=self._request.line is not None
        )
        return [
            PointState(
                point,
                capture=capture,
                snapshot=snapshot,
                sources=ChainMap(text_marks(point.replace), marks),
                cache=self._store.cache,
                inputs=self._inputs,
                is_intact=self._candidates.is_intact,
                new_files=new_files,
                made_before=earlier,
            )
            for point in capture.points
        ]

    def _why_asked(self) -> str:
        if self._request.from_run is None:
            return "asked for"
        return f"values of {self._store.get(self._request.from_run).record.name}"

    async def _altered_outs(self, run_id: str) -> object:
        return await self._ask("altered_outs", project=str(self._project), home=str(self._store.home), run=run_id)

    async def _ask(self, do: str, **arguments: Any) -> Any:
        """Ask a worker; a stop of the call ends the question, as nobody waits for the answer then.

        Raises:
            StoppedError: the call was stopped meanwhile.
        """
        self._question = asyncio.ensure_future(self._workers.ask(do, **arguments))
        try:
            return await self._question
        except asyncio.CancelledError:
            if self._stops:
                raise StoppedError from None
            self._question.cancel()
            raise
        finally:
            self._question = None

    async def plan(self) -> tuple[PointPlan, ...]:
        """What is going to happen, as far as it is known before anything has run; no data is pulled for it.

        Raises:
            MissingInputError: a dependency that nothing can supply.
            RunError: a run that ``--use`` names cannot be used. RequestError: a value would have no effect.
            StoppedError: the call was stopped.
        """
        await self._inputs.resolve()
        persistent = [out.path for point in self._points for stage in point.stages for out in stage.outs if out.persist]
        await answered(partial(self._inputs.confirm, persistent))
        plans: dict[int, PointPlan] = {}
        for point in self._decisions.in_turn:
            plans[point.point.index] = await answered(partial(self._decisions.plan, point))
            await self._breathe()
        self._plans = tuple(plans[point.point.index] for point in self._points)
        return self._plans

    async def _breathe(self) -> None:
        """Let other calls and messages have their turn.

        Raises:
            StoppedError: one of them was to stop this call.
        """
        await asyncio.sleep(0)
        if self._stops:
            raise StoppedError

    async def run(self) -> CallEnd:
        """Tell the plan, pull what is in remotes and run everything.

        Raises:
            MissingInputError: something cannot be pulled; nothing was run.
            ProjectError: an input changed since the capture.
            StoppedError: the call was stopped before anything ran.
        """
        await self._keep_inputs()
        plans = {point.point.index: plan for point, plan in zip(self._points, self._plans, strict=True)}
        self._runs = PlannedRuns(self._decisions.in_turn, plans, shared=self._decisions.shared, store=self._store)
        self._log = CallLog(
            self.id,
            self._request,
            kernel=self._asked.kernel,
            capture=self._capture,
            runs=self._runs,
            store=self._store,
        )
        looking = asyncio.create_task(self._look_for_stops())
        try:
            self._say(Planned(call=self.id, plan=self._numbered()))
            await self._inputs.pull()
            while not await self._step():
                pass
        except BaseException as error:
            await self._abandon()
            self._end(CallStatus.STOPPED if self._stops else CallStatus.FAILED, error=str(error))
            raise
        finally:
            looking.cancel()
        done = self._schedule.done
        answers = [done[point.point.index] for point in self._points if self._is_done(point)]
        failed = any(record.status is not RunStatus.COMPLETED for record in answers)
        self._end(CallStatus.STOPPED if self._stops else CallStatus.FAILED if failed else CallStatus.COMPLETED)
        return CallEnd(
            call=self.id,
            runs=tuple(record.id for record in answers),
            stopped=bool(self._stops),
            left=tuple(dict.fromkeys(self._left)),
        )

    def _end(self, status: CallStatus, *, error: str = "") -> None:
        answers = {index: record.id for index, record in self._schedule.done.items()}
        with contextlib.suppress(StoreError):  # of a full disk: the runs have their records, the call reads as lost
            self._log.end(status, points=self._points, answers=answers, error=error.partition("\n")[0])

    def _say(self, event: Event) -> None:
        self._log.heard(event)
        self._tell(event)

    def _is_done(self, point: PointState) -> bool:
        return point.point.index in self._schedule.done

    async def _keep_inputs(self) -> None:
        """Keep every project input of the stages that may run: edits after the call must not reach its runs."""
        wanted: dict[str, None] = {}
        for point, plan in zip(self._points, self._plans, strict=True):
            actions = {decision.stage: decision.action for decision in plan.decisions}
            for stage in point.stages:
                action = actions.get(stage.address)
                if stage.address in point.settled or action not in (Action.RUN, Action.WHEN_CHANGED):
                    continue
                pulled = action is Action.RUN
                paths = point.project_paths(stage)
                wanted |= dict.fromkeys(path for path in paths if pulled or self._inputs[path].remote is None)
        await self._inputs.keep(wanted)

    def _numbered(self) -> tuple[PointPlan, ...]:
        """The plan; that of a single point with the numbers that its certain runs have from now on."""
        if len(self._plans) != 1:
            return self._plans
        (point,), (plan,) = self._points, self._plans

        def numbered(decision: PlannedStage) -> PlannedStage:
            planned = self._runs.planned(point, decision.stage) if decision.action is Action.RUN else None
            return decision if planned is None else replace(decision, number=planned.number)

        return (replace(plan, decisions=tuple(map(numbered, plan.decisions))),)

    async def supply(self) -> Supplied:
        """What the target's deps are and how they would be placed, after `plan`, without running anything.

        Side effects: what they are is in the runs' cache, pulled if need be.

        Raises:
            MissingInputError: something can neither be found nor pulled, or a stage would have to run first.
        """
        (point,) = self._points
        self._decisions.check_needs_no_run(point)
        target = point.stages[-1]
        await self._fetch_for(point, target)
        deps, placements, _ = await answered(partial(point.inputs, target))
        return Supplied(deps=deps, placements=placements)

    async def _fetch_for(self, point: PointState, stage: Stage) -> None:
        """Keep and pull what a stage needs that turned out only now to be needed."""
        await self._inputs.keep(point.project_paths(stage))
        await self._inputs.pull()

    # --- step by step -------------------------------------------------------------------------------------------------

    async def _step(self) -> bool:
        """Decide what can be decided, start what can be started, wait for news; returns whether nothing is left."""
        with contextlib.suppress(StoppedError):
            while point := self._schedule.next_open():
                await self._advance(point)
                await self._breathe()
            while execution := self._schedule.start_next():
                await self._start(execution)
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
            await self._fetch_for(point, stage)
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
            self._say(Reused(record=decision.run, notices=self._not_applied(decision.run)))
            return
        work = None
        if target.address in self._decisions.shared:
            work = await answered(partial(work_of, point, target))
        execution = Execution(stage=target, target=point)
        if decision.action is Action.ATTACH and decision.run is not None:
            self._attach(execution, decision.run, work=work)
        else:
            await self._fetch_for(point, target)
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
        if not (self._request.label or self._request.tags):
            return ()
        return (f"{record.name} is of another call and keeps its own label and tags; run.tag(..) changes them",)

    # --- runs ---------------------------------------------------------------------------------------------------------

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
            raise
        task = self._workers.begin(
            "execute", order=to_data(order), environ=self._asked.environ, addresses=self._capture.addresses
        )
        self._tasks[id(execution)] = (execution, task)
        self._runs.started(order.record.id)
        task.answer.add_done_callback(partial(self._note_answer, execution, order))
        self._say(Started(record=order.record))

    def _order(self, execution: Execution) -> WorkOrder:
        assert execution.planned is not None
        return self._records.order(
            execution.planned,
            execution.point,
            execution.stage,
            asked=execution.target is not None,
            reported_reads=self._candidates.reported_reads(execution.stage),
            notices=self._inputs.notices,
        )

    def _note_answer(self, execution: Execution, order: WorkOrder, answer: asyncio.Future[Message]) -> None:
        self._tasks.pop(id(execution), None)
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
                record = self._records.of_lost_worker(order, str(error))
            self._say(Finished(record=record))
            self._conclude(execution, record)

    def _conclude(self, execution: Execution, record: RunRecord) -> None:
        """Give the points that waited for a run what it has come to."""
        self._candidates.report(record)
        waiting = self._schedule.end(execution, record)
        if waiting:
            self._others.look_again()  # other calls may have finished runs meanwhile
        for point in waiting:
            if self._stops:
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
        """Take what runs of other calls have come to."""
        for run_id in self._schedule.attached:
            record = self._store.get(run_id).record
            if record.status.final:
                self._say(Reused(record=record, notices=self._not_applied(record)))
                for execution in self._schedule.detach(run_id):
                    self._conclude(execution, record)

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
        record = self._records.never_executed(
            planned, point, error=error, upstream=upstream, status=status, reason=reason
        )
        self._schedule.finish(point, record)
        self._say(Finished(record=record))

    # --- stopping -----------------------------------------------------------------------------------------------------

    def stop(self, steps: int = 1) -> None:
        """Stop the call: the first step sends SIGINT to the running stages and starts nothing more.

        Further steps send SIGTERM, SIGKILL, and end the workers themselves.
        """
        self._stops += steps
        if self._question is not None:
            self._question.cancel()
        self._left += [run.name for run in self._schedule.stop()]
        for _, task in list(self._tasks.values()):
            task.stop(steps)
            if self._stops > KILL_STEP:
                task.kill()
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

    async def _look_for_stops(self) -> None:
        """Obey what others ask for in the call's folder, for as long as the call goes."""
        while True:
            for name, steps in self._log.stops().items():
                if name == ALL:
                    self.stop(steps)
                else:
                    self.stop_run(name, steps)
            await asyncio.sleep(_LOOK)

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
            reason="user",
        )

"""The life of one call, from its capture to its end.

The call holds no truth: workers write the records, and a host that dies leaves runs that end by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dvc_magic.engine import HeardPoints, Request
from dvc_magic.engine.calls import PlannedRuns
from dvc_magic.errors import StoreError
from dvc_magic.executors import Heard, Workers
from dvc_magic.host.asking import ask
from dvc_magic.host.call_log import CallLog
from dvc_magic.host.opened_call import OpenedCall, capture_request
from dvc_magic.host.running_call import RunningCall, StoppedError
from dvc_magic.host.slots import Slots
from dvc_magic.model.call import CallStatus
from dvc_magic.model.plan import Action, PlannedStage, PointPlan, Supplied
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.store import ALL, DRAIN, RunStore
from dvc_magic.wire import CallEnd, CallRequest, Event, Planned, Pulling

_LOOK = 0.2  # seconds between looks for stops that others ask for


class Call:
    """One call under way: `open`, then `plan`, then `run` or `supply`.

    Args:
        asked: the call. project: root of the project. store: its run store. workers: of the host.
        slots: room for its commands; by default as many as it asks for.
        at_workers: by id, the runs that workers have for the calls of this host.
        tell: gets each event.

    Attributes:
        id: which the records of its runs have.
    """

    def __init__(
        self,
        asked: CallRequest,
        *,
        project: Path,
        store: RunStore,
        workers: Workers,
        tell: Callable[[Event], None],
        slots: Slots | None = None,
        at_workers: dict[str, RunRecord] | None = None,
    ) -> None:
        self.id = store.new_id()
        self._asked = asked
        self._project = project
        self._store = store
        self._workers = workers
        self._tell = tell
        self._slots = slots or Slots()
        self._at_workers = {} if at_workers is None else at_workers
        self._stops = 0
        self._question: asyncio.Future[Any] | None = None  # the one that waits for a worker
        self._plans: tuple[PointPlan, ...] = ()
        self._running: RunningCall | None = None  # once the plan stands
        self._log: CallLog | None = None
        self._detached = False

    async def open(self) -> None:
        """Fix the project's state in a worker, and look at what it holds.

        Raises:
            DvcMagicError: the call makes no sense, or the project cannot be used as it is.
            StoppedError: the call was stopped.
        """
        self._store.check_writable()
        self._workers.warm(1 + min(self._asked.request.jobs - 1, 4))  # DVC takes half a second to be there
        question = capture_request(self._asked, project=self._project, home=self._store.home)
        heard = HeardPoints()
        capture = await self._ask(question, heard=heard.hear, survives=True)
        self._opened = OpenedCall(
            self.id,
            self._asked,
            replace(capture, points=tuple(heard.points)),
            project=self._project,
            store=self._store,
            ask=self._ask,
            pulling=lambda progress: self._tell(Pulling(progress=progress)),
            at_workers=self._at_workers,
        )
        await self._opened.look_at_points(self._breathe)

    async def _ask(self, request: Request, *, heard: Heard | None = None, survives: bool = False) -> Any:
        """Ask a worker; a stop of the call ends the question, as nobody waits for the answer then.

        Raises:
            StoppedError: the call was stopped meanwhile.
        """
        self._question = asyncio.ensure_future(ask(self._workers, request, heard=heard, survives=survives))
        try:
            return await self._question
        except asyncio.CancelledError:
            if self._stops:
                raise StoppedError from None
            self._question.cancel()
            raise
        finally:
            self._question = None

    async def _breathe(self) -> None:
        """Let other calls and messages have their turn.

        Raises:
            StoppedError: one of them was to stop this call.
        """
        await asyncio.sleep(0)
        if self._stops:
            raise StoppedError

    async def plan(self) -> tuple[PointPlan, ...]:
        """What is going to happen, as far as it is known before anything has run; no data is pulled for it.

        Raises:
            MissingInputError: a dependency that nothing can supply.
            RunError: a run that ``--use`` names cannot be used. RequestError: a value would have no effect.
            StoppedError: the call was stopped.
        """
        self._plans = await self._opened.plan(self._breathe)
        return self._plans

    async def supply(self) -> Supplied:
        """What the target's deps are and how they would be placed, after `plan`; see `OpenedCall.supply`."""
        return await self._opened.supply()

    async def run(self, *, background: bool = False) -> CallEnd:
        """Write and tell the plan, pull what is in remotes and run everything.

        Args:
            background: whether nobody waits for it; then its plan survives a power cut once it is told.

        Raises:
            MissingInputError: something cannot be pulled; nothing was run.
            ProjectError: an input changed since the capture.
            StoppedError: the call was stopped before anything ran.
        """
        opened = self._opened
        await opened.keep_inputs(self._plans, self._breathe)
        plans = {point.point.index: plan for point, plan in zip(opened.points, self._plans, strict=True)}
        runs = PlannedRuns(self._store)
        for _ in runs.plan(opened.decisions.in_turn, plans, shared=opened.decisions.shared):
            await self._breathe()
        targets = tuple(runs.target(point, plan) for point, plan in zip(opened.points, self._plans, strict=True))
        # In a thread: the plan of 1,000 points over 6 stages is a megabyte, and takes 0.2 s.
        log = self._log = await asyncio.to_thread(
            CallLog,
            self.id,
            self._asked,
            capture=opened.capture,
            runs=runs,
            targets=targets,
            store=self._store,
            background=background,
            detached=self._detached,
        )

        def say(event: Event) -> None:
            log.heard(event)
            self._tell(event)

        running = self._running = RunningCall(
            opened,
            runs,
            store=self._store,
            executor=self._workers,
            environ=self._asked.environ,
            at_workers=self._at_workers,
            slots=self._slots,
            say=say,
            breathe=self._breathe,
        )
        status, error = CallStatus.FAILED, ""
        looking = asyncio.create_task(self._obey(log))
        try:
            say(Planned(call=self.id, plan=self._numbered(runs)))
            await opened.inputs.pull()
            await running.carry_out()
            if all(record.status is RunStatus.COMPLETED for record in running.answers.values()):
                status = CallStatus.COMPLETED
        except BaseException as failure:
            error = str(failure).partition("\n")[0]
            raise
        finally:
            looking.cancel()
            stopped = bool(self._stops) or running.is_stopped  # a stop may have come before there was a `running`
            with contextlib.suppress(StoreError):  # of a full disk: the plan says so, too
                if stopped:
                    await running.close_unbegun()
            with contextlib.suppress(StoreError):  # of a full disk: the runs have their records, the call reads as lost
                await asyncio.to_thread(
                    log.end,
                    CallStatus.STOPPED if stopped else status,
                    points=opened.points,
                    answers={index: record.id for index, record in running.answers.items()},
                    reason=running.reason if stopped else "",
                    error=error,
                )
        answers = sorted(running.answers.items())
        return CallEnd(
            call=self.id,
            runs=tuple(record.id for _, record in answers),
            stopped=stopped,
            left=tuple(dict.fromkeys(running.left)),
        )

    def _numbered(self, runs: PlannedRuns) -> tuple[PointPlan, ...]:
        """The plan; that of a single point with the numbers that its certain runs have from now on."""
        if len(self._plans) != 1:
            return self._plans
        (point,), (plan,) = self._opened.points, self._plans

        def numbered(decision: PlannedStage) -> PlannedStage:
            planned = runs.planned(point, decision.stage) if decision.action is Action.RUN else None
            return decision if planned is None else replace(decision, number=planned.number)

        return (replace(plan, decisions=tuple(map(numbered, plan.decisions))),)

    def stop(self, steps: int = 1) -> None:
        """Stop the call: the first step sends SIGINT to the running stages and starts nothing more.

        Further steps send SIGTERM, SIGKILL, and end the workers themselves.
        """
        self._end_question(steps)
        if self._running is not None:
            self._running.stop(steps)

    def _end_question(self, steps: int) -> None:
        self._stops += steps
        if self._question is not None:
            self._question.cancel()

    def detach(self) -> None:
        """Let the call outlive its kernel."""
        self._detached = True
        if self._log is not None:
            self._log.detach()

    def end_with_kernel(self) -> None:
        """Stop the call because nobody is there any more who made it, unless it is detached."""
        if self._detached:
            return
        self._end_question(1)
        if self._running is not None:
            self._running.end_with_kernel()

    async def _obey(self, log: CallLog) -> None:
        """Stop what others ask for in the call's folder, for as long as the call goes."""
        assert self._running is not None
        while True:
            for name, steps in log.stops().items():
                if name == ALL:
                    self.stop(steps)
                elif name == DRAIN:
                    self._running.drain()
                else:
                    self._running.stop_run(name, steps)
            await asyncio.sleep(_LOOK)

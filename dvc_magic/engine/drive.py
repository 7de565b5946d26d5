"""Driving one call from its capture to the last record: in the process that made the call.

The driver holds no truth: workers write the records, and a driver that dies leaves runs that end by themselves. It
walks the points of the call in grid order, settles upstream stages as their outputs become known, and hands runs to
idle workers. An upstream run that several points need is executed once. Under ``--reuse`` a run of another call may
answer instead; one that still goes is only watched, and never stopped.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.codec import from_data, to_data
from dvc_magic.engine.inputs import CallInputs
from dvc_magic.engine.interrupts import held
from dvc_magic.engine.links import project_links
from dvc_magic.engine.made_before import made_before
from dvc_magic.engine.named_runs import named_runs
from dvc_magic.engine.new_files import NewFiles
from dvc_magic.engine.observer import Observer, PointPlan
from dvc_magic.engine.order import Capture, Placement, WorkOrder
from dvc_magic.engine.others import Others
from dvc_magic.engine.plan import Action, Decision, mismatch
from dvc_magic.engine.point import PointState
from dvc_magic.engine.source_marks import source_marks
from dvc_magic.errors import DvcMagicError, MissingInputError, RequestError, RunError, WorkerLostError
from dvc_magic.executors import Message, Worker, WorkerPool, sweep_run
from dvc_magic.model.operation import Operation
from dvc_magic.model.record import CallInfo, DepRecord, Looked, Notes, OutRecord, RunRecord, RunStatus, Times
from dvc_magic.model.request import ChangeKind, RunRequest, UpstreamPolicy
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.stage import DepKind, Stage
from dvc_magic.model.values import flatten
from dvc_magic.store import RunStore
from dvc_magic.workspace import load_snapshot

_TICK = 0.05  # seconds between looks at the logs of running stages
PULL_TIMEOUT = 60.0  # seconds without a byte
_RECENT = 20  # runs of a stage that tell which undeclared reads were told of before
_KILL_STEP = 3  # interrupts until the worker itself is ended


class _Job(Struct):
    """A run to execute, for one target or for every point that waits for an upstream stage.

    The first state of a run that is asked for has it as its target; the others wait for it.
    """

    stage: Stage
    states: list[PointState]
    asked: bool
    order: WorkOrder | None = None
    other: RunRecord | None = None  # the run of another call that is waited for instead
    record: RunRecord | None = None


class _Progress(Struct):
    """What is queued, running and done."""

    queue: list[_Job] = field(default_factory=list)
    running: dict[Worker, _Job] = field(default_factory=dict)
    attached: dict[str, list[_Job]] = field(default_factory=dict)  # by the id of another call's run
    upstream: dict[str, _Job] = field(default_factory=dict)
    done: dict[int, RunRecord] = field(default_factory=dict)


class Driver:
    """One call under way. Use `plan`, `reserve` and `execute`, in this order and once each.

    Attributes:
        call: its id, which the records of its runs have.
    """

    def __init__(
        self,
        request: RunRequest,
        capture: Capture,
        *,
        project: Path,
        store: RunStore,
        pool: WorkerPool,
        environ: Mapping[str, str],
        observer: Observer,
        operations: Sequence[Operation] = (),
        pull_timeout: float = PULL_TIMEOUT,
    ) -> None:
        self._request = request
        self._capture = capture
        self._project = project
        self._store = store
        self._pool = pool
        self._environ = dict(environ)
        self._observer = observer
        self._operations = {operation.address: operation for operation in operations}
        self.call = store.new_id()
        self._progress = _Progress()
        self._inputs = CallInputs(
            capture.inputs,
            project=project,
            store=store,
            call=self.call,
            ask=pool.ask,
            environ=environ,
            deadline=pull_timeout,
            observer=observer,
        )
        self._candidates: dict[str, list[RunRecord]] = {}
        self._newest: dict[str, list[RunRecord]] = {}
        self._intact: dict[str, bool] = {}  # by id of the run
        self._told: dict[str, set[str]] = {}  # entry of dvc.yaml -> undeclared reads that this call's runs told of
        self._others = Others(store, capture, call=self.call)
        self._interrupts = 0
        self._left: list[str] = []  # names of attached runs that an interrupt has left running
        self._ends: list[RunRecord] = []  # the observer is to be told of
        self._answers: list[tuple[Worker, Message]] = []
        self._plans: tuple[PointPlan, ...] = ()
        self._numbers: dict[str, int] = {}
        self._snapshot: Snapshot = load_snapshot(store.paths, capture.snapshot)
        self._new_files = NewFiles(self._snapshot, store.paths)
        self._used = named_runs(capture, request.use, store)
        self._states = [self._state(index) for index in range(len(capture.points))]
        self._targets = {point.target for point in capture.points}
        above = {stage.address for point in capture.points for stage in point.pipeline.stages[:-1]}
        self._shared = (self._targets & above) - self._used.keys()  # asked for, and other targets build on them
        # A shared target has fewer stages above it than what builds on it, and so comes first.
        self._in_turn = sorted(self._states, key=lambda state: len(state.stages)) if self._shared else self._states

    def _state(self, index: int) -> PointState:
        point = self._capture.points[index]
        return PointState(
            point,
            capture=self._capture,
            snapshot=self._snapshot,
            sources=source_marks(self._snapshot, point.replace),
            cache=self._store.cache,
            inputs=self._inputs,
            is_intact=self._is_intact,
            new_files=self._new_files,
            made_before=partial(
                made_before, store=self._store, project=self._project, by_magic=self._request.line is not None
            ),
        )

    def _is_intact(self, run: RunRecord) -> bool:
        """Whether a worker finds the outs of a run as it made them, or could mend them; asked once in a call."""
        if run.id not in self._intact:
            home, project = str(self._store.home), str(self._project)
            self._intact[run.id] = not self._pool.ask("altered_outs", project=project, home=home, run=run.id)
        return self._intact[run.id]

    def _completed(self, stage: Stage) -> list[RunRecord]:
        """The completed runs that can stand for a stage, the marked one first, then newest first."""
        if stage.address not in self._candidates:
            serving = {op.address for point in self._capture.points for op in point.pipeline.serving(stage.address)}
            found = [
                stored
                for address in (stage.address, *sorted(serving))
                for stored in self._store.of_stage(address, status=RunStatus.COMPLETED)
            ]
            found.sort(key=lambda stored: (not stored.notes.mark, -stored.record.number))
            self._candidates[stage.address] = [stored.record for stored in found]
        return self._candidates[stage.address]

    def _recent(self, stage: Stage) -> list[RunRecord]:
        """Some of the newest completed runs of a stage, as of the first look at them in this call."""
        known = self._candidates.get(stage.address)
        if known is not None:
            return [run for run in known if run.stage == stage.address][:_RECENT]
        if stage.address not in self._newest:
            found = self._store.newest_of_stage(stage.address, limit=_RECENT, status=RunStatus.COMPLETED)
            self._newest[stage.address] = [stored.record for stored in found]
        return self._newest[stage.address]

    def plan(self) -> tuple[PointPlan, ...]:
        """What is going to happen, as far as it is known before anything has run; no data is pulled for it.

        Raises:
            MissingInputError: a dependency that nothing can supply.
            RunError: a run that ``--use`` names cannot be used.
        """
        self._inputs.resolve()
        self._inputs.confirm(
            out.path for state in self._states for stage in state.stages for out in stage.outs if out.persist
        )
        plans = {state.point.index: self._plan_point(state) for state in self._in_turn}
        self._plans = tuple(plans[state.point.index] for state in self._states)
        return self._plans

    def reserve(self) -> tuple[PointPlan, ...]:
        """Keep the inputs of what is going to run, give numbers to the runs that are certain, and return the plan.

        Numbers are given beforehand to a single run and what it needs; in a grid each run gets its own when it starts.

        Raises:
            ProjectError: an input changed since the capture.
        """
        self._keep_inputs()
        if len(self._plans) != 1:
            return self._plans
        decisions = self._plans[0].decisions
        certain = [decision.stage for decision in decisions if decision.action is Action.RUN]
        self._numbers = dict(zip(certain, self._store.next_numbers(len(certain)), strict=True))
        numbered = tuple(replace(decision, number=self._numbers.get(decision.stage)) for decision in decisions)
        return (replace(self._plans[0], decisions=numbered),)

    def supply(self) -> tuple[dict[str, DepRecord], tuple[Placement, ...]]:
        """What the target's deps are and how they would be placed, after `plan`, without running anything.

        Side effects: what they are is in the runs' cache, pulled if need be.

        Raises:
            MissingInputError: something can neither be found nor pulled, or a stage would have to run first.
        """
        state = self._states[0]
        target = state.stages[-1]
        waiting = [stage.address for stage in state.stages[:-1] if stage.address not in state.settled]
        open_ends = [address for address in waiting if address in self._needed(state)]
        if open_ends:
            message = f"{open_ends[0]!r} would have to run first: %dvc_run {open_ends[0]}"
            raise MissingInputError(message)
        self._keep_for(state, target, remote=True)
        self._inputs.pull()
        records, placements, _ = state.inputs(target)
        return records, placements

    def _plan_point(self, state: PointState) -> PointPlan:
        decisions: list[Decision] = []
        *upstream, target = state.stages
        needed = self._needed(state)
        self._refuse_idle_overrides(state, needed)
        for stage in upstream:
            if stage.address not in needed:
                continue
            decision = self._decide(state, stage)
            decisions.append(decision)
            self._settle(state, stage, decision)
            if decision.action in (Action.RUN, Action.WHEN_CHANGED):
                state.require_inputs(stage)
        decision = self._decide_target(state)
        decisions.append(decision)
        if decision.action in (Action.RUN, Action.WHEN_CHANGED):
            state.require_inputs(target)
        works = self._works(state)
        return PointPlan(
            target=target.address,
            decisions=tuple(replace(decision, work=works.get(decision.stage, 0)) for decision in decisions),
            overrides=state.point.overrides,
            retyped=state.point.retyped,
            file_values=self._capture.file_values,
            composition=self._capture.composition,
        )

    @staticmethod
    def _works(state: PointState) -> dict[str, int]:
        """By stage, what is equal for points whose values make no difference to it and to the stages above it."""
        works: dict[str, int] = {}
        for stage in state.stages:
            own = json.dumps([stage.address, stage.cmd, to_data(stage.locked)])
            works[stage.address] = hash((own, *(works[producer] for producer in state.producers(stage))))
        return works

    def _decide_target(self, state: PointState) -> Decision:
        """What becomes of the target; kept in the state unless inputs of it have to be known first."""
        if state.answer is not None:
            return state.answer
        target = state.stages[-1]
        if self._request.reuse:
            decision = state.decide_target(
                self._others.setting(state.point),
                candidates=self._others.completed(target),
                going=self._others.going(target),
            )
        else:
            decision = Decision(stage=target.address, action=Action.RUN, reason=self._asked)
        if decision.action is not Action.WHEN_CHANGED:
            state.answer = decision
        return decision

    @property
    def _asked(self) -> str:
        if self._request.from_run is None:
            return "asked for"
        return f"values of {self._store.get(self._request.from_run).record.name}"

    def _refuse_idle_overrides(self, state: PointState, needed: set[str]) -> None:
        """Refuse a value that no stage of the call could take, because ``--use`` names the run of the stage that would.

        Raises:
            RequestError: there is such a value.
        """
        taking = self._targets | (needed - self._used.keys())
        takers = [stage for stage in state.stages if stage.address in taking]
        for override in state.point.overrides:
            place = (override.file, override.key)
            owners = [stage for stage in state.stages if place in {(flag.file, flag.key) for flag in stage.flags}]
            if owners and not any(stage in takers for stage in owners):
                message = (
                    f"{override.key} has no effect here: only {owners[0].address!r} takes it, and --use says whose "
                    "outputs are used instead; leave out one of the two"
                )
                raise RequestError(message)

    def _needed(self, state: PointState) -> set[str]:
        """The stages that the target's inputs lead to; what lies above a run named by ``--use`` is not looked at."""
        needed: set[str] = set()
        open_ends = [state.stages[-1]]
        while open_ends:
            stage = open_ends.pop()
            for producer in state.point.pipeline.upstream(stage):
                if producer.address in needed:
                    continue
                needed.add(producer.address)
                given = producer.address in self._used or producer.frozen
                if not given and not self._is_served(state, producer):
                    open_ends.append(producer)
        return needed

    def _is_served(self, state: PointState, stage: Stage) -> bool:
        """Whether a run of an operation stands for a stage whatever lies above it."""
        automatic = self._request.upstream in (UpstreamPolicy.AUTO, UpstreamPolicy.NEVER)
        if not automatic or stage.address in self._shared or not state.point.pipeline.serving(stage.address):
            return False
        return state.served(stage, self._completed(stage)) is not None

    def _asked_beside(self, state: PointState, stage: Stage) -> PointState | None:
        """The point of this call that asks for what `state` needs of a stage upstream: the same, of the same inputs."""
        if stage.address not in self._shared or stage.frozen or self._request.upstream is UpstreamPolicy.PROJECT:
            return None
        targets = (other for other in self._in_turn if other.point.target == stage.address)
        key = self._execution_key(state, stage)
        return next((other for other in targets if self._execution_key(other, other.stages[-1]) == key), None)

    @staticmethod
    def _execution_key(state: PointState, stage: Stage) -> str:
        """What points have in common for which one execution of a stage will do."""
        inputs = sorted(state.facts(stage).inputs.items())
        return json.dumps([stage.address, stage.cmd, to_data(stage.locked), inputs])

    def _decide(self, state: PointState, stage: Stage) -> Decision:
        beside = self._asked_beside(state, stage)
        if beside is not None:
            return self._decide_target(beside)
        named = self._used.get(stage.address)
        if named is not None and not self._is_intact(named.record):
            message = (
                f"{named.record.name}, named by {named.by}, does not have its outputs as it made them any more, and no "
                f"whole copy is left; name another run, or none, so that {stage.address!r} runs again"
            )
            raise RunError(message)
        decision = state.decide(
            stage,
            candidates=self._completed(stage),
            policy=self._request.upstream,
            used=named.record if named is not None else None,
        )
        if named is not None:
            return replace(decision, reason=f"named by {named.by}")
        if decision.action is not Action.RUN or not self._request.reuse:
            return decision
        return state.attach(stage, self._others.setting(state.point), self._others.going(stage)) or decision

    @staticmethod
    def _settle(state: PointState, stage: Stage, decision: Decision) -> None:
        if decision.action is Action.REUSE and decision.run is not None:
            state.settle_from_run(stage, decision.run)
        elif decision.action is Action.PROJECT:
            state.settle_from_project(stage)

    def _keep_inputs(self) -> None:
        """Keep every project input of the stages that may run: edits after the call must not reach its runs."""
        for state, plan in zip(self._states, self._plans, strict=True):
            actions = {decision.stage: decision.action for decision in plan.decisions}
            for stage in state.stages:
                action = actions.get(stage.address)
                if stage.address not in state.settled and action in (Action.RUN, Action.WHEN_CHANGED):
                    self._keep_for(state, stage, remote=action is Action.RUN)

    def _keep_for(self, state: PointState, stage: Stage, *, remote: bool) -> None:
        """Keep what a stage takes from the project, or note it for the next pull when that is asked for."""
        for path in state.project_paths(stage):
            if remote or self._inputs[path].remote is None:
                self._inputs.keep(path)

    def execute(self) -> list[RunRecord]:
        """Pull what is in remotes, run everything; returns the final records of the targets, in grid order.

        Raises:
            MissingInputError: something cannot be pulled; nothing was run.
            KeyboardInterrupt: again, after the running stages were stopped. The first one sends SIGINT to the running
                stages and starts nothing more, a second SIGTERM, a third SIGKILL. Runs of other calls that were waited
                for go on; its message names them.
        """
        self._inputs.pull()
        while True:
            try:
                if self._loop():
                    break
            except KeyboardInterrupt:
                self._interrupt()
            except BaseException:
                self._abandon()
                raise
        if self._interrupts:
            names = ", ".join(dict.fromkeys(self._left))
            raise KeyboardInterrupt(*([f"{names} goes on, as another call has started it"] if names else []))
        return [self._progress.done[state.point.index] for state in self._states]

    def _loop(self) -> bool:
        """Do what can be done until something has to be waited for; True when nothing is left."""
        progress = self._progress
        while True:
            if not self._interrupts:
                self._advance()
                self._start()
            if not (progress.running or progress.attached):
                return bool(self._interrupts) or not progress.queue
            self._wait()
            with held():  # an answer that was read and not noted would be waited for without end
                answers = self._pool.wait(list(progress.running), timeout=0)
                self._answers += [(worker, message) for worker, message in answers if message.is_answer]
            self._note_answers()
            self._look_at_attached()
            self._observer.waiting()

    def _wait(self) -> None:
        if self._progress.running:
            self._pool.until_ready(list(self._progress.running), timeout=_TICK)
        else:
            time.sleep(_TICK)

    def _look_at_attached(self) -> None:
        """Take what runs of other calls have come to."""
        for run_id in list(self._progress.attached):
            record = self._store.get(run_id).record
            if not record.status.final:
                continue
            with held():
                for job in self._progress.attached.pop(run_id):
                    self._conclude(job, record)
            self._observer.reused(record, self._not_applied(record))
            self._tell_ends()

    def _not_applied(self, record: RunRecord) -> tuple[str, ...]:
        if not (self._request.label or self._request.tags):
            return ()
        return (f"{record.name} is of another call and keeps its own label and tags; run.tag(..) changes them",)

    def _tell_ends(self) -> None:
        while self._ends:
            self._observer.finished(self._ends.pop(0))

    def _note_answers(self) -> None:
        """Take note of the answers that were read, also of those that an interrupt or an error has left over."""
        while self._answers:
            with held():
                worker, message = self._answers.pop(0)
                record = self._ended(worker, message.result)
            self._observer.finished(record)
            self._tell_ends()

    def _interrupt(self) -> None:
        with held():
            self._interrupts += 1
            self._progress.queue.clear()
            self._left += [job.other.name for jobs in self._progress.attached.values() for job in jobs if job.other]
            self._progress.attached.clear()
            for worker in self._progress.running:
                worker.send({"do": "stop"})
                if self._interrupts > _KILL_STEP:
                    worker.kill()

    def _abandon(self) -> None:
        """Stop what runs, because the call cannot go on; the workers end their runs by themselves."""
        with held():
            for worker in self._progress.running:
                worker.send({"do": "stop", "steps": 2})
            for worker in self._progress.running:
                worker.close(patience=15.0)

    def _advance(self) -> None:
        """Settle what can be settled and queue what has to run, in grid order."""
        for state in self._in_turn:
            if state.point.index in self._progress.done:
                continue
            try:
                self._advance_point(state)
            except MissingInputError as error:  # of what has just been made: the other points go on
                self._close_point(state, error=str(error))
        self._tell_ends()

    def _advance_point(self, state: PointState) -> None:
        needed = self._needed(state)
        *upstream, target = state.stages
        for stage in upstream:
            open_end = stage.address in needed and stage.address not in (state.settled.keys() | state.waiting)
            if not open_end or not state.ready(stage):
                continue
            decision = self._decide(state, stage)
            self._settle(state, stage, decision)
            if stage.address not in state.settled:
                going = decision.run if decision.action is Action.ATTACH else None
                self._queue_upstream(state, stage, going=going)
        if target.address not in state.waiting and state.ready(target):
            self._queue_target(state, target)

    def _queue_target(self, state: PointState, target: Stage) -> None:
        decision = self._decide_target(state)
        job = _Job(stage=target, states=[state], asked=True)
        if decision.action is Action.REUSE and decision.run is not None:
            self._progress.done[state.point.index] = decision.run
            self._observer.reused(decision.run, self._not_applied(decision.run))
            return
        if decision.action is Action.ATTACH and decision.run is not None:
            self._attach(job, decision.run)
        else:
            self._fetch_for(state, target)
            self._progress.queue.append(job)
        state.waiting.add(target.address)
        if target.address in self._shared:
            self._progress.upstream.setdefault(self._execution_key(state, target), job)

    def _attach(self, job: _Job, run: RunRecord) -> None:
        """Wait for a run of another call."""
        job.other = run
        if run.id not in self._progress.attached:
            self._progress.attached[run.id] = []
            self._observer.started(run)
        self._progress.attached[run.id].append(job)

    def _fetch_for(self, state: PointState, stage: Stage) -> None:
        """Pull what a stage needs that turned out only now to be needed."""
        self._keep_for(state, stage, remote=True)
        self._inputs.pull()

    def _queue_upstream(self, state: PointState, stage: Stage, *, going: RunRecord | None) -> None:
        if going is None:
            self._fetch_for(state, stage)
        key = self._execution_key(state, stage)
        state.waiting.add(stage.address)
        job = self._progress.upstream.get(key)
        if job is not None and job.record is not None and not mismatch(state.facts(stage), job.record):
            self._hand_on(state, job.record)
            return
        if job is None or job.record is not None:
            job = _Job(stage=stage, states=[], asked=False)
            self._progress.upstream[key] = job
            if going is not None:
                self._attach(job, going)
            else:
                self._progress.queue.append(job)
        job.states.append(state)

    def _start(self) -> None:
        progress = self._progress
        while progress.queue and len(progress.running) < self._request.jobs:
            job = progress.queue.pop(0)
            job.order = self._order(job)
            with held():  # a worker that has a request and is not in `running` would never be stopped
                worker = self._pool.idle()
                worker.request(
                    "execute", order=to_data(job.order), environ=self._environ, addresses=self._capture.addresses
                )
                progress.running[worker] = job
            self._observer.started(job.order.record)

    def _order(self, job: _Job) -> WorkOrder:
        state, stage = job.states[0], job.stage
        deps, placements, upstream = state.inputs(stage)
        point = state.point
        return WorkOrder(
            record=replace(
                self._record(job),
                deps=deps,
                outs={out.path: OutRecord(kind=out.kind, cache=out.cache) for out in stage.outs},
                upstream=upstream,
                warnings=(*self._capture.notices, *self._inputs.notices) if job.asked else (),
                root=_root_folder(self._project, stage, self._capture.git_prefix),
            ),
            notes=self._notes(job),
            stage=stage,
            file=point.pipeline.file_of(stage),
            project=str(self._project),
            home=str(self._store.home),
            replace={**point.replace, **stage.texts},
            placements=placements,
            param_files=tuple(file for file in point.param_files if file not in stage.param_files),
            timeout=self._request.timeout,
            known_reads=self._known_reads(stage),
            surroundings=self._capture.surroundings,
            links=project_links(
                stage,
                environments=self._capture.environments.get(stage.wdir, ()),
                secrets=self._snapshot.linked,
                git_objects=self._capture.git_objects,
            ),
        )

    def _known_reads(self, stage: Stage) -> tuple[str, ...]:
        """Undeclared files that runs of a stage were seen to read, in this call or before it."""
        before = {path for run in self._recent(stage) for path in run.read}
        return tuple(sorted(before | self._told.get(_entry(stage.address), set())))

    def _record(self, job: _Job) -> RunRecord:
        point, stage, overrides = job.states[0].point, job.stage, job.states[0].overrides
        params: dict[str, dict[str, Any]] = {}
        for flag in stage.flags:
            if flag.group is None or flag.value is not None:
                params.setdefault(flag.file, {})[flag.key] = flag.value
        for entry in overrides if job.asked else ():
            if not entry.declared and entry.kind != ChangeKind.REMOVE:
                params.setdefault(entry.file, {}).update(flatten({entry.key: entry.value}))
        return RunRecord(
            id=self._store.new_id(),
            number=self._number(stage),
            call=CallInfo(
                id=self.call,
                asked=job.asked,
                index=point.index if job.asked else None,
                size=len(self._states),
            ),
            stage=stage.address,
            cmd=stage.cmd,
            times=Times(created=datetime.now(UTC)),
            line=self._request.line,
            notebook=self._request.notebook,
            dvcfile=stage.dvcfile,
            wdir=stage.wdir,
            overrides=overrides,
            params=params,
            locked=stage.locked,
            op=self._operation(stage),
            from_run=self._request.from_run if job.asked else None,
            looked=Looked(paths=self._new_files.digest),
            import_roots=self._capture.import_roots,
            copied=self._capture.copied,
            snapshot=self._capture.snapshot,
            commit=self._capture.commit,
            dirty=self._capture.dirty,
            environment=self._capture.environment,
        )

    def _operation(self, stage: Stage) -> Operation | None:
        """What a stage was compiled from, as it was read: without the values of this call."""
        if stage.operation is None:
            return None
        return replace(self._operations.get(stage.address, stage.operation), serves=stage.operation.serves)

    def _number(self, stage: Stage) -> int:
        if stage.address in self._numbers:
            return self._numbers.pop(stage.address)
        return self._store.next_numbers(1)[0]

    def _ended(self, worker: Worker, result: Callable[[], Any]) -> RunRecord:
        job = self._progress.running.pop(worker)
        assert job.order is not None
        record = self._outcome(worker, job.order, result)
        self._conclude(job, record)
        return record

    def _conclude(self, job: _Job, record: RunRecord) -> None:
        """Give the points that waited for a run what it has come to."""
        self._told.setdefault(_entry(record.stage), set()).update(record.read)
        job.record = record
        waiting = job.states
        if job.asked:
            target, *waiting = job.states
            self._progress.done[target.point.index] = record
        if not waiting:
            return
        self._others.look_again()  # before targets are decided: calls go on beside this one
        for state in waiting:
            state.waiting.discard(job.stage.address)
            if self._interrupts:
                self._stop_target(state, record)
            # What the run read without declaring it may differ between the points that waited for it.
            elif state is job.states[0] or not mismatch(state.facts(state.stage(job.stage.address)), record):
                self._hand_on(state, record)

    def _hand_on(self, state: PointState, record: RunRecord) -> None:
        """Give a point what an upstream run has made, or end the point when that run ended badly."""
        if record.status is RunStatus.COMPLETED:
            state.settle_from_run(state.stage(record.stage), record)
        else:
            self._fail_target(state, record)

    def _outcome(self, worker: Worker, order: WorkOrder, result: Callable[[], Any]) -> RunRecord:
        try:
            return from_data(result(), RunRecord)
        except WorkerLostError as error:
            self._pool.discard(worker)
            sweep_run(order.record.id)
            with contextlib.suppress(DvcMagicError):
                return self._store.get(order.record.id).record
            lost = replace(order.record, status=RunStatus.FAILED, reason="worker gone", error=str(error))
            self._write(lost, order.notes)
            return lost

    def _fail_target(self, state: PointState, cause: RunRecord) -> None:
        """Record that a target was never executed, because a stage above it ended badly."""
        error = f"not executed: {cause.name} {cause.status}" + (f" ({cause.error})" if cause.error else "")
        self._close_point(state, error=error, upstream={cause.stage: cause.id})

    def _stop_target(self, state: PointState, cause: RunRecord) -> None:
        """Record that a target was never executed, because the call was interrupted while a stage above it ran."""
        done = cause.status is RunStatus.COMPLETED
        self._close_point(
            state,
            error=f"not executed: {'interrupted after ' if done else ''}{cause.name} {cause.status}",
            upstream={cause.stage: cause.id},
            status=RunStatus.STOPPED,
            reason="user",
        )

    def _close_point(
        self,
        state: PointState,
        *,
        error: str,
        upstream: Mapping[str, str] | None = None,
        status: RunStatus = RunStatus.FAILED,
        reason: str = "upstream",
    ) -> None:
        """Write the record of a target that is never executed; the observer is told by the next `_tell_ends`."""
        if state.point.index in self._progress.done:
            return
        job = _Job(stage=state.stages[-1], states=[state], asked=True)
        record = replace(self._record(job), status=status, reason=reason, error=error, upstream=dict(upstream or {}))
        self._write(record, self._notes(job))
        self._ends.append(record)
        self._progress.done[state.point.index] = record

    def _write(self, record: RunRecord, notes: Notes) -> None:
        """Write the only record of a run that no worker has recorded; one may have made its folder."""
        lock = None if self._store.paths.run(record.id).folder.is_dir() else self._store.claim(record.id)
        try:
            if notes.label or notes.tags:
                self._store.write_notes(record.id, notes)
            self._store.write(record)
        finally:
            if lock is not None:
                lock.release()

    def _notes(self, job: _Job) -> Notes:
        return Notes(label=self._request.label, tags=self._request.tags) if job.asked else Notes()


def _entry(address: str) -> str:
    """The entry of ``dvc.yaml`` that a stage comes from: items of ``foreach`` and ``matrix`` share one."""
    file, colon, name = address.rpartition(":")
    return f"{file}{colon}{name.partition('@')[0]}"


def _root_folder(project: Path, stage: Stage, prefix: str) -> str:
    """Where a run's DVC root lies in its workspace: as deep as the stage's deps reach above the project.

    A project in a folder of a git repository lies as deep in the workspace, so that git there finds the same paths.
    """
    paths = [*(dep.path for dep in stage.deps if dep.kind is DepKind.LOCAL), *(out.path for out in stage.outs)]
    above = max((path.split("/").count("..") for path in paths), default=0)
    depth = max(above, len(prefix.split("/")) if prefix else 0)
    return "/".join(project.parts[-depth:]) if depth else "."

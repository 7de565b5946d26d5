"""A call whose project is captured: its points, and all that decisions about them are made from."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dvc_magic.engine import AlteredOutsRequest, Capture, CaptureRequest, Point, source_marks, text_marks
from dvc_magic.engine.calls import (
    Ask,
    CallInputs,
    CallRecords,
    Candidates,
    Decisions,
    NewFiles,
    PointState,
    ReusableRuns,
    answered,
    made_before,
    named_runs,
)
from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.plan import Action, PointPlan, Supplied
from dvc_magic.model.record import RunRecord
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Stage
from dvc_magic.store import RunStore, load_snapshot
from dvc_magic.wire import CallRequest


class OpenedCall:
    """What is fixed when a call is made, and what is known since.

    Args:
        call: its id. asked: the call. capture: the project at that moment.
        project: its root. store: its run store. ask: asks a worker. pulling: is told how pulls go.
        at_workers: by id, the runs of all calls that some worker was just told to make.

    Attributes:
        request, capture: of the call. points: one for each target and set of values, in grid order.
        inputs: what the project held. records: makes those of its runs.
        candidates, others, decisions: see `dvc_magic.engine.calls`.
    """

    def __init__(
        self,
        call: str,
        asked: CallRequest,
        capture: Capture,
        *,
        project: Path,
        store: RunStore,
        ask: Ask,
        pulling: Callable[[PullProgress], None],
        at_workers: Mapping[str, RunRecord],
    ) -> None:
        self.request = asked.request
        self.capture = capture
        self._place: dict[str, Any] = {"project": str(project), "home": str(store.home)}
        self._ask = ask
        self._store = store
        self.inputs = CallInputs(
            capture.inputs,
            project=project,
            store=store,
            call=call,
            ask=ask,
            environ=asked.environ,
            deadline=asked.pull_timeout,
            pulling=pulling,
        )
        self.candidates = Candidates(capture, store, altered_outs=self._altered_outs)
        self.others = ReusableRuns(store, capture, call=call, at_workers=at_workers)
        snapshot = load_snapshot(store.paths, capture.snapshot)
        new_files = NewFiles(snapshot, store.paths)
        self.records = CallRecords(
            call,
            self.request,
            capture,
            linked=snapshot.linked,
            operations=asked.operations,
            looked=new_files.digest,
            project=project,
            store=store,
        )
        marks = source_marks(snapshot, {})
        earlier = partial(made_before, store=store, project=project, by_magic=self.request.line is not None)
        self._state_of: Callable[[Point], PointState] = lambda point: PointState(
            point,
            capture=capture,
            snapshot=snapshot,
            sources=ChainMap(text_marks(point.replace), marks),
            cache=store.cache,
            inputs=self.inputs,
            is_intact=self.candidates.is_intact,
            new_files=new_files,
            made_before=earlier,
        )
        self.points: list[PointState] = []

    async def look_at_points(self, breathe: Callable[[], Awaitable[None]]) -> None:
        """Make `points` and `decisions`.

        Args:
            breathe: lets others have their turn between two points.

        Raises:
            RunError: a run that ``--use`` names cannot be used.
        """
        for point in self.capture.points:
            self.points.append(self._state_of(point))
            await breathe()
        self.decisions = Decisions(
            self.request,
            self.capture,
            self.points,
            used=named_runs(self.capture, self.request.use, self._store),
            candidates=self.candidates,
            others=self.others,
            asked_for=_why_asked(self.request, self._store),
        )

    async def _altered_outs(self, run_id: str) -> object:
        return await self._ask(AlteredOutsRequest(**self._place, run=run_id))

    async def plan(self, breathe: Callable[[], Awaitable[None]]) -> tuple[PointPlan, ...]:
        """What is going to happen to each point, as far as it is known before anything has run; nothing is pulled.

        Args:
            breathe: lets others have their turn between two points.

        Raises:
            MissingInputError: a dependency that nothing can supply.
            RunError: a run that ``--use`` names cannot be used. RequestError: a value would have no effect.
        """
        await self.inputs.resolve()
        persistent = [out.path for point in self.points for stage in point.stages for out in stage.outs if out.persist]
        await answered(partial(self.inputs.confirm, persistent))
        plans: dict[int, PointPlan] = {}
        for point in self.decisions.in_turn:
            plans[point.point.index] = await answered(partial(self.decisions.plan, point))
            await breathe()
        return tuple(plans[point.point.index] for point in self.points)

    async def keep_inputs(self, plans: Sequence[PointPlan], breathe: Callable[[], Awaitable[None]]) -> None:
        """Keep every project input of the stages that may run: edits after the call must not reach its runs.

        Raises:
            ProjectError: an input changed since the capture.
        """
        wanted: dict[str, None] = {}
        for point, plan in zip(self.points, plans, strict=True):
            actions = {decision.stage: decision.action for decision in plan.decisions}
            for stage in point.stages:
                action = actions.get(stage.address)
                if stage.address in point.settled or action not in (Action.RUN, Action.WHEN_CHANGED):
                    continue
                pulled = action is Action.RUN
                paths = point.project_paths(stage)
                wanted |= dict.fromkeys(path for path in paths if pulled or self.inputs[path].remote is None)
            await breathe()
        await self.inputs.keep(wanted)

    async def fetch_for(self, point: PointState, stage: Stage) -> None:
        """Keep and pull what a stage needs that turned out only now to be needed."""
        await self.inputs.keep(point.project_paths(stage))
        await self.inputs.pull()

    async def supply(self) -> Supplied:
        """What the target's deps are and how they would be placed, without running anything.

        Side effects: what they are is in the runs' cache, pulled if need be.

        Raises:
            MissingInputError: something can neither be found nor pulled, or a stage would have to run first.
        """
        (point,) = self.points
        self.decisions.check_needs_no_run(point)
        target = point.stages[-1]
        await self.fetch_for(point, target)
        deps, placements, _ = await answered(partial(point.inputs, target))
        return Supplied(deps=deps, placements=placements)


def capture_request(asked: CallRequest, *, project: Path, home: Path) -> CaptureRequest:
    """What a worker has to capture for a call."""
    request = asked.request
    return CaptureRequest(
        project=str(project),
        home=str(home),
        targets=request.stages,
        points=tuple(request.points()),
        operations=asked.operations,
        copy_paths=request.copy_paths,
        hydra=request.hydra,
        python=asked.python,
        pythonpath=asked.environ.get("PYTHONPATH", ""),
        environ=asked.environ,
    )


def _why_asked(request: RunRequest, store: RunStore) -> str:
    if request.from_run is None:
        return "asked for"
    return f"values of {store.get(request.from_run).record.name}"

"""What becomes of each stage of a point: plain code over what is known, see `dvc_magic.engine.calls.answered`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from dvc_magic.codec import to_data
from dvc_magic.engine.calls.candidates import Candidates
from dvc_magic.engine.calls.named_runs import NamedRun
from dvc_magic.engine.calls.plan import Decision
from dvc_magic.engine.calls.point import PointState
from dvc_magic.engine.calls.reusable_runs import ReusableRuns
from dvc_magic.engine.order import Capture
from dvc_magic.errors import MissingInputError, RequestError, RunError
from dvc_magic.model.plan import Action, PointPlan
from dvc_magic.model.request import RunRequest, UpstreamPolicy
from dvc_magic.model.stage import Stage

_WORKS = 10**15  # JSON keeps such numbers as they are; of 6,000 runs two agree by chance once in 50 million calls


class Decisions:
    """Decides what happens to the stages of a call, at the call and whenever a stage above has ended.

    All methods raise `dvc_magic.engine.calls.answered.UnansweredError` where a worker has to be asked first.

    Args:
        request, capture: of the call. points: its points, in grid order.
        used: the runs that ``--use`` or an operation names, by stage.
        candidates, others: the runs that could serve it.
        asked_for: why the target runs, in one phrase.

    Attributes:
        in_turn: the points, those first on whose targets others build.
        shared: the stages that are asked for and that other targets build on.
    """

    def __init__(
        self,
        request: RunRequest,
        capture: Capture,
        points: Sequence[PointState],
        *,
        used: Mapping[str, NamedRun],
        candidates: Candidates,
        others: ReusableRuns,
        asked_for: str,
    ) -> None:
        self._request = request
        self._capture = capture
        self._used = used
        self._candidates = candidates
        self._others = others
        self._asked_for = asked_for
        self._targets = {point.point.target for point in points}
        above = {stage.address for point in points for stage in point.stages[:-1]}
        self.shared = (self._targets & above) - used.keys()
        # A shared target has fewer stages above it than what builds on it, and so comes first.
        self.in_turn = sorted(points, key=lambda point: len(point.stages)) if self.shared else list(points)

    def plan(self, point: PointState) -> PointPlan:
        """What is going to happen for one point, as far as it is known before anything has run.

        Side effects: upstream stages that need no run are settled.

        Raises:
            MissingInputError: a dependency that nothing can supply.
            RunError: a run that ``--use`` names cannot be used. RequestError: a value would have no effect.
        """
        decisions: list[Decision] = []
        *upstream, target = point.stages
        needed = self.needed(point)
        self._refuse_idle_overrides(point, needed)
        for stage in upstream:
            if stage.address not in needed:
                continue
            decision = self.decide(point, stage)
            decisions.append(decision)
            settle(point, stage, decision)
            if decision.action in (Action.RUN, Action.WHEN_CHANGED):
                point.require_inputs(stage)
        decision = self.decide_target(point)
        decisions.append(decision)
        if decision.action in (Action.RUN, Action.WHEN_CHANGED):
            point.require_inputs(target)
        works = _works(point)
        return PointPlan(
            target=target.address,
            decisions=tuple(decision.shown(work=works.get(decision.stage, 0)) for decision in decisions),
            overrides=point.point.overrides,
            retyped=point.point.retyped,
            file_values=self._capture.file_values,
            composition=self._capture.composition,
        )

    def decide_target(self, point: PointState) -> Decision:
        """What becomes of the target; kept in the point unless inputs of it have to be known first."""
        if point.answer is not None:
            return point.answer
        target = point.stages[-1]
        if self._request.reuse:
            decision = point.decide_target(
                self._others.setting(point.point),
                candidates=self._others.completed(target),
                going=self._others.going(target),
            )
        else:
            decision = Decision(stage=target.address, action=Action.RUN, reason=self._asked_for)
        if decision.action is not Action.WHEN_CHANGED:
            point.answer = decision
        return decision

    def decide(self, point: PointState, stage: Stage) -> Decision:
        """What becomes of an upstream stage.

        Raises:
            MissingInputError: policy ``never`` forbids the run that would be needed, or the project lacks the output.
            RunError: the run that is named for it lost its outputs.
        """
        beside = self.asked_beside(point, stage)
        if beside is not None:
            return self.decide_target(beside)
        named = self._used.get(stage.address)
        if named is not None and not self._candidates.is_intact(named.record):
            message = (
                f"{named.record.name}, named by {named.by}, does not have its outputs as it made them any more, and no "
                f"whole copy is left; name another run, or none, so that {stage.address!r} runs again"
            )
            raise RunError(message)
        decision = point.decide(
            stage,
            candidates=self._candidates.completed(stage),
            policy=self._request.upstream,
            used=named.record if named is not None else None,
        )
        if named is not None:
            return replace(decision, reason=f"named by {named.by}")
        if decision.action is not Action.RUN:
            return decision
        return point.attach(stage, self._others.setting(point.point), self._others.going(stage)) or decision

    def needed(self, point: PointState) -> set[str]:
        """The stages that the target's inputs lead to; what lies above a run named by ``--use`` is not looked at."""
        needed: set[str] = set()
        open_ends = [point.stages[-1]]
        while open_ends:
            stage = open_ends.pop()
            for producer in point.point.pipeline.upstream(stage):
                if producer.address in needed:
                    continue
                needed.add(producer.address)
                is_end = producer.address in self._used or producer.frozen
                if not is_end and not self._is_served(point, producer):
                    open_ends.append(producer)
        return needed

    def _is_served(self, point: PointState, stage: Stage) -> bool:
        """Whether a run of an operation stands for a stage whatever lies above it."""
        automatic = self._request.upstream in (UpstreamPolicy.AUTO, UpstreamPolicy.NEVER)
        if not automatic or stage.address in self.shared or not point.point.pipeline.serving(stage.address):
            return False
        return point.served(stage, self._candidates.completed(stage)) is not None

    def asked_beside(self, point: PointState, stage: Stage) -> PointState | None:
        """The point of this call that asks for what `point` needs of a stage upstream: the same, of the same inputs."""
        if stage.address not in self.shared or stage.frozen or self._request.upstream is UpstreamPolicy.PROJECT:
            return None
        targets = (other for other in self.in_turn if other.point.target == stage.address)
        work = work_of(point, stage)
        return next((other for other in targets if work_of(other, other.stages[-1]) == work), None)

    def _refuse_idle_overrides(self, point: PointState, needed: set[str]) -> None:
        """Refuse a value that no stage of the call could take, because ``--use`` names the run of the stage that would.

        Raises:
            RequestError: there is such a value.
        """
        taking = self._targets | (needed - self._used.keys())
        takers = [stage for stage in point.stages if stage.address in taking]
        for override in point.point.overrides:
            place = (override.file, override.key)
            owners = [stage for stage in point.stages if place in {(flag.file, flag.key) for flag in stage.flags}]
            if owners and not any(stage in takers for stage in owners):
                message = (
                    f"{override.key} has no effect here: only {owners[0].address!r} takes it, and --use says whose "
                    "outputs are used instead; leave out one of the two"
                )
                raise RequestError(message)

    def check_needs_no_run(self, point: PointState) -> None:
        """Refuse a point whose target could only be supplied after another stage has run.

        Raises:
            MissingInputError: there is such a stage.
        """
        needed = self.needed(point)
        waiting = [stage.address for stage in point.stages[:-1] if stage.address not in point.settled]
        open_ends = [address for address in waiting if address in needed]
        if open_ends:
            message = f"{open_ends[0]!r} would have to run first: %dvc_run {open_ends[0]}"
            raise MissingInputError(message)


def settle(point: PointState, stage: Stage, decision: Decision) -> None:
    """Take a decision's run, or the project's outputs, for a stage's, if that is what it says."""
    if decision.action is Action.REUSE and decision.run is not None:
        point.settle_from_run(stage, decision.run)
    elif decision.action is Action.PROJECT:
        point.settle_from_project(stage)


def work_of(point: PointState, stage: Stage) -> str:
    """What points have in common for which one execution of a stage will do."""
    inputs = sorted(point.facts(stage).inputs.items())
    return json.dumps([stage.address, stage.cmd, to_data(stage.locked), inputs])


def _works(point: PointState) -> dict[str, int]:
    """By stage, what is equal for points whose values make no difference to it and to the stages above it."""
    works: dict[str, int] = {}
    for stage in point.stages:
        own = json.dumps([stage.address, stage.cmd, to_data(stage.locked)])
        works[stage.address] = hash((own, *(works[producer] for producer in point.producers(stage)))) % _WORKS
    return works

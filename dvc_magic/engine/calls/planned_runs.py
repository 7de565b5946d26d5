"""The runs of a call with ids and numbers: those that its plan is certain of, and those that come on later."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from dvc_magic.engine.calls.point import PointState
from dvc_magic.model.call import PlannedRun, PlannedState
from dvc_magic.model.plan import Action, PointPlan
from dvc_magic.store import RunStore

_STEP = 100  # runs


class PlannedRuns:
    """The runs that a call makes. A run has its id and number from the plan on; numbers are never given twice.

    Every target that is not answered already is planned; of the stages above, those that are certain to run, each once
    for all points that need the same. A stage above that runs only if its inputs change comes on when it does.

    Args:
        store: gives the ids and numbers.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._rows: list[PlannedRun] = []
        self._places: dict[tuple[int, str], int] = {}  # of a point's stage, among the rows
        self._by_id: dict[str, int] = {}
        self._taken: set[int] = set()  # places of those that are queued, or were

    def plan(
        self, points: Sequence[PointState], plans: Mapping[int, PointPlan], *, shared: Collection[str]
    ) -> Iterator[None]:
        """Plan what is certain; a step at a time, as a grid may have thousands of runs.

        Args:
            points: of the call, in the order in which they are looked at.
            plans: what happens to each, by index of the point.
            shared: the targets that other points build on.

        Raises:
            StoreError: the store has no numbers to give.
        """
        wanted = _wanted(points, plans, shared)
        yield
        distinct = dict.fromkeys(key for key, _, _ in wanted)
        numbers = iter(self._store.next_numbers(len(distinct)) if distinct else ())
        places: dict[Hashable, int] = {}
        for number, (key, point, stage) in enumerate(wanted):
            if key not in places:
                places[key] = self._add(point, stage, next(numbers))
            self._places[point.point.index, stage] = places[key]
            if number % _STEP == 0:
                yield

    def _add(self, point: PointState, stage: str, number: int) -> int:
        row = PlannedRun(
            id=self._store.new_id(),
            number=number,
            stage=stage,
            index=point.point.index if stage == point.point.target else None,
            values={f"{entry.file}:{entry.key}": entry.value for entry in point.point.overrides},
        )
        self._rows.append(row)
        self._by_id[row.id] = len(self._rows) - 1
        return len(self._rows) - 1

    def planned(self, point: PointState, stage: str) -> PlannedRun | None:
        """The row of a point's stage, if it is planned."""
        place = self._places.get((point.point.index, stage))
        return None if place is None else self._rows[place]

    def target(self, point: PointState, plan: PointPlan) -> str:
        """Id of the run of a point's target: the planned one, or that which answers for it."""
        planned, decision = self.planned(point, point.point.target), plan.decisions[-1]
        if planned is None:
            assert decision.run is not None, "a target runs, is reused or is waited for"
            return decision.run.id
        return planned.id

    def take(self, point: PointState, stage: str) -> PlannedRun:
        """The row of a run that is going to be executed: the planned one, or a new one where that is another's.

        Raises:
            StoreError: the store has no number to give.
        """
        place = self._places.get((point.point.index, stage))
        if place is None or place in self._taken:
            place = self._places[point.point.index, stage] = self._add(point, stage, self._store.next_numbers(1)[0])
        self._taken.add(place)
        return self._rows[place]

    def started(self, run_id: str) -> None:
        """Note that a worker has a run now."""
        place = self._by_id[run_id]
        self._rows[place] = replace(self._rows[place], state=PlannedState.STARTED)

    def close(self, points: Sequence[PointState], answers: Mapping[int, str]) -> tuple[PlannedRun, ...]:
        """What became of each, once the call has ended.

        Args:
            points: of the call. answers: index of a point -> id of the run that answers for its target.
        """
        served: dict[int, str] = {}
        for point in points:
            for stage in point.stages:
                place = self._places.get((point.point.index, stage.address))
                if place is None:
                    continue
                settled = point.settled.get(stage.address)
                run_id = settled.run.id if settled is not None and settled.run is not None else ""
                if stage.address == point.point.target:
                    run_id = answers.get(point.point.index, "")
                if run_id:
                    served[place] = run_id
        return tuple(_closed(row, served.get(place, "")) for place, row in enumerate(self._rows))

    @property
    def rows(self) -> tuple[PlannedRun, ...]:
        """All of them as they stand, in the order of their numbers."""
        return tuple(self._rows)


def _wanted(
    points: Sequence[PointState], plans: Mapping[int, PointPlan], shared: Collection[str]
) -> list[tuple[Hashable, PointState, str]]:
    """What is planned: a key that is equal where one run does, the point and the stage; stages further up first."""
    found: list[tuple[int, Hashable, PointState, str]] = []
    for point in points:
        places = {stage.address: place for place, stage in enumerate(point.stages)}
        for decision in plans[point.point.index].decisions:
            is_target = decision.stage == point.point.target
            if decision.action is not Action.RUN and not (is_target and decision.action is Action.WHEN_CHANGED):
                continue
            is_own = is_target and decision.stage not in shared
            key = (decision.stage, decision.work, point.point.index if is_own else None)
            found.append((places[decision.stage], key, point, decision.stage))
    found.sort(key=lambda one: one[0])
    return [(key, point, stage) for _, key, point, stage in found]


def _closed(row: PlannedRun, served: str) -> PlannedRun:
    if row.state is not PlannedState.PENDING:
        return row
    if served and served != row.id:
        return replace(row, state=PlannedState.REUSED, by=served)
    return replace(row, state=PlannedState.NEVER)

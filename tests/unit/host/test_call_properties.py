"""What holds of every call, whatever the pipeline, the edits between calls and the order in which runs end.

Projects are made up: a graph of stages, each with data of its own, a param, and a helper that it reads undeclared.
What a stage makes is a digest of all that, so that the truth about every output is known without running anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dvc_magic import codec
from dvc_magic.engine.order import Capture, Point, WorkOrder
from dvc_magic.executors import Workers
from dvc_magic.host.call import Call
from dvc_magic.model.call import PlannedState
from dvc_magic.model.inputs import InputFacts
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.request import RunRequest
from dvc_magic.model.snapshot import Snapshot, SourceFile, snapshot_id
from dvc_magic.model.stage import Dep, Out, Pipeline, PipelineFile, Stage
from dvc_magic.store import RunStore
from dvc_magic.wire import CallEnd, CallRequest
from tests.support.fakes import FakeWorkers


def digest(*parts: object) -> str:
    """The md5 of some values."""
    return hashlib.md5(repr(parts).encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class World:
    """A project as it is now.

    Attributes:
        above: for each stage the stages whose outputs it takes; stages are numbers, in topological order.
        coarse: stages whose output does not show every change of their inputs.
        data, params, helpers: the version of each, by stage.
    """

    above: tuple[frozenset[int], ...]
    coarse: frozenset[int]
    data: list[int]
    params: list[int]
    helpers: list[int]

    def helper(self, stage: int) -> str:
        """The md5 of a stage's undeclared helper."""
        return digest("helper", stage, self.helpers[stage])

    def data_hash(self, stage: int) -> str:
        """The md5 of a stage's own data."""
        return digest("data", stage, self.data[stage])

    def made(self, stage: int, params: Mapping[int, int]) -> str:
        """The md5 of what a stage makes of everything as it is now."""
        inputs = {f"o{above}": self.made(above, params) for above in self.above[stage]}
        inputs[f"d{stage}"] = self.data_hash(stage)
        return self.result(stage, inputs, param=params[stage], helper=self.helper(stage))

    def result(self, stage: int, inputs: Mapping[str, str], *, param: int, helper: str) -> str:
        """The md5 of what a stage makes of these inputs."""
        seen = digest(stage, sorted(inputs.items()), param, helper)
        return digest(stage, int(seen, 16) % 2) if stage in self.coarse else seen


def stage_of(world: World, number: int, param: int) -> Stage:
    """One stage with the value of its param."""
    deps = [f"o{above}" for above in sorted(world.above[number])] + [f"d{number}"]
    out = f"o{number}"
    return Stage(
        address=f"s{number}",
        name=f"s{number}",
        dvcfile="dvc.yaml",
        wdir=".",
        cmd=f"make {number}",
        commands=(f"make {number}",),
        deps=tuple(Dep(path=path, declared=path) for path in deps),
        outs=(Out(path=out, declared=out),),
        locked={"params.yaml": {f"p{number}": param}},
    )


def capture_of(world: World, store: RunStore, targets: Sequence[int], points: list[dict[int, int]]) -> Capture:
    """The project as a worker would capture it."""
    files = {
        f"h{number}": SourceFile(md5=world.helper(number), size=1, mtime_ns=1) for number in range(len(world.above))
    }
    snapshot = Snapshot(id=snapshot_id(files, ()), files=files)
    (store.paths.snapshots / f"{snapshot.id}.json").write_text(codec.encode(snapshot))
    numbers = range(len(world.above))
    return Capture(
        snapshot=snapshot.id,
        points=tuple(
            Point(target=f"s{target}", index=index, overrides=(), replace={}, pipeline=lineage(world, target, params))
            for index, (target, params) in enumerate(product(targets, points))
        ),
        inputs={
            **{
                f"d{number}": InputFacts(path=f"d{number}", present=True, hash=world.data_hash(number))
                for number in numbers
            },
            **{f"o{number}": InputFacts(path=f"o{number}") for number in numbers},
        },
    )


def lineage(world: World, target: int, params: Mapping[int, int]) -> Pipeline:
    """The stages that a target builds on, and itself."""
    stages = tuple(stage_of(world, number, params[number]) for number in range(len(world.above)))
    whole = Pipeline(stages=stages, files=(PipelineFile(path="dvc.yaml"),))
    return replace(whole, stages=whole.lineage(stages[target]))


@dataclass(slots=True)
class Machine:
    """A store, and runs that are executed by arithmetic."""

    store: RunStore
    world: World
    random: Random
    calls: list[list[WorkOrder]] = field(default_factory=list)

    def call(
        self,
        target: int | Sequence[int],
        points: list[dict[int, int]],
        *,
        jobs: int,
        reuse: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> list[RunRecord]:
        """Run a target, or several, for each point and return the records."""
        targets = [target] if isinstance(target, int) else target
        capture = capture_of(self.world, self.store, targets, points)
        workers = FakeWorkers(capture=capture, execute=self.execute, random=self.random, meanwhile=meanwhile)
        request = RunRequest(stages=tuple(f"s{each}" for each in targets), jobs=jobs, reuse=reuse)
        call = Call(
            CallRequest(request=request, environ={}),
            project=Path("/project"),
            store=self.store,
            workers=cast("Workers", workers),
            tell=lambda _: None,
        )

        async def carry_out() -> CallEnd:
            await call.open()
            await call.plan()
            return await call.run()

        end = asyncio.run(carry_out())
        assert workers.most <= jobs
        self.calls.append(workers.orders)
        self.check_plan(end)
        return [self.store.get(run_id).record for run_id in end.runs]

    def check_plan(self, end: CallEnd) -> None:
        """What was executed is in the plan under its own id and number, and so is the answer for each target."""
        rows = {row.id: row for row in self.store.calls.plan(end.call).runs}
        executed = {order.record.id: order.record for order in self.calls[-1]}
        assert {row.id for row in rows.values() if row.state is PlannedState.STARTED} == executed.keys()
        assert {id_: rows[id_].number for id_ in executed} == {id_: run.number for id_, run in executed.items()}
        assert len({row.number for row in rows.values()}) == len(rows)
        for index, answer in enumerate(end.runs):
            (row,) = [row for row in rows.values() if row.index == index] or [None]
            assert row is None or answer in (row.id, row.by)
        for row in rows.values():
            served = row.state is PlannedState.REUSED
            assert row.state is PlannedState.STARTED or served
            assert bool(row.by) is served

    def execute(self, order: WorkOrder) -> RunRecord:
        """What a worker would record."""
        lock = self.store.claim(order.record.id)
        record = self.result(order)
        self.store.write(record, durable=False)
        lock.release()
        return record

    def result(self, order: WorkOrder) -> RunRecord:
        """The record of a completed run, with its outputs in the store."""
        number = int(order.stage.address[1:])
        inputs = {path: dep.seen for path, dep in order.record.deps.items()}
        param = order.stage.locked["params.yaml"][f"p{number}"]
        assert isinstance(param, int)
        made = self.world.result(number, inputs, param=param, helper=self.world.helper(number))
        kept = self.store.paths.cache / "files" / "md5" / made[:2] / made[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch()
        for path in order.record.outs:
            placed = self.store.paths.run(order.record.id).dvc_root(order.record.root) / path
            placed.parent.mkdir(parents=True, exist_ok=True)
            placed.touch()
        outs = {path: replace(out, hash=made) for path, out in order.record.outs.items()}
        return replace(
            order.record, status=RunStatus.COMPLETED, outs=outs, read={f"h{number}": self.world.helper(number)}
        )

    def work(self, record: RunRecord) -> object:
        """What a run does, all that it reads included: the same for runs of which the second is a waste."""
        param = record.locked["params.yaml"][f"p{record.stage[1:]}"]
        seen = tuple(sorted((path, dep.seen) for path, dep in record.deps.items()))
        helper = record.read.get(f"h{record.stage[1:]}") or self.world.helper(int(record.stage[1:]))
        return record.stage, param, seen, helper


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A graph of two to six stages, mostly connected: nothing can go wrong between stages that have no link."""
    count = draw(st.integers(2, 6))
    above = tuple(
        frozenset(draw(st.sets(st.integers(0, number - 1), min_size=draw(st.sampled_from([1, 1, 1, 0])), max_size=3)))
        if number
        else frozenset()
        for number in range(count)
    )
    coarse = draw(st.frozensets(st.integers(0, count - 1), max_size=2))
    return World(above=above, coarse=coarse, data=[0] * count, params=[0] * count, helpers=[0] * count)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, int, int]:
    """A change of the project: what of which stage, and the version it gets."""
    return draw(st.sampled_from(["data", "params", "helpers"])), draw(st.integers(0, 5)), draw(st.integers(0, 2))


calls = st.tuples(
    st.lists(edits(), max_size=3),
    st.sampled_from([-1, -1, -2, 0, 1]),
    st.lists(st.dictionaries(st.integers(0, 5), st.integers(0, 2), max_size=2), min_size=1, max_size=3),
    st.integers(1, 3),
    st.booleans(),
)


@pytest.fixture(scope="module")
def stores() -> Iterator[Path]:
    """A folder for the stores of all examples, in memory where there is such a place: a store syncs to disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@settings(max_examples=200)
@given(world=worlds(), history=st.lists(calls, min_size=2, max_size=4), seed=st.integers(0, 2**32))
def test_every_run_builds_on_what_the_project_says_now_and_nothing_runs_twice(
    stores: Path, world: World, history: list[Any], seed: int
) -> None:
    machine = Machine(RunStore.open(Path(tempfile.mkdtemp(dir=stores))), deepcopy(world), Random(seed))
    count = len(world.above)
    for changes, target, overrides, jobs, reuse in history:
        for what, stage, version in changes:
            getattr(machine.world, what)[stage % count] = version
        points = [
            {**dict(enumerate(machine.world.params)), **{key % count: value for key, value in own.items()}}
            for own in overrides
        ]

        before = {machine.work(run.record) for run in machine.store.all()}

        records = machine.call(target % count, points, jobs=jobs, reuse=reuse)

        for params, record in zip(points, records, strict=True):
            check_lineage(machine, record, params)
        check_order(machine)
        check_news(machine, before, reuse=reuse)


def check_lineage(machine: Machine, record: RunRecord, params: Mapping[int, int]) -> None:
    """One lineage, and a true one: every run below a target has made, or would now make, the very same output."""
    number = int(record.stage[1:])
    assert {out.hash for out in record.outs.values()} == {machine.world.made(number, params)}
    for above in machine.world.above[number]:
        assert record.deps[f"o{above}"].seen == machine.world.made(above, params)
        assert record.deps[f"o{above}"].run == record.upstream[f"s{above}"]


def check_order(machine: Machine) -> None:
    """What a run takes was there before it began, and no two runs of a call do the same, targets aside."""
    orders = machine.calls[-1]
    ids = [order.record.id for order in orders]
    for index, order in enumerate(orders):
        later = set(ids[index:])
        assert not later & set(order.record.upstream.values())
    work = [
        (order.stage.address, order.stage.locked["params.yaml"][f"p{order.stage.address[1:]}"], _seen(order))
        for order in orders
        if not order.record.call.asked
    ]
    assert len(work) == len(set(work))


def check_news(machine: Machine, before: set[object], *, reuse: bool) -> None:
    """Nothing is executed that has been executed before: above the targets, and with ``--reuse`` not at all."""
    again = [order.record for order in machine.calls[-1] if machine.work(order.record) in before]
    assert all(record.call.asked for record in again)
    assert not (reuse and again)


def _seen(order: WorkOrder) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, dep.seen) for path, dep in order.record.deps.items()))


several = st.tuples(
    st.lists(st.integers(0, 5), max_size=2),
    st.lists(st.integers(0, 5), min_size=2, max_size=4),
    st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True),
    st.integers(1, 3),
    st.booleans(),
)


# The stage below is ready, and looked at, before the target above it has had its turn.
_BELOW_FIRST = World(
    above=(frozenset(), frozenset({0}), frozenset({0}), frozenset({0}), frozenset(), frozenset({0, 1, 4})),
    coarse=frozenset(),
    data=[0] * 6,
    params=[0] * 6,
    helpers=[0] * 6,
)


@settings(max_examples=60)
@given(world=worlds(), history=several, seed=st.integers(0, 2**32))
@example(world=_BELOW_FIRST, history=([], [1, 5], [0, 1], 3, False), seed=0)
def test_of_several_targets_each_runs_once_and_the_others_build_on_it(
    stores: Path, world: World, history: tuple[list[int], list[int], list[int], int, bool], seed: int
) -> None:
    machine = Machine(RunStore.open(Path(tempfile.mkdtemp(dir=stores))), deepcopy(world), Random(seed))
    count = len(world.above)
    before, targets, params, jobs, reuse = history
    points = [dict.fromkeys(range(count), param) for param in params]
    for target in before:
        machine.call(target % count, points[:1], jobs=1)

    asked = list(product(dict.fromkeys(target % count for target in targets), points))
    records = machine.call([*dict.fromkeys(target for target, _ in asked)], points, jobs=jobs, reuse=reuse)

    executed = [(order.stage.address, str(order.stage.locked)) for order in machine.calls[-1]]
    assert len(executed) == len(set(executed))
    made = {order.record.id for order in machine.calls[-1]}
    of_stage = {(record.stage, values[0]): record.id for (_, values), record in zip(asked, records, strict=True)}
    for (target, values), record in zip(asked, records, strict=True):
        assert record.stage == f"s{target}"
        check_lineage(machine, record, values)
        above = record.upstream.items() if record.id in made else ()
        assert all(run == of_stage.get((stage, values[0]), run) for stage, run in above)


@settings(max_examples=30)
@given(world=worlds(), target=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_the_same_call_again_executes_the_target_alone(stores: Path, world: World, target: int, seed: int) -> None:
    machine = Machine(RunStore.open(Path(tempfile.mkdtemp(dir=stores))), deepcopy(world), Random(seed))
    point = dict(enumerate(machine.world.params))

    machine.call(target % len(world.above), [point], jobs=1)
    machine.call(target % len(world.above), [point], jobs=1)

    assert [order.stage.address for order in machine.calls[-1]] == [f"s{target % len(world.above)}"]


@settings(max_examples=30)
@given(world=worlds(), target=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_the_same_call_again_with_reuse_executes_nothing(stores: Path, world: World, target: int, seed: int) -> None:
    machine = Machine(RunStore.open(Path(tempfile.mkdtemp(dir=stores))), deepcopy(world), Random(seed))
    point = dict(enumerate(machine.world.params))

    first = machine.call(target % len(world.above), [point], jobs=1)
    again = machine.call(target % len(world.above), [point, point], jobs=1, reuse=True)

    assert machine.calls[-1] == []
    assert again == first * 2


@settings(max_examples=30)
@given(world=worlds(), target=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_what_another_call_executes_just_now_is_waited_for(stores: Path, world: World, target: int, seed: int) -> None:
    machine = Machine(RunStore.open(Path(tempfile.mkdtemp(dir=stores))), deepcopy(world), Random(seed))
    twin = Machine(RunStore.open(Path(tempfile.mkdtemp(dir=stores))), deepcopy(world), Random(seed))
    point = dict(enumerate(machine.world.params))
    twin.call(0, [point], jobs=1)
    order = twin.calls[-1][0]
    lock = machine.store.claim(order.record.id)
    machine.store.write(replace(order.record, status=RunStatus.RUNNING), durable=False)

    def end() -> None:
        if lock.owned:
            machine.store.write(machine.result(order), durable=False)
            lock.release()

    (record,) = machine.call(target % len(world.above), [point], jobs=2, reuse=True, meanwhile=end)

    check_lineage(machine, record, point)
    assert "s0" not in [made.stage.address for made in machine.calls[-1]]
    lock.release()

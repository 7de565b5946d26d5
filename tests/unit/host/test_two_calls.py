"""Two calls of one host: what one of them makes upstream, the other waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import cast

import pytest
from msgspec.structs import replace

from dvc_magic.engine import WorkOrder
from dvc_magic.executors import Workers
from dvc_magic.host import Call
from dvc_magic.host.slots import Slots
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.request import RunRequest
from dvc_magic.store import RunStore
from dvc_magic.wire import CallEnd, CallRequest
from tests.support.fakes import FakeWorkers
from tests.unit.host.test_call_properties import Machine, World, capture_of

_WORLD = World(above=(frozenset(), frozenset({0})), coarse=frozenset(), data=[0, 0], params=[0, 0], helpers=[0, 0])


class Pair:
    """Two calls of `s1`, which needs `s0`, with workers that end runs only when told to.

    Attributes:
        fate: what becomes of a run of `s0`, after the machine has made it.
    """

    def __init__(self, store: RunStore) -> None:
        self.machine = Machine(store, _WORLD, Random(0))
        self.store = store
        self.fate: Callable[[RunRecord], RunRecord] = lambda record: record
        capture = capture_of(_WORLD, store, [1], [{0: 0, 1: 0}])
        self.workers = FakeWorkers(capture=capture, execute=self._execute, random=Random(0), held=True)
        self._at_workers: dict[str, RunRecord] = {}

    def _execute(self, order: WorkOrder) -> RunRecord:
        lock = self.store.claim(order.record.id)
        record = self.machine.result(order)
        record = self.fate(record) if record.stage == "s0" else record
        self.store.write(record, durable=False)
        lock.release()
        return record

    async def call(self, slots: Slots | None = None) -> CallEnd:
        """Carry out one of them."""
        call = Call(
            CallRequest(request=RunRequest(stages=("s1",), jobs=2), environ={}),
            project=Path("/project"),
            store=self.store,
            workers=cast("Workers", self.workers),
            tell=lambda _: None,
            slots=slots,
            at_workers=self._at_workers,
        )
        await call.open()
        await call.plan()
        return await call.run()

    async def until(self, count: int) -> None:
        """Wait until so many orders are out."""
        async with asyncio.timeout(20):
            while len(self.workers.tasks) < count:  # noqa: ASYNC110 - a look at a fake
                await asyncio.sleep(0.001)

    async def both(self) -> list[RunRecord]:
        """Begin the second one while the first one's `s0` goes on; the records of all runs, in their order."""
        first = asyncio.create_task(self.call())
        await self.until(1)
        second = asyncio.create_task(self.call())
        await asyncio.sleep(0.3)
        assert len(self.workers.tasks) == 1
        self.workers.held = False
        self.workers.release()
        async with asyncio.timeout(20):
            await asyncio.gather(first, second)
        return [order.record for order in self.workers.orders]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(RunStore.open(tmp_path / "store"))


def test_an_equal_run_upstream_that_another_call_was_only_just_given_is_waited_for(pair: Pair) -> None:
    records = asyncio.run(pair.both())

    assert sorted(record.stage for record in records) == ["s0", "s1", "s1"]
    assert {record.upstream["s0"] for record in records if record.stage == "s1"} == {records[0].id}


def test_one_that_is_stopped_there_is_made_here(pair: Pair) -> None:
    def stopped(record: RunRecord) -> RunRecord:
        pair.fate = lambda again: again
        return replace(record, status=RunStatus.STOPPED, reason="user")

    pair.fate = stopped
    records = asyncio.run(pair.both())

    assert [record.stage for record in records] == ["s0", "s0", "s1"]
    assert records[2].upstream["s0"] == records[1].id


def test_one_that_fails_there_has_failed_here(pair: Pair) -> None:
    pair.fate = lambda record: replace(record, status=RunStatus.FAILED, error="no")

    records = asyncio.run(pair.both())

    assert [record.stage for record in records] == ["s0"]
    targets = [stored.record for stored in pair.store.all() if stored.record.stage == "s1"]
    assert {(target.status, target.reason) for target in targets} == {(RunStatus.FAILED, "upstream")}
    assert len(targets) == 2


def test_slots_are_taken_in_turn() -> None:
    woken: list[str] = []
    slots = Slots(1)
    a, b = (lambda: woken.append("a")), (lambda: woken.append("b"))
    assert slots.take(a)

    assert not slots.take(a)
    assert not slots.take(b)
    slots.give_back()
    assert (woken, slots.take(b), slots.take(a)) == (["a"], False, True)
    assert not slots.take(a)
    slots.give_back()
    assert (woken, slots.take(b)) == (["a", "b"], True)


def test_a_call_that_waits_no_longer_leaves_its_turn_to_the_next() -> None:
    woken: list[str] = []
    slots = Slots(1)
    a, b = (lambda: woken.append("a")), (lambda: woken.append("b"))
    slots.take(lambda: None)
    slots.take(a)
    slots.take(b)
    slots.give_back()

    slots.leave(a)

    assert (woken, slots.take(b)) == (["a", "b"], True)

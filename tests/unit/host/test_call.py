"""One call in an event loop, with workers that do as they are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import cast

import pytest
from msgspec.structs import replace

from dvc_magic import codec
from dvc_magic.engine.order import Capture, Point, WorkOrder
from dvc_magic.executors import Message, Workers
from dvc_magic.host.call import Call
from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.request import RunRequest
from dvc_magic.model.snapshot import Snapshot, snapshot_id
from dvc_magic.model.stage import Out, Pipeline, PipelineFile, Stage
from dvc_magic.store import CallFolder, RunStore, check_store
from dvc_magic.wire import CallEnd, CallRequest, Event, Finished, Planned, Started
from tests.support.fakes import Execute, FakeTask, FakeWorkers


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


def _capture(store: RunStore, points: int) -> Capture:
    """A stage without deps, under some values of its param."""
    snapshot = Snapshot(id=snapshot_id({}, ()), files={})
    (store.paths.snapshots / f"{snapshot.id}.json").write_text(codec.encode(snapshot))

    def pipeline(lr: int) -> Pipeline:
        stage = Stage(
            address="train",
            name="train",
            dvcfile="dvc.yaml",
            wdir=".",
            cmd="train",
            commands=("train",),
            outs=(Out(path="model", declared="model"),),
            locked={"params.yaml": {"lr": lr}},
        )
        return Pipeline(stages=(stage,), files=(PipelineFile(path="dvc.yaml"),))

    return Capture(
        snapshot=snapshot.id,
        points=tuple(
            Point(target="train", index=index, overrides=(), replace={}, pipeline=pipeline(index))
            for index in range(points)
        ),
    )


class Calling:
    """A call of a stage for several values, and what it tells."""

    def __init__(self, store: RunStore, execute: Execute, *, points: int = 3, jobs: int = 1, label: str = "") -> None:
        self.store = store
        self.events: list[Event] = []
        self.at: Callable[[Event], None] = lambda _: None
        self.workers = FakeWorkers(capture=_capture(store, points), execute=execute, random=Random(1))
        request = RunRequest(stages=("train",), jobs=jobs, label=label)
        self.call = Call(
            CallRequest(request=request, environ={"SECRET": "hunter2"}),
            project=Path("/project"),
            store=store,
            workers=cast("Workers", self.workers),
            tell=self._tell,
        )

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self.at(event)

    def carry_out(self) -> CallEnd:
        """The call from its capture to its end."""

        async def carry_out() -> CallEnd:
            await self.call.open()
            await self.call.plan()
            return await self.call.run()

        return asyncio.run(carry_out())

    @property
    def records(self) -> list[RunRecord]:
        """All runs of the store, oldest first."""
        return [stored.record for stored in reversed(self.store.all())]


def _completes(store: RunStore) -> Execute:
    def execute(order: WorkOrder) -> RunRecord:
        record = replace(order.record, status=RunStatus.COMPLETED)
        lock = store.claim(record.id)
        store.write(record)
        lock.release()
        return record

    return execute


def test_the_plan_is_told_first_then_each_start_and_each_end(store: RunStore) -> None:
    calling = Calling(store, _completes(store), points=2)

    end = calling.carry_out()

    assert [type(event) for event in calling.events] == [Planned, Started, Finished, Started, Finished]
    assert end.runs == tuple(record.id for record in calling.records)


def _dies(store: RunStore, times: int, *, claimed: bool = False) -> tuple[Execute, list[WorkOrder]]:
    """The first worker, or the first two of them, die before they have started a command."""
    complete, orders = _completes(store), []

    def execute(order: WorkOrder) -> RunRecord | Message:
        orders.append(order)
        if len(orders) > times:
            return complete(order)
        if claimed:
            lock = store.claim(order.record.id)
            store.write(order.record)
            lock.release()
        return Message(data={"message": "the worker process 7 ended with -9"}, lost=True)

    return execute, orders


@pytest.mark.parametrize("claimed", [False, True])
def test_a_run_whose_worker_dies_before_its_command_starts_is_begun_again(store: RunStore, *, claimed: bool) -> None:
    execute, orders = _dies(store, 1, claimed=claimed)

    end = Calling(store, execute, label="grid").carry_out()

    assert [order.record.number for order in orders] == [1, 1, 2, 3]
    assert [store.get(run).record.status for run in end.runs] == [RunStatus.COMPLETED] * 3
    assert check_store(store) == []


def test_a_worker_that_dies_twice_before_its_run_is_recorded_costs_that_run_alone(store: RunStore) -> None:
    execute, _ = _dies(store, 2)

    calling = Calling(store, execute, label="grid")
    calling.carry_out()

    runs = calling.records
    assert [run.status for run in runs] == [RunStatus.FAILED, RunStatus.COMPLETED, RunStatus.COMPLETED]
    assert (runs[0].reason, store.get(runs[0].id).notes.label) == ("worker gone", "grid")
    assert "ended with -9" in runs[0].error
    assert [problem for problem in check_store(store) if runs[0].id in problem] == []


def test_a_run_whose_command_had_started_is_lost_with_its_worker(store: RunStore) -> None:
    complete = _completes(store)

    def execute(order: WorkOrder) -> RunRecord | Message:
        if order.record.number > 1:
            return complete(order)
        lock = store.claim(order.record.id)
        store.write(replace(order.record, status=RunStatus.RUNNING))
        lock.release()
        return Message(data={"message": "the worker process 7 ended with -9"}, lost=True)

    end = Calling(store, execute).carry_out()

    assert [store.get(run).record.status for run in end.runs] == [
        RunStatus.LOST,
        RunStatus.COMPLETED,
        RunStatus.COMPLETED,
    ]


def test_a_stop_begins_nothing_more_and_reaches_what_runs(store: RunStore) -> None:
    calling = Calling(store, _completes(store))
    calling.at = lambda event: calling.call.stop() if isinstance(event, Started) else None

    end = calling.carry_out()

    begun = [record for record in calling.records if not record.unbegun]
    assert (end.stopped, len(begun), len(end.runs)) == (True, 1, 1)


def test_what_a_stop_lets_never_begin_has_a_record_and_is_listed_only_where_all_are(store: RunStore) -> None:
    calling = Calling(store, _completes(store))
    calling.at = lambda event: calling.call.stop() if isinstance(event, Started) else None

    end = calling.carry_out()

    ids = store.calls.plan(end.call).targets
    records = [store.read(run_id) for run_id in ids]
    assert [record.unbegun for record in records] == [False, True, True]
    assert {(record.status, record.reason) for record in records[1:]} == {(RunStatus.STOPPED, "user")}
    assert [run.id for run in store.listing(asked=True)] == list(end.runs)
    assert len(store.listing()) == len(ids)
    assert store.unbegun() == len(ids) - 1
    assert store.find("last").id == end.runs[0]


@pytest.mark.parametrize("by", ["user", "kernel"])
def test_a_run_whose_worker_leaves_a_stopped_call_before_it_has_begun_was_stopped(store: RunStore, by: str) -> None:
    execute, _ = _dies(store, 1)
    calling = Calling(store, execute, points=1)
    stop = calling.call.stop if by == "user" else calling.call.end_with_kernel
    calling.at = lambda event: stop() if isinstance(event, Started) else None

    calling.carry_out()

    (record,) = calling.records
    assert (record.status, record.reason) == (RunStatus.STOPPED, by)


def test_a_stop_while_the_folder_is_written_begins_nothing_and_is_told(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling = Calling(store, _completes(store))
    folder = store.calls.folder

    def stopping(call_id: str) -> CallFolder:
        calling.call.stop()
        return folder(call_id)

    monkeypatch.setattr(store.calls, "folder", stopping)
    end = calling.carry_out()

    assert (end.stopped, end.runs, store.calls.get(end.call).status) == (True, (), CallStatus.STOPPED)
    assert [record.unbegun for record in calling.records] == [True] * 3


def test_the_folder_of_a_call_has_its_runs_from_the_plan_on_and_says_how_it_ended(store: RunStore) -> None:
    calling = Calling(store, _completes(store), points=2)
    seen: list[tuple[str, int, str]] = []

    def look(event: Event) -> None:
        if isinstance(event, Planned):
            seen.extend((row.id, row.number, row.state) for row in store.calls.plan(event.call).runs)
            assert store.calls.get(event.call).status is CallStatus.RUNNING

    calling.at = look
    end = calling.carry_out()

    assert [(id_, number) for id_, number, _ in seen] == [(run.id, run.number) for run in calling.records]
    assert {state for _, _, state in seen} == {"pending"}
    assert {row.state for row in store.calls.plan(end.call).runs} == {"started"}
    assert store.calls.get(end.call).status is CallStatus.COMPLETED
    assert [event.what for event in store.calls.events(end.call)] == [
        "planned", "started", "finished", "started", "finished", "ended",
    ]  # fmt: skip


def test_a_call_in_which_a_run_failed_has_failed_and_one_that_was_stopped_was_stopped(store: RunStore) -> None:
    def fails(order: WorkOrder) -> RunRecord:
        return replace(_completes(store)(order), status=RunStatus.FAILED)

    failed = Calling(store, fails).carry_out()
    stopped = Calling(store, _completes(store))
    stopped.at = lambda event: stopped.call.stop() if isinstance(event, Started) else None
    ended = stopped.carry_out()

    assert store.calls.get(failed.call).status is CallStatus.FAILED
    assert store.calls.get(ended.call).status is CallStatus.STOPPED
    assert [row.state for row in store.calls.plan(ended.call).runs] == ["started", "never", "never"]


def test_one_run_of_a_call_is_stopped_through_the_folder_and_the_others_go_on(store: RunStore) -> None:
    calling = Calling(store, _completes(store), points=3)
    stopped: list[str] = []

    def stop_the_last(event: Event) -> None:
        if isinstance(event, Planned):
            stopped.append(store.calls.plan(event.call).runs[-1].id)
            store.calls.ask_to_stop(event.call, stopped[0])
            time.sleep(0.25)  # longer than between two looks

    calling.at = stop_the_last
    end = calling.carry_out()

    records = {run.id: run for run in calling.records}
    assert [records[run].status for run in end.runs] == [RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.STOPPED]
    assert (end.runs[-1], records[end.runs[-1]].reason) == (stopped[0], "user")
    assert len(calling.workers.orders) == 2


def test_a_running_run_that_is_stopped_through_the_folder_hears_of_each_step_once(store: RunStore) -> None:
    tasks: list[FakeTask] = []

    async def carry_out(calling: Calling) -> None:
        await calling.call.open()
        await calling.call.plan()
        running = asyncio.create_task(calling.call.run())
        while not calling.workers.tasks:  # noqa: ASYNC110 - it is polled for by nobody else
            await asyncio.sleep(0)
        tasks.extend(calling.workers.tasks)
        (call_id,) = store.calls.ids()
        for step in (1, 3):
            store.calls.ask_to_stop(call_id, tasks[0].order.record.id, step=step)
            await asyncio.sleep(0.3)
        calling.workers.held = False
        calling.workers.release()
        await running

    calling = Calling(store, _completes(store), points=1)
    calling.workers.held = True
    asyncio.run(carry_out(calling))

    assert tasks[0].stops == [1, 2]


def test_slots_are_never_more_than_the_jobs_and_all_of_them_are_used(store: RunStore) -> None:
    calling = Calling(store, _completes(store), points=9, jobs=3)

    calling.carry_out()

    assert (calling.workers.most, len(calling.records)) == (3, 9)


def test_no_variable_of_the_call_is_in_what_it_shows_of_itself() -> None:
    asked = CallRequest(request=RunRequest(stages=("train",)), environ={"SECRET": "hunter2"})

    assert "hunter2" not in repr(asked)

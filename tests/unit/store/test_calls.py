"""The folders of calls: what a host writes there, and what anybody reads."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dvc_magic.errors import CallNotFoundError, RecordDamagedError, RecordVersionError, StoreError
from dvc_magic.model.call import CallEvent, CallPlan, CallRecord, CallStatus, PlannedRun, PlannedState
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.store import ALL, CallFolder, RunStore, check_store

ID = "c0ffee000001"
REQUEST = RunRequest(
    stages=("train",), changes=(Change(file="params.yaml", key="lr", values=(0.1, "ä")),), line="train"
)
PLAN = CallPlan(runs=(PlannedRun(id="a" * 12, number=7, stage="train", index=0, values={"params.yaml:lr": 0.1}),))


def _record(status: CallStatus = CallStatus.RUNNING) -> CallRecord:
    return CallRecord(id=ID, request=REQUEST, created=datetime(2026, 12, 1, tzinfo=UTC), status=status)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


@pytest.fixture
def folder(store: RunStore) -> CallFolder:
    """A call that goes."""
    made = store.calls.folder(ID)
    made.begin(_record(), PLAN)
    return made


def test_what_was_asked_and_planned_is_read_as_it_was_written(store: RunStore, folder: CallFolder) -> None:
    assert store.calls.get(ID) == _record()
    assert store.calls.plan(ID) == PLAN
    assert [call.id for call in store.calls.all()] == [ID]
    assert folder.paths.folder.stat().st_mode & 0o077 == 0


def test_a_call_that_nobody_holds_any_more_reads_as_lost_and_one_that_ended_does_not(
    store: RunStore, folder: CallFolder
) -> None:
    folder._lock.release()
    assert store.calls.get(ID).status is CallStatus.LOST

    folder.end(_record(CallStatus.COMPLETED), PLAN)
    assert store.calls.get(ID).status is CallStatus.COMPLETED


def test_events_are_read_in_order_and_half_a_line_is_left_out(store: RunStore, folder: CallFolder) -> None:
    folder.note(CallEvent(at=1.5, what="started", run="a" * 12))
    folder.note(CallEvent(at=2.0, what="finished", run="a" * 12, status="completed"))
    with folder.paths.events.open("ab") as file:
        file.write(b'{"at":3')

    assert [(event.what, event.status) for event in store.calls.events(ID)] == [
        ("started", ""),
        ("finished", "completed"),
    ]
    assert max(map(len, folder.paths.events.read_bytes().splitlines())) <= 150


@pytest.mark.parametrize(("text", "step"), [("2\n", 2), ("", 1), ("x", 1), ("-3", 1), ("99", 4)])
def test_a_stop_is_found_whatever_its_file_says(folder: CallFolder, text: str, step: int) -> None:
    (folder.paths.stop / ALL).write_text(text)

    assert folder.stops() == {ALL: step}


def test_a_run_is_asked_to_stop_by_its_id_and_other_files_are_nothing(store: RunStore, folder: CallFolder) -> None:
    (folder.paths.stop / "README").write_text("1")

    store.calls.ask_to_stop(ID, "a" * 12, step=3)

    assert folder.stops() == {"a" * 12: 3}


@pytest.mark.parametrize("name", ["b" * 12, "../runs", "", "call:c0f"])
def test_a_call_that_is_not_there_is_told(store: RunStore, name: str) -> None:
    for look in (store.calls.get, store.calls.plan, store.calls.ask_to_stop):
        with pytest.raises((CallNotFoundError, StoreError)):
            look(name)


def test_a_store_without_the_folder_has_no_calls(store: RunStore) -> None:
    store.paths.calls.rmdir()

    assert (store.calls.all(), store.calls.events(ID)) == ([], [])
    store.calls.folder(ID).begin(_record(), PLAN)
    assert store.calls.ids() == [ID]


def test_a_damaged_record_and_one_of_a_newer_version_are_told_and_left_out_of_the_list(
    store: RunStore, folder: CallFolder
) -> None:
    whole = folder.paths.record.read_text()
    folder.paths.record.write_text(whole.replace("train", "brain"))
    with pytest.raises(RecordDamagedError):
        store.calls.get(ID)
    assert store.calls.all() == []

    folder.end(CallRecord(id=ID, request=REQUEST, created=datetime.now(UTC), schema=2), PLAN)
    with pytest.raises(RecordVersionError, match="knows schemas up to 1"):
        store.calls.get(ID)


def test_a_call_that_cannot_be_written_leaves_nothing(store: RunStore) -> None:
    (store.paths.calls / ID).mkdir()

    with pytest.raises(StoreError, match=ID):
        store.calls.folder(ID).begin(_record(), PLAN)


def test_calls_without_runs_go_after_30_days_and_those_with_runs_or_under_way_stay(store: RunStore) -> None:
    long_ago = time.time() - 31 * 86_400
    ids = ["a0ffee00000" + digit for digit in "0123"]
    folders = [store.calls.folder(call) for call in ids]
    for folder in folders:
        folder.begin(_record(), PLAN if folder is folders[0] else CallPlan(runs=()))
        if folder is not folders[1]:
            folder.end(_record(CallStatus.COMPLETED), PLAN if folder is folders[0] else CallPlan(runs=()))
        if folder is not folders[2]:
            os.utime(folder.paths.folder, (long_ago, long_ago))
    (store.paths.trash / PLAN.runs[0].id).mkdir()

    store.calls.expire()

    assert sorted(store.calls.ids()) == ids[:3]


def test_the_doctor_finds_nothing_wrong_with_calls(store: RunStore, folder: CallFolder) -> None:
    folder.end(_record(CallStatus.STOPPED), CallPlan(runs=(PlannedRun(id="b" * 12, number=1, stage="t"),)))

    assert check_store(store) == []


def test_a_state_of_a_planned_run_survives_the_file(store: RunStore, folder: CallFolder) -> None:
    row = PlannedRun(id="b" * 12, number=8, stage="train", state=PlannedState.REUSED, by="a" * 12)

    folder.write_plan(CallPlan(runs=(row,), commit="c" * 40, dirty=True))

    assert store.calls.plan(ID).runs == (row,)

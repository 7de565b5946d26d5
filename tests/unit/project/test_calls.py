"""The calls of a store as a sequence."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dvc_magic.errors import AmbiguousRunError, CallNotFoundError
from dvc_magic.model.call import CallPlan, CallRecord, CallStatus
from dvc_magic.model.request import RunRequest
from dvc_magic.project import Call, Calls
from dvc_magic.store import CallFolder, RunStore

_BEGAN = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


def _make(store: RunStore, count: int, *, ended: bool = True) -> list[CallFolder]:
    """Calls, the oldest first: ``c00000000000`` and so on."""
    folders = []
    for number in range(count):
        record = CallRecord(
            id=f"c{number:011}",
            request=RunRequest(stages=("train",)),
            created=_BEGAN + timedelta(seconds=number),
            status=CallStatus.RUNNING,
        )
        folder = store.calls.folder(record.id)
        folder.begin(record, CallPlan(runs=()))
        os.utime(folder.paths.lock, ns=(number, number))  # some file systems have coarse times
        if ended:
            _end(folder, record)
        folders.append(folder)
    return folders


def _end(folder: CallFolder, record: CallRecord) -> None:
    folder.end(
        CallRecord(id=record.id, request=record.request, created=record.created, status=CallStatus.COMPLETED),
        CallPlan(runs=()),
    )


def _calls(store: RunStore) -> Calls:
    return Calls(store.calls.by_age(), store)


def _ids(calls: Calls) -> list[str]:
    return [call.id for call in calls]


def test_the_newest_call_comes_first_even_when_an_older_one_was_written_last(store: RunStore) -> None:
    oldest, *_ = _make(store, 3, ended=False)
    _end(oldest, store.calls.get("c00000000000"))

    assert _ids(_calls(store)) == ["c00000000002", "c00000000001", "c00000000000"]


def test_only_those_calls_are_read_that_are_looked_at(store: RunStore) -> None:
    folders = _make(store, 30)
    one, table, part = _calls(store), _calls(store), _calls(store)

    assert one[0].id == "c00000000029"
    assert "20 earlier calls in project.calls" in table.table().text()
    assert _ids(part[2:4]) == ["c00000000027", "c00000000026"]

    for folder in folders:
        shutil.rmtree(folder.paths.folder)
    assert [len(one), len(table), len(part)] == [1, 10, 4]


def test_calls_are_a_sequence_as_any_other(store: RunStore) -> None:
    _make(store, 5)
    ids = [f"c{number:011}" for number in reversed(range(5))]

    assert (len(_calls(store)), bool(_calls(store)), bool(Calls((), store))) == (5, True, False)
    assert _calls(store)[-1].id == ids[-1]
    for part in (slice(None), slice(1, 3), slice(-2, None), slice(None, None, -1), slice(0, 0), slice(3, 99)):
        assert _ids(_calls(store)[part]) == ids[part]
    with pytest.raises(IndexError):
        _calls(store)[5]
    assert isinstance(_calls(store)["c00000000003"], Call)
    with pytest.raises(AmbiguousRunError, match="names 5 calls"):
        _calls(store)["c0"]
    with pytest.raises(CallNotFoundError, match="no call 'd' among these 5"):
        _calls(store)["d"]


def test_a_call_that_cannot_be_read_is_left_out(store: RunStore) -> None:
    _make(store, 4)
    (store.paths.call("c00000000002").record).write_text("{")

    calls = _calls(store)

    assert _ids(calls) == ["c00000000003", "c00000000001", "c00000000000"]
    assert calls[1].id == "c00000000001"
    assert len(calls) == 3


def test_those_that_go_on_are_told_by_their_locks(store: RunStore) -> None:
    _make(store, 3)
    record = CallRecord(id="d" * 12, request=RunRequest(stages=("train",)), created=_BEGAN, status=CallStatus.RUNNING)
    going = store.calls.folder(record.id)
    going.begin(record, CallPlan(runs=()))
    left = store.calls.folder("e" * 12)
    left.begin(
        CallRecord(id="e" * 12, request=record.request, created=_BEGAN, status=CallStatus.RUNNING), CallPlan(runs=())
    )
    left._lock.release()

    assert _ids(_calls(store).running) == ["d" * 12]
    assert _calls(store)["e"].status is CallStatus.LOST


def test_a_clock_that_is_set_back_makes_no_call_take_less_than_nothing(store: RunStore) -> None:
    begun = datetime.now(UTC) + timedelta(hours=1)
    record = CallRecord(id="d" * 12, request=RunRequest(stages=("train",)), created=begun, status=CallStatus.RUNNING)
    folder = store.calls.folder(record.id)
    folder.begin(record, CallPlan(runs=()))

    assert _calls(store)[0].duration == 0

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from dvc_magic.errors import AmbiguousRunError, RecordDamagedError, RunError, RunNotFoundError, StoreError
from dvc_magic.model.record import Notes, RunStatus
from dvc_magic.store import RunStore, check_store, is_run_id, new_run_id
from tests.support.records import make_record

SPAWN = multiprocessing.get_context("spawn")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0, 0o77])
def test_a_store_is_for_its_owner_alone_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        store = RunStore.open(tmp_path / "deep" / "store")
    finally:
        os.umask(before)
    assert {mode(store.home), mode(store.paths.runs), mode(store.paths.objects)} == {0o700}


def test_git_and_dvc_do_not_look_into_a_store(store):
    assert (store.home / ".gitignore").read_text() == "*\n"
    assert (store.home / ".dvcignore").read_text() == "*\n"


def test_opening_again_changes_nothing(store, add):
    record = add()
    again = RunStore.open(store.home)
    assert again.read(record.id) == record


def test_opening_without_create_writes_nothing_and_reads_as_empty(tmp_path):
    store = RunStore.open(tmp_path / "store", create=False)
    assert (store.all(), store.damaged(), check_store(store)) == ([], [], [])
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "train.py").touch()
    with pytest.raises(StoreError, match=r"not empty \(train\.py\)"):
        RunStore.open(tmp_path)
    assert not (tmp_path / ".gitignore").exists()


def test_a_store_that_was_made_in_part_is_completed(tmp_path):
    (tmp_path / "store" / "trash").mkdir(parents=True)
    store = RunStore.open(tmp_path / "store")
    assert store.paths.runs.is_dir()
    assert mode(store.home) == 0o700


def test_a_store_that_is_removed_while_it_is_open_begins_anew(tmp_path, store, add):
    add()
    shutil.rmtree(store.home)
    assert store.all() == []
    store.home.mkdir(exist_ok=True)
    for left in ("workers.log", "hashes.sqlite-shm", "hashes.sqlite-wal"):  # of a worker that is still there
        (store.home / left).touch()

    assert list(store.next_numbers(1)) == [1]
    assert add().stage
    assert (store.home / ".gitignore").read_text() == "*\n"
    assert mode(store.home) == 0o700


def test_a_store_that_was_moved_is_the_same(tmp_path, store, add):
    record = add()
    store.all()
    moved = RunStore.open(store.home.rename(tmp_path / "elsewhere"))
    assert [run.record for run in moved.all()] == [record]


def test_ids_are_never_numbers():
    assert all(is_run_id(new_run_id()) and not new_run_id().isdigit() for _ in range(200))


@pytest.mark.parametrize("name", ["..", "../../x", "", "a" * 13, "1" * 12, "abcdef01234/", "abcdef01234\n"])
def test_what_is_no_id_is_never_a_path(store, name):
    with pytest.raises(RunNotFoundError):
        store.claim(name)
    with pytest.raises(RunNotFoundError):
        store.read(name)


def test_numbers_count_up(store):
    assert [*store.next_numbers(2), *store.next_numbers(3)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00", b"-4", b"3 another boot\n", b"9" * 60, b"9" * 99])
def test_numbers_go_on_when_the_counter_is_lost_or_old(store, add, content):
    store.next_numbers(3)
    add(7)
    store.trash.put(add(9).id)
    store.paths.counter.unlink()
    if content is not None:
        store.paths.counter.write_bytes(content)
    assert store.next_numbers(1)[0] == 10


def test_numbers_go_on_when_the_counter_is_behind_the_runs(store, add):
    store.next_numbers(1)
    add(7)
    assert store.next_numbers(1)[0] == 8
    store.paths.index.unlink()
    add(12)
    assert store.next_numbers(1)[0] == 13


def claim_and_write(home, count):
    store = RunStore.open(home)
    for _ in range(count):
        record = make_record(store.next_numbers(1)[0])
        with store.claim(record.id):
            for status in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.COMPLETED):
                store.write(replace(record, status=status), durable=False)


def test_four_processes_give_each_run_a_number_of_its_own(store):
    processes = [SPAWN.Process(target=claim_and_write, args=(store.home, 30)) for _ in range(4)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        assert RunStatus.LOST not in {run.record.status for run in store.all()}
    for process in processes:
        process.join()
    runs = store.all()
    assert [run.number for run in runs] == list(range(120, 0, -1))
    assert check_store(store) == []


def test_a_claimed_id_cannot_be_claimed_again(store):
    run_id = store.new_id()
    with store.claim(run_id), pytest.raises(StoreError, match="exists already"):
        store.claim(run_id)


def test_a_run_that_cannot_be_claimed_leaves_nothing(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"reserve: No space left on device\. \d+ bytes are free there; make room"):
        store.claim(new_run_id())
    assert list(store.paths.runs.iterdir()) == []


def test_a_store_that_nobody_can_lock_says_where_to_keep_runs(store, add, make_record, monkeypatch):
    going = make_record(2, status=RunStatus.RUNNING)
    with store.claim(going.id):
        store.write(going)

    def lockless(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", lockless)
    for write in (lambda: store.claim(new_run_id()), lambda: store.next_numbers(1)):
        with pytest.raises(
            StoreError, match=r"No locks available\. The file system there has no locks.*DVC_MAGIC_HOME"
        ):
            write()
    assert [run.record.status for run in store.all()] == [RunStatus.RUNNING]


def test_a_claimed_run_without_a_record_is_not_listed(store):
    run_id = store.new_id()
    with store.claim(run_id) as lock:
        assert lock.owned
        assert (store.all(), store.damaged(), check_store(store)) == ([], [], [])
        with pytest.raises(RunNotFoundError):
            store.read(run_id)


@pytest.mark.parametrize("status", [RunStatus.PENDING, RunStatus.RUNNING])
def test_a_run_whose_worker_is_gone_is_lost_for_readers_alone(store, make_record, status):
    record = make_record(status=status)
    with store.claim(record.id):
        store.write(record)
        assert [run.record for run in store.all()] == [record]
    (run,) = store.all()
    assert (run.record.status, run.record.reason) == (RunStatus.LOST, "worker gone")
    assert store.get(record.id) == store.find(record.number) == run
    assert store.read(record.id).status is status


@pytest.mark.parametrize("old", [status for status in RunStatus if status is not RunStatus.LOST])
@pytest.mark.parametrize("new", list(RunStatus))
def test_states_never_go_backwards(store, add, old, new):
    record = add(status=old)
    if new is not RunStatus.LOST and (old is new or old.can_become(new)):
        store.write(replace(record, status=new))
    else:
        with pytest.raises(StoreError):
            store.write(replace(record, status=new))
        assert store.read(record.id).status is old


def test_a_run_keeps_its_number(store, add):
    record = add(1)
    with pytest.raises(StoreError, match="has number 1"):
        store.write(replace(record, number=2))


def test_notes_are_kept_apart_from_the_record(store, add):
    record = add()
    notes = Notes(label="first", tags=("good",), note="<b>", mark=True)
    store.write_notes(record.id, notes)
    store.write(replace(record, exit_code=0))
    assert store.get(record.id).notes == store.notes(record.id) == notes
    assert store.all()[0].notes == notes


def test_notes_of_no_run_are_refused(store):
    with pytest.raises(RunNotFoundError):
        store.write_notes(new_run_id(), Notes())


@pytest.mark.parametrize("limit", [0, 1, 3, 10])
def test_a_page_is_the_beginning_of_all(store, add, limit):
    for number in (2, 5, 3, 1, 4):
        add(number)
    assert store.all(limit=limit) == store.all()[:limit]
    assert [run.number for run in store.all()] == [5, 4, 3, 2, 1]


def test_a_page_is_full_when_damaged_runs_lie_between(store, add):
    records = [add(number) for number in range(1, 7)]
    for record in records[3:5]:
        store.paths.run(record.id).record.write_bytes(b"{")
    assert [run.number for run in store.all(limit=3)] == [6, 3, 2]


def test_runs_of_a_stage_have_marked_ones_first_then_the_newest(store, add):
    records = {number: add(number) for number in (1, 2, 3)}
    add(4, stage="prepare")
    add(5, status=RunStatus.FAILED)
    store.write_notes(records[2].id, Notes(mark=True))
    found = store.of_stage("train", status=RunStatus.COMPLETED)
    assert [run.number for run in found] == [2, 3, 1]
    assert [run.number for run in store.of_stage("train")] == [2, 5, 3, 1]


def test_the_newest_runs_of_a_stage_are_found_among_others(store, add):
    for number in range(1, 8):
        add(
            number,
            stage="train" if number % 2 else "prepare",
            status=RunStatus.COMPLETED if number % 3 else RunStatus.FAILED,
        )

    assert [run.number for run in store.newest_of_stage("train", limit=2)] == [7, 5]
    assert [run.number for run in store.newest_of_stage("train", limit=3, status=RunStatus.COMPLETED)] == [7, 5, 1]
    assert [run.number for run in store.newest_of_stage("train", limit=9, status=RunStatus.FAILED)] == [3]
    assert store.newest_of_stage("none", limit=1) == []


def test_a_stop_is_asked_for_by_a_file(store, add):
    record = add()
    store.request_stop(record.id)
    store.request_stop(record.id)
    assert mode(store.paths.run(record.id).stop) == 0o600


def test_trash_takes_a_run_away_and_restore_brings_it_back(store, add):
    record = add()
    before = store.all()
    store.trash.put(record.id)
    assert (store.all(), [run.record for run in store.trash.runs()]) == ([], [record])
    with pytest.raises(RunNotFoundError, match=f"in the trash: %dvc_restore {record.id[:6]} takes it back"):
        store.read(record.id)
    assert store.trash.find(record.id[:6]).record == record
    store.trash.restore(record.id)
    assert store.all() == before


def test_a_run_in_the_trash_is_found_by_what_people_call_it(store, add):
    first, second = add(1), add(2)
    for record in (first, second):
        store.write_notes(record.id, Notes(label="both"))
        store.trash.put(record.id)
    assert [store.trash.find(name).number for name in ("1", first.id, second.id[:3])] == [1, 1, 2]
    with pytest.raises(AmbiguousRunError, match="names 2 runs"):
        store.trash.find("both")
    with pytest.raises(RunNotFoundError, match="no run '3' in the trash, which has runs 2, 1"):
        store.trash.find("3")


def test_a_run_that_goes_on_is_not_trashed(store, make_record):
    record = make_record(status=RunStatus.RUNNING)
    with store.claim(record.id):
        store.write(record)
        with pytest.raises(RunError, match="still going"):
            store.trash.put(record.id)
    store.trash.put(record.id)


def test_what_is_not_in_the_trash_is_not_restored(store, add):
    with pytest.raises(RunNotFoundError):
        store.trash.restore(add().id)


def test_damaged_records_are_listed_and_the_others_are_fine(store, add):
    torn, fine = add(1), add(2)
    store.all()
    path = store.paths.run(torn.id).record
    path.write_bytes(path.read_bytes()[:-5])
    assert [run.record for run in store.all()] == [fine]
    assert [(run.id, "run.json" in run.problem) for run in store.damaged()] == [(torn.id, True)]
    assert [torn.id in line for line in check_store(store)] == [True]
    with pytest.raises(RecordDamagedError):
        store.get(torn.id)


def test_damaged_notes_cost_the_notes_alone(store, add):
    record = add()
    store.write_notes(record.id, Notes(label="x"))
    store.paths.run(record.id).notes.write_bytes(b"")
    assert [run.notes for run in store.all()] == [Notes()]
    assert store.get(record.id).notes == Notes()
    assert [run.id for run in store.damaged()] == [record.id]


def test_a_record_of_another_run_is_damage(store, add):
    one, other = add(1), add(2)
    shutil.copy(store.paths.run(one.id).record, store.paths.run(other.id).record)
    assert [run.record for run in store.all()] == [one]
    assert [run.id for run in store.damaged()] == [other.id]


def test_a_folder_removed_by_hand_is_gone_from_the_listing(store, add):
    one, other = add(1), add(2)
    store.all()
    shutil.rmtree(store.paths.run(one.id).folder)
    assert [run.record for run in store.all()] == [other]
    assert check_store(store) == []


class Writes(RuleBasedStateMachine):
    """Any order of writes to one run leaves a readable record, in a state that the last one led to."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.store = RunStore.open(self.folder / "store")
        self.record = make_record(status=RunStatus.PENDING)
        self.history = []
        self.lock = self.store.claim(self.record.id)

    @rule(status=st.sampled_from(RunStatus), error=st.text(max_size=5))
    def write(self, status, error):
        new = replace(self.record, status=status, error=error)
        with suppress(StoreError):
            self.store.write(new, durable=False)
            self.history.append(new)

    @rule(label=st.text(max_size=5))
    def note(self, label):
        self.store.write_notes(self.record.id, Notes(label=label))

    @rule()
    def lose_the_index(self):
        self.store.paths.index.unlink(missing_ok=True)

    @invariant()
    def the_record_is_the_last_one_that_was_taken(self):
        if getattr(self, "history", None):
            assert self.store.read(self.record.id) == self.history[-1]
            assert [run.record for run in self.store.all()] == self.history[-1:]

    @invariant()
    def states_went_forwards(self):
        for old, new in pairwise(getattr(self, "history", [])):
            assert old.status is new.status or old.status.can_become(new.status)

    def teardown(self):
        self.lock.release()
        shutil.rmtree(self.folder)


TestWrites = Writes.TestCase
TestWrites.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)

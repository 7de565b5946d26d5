"""A store while one system call after the other fails: claims, notes, numbers, the index, what is kept beside runs."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.errors import StoreError
from dvc_magic.model.record import Notes
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.store import RunStore, check_store, load_snapshot, new_run_id, read_packages, snapshots, write_noun
from dvc_magic.workspace import HashCache, python_environment, take_snapshot
from tests.support.faults import READS, WRITES, FailingCalls
from tests.support.records import add_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


def _litter(store: RunStore) -> list[Path]:
    return list(store.home.rglob(".*.tmp"))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_claim_is_made_or_leaves_nothing_whichever_of_its_calls_fails(
    error: int, failing_calls: FailingCalls, store: RunStore
) -> None:
    for fault in failing_calls.each(error, *WRITES):
        run_id = new_run_id()
        with fault:
            try:
                store.claim(run_id).release()
            except StoreError:
                assert not store.paths.run(run_id).folder.exists(), fault
        assert store.all() == []
    assert _litter(store) == []


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_notes_are_the_old_or_the_new_ones_whichever_call_of_their_writing_fails(
    error: int, failing_calls: FailingCalls, store: RunStore
) -> None:
    record = add_run(store)
    for fault in failing_calls.each(error, *WRITES, *READS):
        store.write_notes(record.id, Notes(label="old"))
        with fault, suppress(StoreError):
            store.write_notes(record.id, Notes(label="new"))
        assert store.notes(record.id).label in ("old", "new"), fault
        assert [run.notes for run in store.all()] == [store.notes(record.id)], fault
    assert _litter(store) == []


def test_numbers_are_never_given_twice_whichever_call_fails(failing_calls: FailingCalls, store: RunStore) -> None:
    numbers = [*store.next_numbers(1)]
    calls = [call for call in (*WRITES, *READS) if call != "oc/close"]  # libfiu leaves the file open, and so locked
    for fault in failing_calls.each(errno.EIO, *calls):
        with fault, suppress(StoreError):
            numbers += store.next_numbers(2)
        numbers += store.next_numbers(1)
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("index", ["open", "closed", "gone"])
def test_a_listing_is_right_again_after_any_call_of_it_has_failed(
    error: int, failing_calls: FailingCalls, store: RunStore, index: str
) -> None:
    records = [add_run(store, number) for number in range(1, 4)]
    expected = store.all()
    for fault in failing_calls.each(error, *READS, *WRITES):
        if index == "open":  # then only a run that was written behind it has to be read
            write_noun(store.paths.run(records[0].id).record, records[0], durable=False)
        if index == "closed":
            store.index.close()
        if index == "gone":
            for file in store.home.glob("index.sqlite*"):
                file.unlink()
        with fault, suppress(StoreError):
            assert [run for run in store.all() if run not in expected] == [], fault
        assert store.all() == expected, fault
        assert store.damaged() == [], fault
    store.write(replace(records[0], exit_code=0))
    assert check_store(store) == []


def test_the_index_is_right_after_any_call_of_its_writing_has_failed(
    failing_calls: FailingCalls, store: RunStore
) -> None:
    record = add_run(store)
    for error in (errno.ENOSPC, errno.EIO):
        for fault in failing_calls.each(error, *WRITES):
            with fault:
                store.index.put(record.id)
            assert [run.record for run in store.all()] == [record], fault


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_hashes_are_right_whichever_call_of_their_cache_fails(
    error: int, failing_calls: FailingCalls, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    right = HashCache(tmp_path / "other.sqlite").md5(file)
    for fault in failing_calls.each(error, "rw/pread", "rw/pwrite", "sync/fdatasync", "rw/ftruncate", "rw/write"):
        cache = HashCache(tmp_path / "store" / "hashes.sqlite")
        with fault:
            assert cache.md5(file) == right, fault
        assert cache.md5(file) == right, fault
        cache.close()


def test_what_is_kept_beside_runs_says_that_it_cannot_be_read_now_and_is_read_later(
    failing_calls: FailingCalls, store: RunStore, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    (project / "a.py").write_text("1")
    hashes = HashCache(store.paths.hashes)
    snapshot, _ = take_snapshot(project, store, outs=[], named=[], hashes=hashes)
    packages = python_environment(store.paths, sys.executable).packages
    digest = store.cache.put_listing({"a": "a" * 32})

    def read_snapshot() -> Snapshot:
        snapshots._loaded.cache_clear()  # one that was read before is not read again
        return load_snapshot(store.paths, snapshot.id)

    for read in (
        read_snapshot,
        lambda: read_packages(store.paths, packages),
        lambda: store.cache.listing(digest),
    ):
        expected = read()
        for error in (errno.EIO, errno.EACCES, errno.EMFILE):
            for fault in failing_calls.each(error, *READS):
                with fault, suppress(StoreError):
                    assert read() == expected, fault
                assert read() == expected, fault

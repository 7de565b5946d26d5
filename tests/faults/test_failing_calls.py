"""Records while one system call after the other fails."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.errors import StoreError
from dvc_magic.store import RunStore, check_store
from tests.support.faults import READS, WRITES, FailingCalls, Strace
from tests.support.records import add_run

_RECORD_A_RUN = """
import sys
from pathlib import Path
from dvc_magic.errors import StoreError
from dvc_magic.store import RunStore
from tests.support.records import make_record

try:
    store = RunStore.open(Path(sys.argv[1]))
    record = make_record(*store.next_numbers(1))
    with store.claim(record.id):
        store.write(record)
except StoreError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_record_is_the_old_or_the_new_one_whichever_call_of_its_writing_fails(
    error: int, failing_calls: FailingCalls, store: RunStore
) -> None:
    old = add_run(store)
    new = replace(old, reason="written anew")
    for fault in failing_calls.each(error, *WRITES):
        possible = [new]
        with fault:
            try:
                store.write(new)
            except StoreError:
                possible = [old, new]  # new, when only the sync of its folder failed
        assert store.read(old.id) in possible, fault
        assert not list(store.paths.run(old.id).folder.glob(".*.tmp")), fault
        store.write(old)
    assert check_store(store) == []


def test_a_run_is_read_again_after_any_call_of_its_reading_has_failed(
    failing_calls: FailingCalls, store: RunStore
) -> None:
    record = add_run(store)
    for fault in failing_calls.each(errno.EIO, *READS):
        with fault, suppress(StoreError):
            assert store.read(record.id) == record, fault
        assert store.read(record.id) == record, fault


@pytest.mark.parametrize("call", ["mkdir", "rename", "fchmod"])
def test_a_run_is_recorded_whole_or_not_at_all_whichever_call_fails(call: str, strace: Strace, store: RunStore) -> None:
    recorded = 0
    for go in strace.each(call, "error=ENOSPC", _RECORD_A_RUN, store.home, cwd=Path.cwd()):
        runs = store.all()
        assert len(runs) == recorded + (go.exit_code == 0), go
        recorded = len(runs)
        assert "Traceback" not in go.errors, go
    assert recorded


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "mkdir"])
def test_a_run_is_recorded_whole_or_not_at_all_wherever_its_process_is_killed(
    call: str, strace: Strace, store: RunStore
) -> None:
    for _ in strace.each(call, "signal=KILL", _RECORD_A_RUN, store.home, cwd=Path.cwd()):
        assert check_store(store) == []

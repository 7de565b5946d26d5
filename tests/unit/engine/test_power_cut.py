from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dvc_magic.engine.power_cut import mend_after_power_cut
from dvc_magic.model.record import OutRecord, RunRecord, RunStatus
from dvc_magic.store import RunStore
from tests.support.records import add_run

CONTENT = b"what the run made\n"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore.open(tmp_path / "store")
    mend_after_power_cut(store, boot="first")
    return store


def add(store: RunStore, number: int, *, minute: float = 0, kept: bool = False, **changes: object) -> RunRecord:
    """A run with one out, which it ended in that minute; with a copy in the runs' cache, if it is `kept`."""
    md5 = hashlib.md5(CONTENT).hexdigest()
    out = OutRecord(hash=md5, size=len(CONTENT))
    record = add_run(store, number, **{"outs": {"model.txt": out}, **changes})
    root = store.paths.run(record.id).dvc_root(record.root)
    os.utime(store.paths.run(record.id).record, (minute * 60, minute * 60))
    root.mkdir()
    (root / "model.txt").write_bytes(CONTENT)
    (root / "dvc.lock").write_text(md5)
    if kept:
        store.cache.put({md5: str(root / "model.txt")})
    return record


def empty(store: RunStore, record: RunRecord, name: str = "model.txt") -> Path:
    file = store.paths.run(record.id).workspace / name
    file.write_bytes(b"")
    return file


def test_a_run_whose_out_is_empty_after_another_start_of_the_machine_is_marked(store: RunStore) -> None:
    whole, lost = add(store, 1), add(store, 2)
    empty(store, lost)
    mend_after_power_cut(store, boot="second")
    assert store.read(lost.id).spoiled.keys() == {"model.txt"}
    assert store.read(whole.id).spoiled == {}


def test_an_empty_out_that_the_runs_cache_has_whole_is_put_right(store: RunStore) -> None:
    record = add(store, 1, kept=True)
    file = empty(store, record)
    mend_after_power_cut(store, boot="second")
    assert file.read_bytes() == CONTENT
    assert store.read(record.id).spoiled == {}


def test_a_folder_that_lost_one_of_its_files_is_marked(store: RunStore) -> None:
    outs = {"parts": OutRecord(hash=f"{'ab' * 16}.dir", size=2 * len(CONTENT), files=2)}
    record = add(store, 1, outs=outs)
    parts = store.paths.run(record.id).workspace / "parts"
    parts.mkdir()
    (parts / "a").write_bytes(CONTENT)
    (parts / "b").write_bytes(b"")
    mend_after_power_cut(store, boot="second")
    assert store.read(record.id).spoiled.keys() == {"parts"}


def test_a_run_whose_lock_file_is_empty_is_marked_too(store: RunStore) -> None:
    record = add(store, 1)
    empty(store, record, "dvc.lock")
    mend_after_power_cut(store, boot="second")
    assert store.read(record.id).spoiled == {"dvc.lock": "is empty or gone since the machine stopped"}


def test_only_runs_of_the_last_minutes_before_another_start_are_looked_at(store: RunStore) -> None:
    old, recent, last = (add(store, number, minute=minute) for number, minute in ((1, 0), (2, 7), (3, 10)))
    failed = add(store, 4, minute=10, status=RunStatus.FAILED)
    for record in (old, recent, last, failed):
        empty(store, record)
    mend_after_power_cut(store, boot="second")
    marked = {record.number for record in (old, recent, last, failed) if store.read(record.id).spoiled}
    assert marked == {2, 3}


@pytest.mark.parametrize("boot", ["first", ""])
def test_in_the_same_start_of_the_machine_or_in_an_unknown_one_no_run_is_looked_at(boot: str, store: RunStore) -> None:
    record = add(store, 1)
    empty(store, record)
    mend_after_power_cut(store, boot=boot)
    assert store.read(record.id).spoiled == {}

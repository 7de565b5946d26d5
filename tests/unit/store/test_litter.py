from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from dvc_magic.model.record import RunStatus
from dvc_magic.store import aside
from dvc_magic.store import litter as module

OURS = ".run.json.0123456789ab.tmp"
OF_DVC = ".abcdefghijklmnop_-1234.tmp"


@pytest.fixture(autouse=True)
def no_time_to_wait(monkeypatch):
    """Litter has to be some seconds old, and folders of runs are looked at once a day."""
    monkeypatch.setattr(module, "_YOUNG", -1.0)
    monkeypatch.setattr(module, "_DAY", -1.0)


def put(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    return folder / name


def test_what_a_killed_writer_left_goes_wherever_it_lies(store, add):
    paths, run = store.paths, store.paths.run(add().id)
    folders = [paths.home, run.folder, paths.snapshots, paths.environments, paths.objects / "ab"]
    litter = [put(folder, OURS) for folder in (*folders, paths.cache / "files" / "md5" / "cd")]
    kept = [put(paths.objects / "ab", "0123"), put(run.workspace, OURS)]
    store.sweep()
    assert [file for file in litter if file.exists()] == []
    assert all(file.exists() for file in (*kept, run.record))


def test_what_a_writer_still_writes_stays_and_goes_when_it_was_killed(store):
    target = store.paths.snapshots / "a.json"
    code = "import sys, time; from dvc_magic.store import aside\n"
    code += "with aside(sys.argv[1]): print(flush=True); time.sleep(60)"
    writer = subprocess.Popen([sys.executable, "-c", code, target], stdout=subprocess.PIPE)
    try:
        writer.stdout.readline()
        store.sweep()
        assert len(list(store.paths.snapshots.glob(".a.json.*"))) == 1
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    store.sweep()
    assert list(store.paths.snapshots.glob(".a.json.*")) == []


def test_a_young_file_stays_for_its_writer_may_not_have_locked_it_yet(store, monkeypatch):
    monkeypatch.setattr(module, "_YOUNG", 10.0)
    file = put(store.paths.snapshots, OURS)
    store.sweep()
    assert file.exists()


def test_what_dvc_left_goes_when_no_run_was_going_before_it(store, make_record):
    record = make_record(status=RunStatus.RUNNING)
    with store.claim(record.id):
        store.write(record)
        file = put(store.paths.cache / "files" / "md5" / "ab", OF_DVC)
        store.sweep()
        assert file.exists()
    time.sleep(0.02)  # file times move in steps
    store.sweep()
    assert not file.exists()


def test_the_reserve_of_a_run_goes_with_its_end_or_with_its_worker(store, add, make_record):
    assert not store.paths.run(add().id).reserve.exists()
    lock = store.claim((record := make_record(2)).id)
    reserve = store.paths.run(record.id).reserve
    store.sweep()
    assert reserve.exists()
    lock.release()
    store.sweep()
    assert not reserve.exists()


def test_a_folder_that_did_not_change_is_not_looked_into_again(store, add, monkeypatch):
    folders = [store.paths.run(add(number).id).folder for number in range(1, 4)]
    monkeypatch.setattr(module, "_YOUNG", 0.0)
    time.sleep(0.02)
    store.sweep()
    time.sleep(0.02)
    put(folders[1], "any")
    looked_at = []
    entries = module._entries
    monkeypatch.setattr(module, "_entries", lambda folder: looked_at.append(folder) or entries(folder))
    store.sweep()
    assert [folder for folder in folders if folder in looked_at] == [folders[1]]


def test_litter_that_was_in_use_at_the_last_sweep_is_found_by_the_next(store):
    with aside(store.paths.objects / "x") as file:
        store.sweep()
        copy = file.path.with_name(OURS)
        os.link(file.path, copy)  # what is left when the process is gone: the lock goes, the name stays
        store.sweep()
        assert copy.exists()
    store.sweep()
    assert not copy.exists()

from __future__ import annotations

import errno
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dvc_magic.errors import StoreError
from dvc_magic.model.record import Notes
from dvc_magic.store import RunStore, check_store, write_noun
from tests.support.limits import no_more_files

DAMAGES = [
    "delete",
    "empty",
    "text",
    "truncate",
    "flip",
    "no wal",
    "older",
    "newer",
    "other tables",
    "wrong rows",
    "folder",
]


def damage(path, kind, at):
    content = path.read_bytes()
    place = at % len(content)
    match kind:
        case "delete":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"not a database, and long enough to look like one" * 100)
        case "truncate":
            path.write_bytes(content[:place])
        case "flip":
            path.write_bytes(content[:place] + bytes([content[place] ^ (1 << at % 8)]) + content[place + 1 :])
        case "no wal":
            path.with_name(path.name + "-wal").unlink(missing_ok=True)
        case "folder":
            path.unlink()
            (path / "in the way").mkdir(parents=True)
        case _:
            change(path, kind)


def change(path, kind):
    statements = {
        "older": "PRAGMA user_version = 0",
        "newer": "PRAGMA user_version = 99",
        "other tables": "DROP TABLE heads; CREATE TABLE heads (id)",
        "wrong rows": "UPDATE heads SET number = number + 7; UPDATE bodies SET record = 5",
    }
    with closing(sqlite3.connect(path)) as base:
        base.executescript(statements[kind])


@pytest.mark.parametrize("kind", DAMAGES)
def test_listings_equal_the_records_whatever_happens_to_the_index(store, add, kind):
    for number in range(1, 5):
        add(number)
    expected = store.all()
    damage(store.paths.index, kind, 3)
    again = RunStore.open(store.home)
    assert again.all(limit=2) == expected[:2]
    assert again.all() == expected
    assert check_store(again) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blows=st.lists(st.tuples(st.sampled_from(["flip", "truncate"]), st.integers(0, 2**40)), min_size=1, max_size=3))
def test_listings_equal_the_records_after_random_damage_to_the_index(tmp_path_factory, make_record, blows):
    store = RunStore.open(tmp_path_factory.mktemp("any") / "store")
    for number in range(1, 4):
        record = make_record(number)
        with store.claim(record.id):
            store.write(record, durable=False)
    expected = store.all()
    for kind, at in blows:
        if store.paths.index.stat().st_size:
            damage(store.paths.index, kind, at)
    assert store.all() == expected
    assert store.all(limit=2) == expected[:2]


def test_an_index_of_a_newer_version_is_left_alone(store, add):
    record = add()
    change(store.paths.index, "newer")
    store.index.close()  # who closes a database last moves what was written into the file itself
    before = store.paths.index.read_bytes()
    assert [run.record for run in store.all()] == [record]
    store.write(replace(record, exit_code=0))
    assert store.all()[0].record.exit_code == 0
    assert store.paths.index.read_bytes() == before


def test_a_record_changed_behind_the_index_is_read_anew(store, add):
    record = add()
    store.all()
    changed = replace(record, exit_code=3)
    write_noun(store.paths.run(record.id).record, changed)
    write_noun(store.paths.run(record.id).notes, Notes(label="new"))
    assert [(run.record, run.notes.label) for run in store.all(limit=1)] == [(changed, "new")]
    assert [(run.record, run.notes.label) for run in store.all()] == [(changed, "new")]


def test_a_file_name_that_is_not_utf8_can_be_indexed(store, add):
    record = add(copied=(os.fsdecode(b"caf\xe9"),), stage="tra\udcffin")
    assert [run.record for run in store.all()] == [record]
    assert store.of_stage("tra\udcffin")[0].record == record


def test_unchanged_runs_are_taken_from_the_index(store, add, monkeypatch):
    add(1)
    expected = store.all()
    monkeypatch.setattr(store.index, "parse", None)
    assert store.all() == expected


@pytest.mark.parametrize("few", [lambda store: store.all(limit=3), lambda store: list(store.listing()[:3])])
def test_the_newest_runs_are_listed_without_a_look_at_the_files_of_others(store, add, monkeypatch, few):
    records = [add(number) for number in range(1, 31)]
    looked = []
    sign = store.index.signature
    monkeypatch.setattr(store.index, "signature", lambda run_id: looked.append(run_id) or sign(run_id))
    assert [run.number for run in few(store)] == [30, 29, 28]
    assert set(looked) == {record.id for record in records[-3:]}


def test_a_record_that_was_mended_is_listed(store, add):
    record = add()
    path = store.paths.run(record.id).record
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    assert (list(store.listing()), store.of_number(1), store.all()) == ([], [], [])
    path.write_bytes(content)
    assert [run.record for run in store.of_number(1)] == [run.record for run in store.listing()] == [record]


@pytest.mark.parametrize("name", ["run.json", "notes.json"])
def test_a_failed_read_is_an_answer_for_now_and_not_remembered(store, add, monkeypatch, name):
    record = add()
    store.write_notes(record.id, Notes(label="mine"))
    expected = store.all()
    open_file = pathlib.Path.open

    def fail(path, *args, **kwargs):
        if path.name == name:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return open_file(path, *args, **kwargs)

    for read in (store.all, store.listing, lambda: store.of_number(1)):
        store.paths.index.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(pathlib.Path, "open", fail)
            list(read())
            assert f"{name}: Input/output error. It is looked at again" in store.damaged()[0].problem
        assert list(read()) == expected
        assert store.damaged() == []


def test_an_index_that_cannot_be_opened_now_is_not_thrown_away(store, add):
    add()
    expected, inode = store.all(), store.paths.index.stat().st_ino
    with no_more_files(), pytest.raises(StoreError, match="Cannot list .*Too many open files"):
        store.all()
    assert store.paths.index.stat().st_ino == inode
    assert store.index.rows().keys() == {run.id for run in expected}


def test_a_damaged_schema_whose_name_is_no_text_is_damage(store, add):
    add()
    expected = store.all()
    store.index.close()
    content = store.paths.index.read_bytes()
    at = content.index(b"bodies")
    store.paths.index.write_bytes(content[:at] + b"\xe5" + content[at + 1 :])
    assert store.all() == expected


def test_a_locked_index_is_not_thrown_away(store, add, monkeypatch):
    add(1)
    expected = store.all()
    monkeypatch.setattr("dvc_magic.store.index._BUSY", 0.05)
    store.index.close()
    inode = store.paths.index.stat().st_ino
    with closing(sqlite3.connect(store.paths.index, isolation_level=None)) as base:
        base.execute("BEGIN EXCLUSIVE")
        record = add(2)
        assert [run.number for run in store.all()] == [2, 1]
    assert store.paths.index.stat().st_ino == inode
    assert store.all()[1:] == expected
    assert store.get(record.id) in store.all()


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts need root")
def test_a_store_that_cannot_be_written_can_be_read(store, add):
    for number in (1, 2):
        add(number)
    code = (
        "import sys, pathlib; from dvc_magic.store import RunStore;"
        "store = RunStore.open(pathlib.Path(sys.argv[1])); print([run.number for run in store.all()])"
    )
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1"'
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    command = ["unshare", "-m", "sh", "-c", script, "sh", store.home, sys.executable, code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[2, 1]\n"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_threads_and_forked_children_use_one_store_at_once(store, add):
    for number in range(1, 6):
        add(number)
    failures = []

    def list_again():
        failures.extend(1 for _ in range(20) if len(store.all()) != 5)

    threads = [threading.Thread(target=list_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # a child that hangs would hold the test's output open
            os._exit(0 if len(store.all()) == 5 else 1)
        assert os.waitpid(child, 0)[1] == 0
    for thread in threads:
        thread.join()
    assert not failures


def test_the_index_is_opened_once_for_many_uses(store, add, monkeypatch):
    opened = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: opened.append(args) or connect(*args, **options))
    for number in range(1, 6):
        add(number)
        store.all()
    assert len(opened) <= 1


@pytest.mark.parametrize("kind", DAMAGES)
def test_an_index_that_another_process_spoils_while_it_is_open_is_noticed(store, add, kind):
    for number in range(1, 4):
        add(number)
    expected = store.all()
    damage(store.paths.index, kind, 3)
    assert store.all() == expected
    add(4)
    assert [run.number for run in store.all()] == [4, 3, 2, 1]
    assert check_store(RunStore.open(store.home)) == []


def test_who_replaces_an_open_index_gets_the_next_rows(store, add):
    add(1)
    for end in ("", "-wal", "-shm"):
        store.paths.index.with_name(store.paths.index.name + end).unlink(missing_ok=True)
    other = RunStore.open(store.home)
    assert [run.number for run in other.all()] == [1]
    record = add(2)
    assert other.index.rows().keys() == store.index.rows().keys() >= {record.id}
    assert other.index.highest() == 2


def test_nobody_waits_for_the_connection_of_an_idle_process(store, add, monkeypatch):
    add(1)
    expected = store.all()
    store.paths.index.write_bytes(b"")
    monkeypatch.setattr("dvc_magic.store.index._BUSY", 20.0)
    began = time.monotonic()
    assert RunStore.open(store.home).all() == expected
    assert time.monotonic() - began < 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_inherits_no_connection(store, add):
    add(1)
    store.all()
    child = os.fork()
    if child == 0:
        os._exit(any(str(file.resolve()).startswith(str(store.paths.index)) for file in fds()))
    assert os.waitpid(child, 0)[1] == 0
    assert [run.number for run in store.all()] == [1]


def fds():
    return list(pathlib.Path("/proc/self/fd").iterdir())


def test_the_newest_of_a_stage_are_those_of_all_processes(store, add):
    for number in range(1, 8):
        add(number, stage="train" if number % 2 else "other")
    assert [head.number for head in store.index.newest("train", 3)] == [7, 5, 3]
    other = RunStore.open(store.home)
    with other.claim("a" * 12):
        other.write(replace(store.all()[0].record, id="a" * 12, number=9), durable=False)
    assert [head.number for head in store.index.newest("train", 2)] == [9, 7]


def test_an_index_without_its_orders_serves_as_well(store, add):
    add(1, stage="train")
    store.index.close()
    with closing(sqlite3.connect(store.paths.index)) as base:
        base.executescript("DROP INDEX by_stage; DROP INDEX by_number;")
    assert [head.number for head in store.index.newest("train", 3)] == [1]
    with closing(sqlite3.connect(store.paths.index)) as base:
        names = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert {"by_stage", "by_number"} <= names

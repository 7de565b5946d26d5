from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from dvc_magic.errors import StoreError
from dvc_magic.store import RunLock, held


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def test_readers_see_who_holds_it(path):
    assert not held(path)
    with RunLock(path) as lock:
        assert lock.owned
        assert held(path)
    assert not held(path)


def test_a_second_owner_is_refused(path):
    with RunLock(path), pytest.raises(StoreError, match="another process"):
        RunLock(path).acquire()


def test_a_refused_owner_can_try_again(path):
    second = RunLock(path)
    with RunLock(path), pytest.raises(StoreError):
        second.acquire()
    with second:
        assert second.owned


def test_a_dead_owner_holds_nothing(path):
    code = (
        "import sys, pathlib, time; from dvc_magic.store import RunLock;"
        "lock = RunLock(pathlib.Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert held(path)
        process.kill()
        process.wait()
        assert not held(path)


def test_a_forked_child_does_not_keep_it(path):
    lock = RunLock(path).acquire()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"1" if lock.owned else b"0")
        time.sleep(30)
        os._exit(0)
    assert os.read(reader, 1) == b"0"
    assert held(path)
    lock.release()
    assert not held(path)
    os.kill(child, 9)
    os.waitpid(child, 0)


def test_a_started_program_does_not_keep_it(path):
    with RunLock(path):
        process = subprocess.Popen(["sleep", "30"], close_fds=False)
    assert not held(path)
    process.kill()
    process.wait()


def test_a_release_in_a_forked_child_takes_nothing_from_the_parent(path):
    with RunLock(path) as lock:
        child = os.fork()
        if child == 0:
            lock.release()
            os._exit(0)
        os.waitpid(child, 0)
        assert held(path)


def test_owners_get_past_readers_that_test_all_the_time(path):
    stop = threading.Event()

    def test_again_and_again():
        while not stop.is_set():
            held(path)

    readers = [threading.Thread(target=test_again_and_again) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(50):
            with RunLock(path):
                pass
    finally:
        stop.set()
        for reader in readers:
            reader.join()

"""Warm workers and their pipes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.errors import StageNotFoundError, WorkerError, WorkerLostError
from dvc_magic.executors import WorkerPool

_WORKER = """
import json, os, sys
while line := sys.stdin.readline():
    request = json.loads(line)
    answer = {"id": request["id"]}
    if request["do"] == "pid":
        answer["result"] = os.getpid()
    elif request["do"] == "tell":
        print(json.dumps({"news": 1}), flush=True)
        answer |= request["answer"]
    elif request["do"] == "refuse":
        answer |= {"error": "StageNotFoundError", "message": "no such stage"}
    elif request["do"] == "bug":
        answer["bug"] = "Traceback: oops"
    else:
        os._exit(9)
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerPool]:
    """A pool whose workers are a toy."""
    (tmp_path / "toy_worker.py").write_text(_WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = WorkerPool(module="toy_worker", log=tmp_path / "workers.log")
    yield made
    made.close()


def test_a_worker_is_kept_for_the_next_question(pool: WorkerPool) -> None:
    assert pool.ask("pid") == pool.ask("pid") != os.getpid()


def test_an_error_of_ours_arrives_as_itself(pool: WorkerPool) -> None:
    with pytest.raises(StageNotFoundError, match="no such stage"):
        pool.ask("refuse")


def test_what_a_worker_says_meanwhile_is_heard(pool: WorkerPool) -> None:
    heard: list[object] = []
    assert pool.ask("tell", answer={"result": 2}, heard=heard.append) == 2
    assert heard == [{"news": 1}]


def test_a_worker_that_was_listened_to_and_failed_is_ended(pool: WorkerPool) -> None:
    first = pool.ask("pid")
    with pytest.raises(StageNotFoundError):
        pool.ask("tell", answer={"error": "StageNotFoundError", "message": "no"}, heard=lambda _: None)
    assert pool.ask("pid") != first


def test_a_bug_arrives_with_its_traceback(pool: WorkerPool) -> None:
    with pytest.raises(WorkerError, match="oops"):
        pool.ask("bug")


def test_a_worker_that_died_while_idle_is_replaced_unnoticed(pool: WorkerPool) -> None:
    first = pool.ask("pid")

    os.kill(first, signal.SIGKILL)

    assert pool.ask("pid") != first


def test_a_worker_that_said_that_it_leaves_gets_no_other_request(pool: WorkerPool) -> None:
    first = pool.idle().pid
    pool.ask("tell", answer={"result": None, "last": True})

    assert pool.ask("pid") != first


def test_a_question_that_kills_every_worker_is_an_error_not_a_loop(pool: WorkerPool) -> None:
    with pytest.raises(WorkerLostError, match="ended with 9"):
        pool.ask("die")

    assert pool.ask("pid")


def test_a_worker_that_was_let_go_of_at_work_is_replaced(pool: WorkerPool) -> None:
    worker = pool.idle()
    worker.request("pid")
    worker.close()

    pool.idle()
    pool.warm(1)

    assert pool.ask("pid") != worker.pid
    assert [known for known in pool._workers if known.pid == worker.pid] == []


def test_a_worker_gets_the_variables_of_the_time_at_which_it_is_started(tmp_path: Path) -> None:
    (tmp_path / "toy_worker.py").write_text(
        _WORKER.replace("os.getpid()", 'os.environ.get("NOW"), sys.flags.utf8_mode')
    )
    environ = {"PYTHONPATH": str(tmp_path)}
    pool = WorkerPool(module="toy_worker", log=tmp_path / "workers.log", environ=lambda: environ)
    environ["NOW"] = "then"
    try:
        assert pool.ask("pid") == ["then", 1]
    finally:
        pool.close()

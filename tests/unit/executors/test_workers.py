"""Warm workers and their pipes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import StageNotFoundError, WorkerError, WorkerLostError
from dvc_magic.executors import Workers

_WORKER = """
import json, os, sys, time
while not os.path.exists(os.environ.get("TOY_GATE", "/")):
    time.sleep(0.01)
while line := sys.stdin.readline():
    asked = json.loads(line)
    request, answer = asked["request"], {"id": asked["id"]}
    if request["do"] == "pid":
        answer["result"] = os.getpid()
    elif request["do"] == "tell":
        print(json.dumps({"news": 1}), flush=True)
        answer |= request["answer"]
    elif request["do"] == "refuse":
        answer |= {"error": "StageNotFoundError", "message": "no such stage"}
    elif request["do"] == "sleep":
        time.sleep(60)
    elif request["do"] == "bug":
        answer["bug"] = "Traceback: oops"
    else:
        os._exit(9)
    print(json.dumps(answer), flush=True)
"""


class Pool:
    """Workers that are a toy, and the event loop that they are used in."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.workers = Workers(module="toy_worker", log=folder / "workers.log", environ=environ)
        self.runner = asyncio.Runner()

    def ask(self, do: str, *, answer: Any = None, **how: Any) -> Any:
        """The answer to one question."""
        return self.runner.run(self.workers.ask({"do": do, "answer": answer}, **how))

    def close(self) -> None:
        """End all."""

        async def close() -> None:
            self.workers.close(patience=5.0)

        self.runner.run(close())
        self.runner.close()


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    (tmp_path / "toy_worker.py").write_text(_WORKER)
    made = Pool(tmp_path, {**os.environ, "PYTHONPATH": str(tmp_path)})
    yield made
    made.close()


def test_a_worker_is_kept_for_the_next_question(pool: Pool) -> None:
    assert pool.ask("pid") == pool.ask("pid") != os.getpid()


def test_an_error_of_ours_arrives_as_itself(pool: Pool) -> None:
    with pytest.raises(StageNotFoundError, match="no such stage"):
        pool.ask("refuse")


def test_what_a_worker_says_meanwhile_is_heard(pool: Pool) -> None:
    heard: list[object] = []
    assert pool.ask("tell", answer={"result": 2}, heard=heard.append) == 2
    assert heard == [{"news": 1}]


def test_a_worker_that_was_listened_to_and_failed_is_ended(pool: Pool) -> None:
    first = pool.ask("pid")
    with pytest.raises(StageNotFoundError):
        pool.ask("tell", answer={"error": "StageNotFoundError", "message": "no"}, heard=lambda _: None)
    assert pool.ask("pid") != first


def test_a_worker_that_survives_what_was_heard_answers_the_next_question(pool: Pool) -> None:
    first = pool.ask("pid")
    answer = {"error": "StageNotFoundError", "message": "no"}
    with pytest.raises(StageNotFoundError):
        pool.ask("tell", answer=answer, heard=lambda _: None, survives=True)
    assert pool.ask("pid") == first


def test_a_question_that_is_longer_than_the_pipe_does_not_wait_for_the_worker_to_read_it(tmp_path: Path) -> None:
    (tmp_path / "toy_worker.py").write_text(_WORKER)
    gate = tmp_path / "gate"
    pool = Pool(tmp_path, {**os.environ, "PYTHONPATH": str(tmp_path), "TOY_GATE": str(gate)})

    async def ask() -> object:
        question = pool.workers.begin({"do": "pid", "padding": "x" * 3_000_000})
        gate.touch()  # the worker reads from here on
        return (await question.answer).result()

    assert pool.runner.run(ask()) != os.getpid()
    pool.close()


def test_a_bug_arrives_with_its_traceback(pool: Pool) -> None:
    with pytest.raises(WorkerError, match="oops"):
        pool.ask("bug")


def test_a_worker_that_died_while_idle_is_replaced_unnoticed(pool: Pool) -> None:
    first = pool.ask("pid")

    os.kill(first, signal.SIGKILL)

    assert pool.ask("pid") != first


def test_a_question_that_kills_every_worker_is_an_error_not_a_loop(pool: Pool) -> None:
    with pytest.raises(WorkerLostError, match="ended with 9"):
        pool.ask("die")

    assert pool.ask("pid")


def test_a_question_that_is_withdrawn_ends_its_worker(pool: Pool) -> None:
    first = pool.ask("pid")

    async def withdraw() -> None:
        question = asyncio.ensure_future(pool.workers.ask({"do": "sleep"}))
        await asyncio.sleep(0.05)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question

    pool.runner.run(withdraw())

    assert pool.ask("pid") != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_several_workers_do_different_things_at_once(pool: Pool) -> None:
    async def pids() -> list[int]:
        return await asyncio.gather(pool.workers.ask({"do": "pid"}), pool.workers.ask({"do": "pid"}))

    assert len(set(pool.runner.run(pids()))) == 2


def test_closing_ends_workers_that_are_at_work(pool: Pool) -> None:
    async def begin() -> int:
        pid: int = await pool.workers.ask({"do": "pid"})
        pool.workers.begin({"do": "sleep"})
        return pid

    pid = pool.runner.run(begin())

    async def close() -> None:
        pool.workers.close(patience=0.1)

    pool.runner.run(close())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_gets_the_variables_that_it_is_given_and_the_encoding_of_this_process(tmp_path: Path) -> None:
    (tmp_path / "toy_worker.py").write_text(
        _WORKER.replace("os.getpid()", 'os.environ.get("NOW"), sys.flags.utf8_mode')
    )
    pool = Pool(tmp_path, {"PYTHONPATH": str(tmp_path), "NOW": "then"})
    try:
        assert pool.ask("pid") == ["then", 1]
    finally:
        pool.close()

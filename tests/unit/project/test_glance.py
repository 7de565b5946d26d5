"""The stages at a glance, from a worker that takes its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.codec import to_data
from dvc_magic.executors import WorkerPool
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.glance import Glance

_WORKER = """
import json, sys, time
while line := sys.stdin.readline():
    request = json.loads(line)
    time.sleep(request["delay"])
    print(json.dumps({"id": request["id"], "result": request["answer"]}), flush=True)
"""


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerPool]:
    """A pool with a worker that answers as the question says, and is ready."""
    (tmp_path / "slow_worker.py").write_text(_WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with_worker = WorkerPool(module="slow_worker", log=tmp_path / "workers.log")
    with_worker.ask("answer", delay=0, answer=None)
    yield with_worker
    with_worker.close()


def _glance(pool: WorkerPool, *, delay: float) -> Glance:
    return Glance(pool, {"delay": delay, "answer": to_data(Pipeline(problems=("seen",)))})


def test_the_first_look_waits_for_stages_that_come_within_a_second(pool: WorkerPool) -> None:
    assert _glance(pool, delay=0.5).look() == Pipeline(problems=("seen",))


def test_the_first_look_ends_after_a_second_and_the_next_one_has_the_answer(pool: WorkerPool) -> None:
    glance, began = _glance(pool, delay=1.6), time.monotonic()

    assert glance.look() is None
    assert 0.9 < time.monotonic() - began < 1.5
    assert glance.look() == Pipeline(problems=("seen",))


def test_stages_that_were_seen_before_are_waited_for_only_a_moment(pool: WorkerPool) -> None:
    glance = _glance(pool, delay=0.9)
    assert glance.look() is not None
    began = time.monotonic()

    assert glance.look() == Pipeline(problems=("seen",))
    assert time.monotonic() - began < 0.8


def test_a_look_without_patience_does_not_wait_at_all(pool: WorkerPool) -> None:
    assert _glance(pool, delay=0.5).look(patience=0) is None

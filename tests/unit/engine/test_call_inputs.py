from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from dvc_magic.engine.calls import CallInputs
from dvc_magic.errors import ProjectError
from dvc_magic.model.inputs import InputFacts
from dvc_magic.store import RunStore, listing_hash

CONTENT = b"x,y\n1,2\n"
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path):
    return RunStore.open(tmp_path / "store")


class Worker:
    """Answers as one that finds this hash in the project."""

    def __init__(self, hash: str) -> None:  # noqa: A002
        self.asked: list[str] = []
        self._hash = hash

    async def __call__(self, request, **_):
        self.asked += request.paths
        return [InputFacts(path=path, present=True, hash=self._hash) for path in request.paths]


def call_inputs(store, worker, hash=MD5):  # noqa: A002
    return CallInputs(
        {"points.csv": InputFacts(path="points.csv", present=True, hash=hash)},
        project=store.home.parent,
        store=store,
        call="c" * 12,
        ask=worker,
        environ={},
        deadline=1.0,
        pulling=lambda _: None,
    )


def put(store, tmp_path) -> Path:
    file = tmp_path / "points.csv"
    file.write_bytes(CONTENT)
    assert store.cache.put({MD5: file}) == []
    return Path(store.cache.path(MD5))


def test_a_file_that_the_runs_cache_has_is_not_asked_for(store, tmp_path):
    put(store, tmp_path)
    worker = Worker("0" * 32)  # the project has another one by now
    inputs = call_inputs(store, worker)
    asyncio.run(inputs.keep(["points.csv"]))
    assert (worker.asked, inputs.hash("points.csv")) == ([], MD5)


def test_a_file_that_the_runs_cache_lacks_is_kept_by_a_worker(store):
    worker = Worker(MD5)
    inputs = call_inputs(store, worker)
    asyncio.run(inputs.keep(["points.csv"]))
    assert (worker.asked, inputs.hash("points.csv")) == (["points.csv"], MD5)


def test_a_file_that_was_altered_in_the_runs_cache_is_kept_anew(store, tmp_path):
    place = put(store, tmp_path)
    place.chmod(0o644)
    place.write_bytes(b"x,y\n9,9\n")
    os.utime(place, ns=(0, 0))
    worker = Worker(MD5)
    asyncio.run(call_inputs(store, worker).keep(["points.csv"]))
    assert worker.asked == ["points.csv"]


def test_a_folder_is_kept_by_a_worker_as_it_may_have_many_files(store, tmp_path):
    put(store, tmp_path)
    folder = store.cache.put_listing({"a.csv": MD5})
    assert folder == listing_hash({"a.csv": MD5})
    worker = Worker(folder)
    asyncio.run(call_inputs(store, worker, folder).keep(["points.csv"]))
    assert worker.asked == ["points.csv"]


def test_a_file_that_is_nowhere_any_more_is_refused(store):
    with pytest.raises(ProjectError, match="changed in the project"):
        asyncio.run(call_inputs(store, Worker("0" * 32)).keep(["points.csv"]))

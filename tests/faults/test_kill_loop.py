"""Kernels, hosts, workers, supervisors and stages that are killed at any moment, alone and in pairs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import psutil
import pytest

from dvc_magic.executors import RUN_TOKEN
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Project
from dvc_magic.store import check_store
from tests.support.calling import FILES, Calling, broken_content
from tests.support.digest import changes, project_digest

_RUNS = 200
_SECONDS = 60
_PARTS = ("kernel", "host", "worker", "supervisor", "stage")
_VICTIMS = [*combinations(_PARTS, 1), *combinations(_PARTS, 2)]
_MARK = "3600.000271828"
# Some runs leave a process behind that has neither the run's session nor its token.
_FILES = FILES | {
    "train.sh": f"{FILES['train.sh']}case $(head -1 params.yaml) in *[05]) setsid env -i sleep {_MARK} &\nesac\n"
}
_OVER = {*(status for status in RunStatus if status.final), RunStatus.LOST}


@pytest.mark.timeout(240)
def test_no_completed_run_is_lost_and_none_is_half_when_whoever_takes_part_is_killed_at_random(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_project(_FILES)
    before = project_digest(root)
    calling = Calling(root, tmp_path / "acknowledged")
    kills = _kill_now_and_then(calling)

    with Project.open(root) as project:
        _wait_until(lambda: _all_over(project))
        records = {run.id: run.record for run in project.store.all()}
        said = f"{kills} kills, {len(records)} runs, {len(calling.completed)} returned; raised: {calling.errors[-3:]}"
        assert min(kills, len(calling.completed)) > 0, f"the machine is too slow for this test: {said}"
        assert check_store(project.store) == [], said
        assert [one for one in calling.completed if records[one].status is not RunStatus.COMPLETED] == [], said
        completed = [record for record in records.values() if record.status is RunStatus.COMPLETED]
        assert {record.id: broken for record in completed if (broken := broken_content(project.store, record))} == {}
        assert project.run("train", {"x": -1, "batch": -1}).status is RunStatus.COMPLETED
    assert changes(before, project_digest(root)) == []


def _kill_now_and_then(calling: Calling) -> int:
    """Calls until there are `_RUNS` runs or `_SECONDS` are over; the number of kills."""
    chance = random.Random()
    kills, until = 0, time.monotonic() + _SECONDS
    try:
        calling.start()
        while calling.runs_begun < _RUNS and time.monotonic() < until:
            # Not by the clock: where the machine is slow, everything would die before it did anything.
            wanted = calling.runs_begun + chance.randint(0, 6)
            while calling.runs_begun < wanted and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
            victims = chance.choice(_VICTIMS)
            parts = calling.taking_part()
            for name in victims:
                with suppress(psutil.NoSuchProcess, KeyError):
                    parts[name].kill()
            if "kernel" in victims:
                calling.kill()
                calling.start()
            kills += 1
    finally:
        calling.kill()
    return kills


def _all_over(project: Project) -> bool:
    """Whether no run goes on, and no process of one is left."""
    runs = {run.id: run.record.status for run in project.store.all()}
    return _OVER.issuperset(runs.values()) and not any(
        (process.info["environ"] or {}).get(RUN_TOKEN) in runs or process.info["cmdline"] == ["sleep", _MARK]
        for process in psutil.process_iter(["environ", "status", "cmdline"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
    )


def _wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "waited for 20 s"
        time.sleep(0.05)

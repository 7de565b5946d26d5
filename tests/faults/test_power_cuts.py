"""Power cuts after completed runs: on ext4, what was written less than some 35 seconds before may be empty then."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.model.record import RunStatus
from dvc_magic.project import Project
from dvc_magic.store import RunStore
from tests.support.calling import FILES, Calling, broken_content
from tests.support.faults import Disk

_RUNS = 4
_CUTS = 3


@pytest.fixture
def calling(disk: Disk, make_project: Callable[..., Path], tmp_path: Path) -> Calling:
    """Calls on the disk, which knows the project itself for certain, and one call of it."""
    root = make_project(FILES, name=f"{disk.folder.name}/project")
    with Project.open(root) as project:
        project.run("train", {"x": -1, "batch": -1})
    disk.sync()
    return Calling(root, tmp_path / "acknowledged")


def _cut_after_runs(calling: Calling, disk: Disk) -> None:
    wanted, until = len(calling.completed) + _RUNS, time.monotonic() + 60
    calling.start()
    while len(calling.completed) < wanted and time.monotonic() < until:
        time.sleep(0.05)
    disk.lose_power(calling.tree())
    calling.kill()  # of a process that is gone this takes the exit code
    assert len(calling.completed) >= wanted, calling.errors


def _unmarked(store: RunStore) -> dict[str, list[str]]:
    """What runs say they made and do not have, without a word that it was spoiled: run -> paths."""
    unmarked = {
        run.id: [path for path in broken_content(store, run.record) if path not in run.record.spoiled]
        for run in store.all()
        if run.record.status is RunStatus.COMPLETED
    }
    return {run_id: paths for run_id, paths in unmarked.items() if paths}


@pytest.mark.timeout(300)
def test_after_power_cuts_no_run_that_completed_is_lost_and_each_that_lost_content_says_so(
    calling: Calling, disk: Disk
) -> None:
    for _ in range(_CUTS):
        _cut_after_runs(calling, disk)
        with Project.open(calling.project) as project:
            completed = {run.id for run in project.store.all() if run.record.status is RunStatus.COMPLETED}
            assert set(calling.completed) <= completed
            assert _unmarked(project.store) == {}


@pytest.mark.timeout(300)
def test_after_a_power_cut_the_next_call_makes_anew_what_upstream_runs_lost(calling: Calling, disk: Disk) -> None:
    _cut_after_runs(calling, disk)
    with Project.open(calling.project) as project:
        last = project.runs[calling.completed[-1]]
        again = project.run("train", {"x": last.params["x"], "batch": last.params["x"] // 4}, reuse=True)
        assert again.id != last.id
        assert again.upstream["prepare"].id != last.upstream["prepare"].id
        assert broken_content(project.store, again.record) == []


@pytest.mark.timeout(300)
def test_after_a_power_cut_a_run_that_had_reached_the_disk_still_serves(calling: Calling, disk: Disk) -> None:
    _cut_after_runs(calling, disk)
    with Project.open(calling.project) as project:
        first = min(project.store.all(), key=lambda run: run.number)
        again = project.run("train", {"x": -1, "batch": -1}, reuse=True)
        assert again.upstream["prepare"].id == first.id
        assert again.record.spoiled == {}

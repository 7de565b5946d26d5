"""Runs on a disk that is full, or becomes full, or can only be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvc_magic.errors import RunFailedError, StoreError
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Project
from dvc_magic.store import check_store
from tests.support.faults import remount
from tests.support.projects import write

pytestmark = pytest.mark.integration

_STAGES = """stages:
  small: {cmd: echo hi > small.txt, outs: [small.txt]}
  fills: {cmd: head -c 9000000 /dev/zero > fills.bin, outs: [fills.bin]}
  half: {cmd: head -c 5000000 /dev/zero > half.bin, outs: [half.bin]}
  metrics: {cmd: python metrics.py, metrics: [m.json: {cache: false}]}
"""
# Fills the disk once its own output is whole: some 400 kB, more than the reserve of a record.
_METRICS = """
import json, os
with open("m.json", "w") as file:
    json.dump({"loss": [i / 7 for i in range(20_000)]}, file)
with open("../../filler", "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
"""


@pytest.fixture
def disk(mounted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """8 MB, on which all runs are kept."""
    folder = mounted("small disk", "tmpfs", "none", "size=8m")
    monkeypatch.setenv("DVC_MAGIC_HOME", str(folder))
    return folder


@pytest.fixture
def project(make_project: Callable[..., Path], disk: Path) -> Iterator[Project]:
    root = make_project({"dvc.yaml": _STAGES, "metrics.py": _METRICS})
    with Project.open(root) as project:
        yield project


def _room(disk: Path) -> int:
    facts = os.statvfs(disk)
    return facts.f_bavail * facts.f_frsize


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    filler.write_bytes(bytes(_room(disk)))
    return filler


def _litter(disk: Path) -> list[Path]:
    return [*disk.rglob(".*.tmp"), *disk.rglob("reserve")]


@pytest.mark.parametrize("stage", ["fills", "half", "metrics"])
def test_a_run_that_fills_the_disk_has_failed_and_says_so_and_those_after_it_are_refused_or_go(
    project: Project, disk: Path, stage: str
) -> None:
    with pytest.raises(RunFailedError, match=r"disk.*\d+ bytes are free there.*make room") as told:
        project.run(stage)
    run = told.value.run
    assert (run.status, run.reason) == (RunStatus.FAILED, "disk full")
    assert _litter(disk) == []
    if _room(disk) < 300_000:
        with pytest.raises(StoreError, match=r"No space left on device\. \d+ bytes are free there; make room"):
            project.run("small")
    for file in disk.rglob("*.bin"):
        file.unlink()
    (run.path.parent / "filler").unlink(missing_ok=True)
    assert project.run("small").status is RunStatus.COMPLETED
    assert [one.status for one in project.runs] == [RunStatus.COMPLETED, RunStatus.FAILED]
    assert [line for line in check_store(project.store) if "cache object" not in line] == []


def test_on_a_full_disk_a_call_is_refused_with_the_room_left_and_runs_are_listed(project: Project, disk: Path) -> None:
    assert project.run("small").status is RunStatus.COMPLETED
    write(project.root, {"new.py": "x = 1\n" * 5000})
    filler = _fill(disk)
    with pytest.raises(
        StoreError, match=r"Cannot keep the project's sources in .*No space left on device\. 0 bytes are free there"
    ):
        project.run("small")
    project.close()
    with Project.open(project.root) as again:
        assert [run.number for run in again.runs] == [1]
        assert list(again.stages) == ["small", "fills", "half", "metrics"]
        with pytest.raises(StoreError, match="make room"):
            again.run("small")
        filler.unlink()
        assert again.run("small").status is RunStatus.COMPLETED
    assert _litter(disk) == []


def test_a_disk_without_inodes_says_that_it_takes_no_other_file(
    make_project: Callable[..., Path], mounted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_MAGIC_HOME", str(mounted("few files", "tmpfs", "none", "nr_inodes=24")))
    with (
        Project.open(make_project({"dvc.yaml": _STAGES})) as project,
        pytest.raises((StoreError, RunFailedError), match="no inode is free there: it can take no other file"),
    ):
        project.grid("small", {}, jobs=1)


def test_on_a_disk_that_can_only_be_read_runs_are_looked_at_and_a_run_says_what_to_set(
    project: Project, disk: Path
) -> None:
    project.run("small")
    project.close()
    remount(disk, "ro")
    with Project.open(project.root) as again:
        assert [run.number for run in again.runs] == [1]
        assert "hi" in again.last.outs["small.txt"].path.read_text()
        assert "small 1" in again.last.card().text()
        assert list(again.stages) == ["small", "fills", "half", "metrics"]
        for write_something in (lambda: again.run("small"), lambda: again.last.tag("x"), lambda: again.plan("small")):
            with pytest.raises(StoreError, match=r"Read-only file system\. .*%env DVC_MAGIC_HOME="):
                write_something()
    remount(disk, "rw")


def test_a_project_that_can_only_be_read_is_looked_at_and_runs_elsewhere(
    make_project: Callable[..., Path], mounted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project({"dvc.yaml": _STAGES})
    mounted(root.name, "bind", root)
    remount(root, "bind", "ro")
    with Project.open(root) as project:
        assert (len(project.runs), list(project.stages)) == (0, ["small", "fills", "half", "metrics"])
        with pytest.raises(StoreError, match=r"Read-only file system\. .*%env DVC_MAGIC_HOME=") as caught:
            project.run("small")
    monkeypatch.setenv("DVC_MAGIC_HOME", str(caught.value).partition("DVC_MAGIC_HOME=")[2].partition(",")[0])
    with Project.open(root) as project:
        assert project.run("small").status is RunStatus.COMPLETED

"""What stays of a call that was interrupted, or whose worker died, before its targets began."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.project import Project
from dvc_magic.project.follow import Silent
from dvc_magic.store import check_store
from tests.support.behind import carry_out
from tests.support.small import prepare_and_train

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("started_hosts")]

FILES = prepare_and_train(
    "pause",
    "lr",
    prepare="""
import time, yaml
print("preparing", flush=True)
time.sleep(yaml.safe_load(open("params.yaml"))["pause"])
open("data.txt", "w").write("x")
""",
    train="""
import json, yaml
json.dump({"loss": yaml.safe_load(open("params.yaml"))["lr"]}, open("m.json", "w"))
""",
    **{
        "params.yaml": "pause: 60\nlr: 0.5\n",
    },
)


class Interrupts(Silent):
    """Interrupts a call once its first stage prints; takes down the ends that it is told of."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._done = False
        self.ended: list[str] = []

    def waiting(self) -> None:
        logs = self._root.glob(".dvc_magic/runs/*/output.log")
        if not self._done and any("preparing" in log.read_text() for log in logs):
            self._done = True
            raise KeyboardInterrupt

    def finished(self, record: RunRecord) -> None:
        self.ended.append(f"{record.name} {record.status}")


def _request(*rates: float, **more: Any) -> RunRequest:
    return RunRequest(stages=("train",), changes=(Change(file="params.yaml", key="lr", values=rates),), **more)


def test_a_target_is_recorded_as_stopped_when_the_stage_above_it_was(make_project: Any) -> None:
    with Project.open(make_project(FILES)) as project:
        watch = Interrupts(project.root)
        with pytest.raises(KeyboardInterrupt):
            carry_out(project, _request(0.5, label="mine"), observer=watch)

        last = project.last

        assert (last.stage, last.number, last.status, last.reason) == ("train", 2, RunStatus.STOPPED, "user")
        assert (last.error, last.label) == ("not executed: prepare 1 stopped", "mine")
        assert last.upstream["prepare"].status is RunStatus.STOPPED
        assert watch.ended == ["prepare 1 stopped", "train 2 stopped"]
        assert check_store(project.store) == []


def test_each_target_that_waited_for_that_stage_is(make_project: Any) -> None:
    with Project.open(make_project(FILES)) as project:
        with pytest.raises(KeyboardInterrupt):
            carry_out(project, _request(0.1, 0.2), observer=Interrupts(project.root))

        assert [run.status for run in project.runs] == [RunStatus.STOPPED] * 2
        assert len(project.runs.unfolded()) == 3


def test_targets_that_had_not_begun_leave_a_record_alone_that_only_all_runs_show(make_project: Any) -> None:
    with Project.open(make_project(FILES)) as project:
        changes = (Change(file="params.yaml", key="pause", values=(60, 61)),)
        with pytest.raises(KeyboardInterrupt):
            carry_out(project, RunRequest(stages=("train",), changes=changes), observer=Interrupts(project.root))

        assert [run.stage for run in project.runs] == ["train"]
        (unbegun,) = [run for run in project.runs.unfolded() if run.record.unbegun]
        assert len(project.runs.unfolded()) == 3
        assert (unbegun.stage, unbegun.status, unbegun.reason) == ("train", RunStatus.STOPPED, "user")
        assert sorted(path.name for path in unbegun.path.iterdir()) == ["lock", "run.json"]
        assert check_store(project.store) == []

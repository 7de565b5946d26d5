"""Stores that earlier versions made open, list, are reused and serve upstream."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.errors import CallNotFoundError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.project import Project
from dvc_magic.store import read_noun, write_noun

pytestmark = pytest.mark.integration

ASSETS = sorted((Path(__file__).parents[1] / "assets").glob("store-*.tar.gz"))


@pytest.fixture(params=ASSETS, ids=lambda path: path.name.partition(".")[0])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A project with a store of an earlier version; see `tests.support.store_asset`."""
    with tarfile.open(request.param) as tar:
        tar.extractall(tmp_path, filter="fully_trusted")
    with Project.open(tmp_path / "project") as opened:
        yield opened


def test_it_lists_with_params_metrics_notes_and_logs(project: Project) -> None:
    runs = project.runs[:]

    assert [run.stage for run in runs] == ["fail", "op:count", "train", "train"]
    assert [run.status for run in runs] == ["failed", "completed", "completed", "completed"]
    first = runs[-1]
    assert (first.label, first.tags, first.metrics["loss"], first.params["lr"]) == ("first", ("good",), 0.25, 0.5)
    assert first.upstream["prepare"].outs["data"].files == 3
    assert len(runs.to_frame()) == 4
    assert project.runs.where("metrics.loss < 1 and params.lr = 0.1")[0].number == runs[2].number


def test_the_doctor_finds_nothing_wrong(project: Project) -> None:
    assert project.check().findings == ()


def test_its_runs_serve_upstream(project: Project) -> None:
    before = {run.id for run in project.runs.unfolded()}

    run = project.run("train", {"lr": 0.7})

    assert run.upstream["prepare"].id in before
    assert run.number > max(project.runs[known].number for known in before)


def test_an_undeclared_file_that_its_run_read_makes_a_difference(project: Project) -> None:
    (project.root / "settings.ini").write_text("changed\n")

    (point,) = project.plan("train", reuse=True).points

    assert {decision.stage: str(decision.action) for decision in point.decisions} == {
        "prepare": "reuse",
        "train": "run",
    }


def test_its_runs_are_reused_where_python_and_packages_are_the_same(project: Project) -> None:
    here = project.run("train", {"lr": 0.9}).record.environment
    for old in project.runs:
        if old.params.get("lr") == 0.5 and old.status == RunStatus.COMPLETED:
            write_noun(old.path / "run.json", replace(read_noun(old.path / "run.json", RunRecord), environment=here))

    assert project.run("train", reuse=True).label == "first"


def test_its_failed_run_is_executed_again_under_the_debugger(project: Project) -> None:
    debugged = project.debug(project.runs[:][0], commands=["q"], show=lambda _: None)

    assert debugged.exit_code == 1


def test_that_its_calls_have_no_folder_is_normal(project: Project) -> None:
    with pytest.raises(CallNotFoundError):
        project.store.calls.get(project.last.record.call.id)

    assert project.store.calls.all() == []

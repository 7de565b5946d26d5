"""The example with a ``guild.yml``: what Guild AI's support for DVC was made for, each operation of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dvc_magic.errors import MissingInputError
from dvc_magic.project import Project, write_example
from tests.support.commands import dvc, dvc_status_code, git
from tests.support.digest import changes, project_digest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example("guild", tmp_path_factory.mktemp("example") / "guild").root


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "guild")


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


def test_every_operation_is_known_without_a_warning(project: Project) -> None:
    assert list(project.operations) == [
        "hello-file",
        "hello-dvcfile",
        "hello-two",
        "hello-always-pull",
        "faketrain-stage",
        "prepare-data-op",
        "train-models-op",
        "eval-models-op",
        "best-model",
    ]
    assert project.operations.pipeline.problems == ()
    assert project.operations.pipeline.faults == {}


def test_the_remotes_are_those_of_the_configuration_in_the_root(folder: Path) -> None:
    assert not (folder / ".dvc/config").exists()
    assert git(folder, "status", "--short") == ""


def test_a_plain_file_has_to_be_there_and_its_author_says_how(project: Project) -> None:
    with pytest.raises(MissingInputError, match=r"(?s)'hello-file' needs 'hello.in'.*pull it with dvc pull hello.in"):
        project.run("hello-file")


def test_a_dvcfile_is_pulled_from_the_remote_that_is_named(project: Project, folder: Path) -> None:
    before = project_digest(folder)
    run = project.run("hello-dvcfile")
    assert run.log.text() == "Hello, world!\n"
    assert run.outs["hello.out"].read_text() == "Hello, world!\n"
    assert "from remote 'archive'" in repr(run.deps["hello.in"])
    assert changes(before, project_digest(folder)) == []


def test_one_file_has_two_names(project: Project) -> None:
    run = project.run("hello-two")
    assert {path: dep.name for path, dep in run.record.deps.items() if dep.name} == {
        "hello-copy.in": "copy",
        "hello.in": "original",
    }


def test_a_changed_file_is_taken_as_it_is_or_as_dvc_has_recorded_it(project: Project, folder: Path) -> None:
    (folder / "hello.in").write_text("nobody\n")
    assert project.run("hello-dvcfile").log.text() == "Hello, nobody!\n"
    assert project.run("hello-always-pull").log.text() == "Hello, world!\n"


def test_a_stage_runs_as_an_operation_with_a_flag_that_it_does_not_track(project: Project) -> None:
    runs = project.grid("faketrain-stage", {"x": [-1, 1], "noise": [0.0]})
    assert [run.metrics["loss"] for run in runs] == [0.228613, -0.228613]
    assert yaml.safe_load((runs[0].workspace / "dvc.lock").read_text())["stages"]["faketrain"]["params"] == {
        "params.json.in": {"noise": 0.0, "x": -1}
    }
    assert dvc_status_code(runs[0].workspace) == 0
    assert project.run("faketrain-stage", {"x": 1, "noise": 0.5}, reuse=True).metrics != runs[1].metrics


def test_operations_stand_for_the_stages_that_they_declare(project: Project) -> None:
    prepared = project.run("prepare-data-op")
    trained = project.run("train-models-op")
    assert trained.upstream["prepare-data"].id == prepared.id
    assert (trained.workspace / "params.json").exists()
    assert repr(trained.deps["params.json"]) == "<config params.json.in>"
    evaluated = project.run("eval-models-op")
    assert {stage: run.id for stage, run in evaluated.upstream.items()} == {
        "prepare-data": prepared.id,
        "train-models": trained.id,
    }
    assert project.run("eval-models").upstream["train-models"].id == trained.id
    assert evaluated.metrics == project.run("eval-models").metrics


def test_a_value_for_the_stage_is_one_for_the_operation_that_has_its_file_under_another_name(project: Project) -> None:
    trained = project.run("train-models-op", {"train.C": 2.0})
    assert project.run("eval-models", {"train.C": 2.0}).upstream["train-models"].id == trained.id
    assert "train-models runs" in repr(project.plan("eval-models", {"train.C": 5.0}))


def test_a_run_with_other_values_is_used_only_when_it_is_named(project: Project) -> None:
    other = project.run("train-models-op", {"train.C": 0.01})
    assert project.run("best-model").upstream["train-models"].stage == "train-models"
    named = project.run("best-model", use={"train-models": other})
    assert named.upstream["train-models"].id == other.id


def test_what_is_selected_is_there_and_nothing_else(project: Project) -> None:
    run = project.run("best-model")
    assert run.metrics["of"] == 2
    assert sorted(path for path in run.deps if path.startswith("model-")) == ["model-1.joblib", "model-2.joblib"]


def test_the_stages_run_as_dvc_repro_runs_them(project: Project, folder: Path) -> None:
    run = project.run("eval-models")
    config = (folder / "dvc.config.in").read_text()
    (folder / ".dvc/config").write_text(config)
    dvc(folder, "pull", "-q", "-r", "storage", "iris.csv")
    dvc(folder, "repro", "-q", "eval-models")
    lock = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    own = yaml.safe_load((run.workspace / "dvc.lock").read_text())["stages"]
    assert own["eval-models"] == lock["eval-models"]

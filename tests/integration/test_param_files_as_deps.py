"""Param files that a stage makes, and those above the project's root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.project import Project, Run

pytestmark = pytest.mark.integration

MADE = {
    "dvc.yaml": """\
stages:
  search:
    cmd: 'grep start params.yaml | sed s/start/best/ > best.yaml'
    params: [start]
    outs: [best.yaml]
  train:
    cmd: cat best.yaml > model.txt
    params:
      - best.yaml: [best]
    outs: [model.txt]
  report:
    cmd: cat model.txt > report.txt
    deps: [model.txt]
    outs: [report.txt]
""",
    "params.yaml": "start: 3\nother: 1\n",
}


@pytest.fixture
def project(make_project: Any) -> Iterator[Project]:
    with Project.open(make_project(MADE)) as opened:
        yield opened


def upstream(run: Run) -> dict[str, int]:
    return {stage: above.number for stage, above in run.upstream.items()}


def test_a_stage_waits_for_the_stage_that_makes_its_param_file(project: Project) -> None:
    run = project.run("report")
    train = run.upstream["train"]

    assert run.outs["report.txt"].read_text() == "best: 3\n"
    assert upstream(train) == {"search": 1}
    assert train.deps["best.yaml"].run == project.runs[1].id


def test_its_run_is_reused_until_what_the_file_says_changes(project: Project) -> None:
    first = project.run("report")
    again = project.run("report")
    other = project.run("report", {"start": 4})

    assert upstream(first) == upstream(again) == {"train": 2}
    assert other.outs["report.txt"].read_text() == "best: 4\n"
    assert other.upstream["train"].number > again.number


def test_a_file_that_a_stage_makes_gives_no_flags(project: Project) -> None:
    assert list(project.stages["train"].params) == []


def test_a_param_file_above_the_root_counts_by_its_values(make_project: Any, tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("lr: 1\nother: 1\n")
    definition = """\
stages:
  train:
    cmd: cat ../shared.yaml > model.txt
    params:
      - ../shared.yaml: [lr]
    outs: [model.txt]
  report:
    cmd: cat model.txt > report.txt
    deps: [model.txt]
    outs: [report.txt]
"""
    with Project.open(make_project({"dvc.yaml": definition})) as project:
        first = project.run("report")
        (tmp_path / "shared.yaml").write_text("lr: 1\nother: 2\n")
        second = project.run("report")
        (tmp_path / "shared.yaml").write_text("lr: 2\nother: 2\n")
        third = project.run("report")

    assert upstream(first) == upstream(second) == {"train": 1}
    assert upstream(third) == {"train": 4}
    assert third.outs["report.txt"].read_text() == "lr: 2\nother: 2\n"

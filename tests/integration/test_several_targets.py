"""Calls of several targets, groups and patterns: one snapshot, each distinct stage once, the runs in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvc_magic import Project, RunsFailedError
from dvc_magic.errors import ParamError, ProjectError, RequestError, StageNotFoundError
from dvc_magic.line import read_run_line
from tests.support import projects
from tests.support.behind import pipeline_of, plan_of

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: test ${n} != 9 && date +%N > data
    params: [n]
    outs: [data: {cache: false}]
  train:
    cmd: cp data model
    deps: [data]
    params: [lr]
    outs: [model]
  fit:
    foreach: ${names}
    do:
      cmd: cp data fit-${item} && test ${item} != bad
      deps: [data]
      outs: ['fit-${item}']
  cell:
    matrix: {size: [1, 2], kind: [a, b]}
    cmd: echo ${item.size} ${steps} > cell-${item.kind}-${item.size}
    outs: ['cell-${item.kind}-${item.size}']
  report:
    cmd: cp params.yaml report
    deps: [params.yaml]
    outs: [report]
  names:
    cmd: "true"
    params: [names]
""",
    "params.yaml": "n: 1\nlr: 0.5\nnames: [a, b]\nsteps: 3\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Iterator[Project]:
    """A project of stages that build on each other, groups, and one that depends on all params."""
    root = projects.create(tmp_path_factory.mktemp("several") / "project", files=FILES, template=dvc_template, track=())
    with Project.open(root) as opened:
        yield opened


def asked(runs: Any) -> list[tuple[str, dict[str, Any]]]:
    """The stages of some runs with the values that the call gave each."""
    return [(run.stage, {override.key: override.value for override in run.record.overrides}) for run in runs]


def test_each_stage_runs_once_and_the_others_build_on_it(project: Project) -> None:
    project.run("prepare")
    before = len(project.runs.unfolded())

    runs = project.grid(["train", "fit", "prepare"], {}, jobs=2)

    assert [run.stage for run in runs] == ["train", "fit@a", "fit@b", "prepare"]
    assert len(project.runs.unfolded()) == before + 4
    made = (runs[3].workspace / "data").read_text()
    assert [(runs[0].workspace / "model").read_text(), (runs[1].workspace / "fit-a").read_text()] == [made, made]
    assert [run.upstream["prepare"].id for run in runs[:3]] == [runs[3].id] * 3
    assert len({run.record.snapshot for run in runs}) == 1


def test_a_flag_holds_for_the_targets_that_have_it_and_each_stage_runs_once_for_what_differs(project: Project) -> None:
    runs = project.grid(["prepare", "train", "report"], {"lr": [0.25, 0.125]})

    assert asked(runs) == [
        ("prepare", {}),
        ("train", {"lr": 0.25}),
        ("train", {"lr": 0.125}),
        ("report", {"lr": 0.25}),
        ("report", {"lr": 0.125}),
    ]
    assert {run.upstream["prepare"].id for run in runs[1:3]} == {runs[0].id}
    with pytest.raises(ParamError, match="There is no param 'lr'"):
        project.grid(["prepare", "fit"], {"lr": [1.0]})


def test_a_run_that_upstream_stages_of_the_call_need_has_the_values_that_they_need(project: Project) -> None:
    runs = project.grid(["train", "prepare"], {"n": [2, 3]})

    assert asked(runs) == [("train", {"n": 2}), ("train", {"n": 3}), ("prepare", {"n": 2}), ("prepare", {"n": 3})]
    assert [run.upstream["prepare"].id for run in runs[:2]] == [run.id for run in runs[2:]]


@pytest.mark.parametrize(
    ("target", "stages"),
    [
        ("fit", ["fit@a", "fit@b"]),
        ("fit@[!a]", ["fit@b"]),
        ("cell", ["cell@1-a", "cell@1-b", "cell@2-a", "cell@2-b"]),
        (["cell@*-b", "cell@1-b", "cell@1-*"], ["cell@1-b", "cell@2-b", "cell@1-a"]),
    ],
)
def test_groups_and_patterns_stand_for_their_items(
    project: Project, target: str | list[str], stages: list[str]
) -> None:
    assert [point.target for point in project.plan(target).points] == stages


def test_a_value_of_a_group_reaches_each_of_its_items(project: Project) -> None:
    assert asked(project.grid("cell@1-*", {"steps": [4]})) == [("cell@1-a", {"steps": 4}), ("cell@1-b", {"steps": 4})]


def test_a_group_has_the_items_that_the_values_of_the_call_give_it(project: Project) -> None:
    assert asked(project.grid(["names", "fit"], {"names": [["a"], ["c", "d"]]})) == [
        ("names", {"names": ["a"]}),
        ("names", {"names": ["c", "d"]}),
        ("fit@a", {"names": ["a"]}),
        ("fit@c", {"names": ["c", "d"]}),
        ("fit@d", {"names": ["c", "d"]}),
    ]
    line = read_run_line("fit@c* -S names=[cd,a,ce]", namespace={}, pipeline=pipeline_of(project), stage_of=str)
    assert [point.target for point in plan_of(project, line.request).points] == ["fit@cd", "fit@ce"]
    with pytest.raises(ProjectError, match=r"no stage of the group 'fit' is 'fit@b\*'; it has fit@x"):
        project.grid(["names", "fit@b*"], {"names": [["x"]]})


def test_a_run_that_is_named_is_used_though_its_stage_is_asked_for_too(project: Project) -> None:
    named = project.run("prepare")

    prepare, train = project.grid(["prepare", "train"], {"n": [5]}, use={"prepare": named})

    assert train.upstream["prepare"].id == named.id
    assert prepare.params["n"] == 5
    with pytest.raises(RequestError, match="n has no effect here"):
        project.grid(["report", "train"], {"n": [5]}, use={"prepare": named})


def test_with_reuse_what_is_asked_for_and_there_already_serves_the_others_too(project: Project) -> None:
    first = project.grid(["prepare", "train"], {"n": [7]})

    again = project.grid(["train", "prepare"], {"n": [7]}, reuse=True)

    assert [run.id for run in again] == [first[1].id, first[0].id]


def test_a_target_that_fails_fails_what_builds_on_it_and_nothing_else(project: Project) -> None:
    with pytest.raises(RunsFailedError, match="2 of 4 runs did not complete") as caught:
        project.grid(["train", "prepare", "names", "cell@1-a"], {"n": [9]})

    train, prepare, *others = caught.value.runs
    assert [str(prepare.status), str(train.status), train.reason] == ["failed", "failed", "upstream"]
    assert [str(run.status) for run in others] == ["completed", "completed"]
    assert train.upstream["prepare"].id == prepare.id


def test_run_of_several_shows_the_grid_that_runs_them(project: Project) -> None:
    with pytest.raises(RequestError, match=r"'fit' is several: fit@a, fit@b\. To run them: project\.grid\('fit', {}\)"):
        project.run("fit")
    with pytest.raises(RequestError, match=r"project\.grid\(\['train', 'report'\], {'lr': \[0\.1\]}\)"):
        project.run(["train", "report"], {"lr": 0.1})  # type: ignore[arg-type]
    with pytest.raises(StageNotFoundError, match="The group 'fit' has no stage 'fit@x"):
        project.grid("fit@x*", {})


def test_stages_of_a_group_are_listed_alone(project: Project) -> None:
    assert list(project.stages.meant("fit")) == ["fit@a", "fit@b"]
    assert "fit@b" in repr(project.stages.meant("fit"))
    assert "train" not in repr(project.stages.meant("fit"))
    assert repr(project.stages.meant("train")) == repr(project.stages["train"])


def test_values_of_a_run_hold_for_several_targets(project: Project) -> None:
    start = project.run("train", {"lr": 0.75})

    assert asked(project.grid(["report", "train"], {}, from_run=start)) == [
        ("report", {"lr": 0.75}),
        ("train", {"lr": 0.75}),
    ]


def test_operations_with_params_of_their_own_run_beside_stages(project: Project) -> None:
    for name in ("one", "two"):
        project.op(name, f"x = 1\nopen('{name}.txt', 'w').write(str(x))", outs=[f"{name}.txt"])

    runs = project.grid(["op:one", "train", "op:two"], {"one.py:x": [2, 3], "lr": [0.1]})

    assert asked(runs) == [
        ("op:one", {"x": 2}),
        ("op:one", {"x": 3}),
        ("train", {"lr": 0.1}),
        ("op:two", {}),
    ]
    assert [runs[index].outs[path].read_text() for index, path in [(0, "one.txt"), (3, "two.txt")]] == ["2", "1"]


def test_a_key_that_no_stage_declares_holds_for_every_target(project: Project) -> None:
    request = read_run_line(
        "report prepare -S +seed=1,2", namespace={}, pipeline=pipeline_of(project), stage_of=str
    ).request

    assert [point.target for point in plan_of(project, request).points] == ["report"] * 2 + ["prepare"]
    request = read_run_line(
        "train prepare -S +seed=1,2", namespace={}, pipeline=pipeline_of(project), stage_of=str
    ).request
    assert [point.target for point in plan_of(project, request).points] == ["train"] * 2 + ["prepare"] * 2

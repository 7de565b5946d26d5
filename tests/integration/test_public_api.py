"""What people do with the objects that they get, and how a slip of theirs is answered."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dvc_magic import Project, Run, RunFailedError, Runs
from dvc_magic.errors import ParamError, QueryError, RunNotFoundError
from dvc_magic.project import connection_of
from dvc_magic.store import check_store

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: mkdir data && echo text > data/a.txt
    outs: [data]
  train:
    cmd: python train.py
    deps: [data, train.py]
    params: [train.lr, train.layers, train.steps, model.lr]
    metrics: [m.json: {cache: false}]
""",
    "params.yaml": "train: {lr: 0.5, layers: [1], steps: 1}\nmodel: {lr: 0.1}\n",
    "train.py": """
import json, yaml
lr = yaml.safe_load(open("params.yaml"))["train"]["lr"]
for step in range(30):
    print("step", step)
if lr > 1:
    raise SystemExit("too fast")
json.dump({"loss": lr}, open("m.json", "w"))
""",
}


@pytest.fixture
def project(make_project: Any) -> Iterator[Project]:
    """A project of two stages."""
    with Project.open(make_project(FILES)) as opened:
        yield opened


@pytest.fixture
def runs(project: Project) -> Runs:
    """Three runs of train, numbers 2 to 4, in grid order."""
    return project.grid("train", {"train.lr": [0.3, 0.1, 0.2]})


def test_files_of_a_run_are_read_without_a_thought_of_paths(project: Project) -> None:
    run = project.run("train")

    assert json.loads(run.outs["m.json"].read_text()) == {"loss": 0.5}
    assert run.outs["m.json"].read_bytes() == Path(run.outs["m.json"]).read_bytes()
    assert (run.deps["data"] / "a.txt").read_text() == "text\n"
    assert run.outs._ipython_key_completions_() == ["m.json"]


def test_a_number_is_a_runs_own_on_the_store_and_a_position_in_a_selection(project: Project, runs: Runs) -> None:
    selected = project.runs.where("stage = train")

    assert [project.runs[2].number, project.runs[:][2].number] == [2, 2]
    assert [selected[0].number, selected[-1].number, selected[1:][0].number] == [4, 2, 3]
    assert repr(project.runs).endswith("one in full: %dvc_show 4, project.runs[4]")
    assert repr(selected).endswith("one in full: %dvc_show 4; as a list, [0] is run 4")


def test_a_position_that_is_not_there_is_answered_with_what_was_meant(project: Project, runs: Runs) -> None:
    with pytest.raises(IndexError, match="no position 4 among these 3 runs; run number 4 is at position 2"):
        _ = runs[4]
    with pytest.raises(RunNotFoundError, match=r"project\.last is the newest run"):
        _ = project.runs[-1]
    assert runs.index(project.runs[4]) == 2


def test_a_name_that_no_run_has_is_an_error_and_a_value_that_some_lack_is_not(project: Project, runs: Runs) -> None:
    every = project.runs.unfolded()

    assert len(every.where("loss < 0.25")) == 2
    assert len(every.where("stage = nothing").where("whatever = 1")) == 0
    for ask in (lambda: every.where("los < 1"), lambda: every.order_by("los"), lambda: every.best(minimize="los")):
        with pytest.raises(QueryError, match="Did you mean 'loss'"):
            ask()


def test_a_plan_takes_what_a_run_takes_and_runs_nothing(project: Project) -> None:
    first = project.run("prepare")

    plan = project.plan("train", {"train.lr": 0.25}, use={"prepare": first}, upstream="never")

    assert repr(plan).startswith("prepare 1 reused")
    assert repr(project.plan("train", {"steps": 0.5})).endswith("train runs; train.steps 1 -> 0.5 (float)")
    assert len(project.runs) == 1


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"lrr": 1}, "There is no param 'lrr'"),
        ({"lr": 1}, "Write 'train.lr' or 'model.lr'"),
        ({"layers": "[1, 2]"}, "Leave out the quotes: 'train.layers': [1, 2]"),
        ({"train.lr": [1, 2]}, "pass them to grid()"),
        ({"steps": True}, "steps in params.yaml is an int"),
    ],
)
def test_errors_of_the_api_speak_python(project: Project, params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamError) as caught:
        project.run("train", params)

    assert said in str(caught.value)
    assert "--" not in str(caught.value)


def test_a_failed_call_ends_in_the_next_steps_of_its_kind(project: Project) -> None:
    with pytest.raises(RunFailedError) as caught:
        project.run("train", {"train.lr": 2.0})

    message = str(caught.value)
    assert "the log's last 20 lines" in message
    assert "too fast" in message
    assert "project.runs[2].log" in message
    assert "%dvc" not in message


def test_a_project_has_these_public_names_and_no_others(project: Project) -> None:
    ways_in_and_out = {"open", "example", "close", "root", "store"}
    looks = {"stages", "operations", "runs", "calls", "last", "widgets"}
    acts = {"run", "grid", "op", "plan", "promote", "debug", "check"}

    assert {name for name in dir(project) if not name.startswith("_")} == ways_in_and_out | looks | acts


def test_an_unknown_option_is_refused_by_name_with_the_one_that_was_meant(project: Project) -> None:
    run: Any = project.run("prepare")
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: project.run("train", reus=True), "Project.run() got an unexpected keyword argument 'reus'"),
        (lambda: project.grid("train", {}, job=2), "Did you mean 'jobs'?"),
        (lambda: project.op("fit", "", dep=[]), "Did you mean 'deps'?"),
        (lambda: project.plan("train", timeout=3), "Project.plan() got an unexpected keyword argument 'timeout'"),
        (lambda: run.again({}, from_run=1), "Run.again() got an unexpected keyword argument 'from_run'"),
    ]
    for call, said in calls:
        with pytest.raises(TypeError) as caught:
            call()
        assert said in str(caught.value)
    assert len(project.runs.unfolded()) == 1


def test_the_options_of_a_call_are_seen_in_its_signature() -> None:
    of_a_plan = {"reuse": False, "use": None, "upstream": "auto", "copy_paths": (), "hydra": True}
    of_a_call = {**of_a_plan, "timeout": None, "label": "", "tags": (), "raise_errors": True}
    of_a_call |= {"background": False, "detach": False}

    assert _options(Project.plan) == {"from_run": None, **of_a_plan}
    assert _options(Project.run) == {"from_run": None, **of_a_call}
    assert _options(Project.grid) == {"jobs": 1, "from_run": None, **of_a_call}
    assert _options(Run.again) == of_a_call
    assert _options(Project.op).items() >= of_a_call.items()


def _options(method: Callable[..., Any]) -> dict[str, Any]:
    named = inspect.signature(method).parameters.values()
    assert inspect.Parameter.VAR_KEYWORD not in {one.kind for one in named}
    return {one.name: one.default for one in named if one.kind is inspect.Parameter.KEYWORD_ONLY}


def test_threads_use_one_project_at_once(project: Project) -> None:
    together = threading.Barrier(8)

    def look(_: int) -> list[object]:
        together.wait()
        plan = project.plan("train", {"train.lr": 0.25})
        glance = connection_of(project).glance(patience=60)
        return [
            [*project.stages],
            [point.target for point in plan.points],
            glance is not None and [stage.address for stage in glance.stages],
            {run.stage for run in project.runs} <= {"prepare"},
            project.stages["train"].params["train.lr"].value,
        ]

    def run(number: int) -> tuple[Run, str]:
        together.wait()
        made = project.run("prepare", label=f"thread {number}")
        return made, (project.runs[made.number].outs["data"] / "a.txt").read_text()

    with ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(look, number) for number in range(6)]
        runs = [pool.submit(run, number) for number in range(2)]
        every = ["prepare", "train"]

        assert [one.result() for one in looks] == [[every, ["train"], every, True, 0.5]] * 6
        made = [one.result() for one in runs]
    assert [(run.label, run.status, text) for run, text in made] == [
        ("thread 0", "completed", "text\n"),
        ("thread 1", "completed", "text\n"),
    ]
    assert sorted(run.number for run in project.runs) == [1, 2]
    assert check_store(project.store) == []

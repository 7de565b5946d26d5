"""``--from RUN`` and ``run.again``: a new run that starts from the values of an earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dvc_magic.errors import ParamError, RequestError, RunNotFoundError
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Project
from tests.support.behind import carry_out, pipeline_of
from tests.support.small import prepare_and_train

pytestmark = pytest.mark.integration

FILES = prepare_and_train(
    "prepare.n",
    "train.lr, train.layers, conf.json: [depth]",
    prepare="""
import yaml
open("data.txt", "w").write("x" * yaml.safe_load(open("params.yaml"))["prepare"]["n"])
""",
    train="""
import json, yaml
params = yaml.safe_load(open("params.yaml"))
if params["train"]["lr"] < 0:
    raise SystemExit("diverged")
found = {"lr": params["train"]["lr"], "size": len(open("data.txt").read()), "extra": params.get("extra", 0)}
json.dump({**found, "depth": json.load(open("conf.json"))["depth"]}, open("m.json", "w"))
""",
    **{
        "params.yaml": "prepare:\n  n: 2\ntrain:\n  lr: 0.5\n  layers: [64, 64]\nextra: 1\n",
        "conf.json": '{"depth": 3}\n',
    },
)


@pytest.fixture
def project(make_project: Any) -> Iterator[Project]:
    """A two-stage project with two param files."""
    with Project.open(make_project(FILES)) as opened:
        yield opened


def _values(run: Any) -> tuple[Any, ...]:
    return run.metrics["lr"], run.metrics["size"], run.metrics["depth"]


def test_the_values_of_a_run_and_of_those_above_it_hold_again(project: Project) -> None:
    first = project.run("train", {"lr": 0.1, "n": 5, "depth": 7})
    project.run("train")

    again = project.run(from_run=first.number)

    assert _values(again) == (0.1, 5, 7)
    assert (again.id != first.id, again.record.from_run) == (True, first.id)
    assert again.upstream == first.upstream


def test_what_this_call_asks_for_wins_and_the_code_is_todays(project: Project) -> None:
    first = project.run("train", {"lr": 0.1, "n": 5})
    (project.root / "train.py").write_text(FILES["train.py"].replace('"lr": params', '"new": 1, "lr": params'))

    again = first.again({"lr": 0.2})

    assert _values(again) == (0.2, 5, 3)
    assert again.metrics["new"] == 1


def test_values_that_the_project_has_now_are_no_overrides(project: Project) -> None:
    first = project.run("train", {"lr": 0.1})
    (project.root / "params.yaml").write_text(FILES["params.yaml"].replace("0.5", "0.1").replace("n: 2", "n: 9"))

    again = project.run("train", from_run=first)

    assert [(one.key, one.value) for one in again.record.overrides] == [("prepare.n", 2)]
    assert _values(again) == (0.1, 2, 3)


def test_an_upstream_stage_named_takes_its_part_of_the_values(project: Project) -> None:
    first = project.run("train", {"lr": 0.1, "n": 5})

    again = project.run("prepare", from_run=first)

    assert [(one.key, one.value) for one in again.record.overrides] == [("prepare.n", 5)]


def test_params_that_no_stage_has_any_more_are_one_error_that_names_them(project: Project) -> None:
    first = project.run("train", {"lr": 0.1})
    text = FILES["dvc.yaml"].replace("train.layers, conf.json: [depth]", "train.lr")
    (project.root / "dvc.yaml").write_text(text.replace("[train.lr, train.lr]", "[train.lr]"))

    with pytest.raises(
        ParamError, match=r"train 2 has params that no stage has any more: train.layers, conf.json:depth"
    ) as caught:
        project.run(from_run=first)

    assert str(caught.value).endswith("\n  %dvc_run train --train.lr 0.1")
    assert len(project.runs) == 1


def test_keys_that_are_no_params_are_set_and_removed_again(project: Project) -> None:
    from dvc_magic.line import read_run_line

    line = read_run_line("train -S extra=5 -S +new=1", namespace={}, pipeline=pipeline_of(project), stage_of=str)
    first = carry_out(project, line.request)[0]
    gone = carry_out(
        project, read_run_line("train ~extra", namespace={}, pipeline=pipeline_of(project), stage_of=str).request
    )[0]

    assert (first.metrics["extra"], gone.metrics["extra"]) == (5, 0)
    assert (first.params["extra"], first.params["new"], "extra" in gone.params) == (5, 1, False)
    assert [run.number for run in project.runs.where("params.extra = 5")] == [first.number]
    assert [first.again().metrics["extra"], gone.again().metrics["extra"]] == [5, 0]
    assert first.again().again({"lr": 0.25}).metrics["extra"] == 5


def test_a_grid_starts_from_a_run_too(project: Project) -> None:
    first = project.run("train", {"n": 5})

    runs = project.grid(None, {"lr": [0.1, 0.2]}, from_run=first)

    assert [_values(run) for run in runs] == [(0.1, 5, 3), (0.2, 5, 3)]


def test_a_run_that_failed_can_be_started_from(project: Project) -> None:
    failed = project.run("train", {"lr": -1.0, "n": 5}, raise_errors=False)

    again = failed.again({"lr": 0.1})

    assert (failed.status, _values(again)) == (RunStatus.FAILED, (0.1, 5, 3))


def test_from_with_reuse_gives_the_run_itself(project: Project) -> None:
    first = project.run("train", {"lr": 0.1})

    assert first.again(reuse=True) == first
    assert repr(project.plan(from_run=first)).endswith("-> train runs (values of train 2)")


def test_a_call_without_a_stage_or_a_run_is_refused(project: Project) -> None:
    with pytest.raises(RequestError, match="name a stage"):
        project.run()
    with pytest.raises(RunNotFoundError):
        project.run(from_run=7)


def test_the_card_says_where_the_values_came_from(project: Project) -> None:
    again = project.run("train").again({"lr": 0.2})

    assert "values of train 2" in " ".join(again.card().text().split())


@pytest.mark.parametrize("runs", ["selected", "upstream", "last"])
def test_every_handle_on_a_run_can_start_it_again(project: Project, runs: str) -> None:
    first = project.run("train")
    handles = {
        "selected": project.runs.where("stage = train")[0],
        "upstream": first.upstream["prepare"],
        "last": project.last,
    }

    assert handles[runs].again().status is RunStatus.COMPLETED

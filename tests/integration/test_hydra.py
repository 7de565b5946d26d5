"""Calls in projects where DVC's configuration has ``hydra.enabled``: the measure is ``dvc exp run -S``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dvc_magic import Project
from dvc_magic.errors import DvcMagicError, ParamError, PipelineError
from dvc_magic.line import read_run_line
from dvc_magic.project import Plan, Run, connection_of
from tests.corpus.hydra import CONF, PROJECT
from tests.support.behind import carry_out, pipeline_of, plan_of
from tests.support.commands import dvc
from tests.support.digest import changes, project_digest
from tests.support.locks import clean_clone, lock_entry, read_locks

pytestmark = pytest.mark.integration

COMPOSED = "params.yaml composed from conf/config.yaml (as dvc exp run; --no-hydra leaves it as it is)"


def params_of(run: Run) -> Any:
    return YAML(typ="safe").load((run.workspace / "params.yaml").read_text())


def call(project: Project, line: str) -> Plan | list[Run]:
    """What a line of ``%dvc_run`` does."""
    asked = read_run_line(
        line, namespace={}, pipeline=pipeline_of(project), stage_of=str, described=connection_of(project).pipeline
    )
    return plan_of(project, asked.request) if asked.dry_run else list(carry_out(project, asked.request))


def refusal(project: Project, line: str) -> str:
    with pytest.raises(DvcMagicError) as raised:
        call(project, line)
    return f"{type(raised.value).__name__}: {raised.value}"


@pytest.fixture
def project(make_project: Callable[..., Path], opened: Callable[[Path], Project]) -> Project:
    return opened(make_project(PROJECT))


def test_each_point_of_a_grid_equals_dvc_exp_run_with_its_values_and_the_project_stays_as_it_is(
    project: Project, tmp_path: Path
) -> None:
    before = project_digest(project.root, store=project.store.home)

    runs = project.grid("train", {"model": ["small", "full"], "seed": [4]})

    assert changes(before, project_digest(project.root, store=project.store.home)) == []
    for run, model in zip(runs, ("small", "full"), strict=True):
        clone = clean_clone(project.root, target=tmp_path / model)
        dvc(clone, "exp", "run", "-S", f"model={model}", "-S", "seed=4")
        assert lock_entry(run) == read_locks(clone)["dvc.yaml"]["train"]
        assert (run.workspace / "params.yaml").read_text() == (clone / "params.yaml").read_text()
        assert run.metrics == json.loads((clone / "m.json").read_text())
        assert (run.params["model"], run.params["seed"]) == (model, 4)


def test_the_plan_says_once_that_params_are_composed(project: Project) -> None:
    for line in ("train --dry-run", "train --model small,full --seed 1,2 --dry-run", "prepare train --dry-run"):
        assert repr(call(project, line)).count(COMPOSED) == 1
    assert "2 runs, model small -> small, full" in repr(call(project, "train --model small,full --dry-run"))


def test_a_grid_over_a_group_runs_a_stage_that_has_none_of_its_keys_once(project: Project) -> None:
    runs = project.grid(["prepare", "train"], {"model": ["small", "full"]})

    assert [(run.stage, run.params.get("model")) for run in runs] == [
        ("prepare", None),
        ("train", "small"),
        ("train", "full"),
    ]
    assert [run.upstream["prepare"].id for run in runs[1:]] == [runs[0].id] * 2


def test_without_hydra_params_are_taken_as_they_stand(project: Project) -> None:
    text = "seed: 7\ndb: {name: x}\nmodel: {layers: 8}\noptimizer: {}\ntrain: {lr: 0.5}\n"
    (project.root / "params.yaml").write_text(text)

    plan = project.plan("train", {"layers": 9}, hydra=False)
    run = project.run("train", {"layers": 9}, hydra=False)

    assert COMPOSED not in repr(plan)
    assert (run.workspace / "params.yaml").read_text() == text.replace("8", "9")
    assert "model is a map in params.yaml" in refusal(project, "train --no-hydra --model full")
    assert "'model' is a map, and cannot take the text 'full'. Set what is in it: model.layers." in refusal(
        project, "train --no-hydra -S model=full"
    )


def test_a_run_answers_again_as_long_as_the_composed_params_are_the_same(project: Project) -> None:
    first = project.run("train", {"model": "small"}, reuse=True)

    (project.root / "conf/model/full.yaml").write_text("name: full\nlayers: 7\n")
    same = project.run("train", reuse=True)
    (project.root / "conf/model/small.yaml").write_text("name: small\nlayers: 2\n")
    other = project.run("train", reuse=True)

    assert same.id == first.id
    assert other.id != first.id
    assert (params_of(other)["model"]["layers"], other.upstream["prepare"].id) == (2, first.upstream["prepare"].id)


def test_what_only_composition_reads_is_no_undeclared_read(project: Project) -> None:
    run = project.run("train")

    assert not [path for path in run.record.read if path.startswith("conf/")]
    assert run.record.warnings == ()


def test_a_run_can_be_started_from_another_of_other_config_groups(project: Project) -> None:
    first = project.run("train", {"model": "full", "dropout": 0.5, "seed": 3})

    again = first.again({"seed": 4})
    smaller = first.again({"model": "small"})
    (big,) = call(project, "train -S +experiment=big")
    bigger = big.again({"lr_schedule": "cosine"})

    assert params_of(again)["model"] == {"name": "full", "layers": 3, "dropout": 0.5}
    assert (again.params["model"], again.params["seed"]) == ("full", 4)
    assert params_of(smaller)["model"] == {"name": "small", "layers": 1}
    assert smaller.params["seed"] == 3
    assert (params_of(bigger)["seed"], params_of(bigger)["model"]["name"]) == (9, "full")
    assert params_of(bigger)["optimizer"]["lr_schedule"] == {"tmax": 5}


def test_operations_take_the_composed_params_too(project: Project) -> None:
    code = "import yaml\nprint(yaml.safe_load(open('params.yaml'))['model']['layers'])"

    run = project.op("show", code, requires=["config:params.yaml"])
    chosen = project.run("op:show", {"model": "full"})

    assert (run.log.text().strip(), chosen.log.text().strip()) == ("1", "3")


def test_stages_show_groups_and_the_keys_of_what_is_chosen(project: Project) -> None:
    flags = {flag.key: flag for flag in pipeline_of(project).stages[1].flags}

    assert [key for key, flag in flags.items() if flag.group] == [
        "db",
        "model",
        "optimizer",
        "optimizer/lr_schedule",
        "experiment",
    ]
    assert (flags["model"].value, flags["model.layers"].value, flags["seed"].value) == ("small", 1, 1)
    assert pipeline_of(project).stages[0].flags == ()
    chosen = pipeline_of(project, choices=[("model=full",), ("db=pg",)]).stages[1].flags
    assert {"model.dropout", "db.port"} <= {flag.key for flag in chosen}
    assert "one of cosine, step" in repr(project.stages["train"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --model medium", "--model chooses a config of the group 'model': full, small; got the text medium."),
        ("train -S model=medium", "the config group 'model' has no 'medium'. Its choices are full, small."),
        ("train db=sqlite", "the config group 'db' has no 'sqlite'. Its choices are mysql, pg."),
        ("train -S train=5", "params.yaml: 'train' is a map, and cannot take the int 5. Set what is in it: train.lr"),
        ("train -S model=full -S optimizer.lr_schedule=x", "cannot take the text 'x'. Set what is in it: optimizer.lr"),
        ("train -S nope=1", "-S nope=1: the composed config has no key or config group 'nope'."),
        (
            "train --train 5",
            "train is a map in params.yaml, which takes no value as a whole. What is in it: --train.lr",
        ),
        ("train -S experiment=big", "To add it: -S +experiment=big"),
    ],
)
def test_what_cannot_be_chosen_or_set_is_one_error(project: Project, line: str, said: str) -> None:
    found = refusal(project, line)

    assert found.startswith("ParamError: ")
    assert said in found
    assert len(list(project.runs)) == 0


def test_a_config_that_cannot_be_composed_stops_calls_but_not_looking_at_stages(project: Project) -> None:
    (project.root / "conf/db/mysql.yaml").write_text("name: [\n")

    with pytest.raises(PipelineError, match=r"conf/db/mysql\.yaml: line 2, column 1: .*; --no-hydra leaves"):
        project.run("train")

    assert "conf/db/mysql.yaml: line 2" in repr(project.stages)
    assert project.run("train", {"db": "pg"}).params["db"] == "pg"
    assert project.run("prepare", hydra=False).status == "completed"


def test_a_choice_that_has_to_be_made_is_asked_for_and_can_be_made(
    make_project: Callable[..., Path], opened: Callable[[Path], Project]
) -> None:
    config = CONF["conf/config.yaml"].replace("model: small", "model: ???").replace("seed: 1", "seed: ???")
    project = opened(make_project({**PROJECT, "conf/config.yaml": config}))

    with pytest.raises(ParamError, match="leaves the choice of 'model' open: add --model full. It can be full, small"):
        project.run("train")

    run = project.run("train", {"model": "full"})
    assert (run.params["model"], params_of(run)["seed"]) == ("full", "???")
    (seeded,) = call(project, "train --model small --seed 5")
    assert params_of(seeded)["seed"] == 5


def test_a_project_without_params_file_opens_runs_and_is_looked_at(
    make_project: Callable[..., Path], opened: Callable[[Path], Project]
) -> None:
    files = {path: content for path, content in PROJECT.items() if path != "params.yaml"}
    pipeline = PROJECT["dvc.yaml"].replace("cat params.yaml p.txt", "cat params.yaml p.txt && echo ${model.name}")
    project = opened(make_project({**files, "dvc.yaml": pipeline}))

    run = project.run("train", {"model": "full"})

    assert "echo full" in run.record.cmd
    assert not (project.root / "params.yaml").exists()
    assert "model.layers" in repr(project.stages["train"])

"""Numbers that operations print: metrics and step series of their runs, as Guild AI has them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.errors import RunFailedError
from dvc_magic.project import Project, Run
from tests.support.behind import pipeline_of
from tests.support.projects import create

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

TRAIN = """\
import sys
lr = 0.1
print("lr:", lr)
for epoch in range(3):
    print("step:", epoch * 10)
    print("\\x1b[32mloss\\x1b[0m:", 1 / (epoch + 3), flush=True)
    print("acc: 0.%d (not bad)" % epoch, file=sys.stderr, flush=True)
print("done: nan")
"""
GUILD = """\
- model: ''
  operations:
    train: {flags-import: all}
    declared:
      main: train
      output-scalars:
        step: 'step: (\\step)'
        loss: '^loss: (\\value)$'
    silent: {main: train, output-scalars: no}
    bad: {main: train, output-scalars: ['(', '(\\key)=(\\value)']}
    stage: {main: guild.plugins.dvc_stage_main score}
    fails: fails
    slow: slow
"""
FILES = {
    "guild.yml": GUILD,
    "dvc.yaml": """\
stages:
  score:
    cmd: python score.py
    deps: [score.py]
    metrics: [score.json: {cache: false}]
""",
    "train.py": TRAIN,
    "score.py": "import json\nprint('acc: 0.1')\nprint('more: 2')\njson.dump({'acc': 0.75}, open('score.json', 'w'))\n",
    "fails.py": "print('loss: 4', flush=True)\nraise SystemExit(3)\n",
    "slow.py": (
        "import time, pathlib\nfor step in range(3):\n    print(f'loss: {step / 3}', flush=True)\n"
        "while not pathlib.Path('/proc/self/cwd/go').exists():\n    time.sleep(0.05)\nprint('loss: 9')\n"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    return create(tmp_path_factory.mktemp("scalars") / "project", files=FILES, template=dvc_template)


@pytest.fixture(scope="module")
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def train(project: Project) -> Run:
    return project.run("train", {"lr": 0.5})


def test_lines_of_a_key_and_a_number_are_metrics_of_an_operation_of_guild_yml(train: Run) -> None:
    assert {name: value for name, value in train.metrics.items() if name != "done"} == {"loss": 1 / 5, "acc": 0.2}
    assert math.isnan(train.metrics["done"])
    assert train.record.metrics == {}


def test_they_are_step_series_that_plot(train: Run) -> None:
    history = train.history()
    assert history.index.name == "step"
    assert list(history["loss"].dropna()) == [1 / 3, 1 / 4, 1 / 5]
    assert list(history["acc"].dropna().index) == [0, 10, 20]
    [line] = train.plot("loss").get_lines()
    assert list(line.get_ydata()) == [1 / 3, 1 / 4, 1 / 5]


def test_they_are_in_tables_queries_frames_cards_and_an_index_that_is_made_anew(
    project: Project, folder: Path, train: Run
) -> None:
    def look(opened: Project) -> None:
        [run] = opened.runs.where("loss = 0.2 and stage = train")
        assert run.id == train.id
        assert opened.runs.where(f"id = {train.id}").to_frame()["metrics.acc"].tolist() == [0.2]
        assert "loss=0.2, acc=0.2" in repr(run)
        assert "acc" in run.card().text()

    look(project)
    project.store.paths.index.unlink()
    with Project.open(folder) as again:
        look(again)


def test_the_patterns_of_output_scalars_are_all_that_is_looked_for(project: Project) -> None:
    run = project.run("declared")
    assert run.metrics == {"loss": 1 / 5}
    assert list(run.history().index) == [0, 10, 20]
    assert "loss: ^loss: (\\value)$" in str(project.operations["declared"])


def test_output_scalars_no_means_none(project: Project) -> None:
    run = project.run("silent")
    assert run.metrics == {}
    assert len(run.history()) == 0


def test_a_pattern_that_is_none_is_one_warning_and_the_operation_runs(project: Project) -> None:
    [warning] = [text for text in pipeline_of(project).problems if "bad" in text]
    assert "operation 'bad' in guild.yml: 'output-scalars': '(' is left out: it is no regular expression" in warning
    assert project.run("bad").metrics == {}


def test_the_value_in_a_metric_file_wins_over_what_is_printed(project: Project) -> None:
    assert project.run("stage").metrics == {"acc": 0.75, "more": 2}


def test_a_stage_has_the_metrics_of_its_files_alone(project: Project) -> None:
    run = project.run("score")
    assert run.metrics == {"acc": 0.75}
    assert not (run.path / "scalars.jsonl").exists()


def test_a_run_that_fails_keeps_what_it_printed(project: Project) -> None:
    with pytest.raises(RunFailedError) as failure:
        project.run("fails")
    assert failure.value.run.metrics == {"loss": 4}


def test_they_are_there_while_the_run_goes(project: Project) -> None:
    runner = threading.Thread(target=project.run, args=("slow",))
    runner.start()
    try:
        deadline = time.monotonic() + 60
        while True:
            going = [run for run in project.runs if run.stage == "op:slow"]
            if going and going[0].metrics.get("loss") == 2 / 3:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert list(going[0].history()["loss"]) == [0, 1 / 3, 2 / 3]
    finally:
        for run in project.runs:
            if run.stage == "op:slow":
                (run.workspace / "go").touch()
        runner.join(60)
    assert going[0].metrics == {"loss": 9}


def test_a_cell_has_them_where_it_asks_for_them(project: Project) -> None:
    code = "rate = 2\nprint('rate:', rate)\nprint('loss: 0.25')\n"
    assert project.op("cell", code, scalars=True).metrics == {"loss": 0.25}
    assert project.op("cell", code).metrics == {}
    block = "# /// dvc_magic\n# scalars: true\n# ///\n"
    assert project.op("cell", block + code).metrics == {"loss": 0.25}


def test_runs_of_one_printed_value_each_are_bars_and_not_curves_of_one_point(project: Project) -> None:
    project.op("one", "x = 1\nprint('score:', x)\n", scalars=True)
    runs = project.grid("op:one", {"x": [2, 3]})
    axes = runs.plot("score")
    assert sorted(bar.get_width() or bar.get_height() for bar in axes.patches) == [2, 3]


def test_a_run_whose_output_was_read_in_another_way_is_no_answer_to_reuse(project: Project) -> None:
    code = "print('loss: 0.25')\nopen('o.txt', 'w').write('1')\n"
    first = project.op("again", code)
    assert project.op("again", code, reuse=True).id == first.id
    assert project.op("again", code, reuse=True, scalars=True).metrics == {"loss": 0.25}


def test_a_stage_made_of_such_a_run_is_said_to_have_no_such_metrics(
    project: Project, folder: Path, tmp_path: Path
) -> None:
    run = project.op("shown", "print('loss: 0.25')\nopen('shown.txt', 'w').write('1')\n", scalars=True)
    assert any("the run has loss from what it printed" in notice for notice in run.promote(dry_run=True).notices)

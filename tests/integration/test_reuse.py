"""``--reuse``: a run that is equal to what would be executed answers in its place, and nothing else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dvc_magic.errors import RunFailedError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.project import Project, Run
from dvc_magic.project.follow import Silent
from tests.support.behind import carry_out
from tests.support.digest import changes, project_digest
from tests.support.small import prepare_and_train

pytestmark = pytest.mark.integration

FILES = prepare_and_train(
    "n",
    "lr",
    prepare="""
import yaml
open("data.txt", "w").write(open("raw.txt").read()[: yaml.safe_load(open("params.yaml"))["n"]])
""",
    train="""
import json, os, pathlib, time, yaml
from helper import loss
lr = yaml.safe_load(open("params.yaml"))["lr"]
print("training", flush=True)
while os.environ.get("WAIT_FOR") and not os.path.exists(os.environ["WAIT_FOR"]):
    time.sleep(0.01)
if lr < 0:
    raise SystemExit("diverged")
size = len(pathlib.Path("data.txt").read_text())
pathlib.Path("model.txt").write_text(str(lr))
json.dump({"loss": loss(lr, size)}, open("m.json", "w"))
""",
    deps="prepare.py, raw.txt",
    outs="model.txt",
    stages="""
  clock:
    cmd: date
  always:
    cmd: date > always.txt
    deps: [train.py]
    outs: [always.txt]
    always_changed: true
""",
    **{
        "params.yaml": "n: 2\nlr: 0.5\n",
        "raw.txt": "abc\n",
        "helper.py": "def loss(lr, size):\n    return lr * size\n",
    },
)


@pytest.fixture
def project(make_project: Any) -> Iterator[Project]:
    """A two-stage project."""
    with Project.open(make_project(FILES)) as opened:
        yield opened


def _numbers(project: Project) -> list[int]:
    return [run.number for run in project.runs.unfolded()]


def _request(**values: float) -> RunRequest:
    asked = tuple(Change(file="params.yaml", key=key, values=(value,)) for key, value in values.items())
    return RunRequest(stages=("train",), changes=asked, reuse=True)


class Told(Silent):
    """An observer that takes down what it is told of."""

    def __init__(self, waiting: Callable[[], None] = lambda: None) -> None:
        self.events: list[tuple[str, int]] = []
        self.notices: list[str] = []
        self._waiting = waiting

    def waiting(self) -> None:
        self._waiting()

    def started(self, record: RunRecord) -> None:
        self.events.append(("started", record.number))

    def finished(self, record: RunRecord) -> None:
        self.events.append(("finished", record.number))

    def reused(self, record: RunRecord, notices: Any) -> None:
        self.events.append(("reused", record.number))
        self.notices += notices


def test_an_equal_run_answers_and_nothing_is_made(project: Project) -> None:
    first = project.run("train")
    before = project_digest(project.root)

    again = project.run("train", reuse=True)

    assert again == first
    assert (again.started, again.log.text()) == (first.started, "training\n")
    assert _numbers(project) == [2, 1]
    assert changes(before, project_digest(project.root)) == []
    assert project.run("train").number == 3  # no number was given away


def test_the_plan_says_what_is_reused_and_why(project: Project) -> None:
    project.run("train")

    plan = repr(project.plan("train", reuse=True))

    assert plan == (
        "prepare 1 reused (code, data, params equal) -> train 2 reused (code, data, params, environment equal)"
    )


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("train.py", FILES["train.py"] + "# edited\n", "code changed: train.py"),
        ("helper.py", FILES["helper.py"] + "# edited\n", "code changed: helper.py (undeclared)"),
        ("params.yaml", "n: 2\nlr: 0.25\n", "params changed: lr 0.5 -> 0.25"),
    ],
)
def test_whatever_the_stage_reads_makes_it_run_again(project: Project, file: str, text: str, reason: str) -> None:
    project.run("train")

    (project.root / file).write_text(text)

    assert f"train runs ({reason})" in repr(project.plan("train", reuse=True))
    assert project.run("train", reuse=True).number == 3


def test_what_is_made_above_decides_when_it_is_known(project: Project) -> None:
    first = project.run("train")
    (project.root / "prepare.py").write_text(FILES["prepare.py"] + "# edited\n")

    assert repr(project.plan("train", reuse=True)).endswith("-> train runs if its inputs change")
    same = project.run("train", reuse=True)
    (project.root / "raw.txt").write_text("xyz\n")
    other = project.run("train", reuse=True)

    assert same == first  # prepare ran again and made the same
    assert (other.number, other == first) == (6, False)  # 4 was planned, and not needed
    assert other.upstream["prepare"].number == 5


def test_another_environment_makes_it_run_again_and_is_named(project: Project) -> None:
    first = project.run("train")
    old = replace(first.record.environment, python="3.1.4")
    _rewrite(project, replace(first.record, environment=old))

    assert "train runs (environment changed: Python 3.1.4 on" in repr(project.plan("train", reuse=True))
    assert project.run("train", reuse=True).number == 3


def _rewrite(project: Project, record: RunRecord) -> None:
    """Put a record of another making in the place of a run's."""
    from dvc_magic.store.record_file import write_noun

    write_noun(project.store.paths.run(record.id).record, record)


def test_a_package_that_changed_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = project.run("train")
    folder = project.store.paths.environments
    (folder / f"{'0' * 32}.json").write_text('{"numpy": "0.1"}')
    _rewrite(project, replace(first.record, environment=replace(first.record.environment, packages="0" * 32)))

    assert "environment changed: " in repr(project.plan("train", reuse=True))
    assert " more)" in repr(project.plan("train", reuse=True))


@pytest.mark.parametrize("stage", ["clock", "always"])
def test_what_dvc_always_executes_is_never_reused(project: Project, stage: str) -> None:
    first = project.run(stage)

    assert "always" in repr(project.plan(stage, reuse=True)).removeprefix(stage)
    assert project.run(stage, reuse=True).number == first.number + 1


def test_a_run_that_failed_is_never_reused(project: Project) -> None:
    failed = project.run("train", {"lr": -1.0}, raise_errors=False)

    again = project.run("train", {"lr": -1.0}, raise_errors=False, reuse=True)

    assert (failed.status, again.status) == (RunStatus.FAILED, RunStatus.FAILED)
    assert again.number > failed.number


def test_outputs_that_are_gone_or_were_changed_cannot_answer(project: Project) -> None:
    model = project.run("train").outs["model.txt"].path
    model.chmod(0o644)
    model.write_text("forged")

    assert "are gone or were changed" in repr(project.plan("train", reuse=True))
    again = project.run("train", reuse=True)
    assert again.outs["model.txt"].read_text() == "0.5"

    again.outs["m.json"].path.unlink()
    assert project.run("train", reuse=True) == again
    assert again.outs["m.json"].path.is_file()  # from the runs' cache

    metrics = again.outs["m.json"]
    metrics.path.unlink()
    Path(project.store.cache.path(metrics.hash)).unlink()
    assert project.run("train", reuse=True).number == again.number + 1


def test_the_marked_run_answers_rather_than_the_newest(project: Project) -> None:
    runs = [project.run("train") for _ in range(3)]
    assert project.run("train", reuse=True) == runs[2]

    runs[1].tag(mark=True)

    assert project.run("train", reuse=True) == runs[1]


def test_a_run_made_for_another_answers_when_it_is_asked_for(project: Project) -> None:
    project.run("train")

    assert project.run("prepare", reuse=True).number == 1
    assert [run.number for run in project.runs] == [2]


def test_of_a_grid_what_is_there_is_reused_and_equal_points_each_count(project: Project) -> None:
    project.run("train", {"lr": 0.1})

    assert repr(project.plan("train", {"lr": 0.1}, reuse=True)).count("reused") == 2
    runs = project.grid("train", {"lr": [0.1, 0.2, 0.2, 0.1]}, reuse=True, jobs=2)

    assert [run.metrics["loss"] for run in runs] == [0.2, 0.4, 0.4, 0.2]
    assert [run.number for run in runs][::3] == [2, 2]
    assert len({run.number for run in runs}) == 3
    assert len(project.runs) == 3


def test_a_label_is_not_given_to_a_run_that_was_there_before_and_a_line_says_so(project: Project) -> None:
    first = project.run("train", label="first")
    told = Told()

    request = replace(_request(), label="second", tags=("good",))
    carry_out(project, request, observer=told)

    assert (first.label, first.tags) == ("first", ())
    assert told.events == [("reused", 2)]
    assert told.notices == ["train 2 is of another call and keeps its own label and tags; run.tag(..) changes them"]


class Other:
    """A call of another project object on the same store, in a thread, that waits inside its stage."""

    def __init__(self, root: Path, gate: Path, lr: float = 0.5) -> None:
        self.gate = gate
        self.run: Run | None = None
        self._root, self._lr = root, lr
        self._thread = threading.Thread(target=self._call)
        self._thread.start()
        while "training\n" not in [log.read_text() for log in root.glob(".dvc_magic/runs/*/output.log")]:
            time.sleep(0.01)

    def _call(self) -> None:
        with Project.open(self._root) as project:
            self.run = project.run("train", {"lr": self._lr}, raise_errors=False)

    def end(self) -> Run:
        self.gate.touch()
        self._thread.join()
        assert self.run is not None
        return self.run


@pytest.fixture
def other(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    """A call that goes on elsewhere."""
    monkeypatch.setenv("WAIT_FOR", str(tmp_path / "gate"))
    started = Other(project.root, tmp_path / "gate")
    yield started
    started.end()


def test_an_equal_run_that_still_goes_is_waited_for(project: Project, other: Other) -> None:
    told = Told(waiting=other.gate.touch)

    assert "train 2 goes already and is waited for" in repr(project.plan("train", {"lr": 0.5}, reuse=True))
    runs = carry_out(project, _request(lr=0.5), observer=told)

    assert runs[0] == other.end()
    assert told.events == [("started", 2), ("reused", 2)]
    assert _numbers(project) == [2, 1]


def test_when_the_run_that_was_waited_for_fails_the_call_fails(
    make_project: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("WAIT_FOR", str(tmp_path / "gate"))
    with Project.open(make_project(FILES)) as project:
        other = Other(project.root, tmp_path / "gate", lr=-1.0)

        with pytest.raises(RunFailedError, match="diverged") as caught:
            carry_out(project, _request(lr=-1.0), observer=Told(waiting=other.gate.touch))

        assert caught.value.run == other.end()


def test_an_interrupt_stops_the_waiting_and_not_the_run(project: Project, other: Other) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="train 2 goes on, as another call has started it"):
        carry_out(project, _request(lr=0.5), observer=Told(waiting=interrupt))

    assert other.end().status is RunStatus.COMPLETED
    assert _numbers(project) == [2, 1]


@pytest.mark.parametrize("file", ["README.md", "helper.py"])
def test_a_run_that_goes_on_other_sources_is_not_waited_for(project: Project, other: Other, file: str) -> None:
    (project.root / file).write_text("def loss(lr, size):\n    return 7\n")

    plan = repr(project.plan("train", {"lr": 0.5}, reuse=True))

    assert "train runs" in plan


def test_a_stage_above_that_still_goes_is_waited_for_as_well(make_project: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = (
        f"import os, time\nprint('training', flush=True)\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    )
    with Project.open(make_project({**FILES, "prepare.py": slow + FILES["prepare.py"]})) as project:
        other = Other(project.root, gate)
        assert "prepare 1 goes already and is waited for" in repr(project.plan("train", {"lr": 0.2}, reuse=True))

        runs = carry_out(project, _request(lr=0.2), observer=Told(waiting=gate.touch))

        assert runs[0].upstream["prepare"] == other.end().upstream["prepare"]
        assert [run.number for run in project.runs.unfolded() if run.stage == "prepare"] == [1]

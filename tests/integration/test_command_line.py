"""``python -m dvc_magic`` in a project, as a script calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.project import Project
from tests.support import projects
from tests.support.digest import changes, project_digest

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: cp raw.txt data.txt
    deps: [raw.txt]
    outs: [data.txt]
  train:
    desc: Fit it.
    cmd: cp loss.json m.json
    deps: [data.txt, loss.json]
    params: [lr]
    metrics: [m.json: {cache: false}]
""",
    "params.yaml": "lr: 1\n",
    "raw.txt": "x\n",
    "loss.json": '{"loss": NaN, "acc": 0.5}',
}


def _command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc_magic", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _json(folder: Path, *arguments: str) -> Any:
    done = _command(folder, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    """One project for all that only look at its run of `prepare` and its three of `train`."""
    root = projects.create(tmp_path_factory.mktemp("filled") / "project", files=FILES, template=dvc_template)
    (root / "deep/er").mkdir(parents=True)
    with Project.open(root) as project:
        project.grid("train", {"lr": [1, 2, 3]}, label="<b>")
    return root


def test_runs_are_listed_as_a_table_and_as_json(filled: Path) -> None:
    root = filled
    before = project_digest(root)

    table = _command(root / "deep/er", "runs")
    listed = _json(root, "runs", "lr > 1 and stage = train", "--sort=-lr", "-n", "1")

    assert table.returncode == 0
    assert [line.split()[0] for line in table.stdout.splitlines()[1:4]] == ["4", "3", "2"]
    assert [run["params"] for run in listed] == [{"lr": 3}]
    assert listed[0]["metrics"] == {"loss": None, "acc": 0.5}
    assert (listed[0]["number"], listed[0]["label"], listed[0]["status"]) == (4, "<b>", "completed")
    assert [run["stage"] for run in _json(root, "runs", "prepare")] == ["prepare"]
    assert _json(root, "runs", "--status", "failed") == []
    assert changes(before, project_digest(root)) == []


def test_one_run_is_shown_with_where_its_files_are(filled: Path) -> None:
    shown = _json(filled, "show", "2")

    assert shown == {**shown, "number": 2, "upstream": {"prepare": 1}, "cmd": "cp loss.json m.json"}
    assert Path(shown["outs"]["m.json"]["path"]).read_text() == FILES["loss.json"]
    assert "run train 4" in _command(filled, "show", "last").stdout


def test_stages_are_shown_as_dvc_resolves_them(filled: Path) -> None:
    assert [stage["stage"] for stage in _json(filled, "stages")] == ["prepare", "train"]
    train = _json(filled, "stages", "train")
    assert (train["desc"], train["upstream"]) == ("Fit it.", ["prepare"])
    assert train["params"] == [{"key": "lr", "file": "params.yaml", "value": 1}]
    assert "Fit it." in _command(filled, "stages").stdout


def test_a_look_at_runs_makes_no_store(make_project: Callable[..., Path]) -> None:
    root = make_project(FILES)
    assert _json(root, "runs") == []
    assert _command(root, "runs").stdout == "no runs yet\n"
    assert _command(root, "show", "last").returncode == 1
    assert not (root / ".dvc_magic").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["runs", "nosuch"], 1, "neither a stage nor a status"),
        (["runs", "-n", "0"], 2, "expected a whole number from 1 up"),
        (["show", "99"], 1, "There is no run '99'"),
        (["stages", "trian"], 1, "Did you mean 'train'"),
        ([], 2, "command"),
    ],
)
def test_what_cannot_be_answered_is_one_line_on_standard_error(
    filled: Path, arguments: list[str], code: int, message: str
) -> None:
    done = _command(filled, *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_of_a_project_it_says_so(tmp_path: Path) -> None:
    done = _command(tmp_path, "runs")

    assert done.returncode == 1
    assert done.stderr.startswith("dvc_magic: no DVC project at")

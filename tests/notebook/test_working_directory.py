"""Stages of one name in several folders: a magic's line means what ``dvc repro`` means in the notebook's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.notebook.magics import DvcMagics
from dvc_magic.project import Project, Run, connection_of

pytestmark = pytest.mark.integration

_STAGES = """
stages:
  clean:
    cmd: echo {place} > clean.txt
    outs: [clean.txt]
  train:
    cmd: cat clean.txt > model.txt
    deps: [clean.txt]
    params: [{key}]
    outs: [model.txt]
"""
FILES = {
    "dvc.yaml": _STAGES.format(place="root", key="lr"),
    "a/dvc.yaml": _STAGES.format(place="folder", key="depth"),
    "params.yaml": "lr: 0.1\n",
    "a/params.yaml": "depth: 3\n",
    "a/notebooks/.gitkeep": "",
}


@pytest.fixture
def project(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project of the magics, whose notebook lies in ``a/``."""
    monkeypatch.chdir("a")
    magics = shell.magics_manager.registry[DvcMagics.__name__]
    return magics.session.project


def test_a_name_on_a_line_means_the_stage_of_the_notebooks_folder(shell: InteractiveShell, project: Project) -> None:
    run: Run = shell.run_line_magic("dvc_run", "train --depth 4")
    used: Run = shell.run_line_magic("dvc_run", f"train --use clean={run.upstream['a/dvc.yaml:clean'].number}")
    of_root: Run = shell.run_line_magic("dvc_run", "dvc.yaml:train --lr 0.2")
    again: Run = shell.run_line_magic("dvc_run", f"--from {of_root.number}")

    assert [one.stage for one in (run, used, of_root, again)] == ["a/dvc.yaml:train"] * 2 + ["train"] * 2
    assert (run.workspace / "a/model.txt").read_text() == "folder\n"
    assert shell.run_line_magic("dvc_stages", "clean").address == "a/dvc.yaml:clean"
    assert "a/dvc.yaml:train" in repr(shell.run_line_magic("dvc_run", "train --help"))
    assert {run.stage for run in shell.run_line_magic("dvc_runs", "train")} == {"a/dvc.yaml:train"}
    assert {run.stage for run in shell.run_line_magic("dvc_runs", "--stage dvc.yaml:train")} == {"train"}


def test_python_and_the_root_go_by_addresses(
    shell: InteractiveShell, project: Project, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [project.stages[address].address for address in project.stages] == list(project.stages)
    assert project.run("clean").stage == "clean"

    monkeypatch.chdir(place / "a" / "notebooks")
    assert shell.run_line_magic("dvc_stages", "clean").address == "a/dvc.yaml:clean"
    for folder in (place, place.parent):
        monkeypatch.chdir(folder)
        assert shell.run_line_magic("dvc_stages", "clean").address == "clean"


def test_completions_and_the_panels_line_say_which_stage_is_meant(shell: InteractiveShell, project: Project) -> None:
    connection_of(project).glance(patience=60)

    def completed(line: str) -> list[str]:
        with provisionalcompleter():
            return [item.text for item in shell.Completer.completions(line, len(line))]

    assert completed("%dvc_run ")[:4] == ["dvc.yaml:clean", "dvc.yaml:train", "clean", "train"]
    assert completed("%dvc_run a/") == ["a/dvc.yaml:clean", "a/dvc.yaml:train"]
    assert completed("%dvc_run train --")[0] == "--depth"
    assert completed("%dvc_run dvc.yaml:train --")[0] == "--lr"
    assert completed("%dvc_run train --use ") == ["clean="]
    panel = project.widgets.panel("train")
    assert panel.line == "%dvc_run dvc.yaml:train"


def test_a_cell_serves_and_requires_the_stages_of_the_notebooks_folder(
    shell: InteractiveShell, project: Project
) -> None:
    line = "fit --stage train --requires dvcstage:clean:a/clean.txt -o n.txt"

    run: Run = shell.run_cell_magic("dvc_op", line, "open('n.txt', 'w').write(open('a/clean.txt').read())\n")

    assert run.record.op is not None
    assert run.record.op.serves == "a/dvc.yaml:train"
    assert list(run.upstream) == ["a/dvc.yaml:clean"]
    assert (run.workspace / "n.txt").read_text() == "folder\n"

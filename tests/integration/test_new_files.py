"""A file that comes or goes makes a stage run again when its command could have met it; real commands in real runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.model.request import RunRequest
from dvc_magic.operations import CellSettings, cell_operation
from dvc_magic.project import Project
from dvc_magic.workspace import atime_works
from tests.support.behind import carry_out, register
from tests.support.projects import create, write

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [src/prepare.py]
    outs: [data.txt]
  train:
    cmd: python train.py
    deps: [train.py, data.txt]
    outs: [model.txt]
  report:
    cmd: for page in pages/*; do cat $page; done > report.txt && git describe --always >> report.txt
    deps: [data.txt]
    outs: [report.txt]
  call:
    cmd: git status --short > call.txt
    deps: [data.txt]
    outs: [call.txt]
  ask:
    cmd: python -c "import dvc.api; dvc.api.params_show()" > ask.txt
    deps: [data.txt]
    outs: [ask.txt]
""",
    "params.yaml": "lr: 1\n",
    "src/prepare.py": """
from pathlib import Path
import tools
Path("data.txt").write_text(repr(sorted(map(str, Path("conf").rglob("*.yaml")))))
""",
    "src/tools.py": "",
    "train.py": """
import json
from pathlib import Path
try:
    import local_settings
except ImportError:
    pass
Path("model.txt").write_text(Path("data.txt").read_text() + json.dumps(Path("debug.flag").exists()))
""",
    "conf/a.yaml": "a: 1\n",
    "conf/old/b.yaml": "b: 1\n",
    "pages/a.md": "a\n",
    "docs/guide.md": "read me\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Iterator[Project]:
    """A project each of whose stages has one run; a test adds files and plans, without a run."""
    root = create(tmp_path_factory.mktemp("new-files") / "project", files=FILES, template=dvc_template)
    if not atime_works(root):
        pytest.skip("this mount keeps no access times")
    with Project.open(root) as opened:
        for stage in ("train", "report", "call", "ask"):
            assert opened.run(stage).status == "completed"
        yield opened


def _plan(project: Project, stage: str, path: str) -> str:
    """What is planned under ``--reuse`` with a new file, which is removed again; of a folder, without it."""
    place = project.root / path
    gone = place.is_dir()
    aside = project.root.parent / "aside"
    if gone:
        shutil.move(place, aside)
    else:
        write(project.root, {path: "new\n"})
    try:
        return repr(project.plan(stage, reuse=True))
    finally:
        if gone:
            shutil.move(aside, place)
        else:
            place.unlink()


@pytest.mark.parametrize(
    ("stage", "path", "plan"),
    [
        ("train", "conf/new.yaml", "prepare runs (code changed: conf/new.yaml appeared)"),
        ("train", "conf/old", "prepare runs (code changed: conf/old/b.yaml is gone)"),
        ("train", "local_settings.py", "train runs (code changed: local_settings.py appeared)"),
        ("train", "src/tools/__init__.py", "prepare runs (code changed: src/tools/__init__.py appeared)"),
        ("train", "debug.flag", "train runs (code changed: debug.flag appeared)"),
        ("report", "pages/b.md", "report runs (code changed: pages/b.md appeared)"),
    ],
)
def test_a_file_that_a_stage_looked_for_makes_it_run_again(project: Project, stage: str, path: str, plan: str) -> None:
    assert plan in _plan(project, stage, path)


def test_other_new_files_do_not(project: Project) -> None:
    others = ["notes.ipynb", "README.md", "evaluate.py", "src/evaluate.py", "docs/more.md", "conf/.gitignore"]
    write(project.root, dict.fromkeys(others, "new\n"))
    try:
        plans = [repr(project.plan(stage, reuse=True)) for stage in ("train", "report", "call", "ask")]
    finally:
        for path in others:
            (project.root / path).unlink()

    assert plans == [
        "prepare 1 reused (code, data, params equal) -> train 2 reused (code, data, params, environment equal)",
        "prepare 1 reused (code, data, params equal) -> report 3 reused (code, data, params, environment equal)",
        "prepare 1 reused (code, data, params equal) -> call 4 reused (code, data, params, environment equal)",
        "prepare 1 reused (code, data, params equal) -> ask 5 reused (code, data, params, environment equal)",
    ]


def test_a_record_names_the_folders_that_were_listed(project: Project) -> None:
    looked = {run.record.stage: run.record.looked for run in project.runs.unfolded()}

    assert {stage: seen.folders for stage, seen in looked.items() if seen is not None} == {
        "prepare": ("conf", "conf/old", "src"),
        "train": (".",),
        "report": ("pages",),
        "call": None,  # git lists them all
        "ask": None,  # and so does DVC
    }
    prepared = next(run for run in project.runs.unfolded() if run.record.stage == "prepare")
    assert (
        "reads what its deps do not name: src/tools.py." in prepared.record.warnings[0]
    )  # listing a folder is no read


@pytest.mark.parametrize("learn", [False, True])
def test_an_operation_runs_again_for_a_file_that_its_cell_would_list(project: Project, learn: bool) -> None:
    code = "import os\nopen('names.txt', 'w').write(repr(os.listdir('pages')))"
    operation = cell_operation(f"names_{learn}", code, settings=CellSettings(learn=learn))
    register(project, operation)
    request = RunRequest(stages=(operation.address,), reuse=True)
    first = carry_out(project, request)[0]
    assert carry_out(project, request)[0] == first

    write(project.root, {"pages/new.md": "new"})
    again = carry_out(project, request)[0]
    (project.root / "pages/new.md").unlink()

    assert again != first
    assert "new.md" in (again.workspace / "names.txt").read_text()

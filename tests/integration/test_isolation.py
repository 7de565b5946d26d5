"""What happens in the project after the call does not reach its runs, editable installs included."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support.digest import changes, project_digest

pytestmark = pytest.mark.integration

PIPELINE = """
stages:
  train:
    cmd: python train.py
    deps: [train.py, raw.txt]
    params: [lr]
    metrics: [m.json: {cache: false}]
"""
TRAIN = """
import json, os, time
from pathlib import Path
print("going", flush=True)
while not Path(os.environ["GO"]).exists():
    time.sleep(0.01)
import mymodel, yaml
json.dump({"model": mymodel.VERSION, "data": Path("raw.txt").read_text(),
           "lr": yaml.safe_load(Path("params.yaml").read_text())["lr"]}, open("m.json", "w"))
"""
LAYOUTS = {
    "a src layout, by a .pth file": ("src/mymodel/__init__.py", '[tool.setuptools.packages.find]\nwhere = ["src"]\n'),
    "a flat layout, by a setuptools finder": ("mymodel/__init__.py", '[tool.setuptools]\npackages = ["mymodel"]\n'),
}
DRIVER = """
import json, os, sys, threading, time
from pathlib import Path
from dvc_magic.project import Project

root, module = Path(sys.argv[1]), sys.argv[2]
def edit():
    while not any("going" in log.read_text() for log in root.glob(".dvc_magic/runs/*/output.log")):
        time.sleep(0.01)
    edits = {module: "VERSION = 'edited'", "raw.txt": "edited", "params.yaml": "lr: 9.0", "train.py": "x("}
    for name, text in edits.items():
        (root / name).write_text(text)
    Path(os.environ["GO"]).touch()
threading.Thread(target=edit).start()
with Project.open(root) as project:
    run = project.run("train")
print(json.dumps([dict(run.metrics), list(run.record.import_roots)]))
"""


def _environment_with(project: Path, folder: Path) -> Path:
    """A virtual environment that sees this one's packages, with the project installed in it for editing."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "outer.pth").write_text(sysconfig.get_paths()["purelib"] + "\n" + str(Path(__file__).parents[2]) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--editable", str(project)]
    subprocess.run([*pip, *offline], check=True, capture_output=True)
    return python


@pytest.mark.parametrize("layout", LAYOUTS)
def test_edits_during_a_run_do_not_reach_it_not_even_through_an_editable_install(
    layout: str, make_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, packages = LAYOUTS[layout]
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    files = {
        "dvc.yaml": PIPELINE,
        "train.py": TRAIN,
        "raw.txt": "original",
        "params.yaml": "lr: 0.5\n",
        module: "VERSION = 'original'\n",
        "pyproject.toml": f'{build}[project]\nname = "mymodel"\nversion = "1"\n{packages}',
        ".gitignore": "*.egg-info/\nbuild/\n",
    }
    root = make_project(files)
    python = _environment_with(root, tmp_path / "env")
    monkeypatch.setenv("GO", str(tmp_path / "go"))

    done = subprocess.run(
        [str(python), "-c", textwrap.dedent(DRIVER), str(root), module], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    metrics, roots = json.loads(done.stdout)
    assert metrics == {"model": "original", "data": "original", "lr": 0.5}
    assert roots == [str(Path(module).parent.parent)]


def test_a_fresh_clone_is_the_same_to_the_byte_after_runs_that_succeed_and_fail(make_project: Any, clone: Any) -> None:
    from dvc_magic.errors import RunFailedError
    from dvc_magic.project import Project

    origin = make_project(
        {
            "dvc.yaml": "stages:\n  good:\n    cmd: git status > s.txt\n    outs: [s.txt]\n"
            "  bad:\n    cmd: git status; exit 1\n"
        }
    )
    root = clone(origin)
    before = project_digest(root)

    with Project.open(root) as project:
        project.run("good")
        with pytest.raises(RunFailedError):
            project.run("bad")
        project.stages["good"].card().text()

    assert changes(before, project_digest(root)) == []

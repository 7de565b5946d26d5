"""What happens in the project after the call does not reach its runs, editable installs included."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import dvc, git
from tests.support.digest import changes, project_digest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("started_hosts")]

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


SURROUNDED = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [clean.txt]
  report:
    cmd: python report.py > report.txt
    deps: [report.py, clean.txt]
    params: [lr]
    outs: [report.txt]
  commit:
    cmd: echo new > new.txt && git add --all && git commit --quiet --message ours && git log --format=%s > log.txt
    outs: [log.txt]
  bad:
    cmd: git status && exit 1
""",
    "params.yaml": "lr: 0.5\n",
    "prepare.py": "open('clean.txt', 'w').write('clean')\n",
    "report.py": """
import locale, os, sys
seen = ("CLICOLOR", "FORCE_COLOR", "DVC_", "GIT_", "JPY_", "LANG", "LC_", "MPLBACKEND", "PAGER", "PYDEVD", "TERM")
ours = ("DVC_MAGIC_RUN", "DVC_ROOT", "DVC_SITE_CACHE_DIR", "GIT_OPTIONAL_LOCKS")
for name in sorted(os.environ):
    if name.startswith(seen) and name not in ours:
        print(name, os.environ[name])
colour = "\\033[31m" if sys.stdout.isatty() or os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE") else ""
print(f"{colour}lr", open("params.yaml").read(), sys.stdout.encoding, locale.getlocale(), open("clean.txt").read())
""",
}
CALLS = """
import os, sys
from pathlib import Path
from dvc_magic.errors import RunFailedError
from dvc_magic.project import Project

root, umask, kernel, script = Path(sys.argv[1]), int(sys.argv[2], 8), eval(sys.argv[3]), Path(sys.argv[4])
os.umask(umask)
os.environ |= kernel
environ = dict(os.environ)
with Project.open(root) as project:
    project.plan("report", {"lr": 0.1})
    repr(project.stages["report"].card().text())
    report = project.run("report")
    assert report.upstream == {}, "the project's clean.txt is up to date, whatever was touched"
    project.grid("report", {"lr": [0.1, 0.2]}, jobs=2, upstream="never")
    assert project.run("report", reuse=True).id == report.id
    log = (project.run("commit").workspace / "log.txt").read_text()
    assert log.startswith("ours\\n"), log
    try:
        project.run("bad")
    except RunFailedError as error:
        project.debug(error.run, commands=["q"], show=lambda text: None)
    op = project.op("count", "open('n.txt', 'w').write('3')", outs=["n.txt"], script=str(script))
    project.promote(op, dry_run=True)
    repr(project.operations), project.last.card().text()
    script.with_suffix(".txt").write_bytes((report.workspace / "report.txt").read_bytes())
    script.with_suffix(".lock").write_bytes((report.workspace / "dvc.lock").read_bytes())
    assert os.umask(umask) == umask
assert dict(os.environ) == environ
"""
KERNEL = {
    "CLICOLOR": "1",
    "CLICOLOR_FORCE": "1",
    "FORCE_COLOR": "1",
    "GIT_PAGER": "cat",
    "JPY_PARENT_PID": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PAGER": "cat",
    "PYDEVD_USE_FRAME_EVAL": "NO",
    "TERM": "xterm-color",
}
OF_DVC = {
    "DVC_CHECKPOINT": "1",
    "DVC_EXP_BASELINE_REV": "0" * 40,
    "DVC_EXP_NAME": "outer",
    "DVC_ROOT": "/nowhere",
    "DVC_STAGE": "outer",
}


_OBJECT = re.compile(r"\.git/objects/[0-9a-f]{2}/[0-9a-f]+: mtime")


def _of_a_git_hook(root: Path) -> dict[str, str]:
    """What git tells the hooks of a project, and some more that leads git into it."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_PARAMETERS": f"'core.worktree'='{root}'",
        "GIT_CONFIG_VALUE_0": str(root),
        "GIT_DIR": str(root / ".git"),
        "GIT_INDEX_FILE": str(root / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(root / ".git" / "objects"),
        "GIT_PREFIX": "",
        "GIT_WORK_TREE": str(root),
    }


@pytest.fixture
def surrounded(make_project: Any, tmp_path: Path) -> Path:
    """A copy of a project with a committed lock: each file has another inode and time than git's index says."""
    origin = make_project(SURROUNDED, name="origin")
    dvc(origin, "repro", "--quiet", "report")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "Lock")
    return Path(shutil.copytree(origin, tmp_path / "copy", copy_function=shutil.copyfile))


@pytest.mark.parametrize(("language", "umask"), [("tr_TR.UTF-8", "000"), ("C", "077")], ids=["Turkish", "C"])
def test_nothing_of_a_hostile_kernel_reaches_a_stage_and_no_call_touches_the_project(
    language: str, umask: str, surrounded: Path, tmp_path: Path
) -> None:
    terminal = {"LC_ALL": language, "LANG": "", "TERM": "vt100"}
    surroundings = {**os.environ, **terminal, **OF_DVC, **_of_a_git_hook(surrounded)}
    before = project_digest(surrounded)

    done = subprocess.run(
        [sys.executable, "-c", CALLS, str(surrounded), umask, repr(KERNEL), "count.py"],
        env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    # Git in a run sets the mtime of objects that it would write if the project had none: see `git_skeleton`.
    changed = [line for line in changes(before, project_digest(surrounded)) if not _OBJECT.fullmatch(line)]
    assert changed == []
    store = surrounded / ".dvc_magic"
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert {oct(stat.S_IMODE(file.stat().st_mode)) for file in store.glob("runs/*/run.json")} == {"0o600"}
    dvc(surrounded, "repro", "--force", "--quiet", "--single-item", "report", environ=terminal)
    assert (tmp_path / "count.txt").read_text() == (surrounded / "report.txt").read_text()
    assert "\033" not in (tmp_path / "count.txt").read_text()
    assert _entry(tmp_path / "count.lock") == _entry(surrounded / "dvc.lock")


def _entry(lock: Path) -> Any:
    return yaml.safe_load(lock.read_bytes())["stages"]["report"]

"""What happens in the project once a call has begun changes nothing in the runs of it that start later."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dvc_magic.engine.order import WorkOrder
from dvc_magic.engine.runs.prepare import prepare
from dvc_magic.errors import DvcMagicError, RunFailedError
from dvc_magic.project import Project, Run, Runs
from dvc_magic.store import read_noun
from tests.support.commands import git

pytestmark = pytest.mark.integration

# What a stage sees of git, DVC, sources and data. The first run waits: edits fall between it and the others.
LOOK = """
while [ ! -e "$GO" ]; do echo going; sleep 0.02; done
{
  echo "head $(git rev-parse HEAD)"
  echo "branch $(git symbolic-ref HEAD)"
  echo "log $(git log --format=%s | tr '\\n' ' ')"
  echo "refs $(git for-each-ref --format='%(refname)' | tr '\\n' ' ')"
  echo "status $(git status --porcelain | tr '\\n' ' ')"
  echo "tracked $(git ls-files | tr '\\n' ' ')"
  echo "user $(git config user.name)"
  echo "remote $(git remote get-url origin)"
  echo "exclude $(cat .git/info/exclude | tr '\\n' ' ')"
  echo "dvc $(cat .dvc/config.local | tr '\\n' ' ')"
  echo "dvcignore $(cat .dvcignore | tr '\\n' ' ')"
  echo "source $(cat src/module.py)"
  echo "data $(cat raw.txt data.csv | tr '\\n' ' ')"
  echo "ignored params $(cat other.yaml)"
  echo "environments $(ls -d venv late 2>/dev/null | tr '\\n' ' ')"
  echo "python path $PYTHONPATH" | sed "s#$DVC_ROOT#ROOT#g"
} > facts.txt
"""
FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: sh prepare.sh
    deps: [prepare.sh, seed.txt]
    params: [seed]
    outs: [numbers.txt]
  look:
    cmd: sh look.sh
    deps: [look.sh, raw.txt, data.csv]
    params: [lr]
    outs: [facts.txt]
  late:
    cmd: cat numbers.txt > late.txt && sh look.sh
    deps: [look.sh, raw.txt, data.csv, numbers.txt]
    params: [lr]
    outs: [late.txt, facts.txt]
""",
    "look.sh": LOOK,
    "prepare.sh": 'while [ ! -e "$GO" ]; do echo going; sleep 0.02; done\n'
    "{ grep seed params.yaml; cat seed.txt; } > numbers.txt\n",
    "params.yaml": "lr: 0\nseed: 0\n",
    "other.yaml": "other: original\n",
    "src/module.py": "VERSION = 'original'\n",
    "raw.txt": "original\n",
    "data.csv": "original\n",
    "seed.txt": "original\n",
    ".gitignore": "/venv\n/late\n/*.txt\n!/raw.txt\n!/seed.txt\n",
    "notes.ipynb": "{}\n",
}


def _make(make_project: Any, stage: str = "look") -> Path:
    """A project on ``main``, with another branch, a remote, an environment; `look` and `late` write the same out."""
    unused = "late" if stage == "look" else "look"
    head, _, rest = FILES["dvc.yaml"].partition(f"  {unused}:\n")
    pipeline = head + (f"  late:{rest.partition('  late:')[2]}" if unused == "look" else "")
    root: Path = make_project({**FILES, "dvc.yaml": pipeline}, track=["data.csv"])
    git(root, "branch", "other")
    git(root, "remote", "add", "origin", "https://ada:secret@example.com/p.git")
    git(root, "config", "user.name", "Original")
    (root / "venv").mkdir()
    (root / "venv/pyvenv.cfg").write_text("")
    return root


def _edit(root: Path, *, top: Path | None = None) -> None:
    """What people do while runs go: all at once."""
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Meanwhile")
    git(root, "tag", "meanwhile")
    git(root, "checkout", "--quiet", "other")
    git(root, "config", "user.name", "Edited")
    git(root, "remote", "set-url", "origin", "https://example.com/edited.git")
    ((top or root) / ".git/info/exclude").write_text("/edited\n")
    with (root / ".dvc/config").open("a") as config:
        config.write(
            "[core]\n    remote = edited\n['remote \"edited\"']\n    url = /edited\n[cache]\n    type = copy\n"
        )
    (root / ".dvcignore").write_text("/edited\n")
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "params.yaml").write_text("lr: 'edited'\nseed: 'edited'\n")
    (root / "other.yaml").write_text("other: edited\n")
    (root / "raw.txt").write_text("edited\n")
    (root / "data.csv").write_text("edited\n")
    (root / "seed.txt").unlink()
    (root / "src/module.py").unlink()
    (root / "notes.ipynb").unlink()
    (root / "look.sh").write_text("exit 1\n")
    (root / "new.py").write_text("")
    git(root, "rm", "--quiet", "--cached", "prepare.sh")
    shutil.rmtree(root / "venv")
    (root / "late").mkdir()
    (root / "late/pyvenv.cfg").write_text("")


@pytest.fixture
def meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Does something to a project while the first run of a call goes, and lets the runs go on then."""
    go = tmp_path / "go"
    monkeypatch.setenv("GO", str(go))
    threads = []

    def start(home: Path, edit: Callable[[], None]) -> None:
        def act() -> None:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                if any("going" in log.read_text() for log in home.glob("runs/*/output.log")):
                    break
                time.sleep(0.01)
            try:
                edit()
            finally:
                go.touch()

        threads.append(threading.Thread(target=act))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def _facts(run: Run) -> dict[str, str]:
    lines = Path(run.outs["facts.txt"]).read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _check(runs: list[Run], head: str) -> None:
    """The runs saw the same, and what their records say."""
    first, *others = [_facts(run) for run in runs]
    assert others == [first] * len(others)
    assert {run.git_commit for run in runs} == {head} == {first["head"]}
    assert first["branch"] == "refs/heads/main"
    assert first["status"].strip().replace("teams/project/", "") == "M params.yaml"
    assert (first["log"].strip(), first["user"]) == ("Start", "Original")
    assert first["remote"] == "https://example.com/p.git"
    assert (first["source"], first["data"]) == ("VERSION = 'original'", "original original ")
    assert first["environments"].strip() == "venv"
    assert "edited" not in json.dumps(first)
    assert "meanwhile" not in json.dumps(first)


def test_edits_in_the_middle_of_a_grid_change_nothing_in_its_later_runs(
    make_project: Any, opened: Any, meanwhile: Any
) -> None:
    root = _make(make_project)
    head = git(root, "rev-parse", "HEAD").strip()
    project: Project = opened(root)
    meanwhile(root / ".dvc_magic", lambda: _edit(root))

    runs: Runs = project.grid("look", {"lr": [1, 2, 3]})

    _check(list(runs), head)


def test_edits_while_an_upstream_stage_goes_change_nothing_in_what_follows(
    make_project: Any, opened: Any, meanwhile: Any
) -> None:
    root = _make(make_project, "late")
    head = git(root, "rev-parse", "HEAD").strip()
    project: Project = opened(root)
    meanwhile(root / ".dvc_magic", lambda: _edit(root))

    runs: Runs = project.grid("late", {"seed": [1, 2], "lr": [1, 2]})

    _check(list(runs), head)
    assert [Path(run.outs["late.txt"]).read_text() for run in runs] == [
        f"seed: {seed}\noriginal\n" for seed in (1, 1, 2, 2)
    ]


def test_a_link_policy_set_during_a_grid_is_for_the_next_call(make_project: Any, opened: Any, meanwhile: Any) -> None:
    root = _make(make_project)
    with (root / ".dvc/config").open("a") as config:
        config.write("[cache]\n    type = hardlink\n")
    git(root, "commit", "--quiet", "-am", "Link")
    project: Project = opened(root)
    meanwhile(root / ".dvc_magic", lambda: _edit(root))

    runs = project.grid("look", {"lr": [1, 2]})

    assert [run.deps["data.csv"].placed for run in runs] == ["hardlink", "hardlink"]


def test_a_project_in_a_folder_of_a_repository_stays_as_it_was_as_well(
    make_project: Any, dvc_template: Path, tmp_path: Path, opened: Any, meanwhile: Any
) -> None:
    top = tmp_path / "mono"
    root = _make(make_project)
    shutil.rmtree(root / ".git")
    (top / "teams").mkdir(parents=True)
    root = root.rename(top / "teams" / "project")
    (top / ".gitignore").write_text("/original\n")
    git(top, "init", "--quiet", "--initial-branch=main")
    git(top, "config", "user.name", "Original")
    git(top, "remote", "add", "origin", "https://ada:secret@example.com/p.git")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "-m", "Start")
    git(top, "branch", "other")
    head = git(top, "rev-parse", "HEAD").strip()
    project: Project = opened(root)

    def edit() -> None:
        _edit(root, top=top)
        (top / ".gitignore").write_text("/edited\n")

    meanwhile(root / ".dvc_magic", edit)
    runs = list(project.grid("look", {"lr": [1, 2]}))

    _check(runs, head)
    for run in runs:
        assert (run.workspace.parent.parent / ".gitignore").read_text() == "/original\n"


def test_a_project_that_moved_during_a_grid_is_one_clear_error(
    make_project: Any, opened: Any, meanwhile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_MAGIC_HOME", str(tmp_path / "store"))
    root = _make(make_project)
    project: Project = opened(root)
    meanwhile(project.store.home, lambda: root.rename(tmp_path / "moved") and None)

    with pytest.raises(DvcMagicError) as caught:
        project.grid("look", {"lr": [1, 2, 3]})

    assert str(caught.value).count(str(root)) == 1
    assert f"{root} is not there any more" in str(caught.value)
    assert not root.exists()


FAILING = {
    "dvc.yaml": """
stages:
  fit:
    cmd: exit 3
    deps: [fit.py, data.csv, ABSOLUTE]
    params: [lr]
    outs: [model.txt]
""",
    "fit.py": "",
    "data.csv": "data\n",
    "params.yaml": "lr: 0\n",
    ".gitignore": "/venv\n/.env\n",
}


def _failed(make_project: Any, opened: Any, tmp_path: Path) -> tuple[Project, WorkOrder]:
    """A project whose run failed, with the order of that run; it has each kind of link into the project."""
    (tmp_path / "outside.txt").write_text("outside\n")
    pipeline = FAILING["dvc.yaml"].replace("ABSOLUTE", str(tmp_path / "outside.txt"))
    root: Path = make_project({**FAILING, "dvc.yaml": pipeline}, track=["data.csv"])
    (root / "venv").mkdir()
    (root / "venv/pyvenv.cfg").write_text("")
    (root / ".env").write_text("TOKEN=CANARY\n")
    project: Project = opened(root)
    with pytest.raises(RunFailedError):
        project.run("fit", copy_paths=[".env"])
    return project, read_noun(project.store.paths.run(project.last.id).order, WorkOrder)


def test_an_order_names_all_that_its_stage_reaches_of_the_project(
    make_project: Any, opened: Any, tmp_path: Path
) -> None:
    project, order = _failed(make_project, opened, tmp_path)

    assert order.links
    assert order.links.environments == ("venv",)
    assert order.links.secrets == (".env",)
    assert order.links.absolute == (str(tmp_path / "outside.txt"),)
    assert order.links.git_objects == str(project.root / ".git/objects")
    links = [path for path in project.last.path.rglob("*") if path.is_symlink()]
    assert sorted(path.name for path in links) == [".env", "venv"]
    assert "CANARY" not in project.store.paths.run(project.last.id).order.read_text()


def test_a_workspace_is_made_without_a_look_at_the_project(
    make_project: Any, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_MAGIC_HOME", str(tmp_path / "store"))
    project, order = _failed(make_project, opened, tmp_path)
    with_project = _prepared(order, project, "a00000000001")
    project.root.rename(tmp_path / "moved")

    assert _prepared(order, project, "a00000000002") == with_project


def test_git_sees_the_params_of_a_run_though_they_are_as_old_and_as_long_as_those_of_the_project(
    make_project: Any, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, order = _failed(make_project, opened, tmp_path)
    anew = replace(order, record=replace(order.record, id="a00000000001"), replace={"params.yaml": "lr: 7\n"})
    same = (project.root / "params.yaml").stat().st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: same)

    project.store.paths.run(anew.record.id).folder.mkdir()
    workspace = prepare(anew, store=project.store).root

    assert int((workspace / "params.yaml").stat().st_mtime) == same // 1_000_000_000
    assert git(workspace, "status", "--porcelain", "params.yaml") == " M params.yaml\n"


def _prepared(order: WorkOrder, project: Project, run_id: str) -> dict[str, bytes]:
    """Every file and link of a workspace made anew."""
    anew = replace(order, record=replace(order.record, id=run_id))
    project.store.paths.run(run_id).folder.mkdir()
    root = prepare(anew, store=project.store).root
    return {
        str(path.relative_to(root)): bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_a_project_that_moved_with_its_store_is_one_clear_error_as_well(
    make_project: Any, opened: Any, meanwhile: Any, tmp_path: Path
) -> None:
    root = _make(make_project)
    project: Project = opened(root)
    meanwhile(root / ".dvc_magic", lambda: root.rename(tmp_path / "moved") and None)

    with pytest.raises(DvcMagicError) as caught:
        project.grid("look", {"lr": [1, 2, 3]})

    assert f"{root} is not there any more" in str(caught.value)
    assert not root.exists()

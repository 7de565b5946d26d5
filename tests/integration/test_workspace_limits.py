"""What a run's workspace has beside declared deps: ignored files, environments, built modules, git, DVC itself."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_magic.errors import MissingInputError, RunFailedError
from dvc_magic.project import Project, Run
from tests.support.commands import dvc, dvc_status_code, git
from tests.support.digest import changes, project_digest
from tests.support.projects import write

pytestmark = pytest.mark.integration

Files = Mapping[str, str | bytes]


def _pipeline(cmd: str, *, deps: Sequence[str] = ("train.py",), extra: str = "") -> str:
    return f"stages:\n  train:\n    cmd: {cmd}\n    deps: {json.dumps([*deps])}\n    outs: [out.txt]\n{extra}"


def _script(body: str) -> str:
    """A script that does something, prints what it likes, and writes the stage's output."""
    return f"import os, sys\nfrom pathlib import Path\n{body}\nPath('out.txt').write_text('done')\n"


def _run_untouched(project: Project, stage: str = "train", **options: Any) -> Run:
    """Run a stage, and make sure that the project stays as it is."""
    before = project_digest(project.root)
    run = project.run(stage, **options)
    assert changes(before, project_digest(project.root)) == []
    return run


# --- ignored files ----------------------------------------------------------------------------------------------------

IGNORED = {
    ".env": "TOKEN=abc\n",
    "local_settings.py": "A = 1\n",
    "src/conf/local.py": "B = 2\n",
    "pkg/gen/__init__.py": "",
    "data/lookup.bin": "123",
    "data/words": "one two",
    "big/deep/c.txt": "c",
    "my data.txt": "blank",
}
WAYS_TO_MISS = {
    "a relative path": ("open('data/lookup.bin')", "data/lookup.bin"),
    "an absolute path in the workspace": ("open(os.path.abspath('data/lookup.bin'))", "data/lookup.bin"),
    "a file beside the script": ("open(Path(__file__).parent / '.env')", ".env"),
    "a name with a blank": ("open('my data.txt')", "my data.txt"),
    "a message without quotes": ("sys.exit('cannot open data/lookup.bin now')", "data/lookup.bin"),
    "a message of a shell tool": ("if os.system('cat data/words'): sys.exit(1)", "data/words"),
    "a folder": ("os.listdir('big')", "big"),
    "a module": ("import local_settings", "local_settings.py"),
    "a package in a package": ("import pkg.gen", "pkg/gen"),
    "a name of a package": ("from pkg import gen", "pkg/gen"),
    "a module on the path of a script": ("sys.path.insert(0, 'src/conf')\nimport conf_user", "src/conf/local.py"),
}


def _with_ignored(make_project: Any, body: str) -> Path:
    files = {
        ".gitignore": "".join(f"/{path}\n" for path in IGNORED),
        "dvc.yaml": _pipeline("python train.py"),
        "train.py": _script(body),
        "pkg/__init__.py": "",
        "src/conf/conf_user.py": "import local\n",
        "data/.gitkeep": "",
    }
    root: Path = make_project(files)
    write(root, IGNORED)
    return root


@pytest.mark.parametrize("way", WAYS_TO_MISS)
def test_the_error_names_an_ignored_file_that_the_stage_missed_and_with_it_the_run_completes(
    way: str, make_project: Any, opened: Any
) -> None:
    body, path = WAYS_TO_MISS[way]
    project = opened(_with_ignored(make_project, body))

    with pytest.raises(RunFailedError) as failure:
        project.run("train")

    assert f"{path!r} is in the project but not in the run: git ignores it" in str(failure.value)
    assert f"copy_paths=[{path!r}]" in str(failure.value)
    line = re.search(r"'(copy-paths: \[.*\])' in dvc_magic\.yaml", str(failure.value))
    assert line is not None
    assert yaml.safe_load(line[1]) == {"copy-paths": [path]}
    if not body.startswith("sys.exit"):
        assert _run_untouched(project, copy_paths=[path]).status == "completed"


def test_dvc_magic_yaml_takes_ignored_files_along_in_every_run(make_project: Any, opened: Any) -> None:
    root = _with_ignored(make_project, "open('big/deep/c.txt').read(); import local_settings")
    write(root, {"dvc_magic.yaml": "copy-paths: [big, local_settings.py]\n"})

    run = _run_untouched(opened(root))

    assert set(run.record.copied) == {"big/deep/c.txt", "local_settings.py"}
    assert {"big/deep/c.txt", "local_settings.py"} <= set(run.record.read)


def test_what_looks_secret_is_linked_and_never_stored(make_project: Any, opened: Any) -> None:
    root = _with_ignored(make_project, "print(open('.env').read())")

    run = _run_untouched(opened(root), copy_paths=[".env"])

    assert "TOKEN=abc" in run.log.text()
    assert (run.workspace / ".env").readlink() == root / ".env"
    files = [file for file in (root / ".dvc_magic").rglob("*") if file.is_file() and not file.is_symlink()]
    assert [file.name for file in files if b"TOKEN=abc" in file.read_bytes()] == ["output.log"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("nowhere.txt", "there is no such file or folder"),
        ("data/*.bin", "patterns are not expanded, name the folder"),
        ("../beside", "lies outside of"),
        (".git/config", "belongs to DVC, git or dvc_magic"),
    ],
)
def test_a_path_that_cannot_be_copied_is_one_error_before_anything_runs(
    path: str, complaint: str, make_project: Any, opened: Any
) -> None:
    project = opened(_with_ignored(make_project, ""))

    with pytest.raises(MissingInputError, match="cannot copy") as failure:
        project.run("train", copy_paths=[path])

    assert complaint in str(failure.value)
    assert len(project.runs) == 0


# --- environments -----------------------------------------------------------------------------------------------------

WHERE = "import sys; print(sys.executable); import mymodel; print(mymodel.__file__)"


def _environment(root: Path, name: str, *, conda: bool = False) -> Path:
    """An environment in a project, in which the project's ``src`` is installed for editing."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / name)], check=True)
    site = next((root / name).glob("lib/python*/site-packages"))
    (site / "mymodel.pth").write_text(f"{root / 'src'}\n")
    if conda:
        (root / name / "pyvenv.cfg").unlink()
        write(root / name, {"conda-meta/history": ""})
    return root / name


def _with_environment(
    make_project: Any, cmd: str, name: str, *, conda: bool = False, files: Files | None = None
) -> Path:
    given = {
        ".gitignore": f"{name}/\n/.venv\n",
        "dvc.yaml": _pipeline(cmd),
        "train.py": _script(WHERE),
        "src/mymodel/__init__.py": "",
        **(files or {}),
    }
    root: Path = make_project(given)
    _environment(root, name, conda=conda)
    return root


@pytest.mark.parametrize(
    ("name", "cmd"),
    [
        (".venv", ".venv/bin/python train.py"),
        ("venv", "./venv/bin/python train.py"),
        (".venv", "'. .venv/bin/activate && python train.py'"),
        ("env", "PATH=env/bin:$PATH python train.py"),
    ],
)
def test_an_environment_in_the_project_is_used_in_place_with_the_code_of_the_run(
    name: str, cmd: str, make_project: Any, opened: Any
) -> None:
    root = _with_environment(make_project, cmd, name)
    project = opened(root)
    project.run("train")  # Python writes its own caches into an environment at first use

    run = _run_untouched(project)

    python, module = run.log.text().split()
    assert (run.workspace / python).parent.parent.resolve() == root / name
    assert Path(module) == run.workspace / "src/mymodel/__init__.py"
    assert (run.workspace / name).readlink() == root / name
    assert dvc_status_code(run.workspace) == 0
    assert name not in git(run.workspace, "status", "--porcelain")


def test_a_conda_prefix_in_the_project_is_an_environment_too(make_project: Any, opened: Any) -> None:
    root = _with_environment(make_project, "env/bin/python train.py", "env", conda=True)

    run = opened(root).run("train")

    assert (run.workspace / "env").readlink() == root / "env"
    assert str(run.workspace / "src/mymodel") in run.log.text()


def test_deleting_a_run_leaves_the_environment_alone(make_project: Any, opened: Any) -> None:
    root = _with_environment(make_project, ".venv/bin/python train.py", ".venv")
    run = opened(root).run("train")
    before = project_digest(root / ".venv")

    shutil.rmtree(root / ".dvc_magic" / "runs" / run.id)

    assert changes(before, project_digest(root / ".venv")) == []


def test_a_stage_that_makes_an_environment_makes_it_in_its_run(make_project: Any, opened: Any) -> None:
    cmd = "python -m venv --without-pip .venv && .venv/bin/python train.py"
    root = _with_environment(make_project, cmd, ".venv", files={"train.py": _script("print(sys.prefix)")})

    run = _run_untouched(opened(root))

    assert run.log.text().strip() == str(run.workspace / ".venv")
    assert not (run.workspace / ".venv").is_symlink()


# --- uv, poetry, pixi -------------------------------------------------------------------------------------------------


def _fake_tool(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``NAME run COMMAND``: prints what the tool would go by, then does the command."""
    variables = "UV_NO_SYNC UV_PROJECT PIXI_FROZEN VIRTUAL_ENV"
    text = f'#!/bin/sh\nfor name in {variables}; do echo "$name=$(printenv $name)"; done\npwd\nshift\nexec "$@"\n'
    write(folder / "bin", {name: text})
    (folder / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


TOOLS = {
    "uv": (".venv", "UV_NO_SYNC=1"),
    "poetry": (".venv", "VIRTUAL_ENV="),
    "pixi": (".pixi/envs/default", "PIXI_FROZEN=true"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_finds_the_environment_of_the_project_and_is_told_to_leave_it(
    tool: str, make_project: Any, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, variable = TOOLS[tool]
    root = _with_environment(make_project, f"{tool} run python train.py", name, conda=tool == "pixi")
    _fake_tool(tmp_path, tool, monkeypatch)

    run = opened(root).run("train")

    assert variable in run.log.text().splitlines()
    assert str(run.workspace) in run.log.text().splitlines()
    assert (run.workspace / name).readlink() == root / name


def test_a_stage_that_syncs_gets_an_environment_of_its_own(
    make_project: Any, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"train.py": _script("")}
    root = _with_environment(make_project, "[uv sync true, uv run python train.py]", ".venv", files=files)
    _fake_tool(tmp_path, "uv", monkeypatch)

    run = _run_untouched(opened(root))

    assert "UV_NO_SYNC=" in run.log.text().splitlines()
    assert not (run.workspace / ".venv").exists()


def test_the_environment_that_poetry_keeps_for_the_project_is_named_to_it(
    make_project: Any, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"dvc.yaml": _pipeline("poetry run python train.py"), "train.py": _script("")}
    root = make_project(files)
    mark = base64.urlsafe_b64encode(hashlib.sha256(str(root).encode()).digest()).decode()[:8]
    kept = tmp_path / "envs" / f"demo-{mark}-py3.11"
    write(kept, {"pyvenv.cfg": ""})
    monkeypatch.setenv("POETRY_VIRTUALENVS_PATH", str(tmp_path / "envs"))
    _fake_tool(tmp_path, "poetry", monkeypatch)

    assert f"VIRTUAL_ENV={kept}" in opened(root).run("train").log.text().splitlines()


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_itself_makes_no_environment_and_no_lock_for_a_run(make_project: Any, opened: Any) -> None:
    described = '[project]\nname = "demo"\nversion = "0.1"\nrequires-python = ">=3.9"\n'
    files = {"pyproject.toml": described}
    root = _with_environment(make_project, "uv run --offline python train.py", ".venv", files=files)

    run = opened(root).run("train")

    assert str(run.workspace / ".venv/bin/python") in run.log.text()
    assert not list(run.workspace.glob("uv.lock"))
    assert not list(root.glob("uv.lock"))


# --- built modules ----------------------------------------------------------------------------------------------------


def _compiled() -> Path:
    """A compiled module of the standard library, to stand for one that a build made."""
    specs = (importlib.util.find_spec(name) for name in ("_bisect", "_heapq", "_json", "_csv", "_struct"))
    files = [Path(spec.origin) for spec in specs if spec and spec.origin and spec.origin.endswith(".so")]
    if not files:
        pytest.skip("this Python has its compiled modules built in")
    return files[0]


def _with_built_module(make_project: Any) -> tuple[Path, Path]:
    compiled = _compiled()
    module = compiled.name.split(".")[0]
    files = {
        ".gitignore": "*.so\n_version.py\n__pycache__/\n",
        "dvc.yaml": _pipeline(
            "python train.py",
            extra="  last:\n    cmd: cp out.txt last.txt\n    deps: [out.txt]\n    outs: [last.txt]\n",
        ),
        "train.py": _script(f"sys.path.insert(0, 'src')\nfrom pkg import {module}, _version\nprint({module}.__file__)"),
        "src/pkg/__init__.py": "",
    }
    root: Path = make_project(files)
    write(root, {"src/pkg/_version.py": "version = '1'\n", "src/pkg/__pycache__/x.so": "no"})
    target = root / "src" / "pkg" / compiled.name
    shutil.copy(compiled, target)
    target.chmod(target.stat().st_mode | stat.S_IWUSR)
    return root, target


def test_ignored_modules_that_a_build_made_beside_sources_come_along(make_project: Any, opened: Any) -> None:
    root, built = _with_built_module(make_project)

    run = _run_untouched(opened(root))

    path = built.relative_to(root).as_posix()
    assert run.log.text().strip() == str(run.workspace / path)
    assert {path, "src/pkg/_version.py"} <= set(run.record.read)
    assert not (run.workspace / "src/pkg/__pycache__/x.so").exists()


def test_a_rebuilt_module_makes_what_is_upstream_run_again(make_project: Any, opened: Any) -> None:
    root, built = _with_built_module(make_project)
    project = opened(root)
    first = project.run("last")
    same = project.run("last")
    with built.open("ab") as file:
        file.write(b"\0rebuilt")

    again = project.run("last")

    assert same.upstream["train"].id == first.upstream["train"].id != again.upstream["train"].id


# --- git --------------------------------------------------------------------------------------------------------------

ASKED = {
    "head": "git rev-parse HEAD",
    "branch": "git rev-parse --abbrev-ref HEAD",
    "prefix": "git rev-parse --show-prefix",
    "status": "git status --porcelain",
    "describe": "git describe --tags --dirty --always",
    "log": "git log --format=%s",
    "files": "git ls-files",
    "remote": "git config --get remote.origin.url",
}
GIT_PROJECT = {
    "dvc.yaml": _pipeline("python train.py", extra="  other:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n"),
    "train.py": "import json, subprocess\n"
    f"asked = {ASKED!r}\n"
    "run = lambda command: subprocess.run(command.split(), capture_output=True, text=True).stdout\n"
    "json.dump({name: run(command) for name, command in asked.items()}, open('out.txt', 'w'))\n",
    "sub/dvc.yaml": "stages:\n  far:\n    cmd: 'true'\n",
    "notebook.ipynb": "{}",
    "data.csv": "1\n",
    ".gitignore": "/out.txt\n/o.txt\n/data.csv\n",
}


def _answers(run: Run) -> dict[str, str]:
    answers: dict[str, str] = json.loads((run.workspace / "out.txt").read_text())
    return answers


def _expected(root: Path) -> dict[str, str]:
    """What the same commands print in the project, its run store and its outputs apart."""
    return {name: _output(root, command) for name, command in ASKED.items()}


def _output(folder: Path, command: str) -> str:
    return subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False).stdout


def _git_project(make_project: Any) -> Path:
    root: Path = make_project(GIT_PROJECT, track=["data.csv"])
    git(root, "tag", "-a", "v1.2", "-m", "Release")
    git(root, "remote", "add", "origin", "https://ada:secret@example.com/project.git")
    return root


def test_git_in_a_stage_answers_as_in_the_project(make_project: Any, opened: Any) -> None:
    root = _git_project(make_project)
    expected = _expected(root) | {"remote": "https://example.com/project.git\n"}

    run = _run_untouched(opened(root))

    assert _answers(run) == expected
    assert (expected["status"], expected["describe"]) == ("", "v1.2\n")
    assert run.record.read == {}


def test_a_source_that_is_edited_or_deleted_shows_and_a_param_of_the_call_too(make_project: Any, opened: Any) -> None:
    params = {"params.yaml": "lr: 1\n", "gone.py": "", "kept.py": ""}
    staged = GIT_PROJECT["dvc.yaml"].replace("deps: ", "params: [lr]\n    deps: ", 1)
    root = make_project({**GIT_PROJECT, **params, "dvc.yaml": staged}, track=["data.csv"])
    (root / "kept.py").write_text("edited\n")
    (root / "gone.py").unlink()

    run = _run_untouched(opened(root), params={"lr": 2})

    assert _answers(run)["status"] == " D gone.py\n M kept.py\n M params.yaml\n"
    assert _answers(run)["describe"].endswith("-dirty\n")


def test_git_in_a_stage_of_a_project_in_a_folder_of_a_repository(
    tmp_path: Path, dvc_template: Path, opened: Any
) -> None:
    top = tmp_path / "mono"
    root = top / "teams" / "project"
    write(root, GIT_PROJECT)
    write(top, {"README": "", ".gitignore": "__pycache__/\n*.log\n", "teams/other.py": ""})
    shutil.copytree(dvc_template / ".dvc", root / ".dvc")
    git(top, "init", "--quiet", "--initial-branch=main")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "-m", "Start")
    expected = _expected(root)

    run = _run_untouched(opened(root))

    assert _answers(run) == expected
    assert expected["prefix"] == "teams/project/\n"
    write(run.workspace, {"x.log": ""})
    assert "x.log" not in git(run.workspace, "status", "--porcelain")
    assert dvc_status_code(run.workspace) == 0


@pytest.mark.parametrize("kind", ["worktree", "shallow clone", "submodule"])
def test_git_in_a_stage_of(kind: str, make_project: Any, opened: Any, tmp_path: Path) -> None:
    origin, root = _git_project(make_project), tmp_path / "other"
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "Second")
    if kind == "worktree":
        git(origin, "worktree", "add", "--quiet", str(root))
    elif kind == "shallow clone":
        git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", str(root))
    else:
        above = tmp_path / "above"
        git(tmp_path, "init", "--quiet", str(above))
        git(above, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(origin), "inner")
        root = above / "inner"
    expected = _expected(root)
    if kind == "worktree":
        expected["remote"] = "https://example.com/project.git\n"

    run = _run_untouched(opened(root))

    assert _answers(run) == expected


def test_an_edited_pipeline_shows_although_it_is_trimmed_and_an_edited_notebook_does_not(
    make_project: Any, opened: Any
) -> None:
    root = _git_project(make_project)
    with (root / "dvc.yaml").open("a") as file:
        file.write("  more:\n    cmd: 'true'\n")
    (root / "notebook.ipynb").write_text('{"edited": 1}')

    run = _run_untouched(opened(root))

    assert _answers(run)["status"] == " M dvc.yaml\n"


# --- DVC inside a stage -----------------------------------------------------------------------------------------------

DVC = f"{sys.executable} -m dvc"
CALLS = {
    "dvc pull": f"assert not os.system('{DVC} pull data.csv')\nprint(open('data.csv').read())",
    "dvc get": f"assert not os.system('{DVC} get . data.csv -o got.csv')\nprint(open('got.csv').read())",
    "dvc.api.open": "import dvc.api\nwith dvc.api.open('data.csv') as file: print(file.read())",
    "dvc.api.read of a revision": "import dvc.api\nprint(dvc.api.read('data.csv', rev='HEAD'))",
    "DVCFileSystem": "from dvc.api import DVCFileSystem\nprint(DVCFileSystem().read_text('data.csv'))",
}


def _with_tracked_data(make_project: Any, body: str, *, deps: Sequence[str] = ("train.py",)) -> Path:
    files = {
        "dvc.yaml": _pipeline("python train.py", deps=deps),
        "train.py": _script(body),
        "data.csv": "the data\n",
        "params.yaml": "lr: 1\nother: {depth: 2}\n",
    }
    root: Path = make_project(files, track=["data.csv"])
    return root


@pytest.mark.parametrize("call", CALLS)
def test_a_stage_gets_undeclared_data_from_the_remote_by_dvc_itself(
    call: str, make_project: Any, opened: Any, tmp_path: Path
) -> None:
    root = _with_tracked_data(make_project, CALLS[call])
    dvc(root, "remote", "add", "--quiet", "--default", "store", str(tmp_path / "remote"))
    dvc(root, "push", "--quiet")
    git(root, "commit", "--quiet", "--all", "-m", "Remote")

    run = _run_untouched(opened(root))

    assert "the data" in run.log.text()
    assert not (run.workspace / "data.csv.dvc").exists()
    assert "data.csv.dvc" not in git(run.workspace, "status", "--porcelain")
    assert dvc_status_code(run.workspace) == 0


@pytest.mark.parametrize("call", ["dvc pull", "dvc.api.open", "DVCFileSystem"])
def test_a_stage_gets_declared_data_by_dvc_itself_without_any_remote(call: str, make_project: Any, opened: Any) -> None:
    root = _with_tracked_data(make_project, CALLS[call], deps=["train.py", "data.csv"])

    run = _run_untouched(opened(root))

    assert "the data" in run.log.text()
    assert dvc_status_code(run.workspace) == 0


@pytest.mark.parametrize("call", ["dvc pull", "dvc.api.open"])
def test_undeclared_data_that_no_remote_has_is_named_with_the_line_that_declares_it(
    call: str, make_project: Any, opened: Any
) -> None:
    project = opened(_with_tracked_data(make_project, CALLS[call]))

    with pytest.raises(RunFailedError, match=r"'data.csv' is data that DVC tracks.*deps: \[data.csv\]"):
        project.run("train")


def test_an_undeclared_output_of_another_stage_is_to_be_declared_too(make_project: Any, opened: Any) -> None:
    first = "  first:\n    cmd: echo 1 > made.txt\n    outs: [made.txt]\n"
    files = {"dvc.yaml": _pipeline("python train.py", extra=first), "train.py": _script("open('made.txt')")}
    root = make_project(files)
    dvc(root, "repro", "--quiet", "first")

    with pytest.raises(RunFailedError, match=r"'made.txt' is made by stage 'first'.*deps: \[made.txt\]"):
        opened(root).run("train")


def test_params_show_in_a_stage_shows_all_params_and_names_no_undeclared_reads(make_project: Any, opened: Any) -> None:
    body = "import dvc.api, json\nprint(json.dumps(dvc.api.params_show('params.yaml')))"

    run = _run_untouched(opened(_with_tracked_data(make_project, body)))

    assert json.loads(run.log.text()) == {"lr": 1, "other": {"depth": 2}}
    assert not [line for line in run.record.warnings if ".dvc" in line]


def test_other_stages_are_unknown_to_params_show_in_a_stage(make_project: Any, opened: Any) -> None:
    other = "  other:\n    cmd: 'true'\n    params: [lr]\n"
    script = _script("import dvc.api\nprint(dvc.api.params_show(stages=['other']))")
    files = {"dvc.yaml": _pipeline("python train.py", extra=other), "params.yaml": "lr: 1\n", "train.py": script}

    with pytest.raises(RunFailedError, match="other"):
        opened(make_project(files)).run("train")

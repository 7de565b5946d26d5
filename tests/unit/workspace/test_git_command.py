from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from dvc_magic.model.variables import without_git_redirection
from dvc_magic.workspace import start_git
from dvc_magic.workspace.git_command import ask_git
from tests.support.commands import git
from tests.support.digest import changes, project_digest
from tests.support.projects import write

LOOKING = (
    ("status", "--porcelain"),
    ("diff", "--name-only"),
    ("diff", "--name-only", "HEAD"),
    ("ls-files", "--modified", "--others"),
    ("diff-index", "--cached", "HEAD"),
    ("rev-list", "-1", "HEAD", "--", "train.py"),
)


def test_every_variable_that_git_calls_local_is_taken_out() -> None:
    local = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True)
    pairs = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": "/elsewhere"}
    hostile = dict.fromkeys(local.stdout.split(), "x") | pairs
    harmless = {"GIT_AUTHOR_NAME": "Ada", "GIT_CONFIG_GLOBAL": "/x", "GIT_SSH_COMMAND": "ssh -v", "PATH": "/bin"}

    assert len(hostile) > 12
    assert without_git_redirection(hostile | harmless) == harmless


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_looking_writes_nothing_when_every_file_was_touched(command: tuple[str, ...], project: Path) -> None:
    write(project, {"train.py": "print(1)\n", "src/model.py": "x = 1\n"})  # as committed, and newer than the index
    before = project_digest(project)

    assert ask_git(project, *command) is not None
    assert changes(before, project_digest(project)) == []


def test_git_answers_of_the_folder_whatever_the_environment_says(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    write(other, {"secret.txt": ""})
    git(other, "init", "--quiet")
    git(other, "add", "--all")
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_CONFIG_PARAMETERS": "'core.worktree'='/nowhere'",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TRACE": "1",
    }.items():
        monkeypatch.setenv(name, value)

    assert ask_git(project, "ls-files", "--", ":(literal)train.py") == b"train.py\n"


def test_no_program_that_a_config_names_is_started(project: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external", "gpg.program"):
        git(project, "config", name, str(program))
    (project / "train.py").write_text("edited")

    for command in (("status", "--porcelain"), ("diff-index", "--cached", "HEAD"), ("log", "-1")):
        assert ask_git(project, *command) is not None
    assert not (tmp_path / "started").exists()


def test_a_partial_clone_is_not_completed_by_a_question(project: Path, tmp_path: Path) -> None:
    git(project, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    clone = ["clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{project}", str(partial)]
    git(tmp_path, *clone)
    before = project_digest(partial)

    began = time.monotonic()
    assert ask_git(partial, "show", "HEAD:train.py") is None
    assert time.monotonic() - began < 10
    assert changes(before, project_digest(partial)) == []


def test_a_folder_that_is_not_there_is_no_missing_git(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start_git(tmp_path / "gone", "status")

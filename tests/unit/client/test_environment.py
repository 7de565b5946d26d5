from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dvc_magic.client import stage_environment, worker_environment

KERNEL = {
    "CLICOLOR": "1",
    "CLICOLOR_FORCE": "1",
    "FORCE_COLOR": "1",
    "GIT_PAGER": "cat",
    "JPY_PARENT_PID": "7",
    "JPY_SESSION_NAME": "/home/ada/x.ipynb",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PAGER": "cat",
    "PYDEVD_USE_FRAME_EVAL": "NO",
    "TERM": "xterm-color",
}


def test_nothing_that_a_kernel_sets_reaches_a_stage() -> None:
    assert stage_environment(KERNEL | {"HOME": "/home/ada"}, started_with={}).keys() == {"HOME", "PATH"}


def test_what_the_kernel_was_started_with_is_back() -> None:
    started_with = {
        "TERM": "screen",
        "PAGER": "less",
        "FORCE_COLOR": "1",
        "MPLBACKEND": "Agg",
        "HOME": "/old",
        "UNSET": "x",
    }

    environ = stage_environment(KERNEL | {"MPLBACKEND": "Agg", "HOME": "/new"}, started_with=started_with)

    assert {name: environ[name] for name in environ.keys() - {"PATH"}} == {
        "TERM": "screen",
        "PAGER": "less",
        "FORCE_COLOR": "1",  # whoever started the kernel wants colours, of ``dvc repro`` as well
        "MPLBACKEND": "Agg",
        "HOME": "/new",
    }


@pytest.mark.parametrize(
    ("name", "value"), [("FORCE_COLOR", "3"), ("PAGER", "less -R"), ("TERM", "dumb"), ("MPLBACKEND", "module://mine")]
)
def test_what_a_cell_sets_reaches_a_stage(name: str, value: str) -> None:
    assert stage_environment(KERNEL | {name: value}, started_with={})[name] == value


@pytest.mark.parametrize("module", ["matplotlib_inline.backend_inline", "ipykernel.pylab.backend_inline"])
def test_a_backend_that_draws_into_notebooks_is_for_no_script_whoever_named_it(module: str) -> None:
    named = {"MPLBACKEND": f"module://{module}"}

    assert "MPLBACKEND" not in stage_environment(named, started_with=named)


def test_the_variables_this_process_began_with_are_looked_up() -> None:
    code = """
import os
from dvc_magic.client import stage_environment
os.environ |= {"FORCE_COLOR": "1", "TERM": "xterm-color", "MINE": "1"}
environ = stage_environment(os.environ)
print(environ.get("FORCE_COLOR"), environ["TERM"], environ["MINE"])
"""
    started_with = {**os.environ, "TERM": "vt100"}

    done = subprocess.run([sys.executable, "-c", code], env=started_with, capture_output=True, text=True, check=True)

    assert done.stdout == "None vt100 1\n"


GIT = {
    "GIT_DIR": "/x/.git",
    "GIT_WORK_TREE": "/x",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.worktree",
    "GIT_CONFIG_VALUE_0": "/x",
}


def test_git_is_tied_to_no_repository_and_keeps_who_commits() -> None:
    author = {"GIT_AUTHOR_NAME": "Ada"}

    assert stage_environment(GIT | author, started_with={}).keys() == {"GIT_AUTHOR_NAME", "PATH"}
    assert worker_environment(GIT | author, started_with={}) == author


def test_the_kernels_python_comes_first_on_the_path_once() -> None:
    folder = str(Path(sys.executable).parent)

    assert stage_environment({"PATH": f"/usr/bin:{folder}:/bin"}, started_with={})["PATH"] == f"{folder}:/usr/bin:/bin"


def test_a_worker_gets_the_python_that_the_kernel_has_and_not_what_cells_set_for_stages() -> None:
    now = {"PYTHONPATH": "/shadows", "PYTHONWARNINGS": "error", "PYTHONHOME": "/nowhere", "AWS_PROFILE": "lab"}

    assert worker_environment(now, started_with={"PYTHONPATH": "/site", "PYTHONOPTIMIZE": "2"}) == {
        "AWS_PROFILE": "lab",
        "PYTHONPATH": "/site",
    }
    assert stage_environment(now, started_with={})["PYTHONPATH"] == "/shadows"

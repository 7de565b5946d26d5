from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.store import RunStore
from dvc_magic.workspace import FolderWatch, atime_works, imported_modules, materialise, read_files
from tests.support.commands import git
from tests.support.projects import write


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    atime_works(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_tells_nothing(tmp_path: Path) -> None:
    assert not atime_works(tmp_path / "missing")


def test_the_files_that_a_command_read_are_found(project: Path, store, snap, tmp_path: Path) -> None:
    if not atime_works(tmp_path):
        pytest.skip("this mount keeps no access times")
    write(project, {"used.json": "{}", "unused.json": "{}", "empty.py": "", "run.py": _PROGRAM, "old.txt": "o"})
    os.utime(project / "old.txt", ns=(0, 0))
    workspace = tmp_path / "w"
    workspace.mkdir()
    files = materialise(
        snap()[0], RunStore(store.home).sources, workspace, leave_out=lambda _: False, replace={"p.yaml": b"a: 1"}
    )
    before = read_files(workspace, files)
    subprocess.run([sys.executable, "run.py"], cwd=workspace, check=True)

    assert before == ()
    read = {"run.py", "used.json", "src/model.py", "p.yaml", "old.txt"}
    assert set(read_files(workspace, files)) == read
    assert read_files(workspace, ["gone"]) == ("gone",)  # it may have been read before


_PROGRAM = """\
import sys
sys.path.insert(0, "src")
for name in ("used.json", "p.yaml", "old.txt"):
    open(name).read()
__import__("mod" + "el")
"""


FOLDERS = ["conf", "conf/deep", "src", "data"]


@pytest.fixture
def watched(tmp_path: Path) -> Callable[..., tuple[str, ...] | None]:
    """Executes a command in a workspace and says which folders it was seen to list."""
    if not atime_works(tmp_path):
        pytest.skip("this mount keeps no access times")
    workspace = tmp_path / "w"
    root = workspace / "project"
    write(
        root,
        {".dvc/config.local": "[core]", ".dvc/tmp/x": "", "conf/a.yaml": "a", "conf/deep/b.yaml": "b", "data/c": "c"},
    )
    write(root, {"src/train.py": "import helper", "src/helper.py": "", "run.py": "import src.helper"})
    git(workspace, "init", "--quiet")
    git(workspace, "add", "--all")

    def watch(*command: str, apart: tuple[str, ...] = ()) -> tuple[str, ...] | None:
        watch = FolderWatch.start(root, [*FOLDERS, ".", "..", "/", ".dvc", "gone"], workspace=workspace, apart=apart)
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
        return watch.listed()

    return watch


@pytest.mark.parametrize(
    ("command", "listed"),
    [
        (["true"], set()),
        (["cat", "conf/a.yaml", "conf/deep/b.yaml"], set()),
        (["sh", "-c", "echo new > conf/new.yaml; mv conf/new.yaml data; test ! -e conf/x.yaml"], set()),
        (["sh", "-c", "for file in conf/*; do cat $file; done 2> /dev/null; true"], {"conf"}),
        (["ls", "-R"], {".", *FOLDERS}),
        ([sys.executable, "-c", "import pathlib; list(pathlib.Path('conf').glob('*.yaml'))"], {"conf"}),
        ([sys.executable, "src/train.py"], {"src"}),
        ([sys.executable, "run.py"], {".", "src"}),
    ],
)
def test_the_folders_that_a_command_listed_are_found(
    command: list[str], listed: set[str], watched: Callable[..., tuple[str, ...] | None]
) -> None:
    seen = watched(*command)

    assert seen is not None
    assert set(seen) - {"."} == listed - {"."}  # whether Python lists its working directory depends on its version
    assert "." in seen or "." not in listed


@pytest.mark.parametrize("command", [["git", "status"], ["cat", ".dvc/config.local"]])
def test_nothing_is_told_of_the_folders_when_git_or_dvc_looked_at_them(
    command: list[str], watched: Callable[..., tuple[str, ...] | None]
) -> None:
    assert watched(*command) is None


def test_folders_whose_content_counts_otherwise_are_not_watched(
    watched: Callable[..., tuple[str, ...] | None],
) -> None:
    assert set(watched("ls", "-R", apart=("conf",)) or ()) == {".", "src", "data"}


def test_a_mount_without_access_times_of_folders_tells_nothing(tmp_path: Path) -> None:
    assert FolderWatch.start(tmp_path, [], workspace=tmp_path).listed() is None  # there is no folder to try it with


def test_imports_are_followed_through_packages_and_roots(tmp_path: Path) -> None:
    files = {
        "scripts/train.py": "import helper\nimport numpy\nfrom pkg.sub import thing, name\ndef f():\n    import late\n",
        "scripts/helper.py": "import json\n",
        "src/pkg/__init__.py": "from . import base\n",
        "src/pkg/base.py": "from .. import x\nfrom .sub.thing import y\n",
        "src/pkg/sub/__init__.py": "",
        "src/pkg/sub/thing.py": "import scripts\n",
        "late.py": "import importlib\nimportlib.import_module('by.name')\n",
        "by/name.py": "import late\n",
        "unused.py": "",
    }
    write(tmp_path, files)
    expected = set(files) - {"scripts/train.py", "unused.py"}

    assert set(imported_modules(tmp_path, ["scripts/train.py"], ["src"])) == expected


def test_a_script_of_another_language_or_none_imports_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import b\nthis is no python\n", "b.py": "", "c.py": b"\0\xff"})

    assert imported_modules(tmp_path, ["a.py", "c.py", "missing.py"], []) == ()


def test_imports_do_not_climb_out_of_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"outside.py": "", "p/a.py": "from .. import outside\nfrom ... import outside\n"})

    assert imported_modules(tmp_path / "p", ["a.py"], ["..", "/"]) == ()

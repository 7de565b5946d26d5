"""``dm.dvcfile`` in a cell: of the project that the magics have, with a word on what it pulls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.support.commands import dvc
from tests.support.digest import changes, project_digest

FILES = {"data/raw.csv": "a,b\n1,2\n", "notes/plan.txt": "look at the data\n"}


@pytest.fixture
def place(make_project: Callable[..., Path]) -> Path:
    root = make_project(FILES, track=["data/raw.csv"])
    dvc(root, "remote", "add", "-d", "far", "../far")
    dvc(root, "push", "-q")
    for path in (root / "data/raw.csv", *(root / ".dvc/cache").rglob("*")):
        if path.is_file():
            path.unlink()
    return root


@pytest.fixture(autouse=True)
def current(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell is the one that `get_ipython` finds, as in a kernel."""
    monkeypatch.setattr(InteractiveShell, "_instance", shell)


def test_data_is_pulled_once_and_the_cell_says_so(
    shell: InteractiveShell, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project_digest(place)
    shell.run_cell("import dvc_magic as dm, pathlib\nfirst = pathlib.Path(dm.dvcfile('data/raw.csv')).read_text()")
    assert "pulled 1 file" in capsys.readouterr().out
    shell.run_cell("again = dm.dvcfile('data/raw.csv').read_text()").raise_error()
    assert capsys.readouterr().out == ""
    assert shell.user_ns["first"] == shell.user_ns["again"] == "a,b\n1,2\n"
    assert changes(before, project_digest(place)) == []


def test_the_project_is_that_of_the_magics_wherever_the_kernel_goes(
    shell: InteractiveShell, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run_line_magic("dvc_stages", "")
    monkeypatch.chdir(tmp_path)
    shell.run_cell("import dvc_magic as dm\nfound = dm.file('notes/plan.txt').path").raise_error()
    assert shell.user_ns["found"] == place / "notes/plan.txt"


def test_a_mistake_is_one_message(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("import dvc_magic as dm\nopen(dm.dvcfile('data/war.csv'))")
    assert "MissingInputError: operation 'dm-dvcfile' needs 'data/war.csv'" in capsys.readouterr().out

"""``%dvc_promote``: its line, what it shows, and how it answers mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import LineError, OperationError, RunError, RunNotFoundError
from dvc_magic.model.operation import Operation, TextFile
from dvc_magic.project import Project, Promoted
from tests.support.behind import register

pytestmark = pytest.mark.integration

FILES = {"dvc.yaml": "stages:\n  hello:\n    cmd: echo hello > hello.txt\n    outs: [hello.txt]\n"}
SAY = Operation(
    name="say",
    origin="cell",
    cmd="python say.py",
    code=("say.py",),
    files=(TextFile(path="say.py", text="open('said.txt', 'w').write('<b>')\n"),),
    desc="<script>alert(1)</script>",
)


@pytest.fixture
def root(make_project: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a run of an operation, and then one of a stage."""
    made: Path = make_project(FILES)
    with Project.open(made) as project:
        register(project, SAY)
        project.run("op:say")
        project.run("hello")
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def place(root: Path) -> Path:
    """That project."""
    return root


def _promote(shell: InteractiveShell, line: str) -> Promoted:
    promoted = shell.run_line_magic("dvc_promote", line)
    assert isinstance(promoted, Promoted)
    return promoted


def test_a_dry_run_shows_and_the_real_one_writes(shell: InteractiveShell, root: Path) -> None:
    told = _promote(shell, "1 --dry-run")
    assert not (root / "say.py").exists()
    assert repr(told).startswith("stage say would be written: this is a dry run\n")
    done = _promote(shell, "1")
    assert done.changes == told.changes
    assert (root / "say.py").read_text() == SAY.files[0].text
    assert repr(done).endswith("next\n  dvc repro say\n  git add say.py dvc.yaml .gitignore dvc.lock")


def test_a_run_can_be_a_variable_and_names_can_be_chosen(shell: InteractiveShell, root: Path) -> None:
    shell.run_cell("run = %dvc_show 1")
    done = _promote(shell, "{run} --name tell --script src/tell.py")
    assert done.stage == "tell"
    assert (root / "src/tell.py").read_text() == SAY.files[0].text
    assert "cmd: python src/tell.py" in (root / "dvc.yaml").read_text()


def test_what_is_shown_is_escaped(shell: InteractiveShell) -> None:
    html = _promote(shell, "1 --dry-run")._repr_html_()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script" not in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("", LineError, "Name the run of an operation"),
        ("2", RunError, "'hello', which is a stage already"),
        ("99", RunNotFoundError, "99"),
        ("1 --name hello", OperationError, "has a stage 'hello' already"),
        ("1 --force", LineError, "There is no option --force"),
        ("1 --script ../x.py", OperationError, "is no place for a script"),
    ],
)
def test_mistakes_are_answered(shell: InteractiveShell, line: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        shell.run_line_magic("dvc_promote", line)


def test_it_explains_itself(shell: InteractiveShell) -> None:
    assert "--dry-run" in repr(shell.run_line_magic("dvc_promote", "--help"))
    assert "%dvc_promote" in repr(shell.run_line_magic("dvc", ""))

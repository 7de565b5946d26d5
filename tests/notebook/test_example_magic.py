"""``%dvc_example`` in a shell that stands in an empty folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import DvcMagicError, LineError

pytestmark = pytest.mark.integration


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


def _example(shell: InteractiveShell, line: str) -> Any:
    return shell.run_line_magic("dvc_example", line)


def test_the_example_becomes_the_project_and_says_what_it_has(
    shell: InteractiveShell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["place"] = "some where"

    project = _example(shell, "iris {place}  # with a name of the notebook")

    assert project.root == tmp_path / "some where"
    assert "prepare -> train -> evaluate" in capsys.readouterr().out
    assert list(shell.run_line_magic("dvc_stages", "")) == ["prepare", "train", "evaluate"]


def test_stages_that_do_not_need_each_other_are_told_apart(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    _example(shell, "guild")
    assert "hello, faketrain, prepare-data -> train-models -> eval-models." in capsys.readouterr().out


def test_a_second_time_it_is_taken_as_it_is(
    shell: InteractiveShell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _example(shell, "iris")
    (tmp_path / "iris/params.yaml").write_text("prepare: {}\n")

    again = _example(shell, "iris")

    assert again.root == tmp_path / "iris"
    assert "is there already" in capsys.readouterr().out
    assert (tmp_path / "iris/params.yaml").read_text() == "prepare: {}\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "Name an example: %dvc_example iris"),
        ("iris a b", "An example and a folder at most"),
        ("iris --force", "There is no option --force"),
        ("wine", "Examples: iris"),
    ],
)
def test_a_line_that_makes_no_sense_writes_nothing(
    shell: InteractiveShell, tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(DvcMagicError, match=message):
        _example(shell, line)

    assert list(tmp_path.iterdir()) == []


def test_a_refusal_keeps_the_project_that_was_open(shell: InteractiveShell, tmp_path: Path) -> None:
    project = _example(shell, "iris")

    with pytest.raises(LineError):
        _example(shell, "iris a b")

    assert shell.run_line_magic("dvc_project", "") is project

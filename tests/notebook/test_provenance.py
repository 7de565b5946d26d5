"""Where a run was called from, as its record and its card say."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

FILES = {"notes/plan.txt": "look at the data\n"}
CELL = "lr = 0.1\nprint(lr)\n"


@pytest.mark.parametrize(
    ("told", "noted"),
    [
        ("{project}/notes/explore.ipynb", "notes/explore.ipynb"),
        ("/elsewhere/explore.ipynb", "explore.ipynb"),
        ("console-1", None),
        ("", None),
    ],
)
def test_a_run_notes_its_notebook_as_the_server_tells_it(
    shell: InteractiveShell, place: Path, monkeypatch: pytest.MonkeyPatch, told: str, noted: str | None
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", told.format(project=place))
    run = shell.run_cell_magic("dvc_op", "look", CELL)
    assert run.record.notebook == noted


def test_a_run_notes_its_notebook_as_vs_code_tells_it(shell: InteractiveShell, place: Path) -> None:
    shell.user_ns["__vsc_ipynb_file__"] = str(place / "vs.ipynb")
    assert shell.run_cell_magic("dvc_op", "look", CELL).record.notebook == "vs.ipynb"


def test_the_card_of_a_run_has_its_line_and_its_notebook(
    shell: InteractiveShell, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(place / "explore.ipynb"))
    card = repr(shell.run_cell_magic("dvc_op", "look --lr 0.5", CELL).card())
    assert "%%dvc_op look --lr 0.5" in card
    assert "explore.ipynb" in card

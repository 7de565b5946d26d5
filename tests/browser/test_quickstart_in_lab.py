"""The quickstart in JupyterLab, as a newcomer goes through it: all its cells, then its panel by hand."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.support.lab_page import LabPage

pytestmark = pytest.mark.browser

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


@pytest.mark.timeout(240)  # a dozen stages, each of which imports scikit-learn
def test_the_quickstart_runs_and_its_panel_runs_a_stage_with_a_changed_flag(lab_page: LabPage, tmp_path: Path) -> None:
    notebook = _without_outputs(QUICKSTART, target=tmp_path / "quickstart.ipynb")
    lab_page.open(notebook)
    lab_page.run_all(seconds=180)
    assert lab_page.show(_cell(notebook, 'run.plot("loss")')).get_by_role("img").is_visible()
    panel = lab_page.show(_cell(notebook, "%dvc_ui"))

    panel.get_by_label("Stage").select_option("train")
    panel.get_by_label("train.lr").nth(1).wait_for(state="detached")  # it moves from upstream's flags to the own ones
    panel.get_by_label("train.lr").fill("0.05")
    panel.get_by_text(re.compile(r"^%dvc_run train --.*lr 0\.05$")).wait_for()
    panel.get_by_role("button", name="Run", exact=True).click()

    panel.get_by_role("row", name=re.compile(r"^loss 0\.\d+$")).scroll_into_view_if_needed()
    assert panel.get_by_role("row", name="train.lr 0.05", exact=True).is_visible()


def _without_outputs(notebook: Path, *, target: Path) -> Path:
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    nbformat.write(content, target)
    return target


def _cell(notebook: Path, source: str) -> int:
    """Where the code cell is that begins with `source`."""
    cells = nbformat.read(notebook, as_version=4).cells
    return next(index for index, cell in enumerate(cells) if cell.source.startswith(source))

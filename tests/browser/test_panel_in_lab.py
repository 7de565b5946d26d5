"""The panel in JupyterLab, worked by hand: what a user clicks, types and sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab_page import LabPage, write_notebook
from tests.support.projects import FLOWERS

pytestmark = pytest.mark.browser


def test_a_stage_is_picked_its_flag_changed_and_run_and_its_metric_shown(
    lab_page: LabPage, make_project: Callable[..., Path]
) -> None:
    project = make_project(FLOWERS.files, track=FLOWERS.track)
    notebook = write_notebook(project / "panel.ipynb", "%load_ext dvc_magic", "panel = %dvc_ui\npanel", "panel.run")
    lab_page.open(notebook)
    lab_page.run(0)
    panel = lab_page.run(1)

    panel.get_by_label("Stage").select_option("train")
    panel.get_by_label("train.lr").fill("0.1")
    panel.get_by_text("%dvc_run train --train.lr 0.1", exact=True).wait_for()
    panel.get_by_role("button", name="Run", exact=True).click()

    panel.get_by_role("row", name="loss 0.45", exact=True).wait_for()
    assert panel.get_by_role("row", name="train.lr 0.1", exact=True).is_visible()
    lab_page.run(2).get_by_role("row", name="loss 0.45", exact=True).wait_for()


def test_a_run_of_the_panel_is_stopped_by_its_button(lab_page: LabPage, make_project: Callable[..., Path]) -> None:
    slow = "stages:\n  slow:\n    cmd: echo under way && sleep 300\n"
    notebook = write_notebook(make_project({"dvc.yaml": slow}) / "slow.ipynb", "%load_ext dvc_magic", "%dvc_ui")
    lab_page.open(notebook)
    lab_page.run_all()
    panel = lab_page.show(1)

    panel.get_by_role("button", name="Run", exact=True).click()
    panel.get_by_text("under way", exact=True).wait_for()
    panel.get_by_role("button", name="Stop", exact=True).click()

    panel.get_by_role("cell", name="stopped (user)").wait_for()
    assert panel.get_by_role("button", name="Run", exact=True).is_enabled()

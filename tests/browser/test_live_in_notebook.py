"""Calls in Jupyter Notebook 7: the line while they go, a reload in the middle, and the end in the saved file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.test_live_in_lab import FILES, saved_texts
from tests.support.lab_page import LabPage, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_call_goes_on_in_its_output_over_a_reload_and_its_end_is_saved(
    notebook_page: LabPage, make_project: Callable[..., Path], shots: Path
) -> None:
    project = make_project(FILES)
    notebook = project / "classic.ipynb"
    cells = (
        "%load_ext dvc_magic",
        "runs = %dvc_run train --seconds 5,5.1 --background",
        "runs.wait().table().rows[0][2]",
    )
    notebook_page.open(write_notebook(notebook, *cells))
    notebook_page.run(0)
    output = notebook_page.run(1)
    output.get_by_text("0 of 2, train").wait_for()
    output.get_by_text("of 10").wait_for()
    notebook_page.screenshot(shots, "notebook-while-it-goes")
    notebook_page.save()

    notebook_page.reload()

    output = notebook_page.show(1)
    output.get_by_text("1 of 2, train").wait_for()
    output.get_by_text("2 runs: 2 completed").wait_for()
    notebook_page.save()
    assert "2 runs: 2 completed" in saved_texts(notebook, 1)
    assert "completed" in notebook_page.run(2).inner_text()


def test_a_table_and_a_panel_whose_kernel_is_gone_show_their_static_form(
    notebook_page: LabPage, make_project: Callable[..., Path]
) -> None:
    project = make_project(FILES)
    cells = (
        "%load_ext dvc_magic\nproject = %dvc_project",
        "run = %dvc_run train\nproject.widgets.runs()",
        "%dvc_ui train",
    )
    notebook_page.open(write_notebook(project / "static.ipynb", *cells))
    notebook_page.run(0)
    notebook_page.run(1).get_by_text("1-1 of 1 runs").wait_for()
    notebook_page.run(2).get_by_role("button", name="Run", exact=True).wait_for()
    notebook_page.save()

    notebook_page.restart_kernel()
    notebook_page.reload()

    notebook_page.show(1).get_by_text("1-1 of 1 runs: %dvc_runs -n 25").wait_for()
    panel = notebook_page.show(2)
    panel.get_by_text("dvc_magic panel of").wait_for()
    assert panel.get_by_role("button").count() == 0

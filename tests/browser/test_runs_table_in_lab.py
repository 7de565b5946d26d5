"""The table of runs in JupyterLab: sorted, filtered, two runs ticked and diffed, and what a saved notebook keeps."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dvc_magic.model.record import Notes, Times
from dvc_magic.store import RunStore
from tests.support.lab_page import LabPage, write_notebook
from tests.support.records import CREATED, add_run

pytestmark = pytest.mark.browser

FILES = {
    "dvc.yaml": "stages: {train: {cmd: python train.py, params: [train]}}\n",
    "params.yaml": "train: {lr: 0.1, epochs: 1, model: mlp}\n",
}
CELLS = (
    "%load_ext dvc_magic\nimport dvc_magic as dm\nproject = dm.Project.open('.')",
    "table = project.widgets.runs()\ntable",
    "print([run.number for run in table.runs], table.line)",
)


def _fill(folder: Path) -> None:
    """300 runs over three flags, some failed, one labelled."""
    store, chance = RunStore.open(folder), random.Random(7)
    flags = itertools.product((0.1, 0.01, 0.001, 0.0001), (1, 5, 10, 20, 40), ("mlp", "cnn", "vit"), range(5))
    for number, (lr, epochs, model, seed) in enumerate(flags, 1):
        started = CREATED + timedelta(minutes=number)
        record = add_run(
            store,
            number,
            params={"params.yaml": {"train.lr": lr, "train.epochs": epochs, "train.model": model, "train.seed": seed}},
            metrics={"m.json": {"loss": chance.random() / epochs, "accuracy": chance.random()}},
            times=Times(created=started, started=started, duration=chance.random() * 100),
            attempts=1,
        )
        if number == 299:
            store.write_notes(record.id, Notes(label="<b>first</b> try"))


def test_300_runs_are_sorted_filtered_and_two_of_them_diffed(
    lab_page: LabPage, make_project: Callable[..., Path], shots: Path
) -> None:
    project = make_project(FILES)
    _fill(project / ".dvc_magic")
    lab_page.open(write_notebook(project / "table.ipynb", *CELLS))
    lab_page.run(0)
    shown = lab_page.run(1)
    shown.get_by_text("1-25 of 300 runs").wait_for()
    lab_page.screenshot(shots, "runs-table-first")

    shown.get_by_role("button", name="loss").click()
    shown.get_by_role("button", name="loss ▲").wait_for()
    filter_box = shown.get_by_label("Filter")
    filter_box.fill("epochs = 40 and lr < 0.01")
    filter_box.press("Enter")
    shown.get_by_text("1-25 of 30 runs (300 in all)").wait_for()
    shown.get_by_text("%dvc_runs epochs = 40 and lr < 0.01 --sort metrics.loss -n 25").wait_for()
    boxes = shown.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).focus()
    lab_page.page.keyboard.press("Space")
    shown.get_by_role("button", name="Diff").click()
    shown.get_by_text("->").first.wait_for()
    lab_page.screenshot(shots, "runs-table-diff")

    # Metrics are in sight where the page is 1280 pixels wide.
    loss = shown.get_by_role("button", name="loss ▲").bounding_box()
    assert loss is not None
    assert loss["x"] + loss["width"] < 700
    chosen = lab_page.run(2).inner_text()
    assert "%dvc_runs epochs = 40 and lr < 0.01 --sort metrics.loss -n 25" in chosen
    assert chosen.count(",") == 1
    lab_page.dark()
    lab_page.show(1).get_by_text("%dvc_runs epochs").scroll_into_view_if_needed()
    lab_page.page.locator("#jp-splash-screen, .jupyterlab-splash, #jupyterlab-splash").wait_for(state="detached")
    lab_page.screenshot(shots, "runs-table-dark")


def test_a_saved_table_is_a_static_one_without_its_kernel(
    lab_page: LabPage, make_project: Callable[..., Path], shots: Path
) -> None:
    project = make_project(FILES)
    _fill(project / ".dvc_magic")
    notebook = write_notebook(project / "saved.ipynb", *CELLS)
    lab_page.open(notebook)
    lab_page.run(0)
    lab_page.run(1).get_by_text("1-25 of 300 runs").wait_for()
    lab_page.save()

    lab_page.restart_kernel()
    lab_page.reload()

    shown = lab_page.show(1)
    shown.get_by_text("1-25 of 300 runs").wait_for()
    assert shown.locator("table").count() == 1
    lab_page.screenshot(shots, "runs-table-saved")

"""Operations in JupyterLab: a cell is completed and run, looked at, debugged where it fails, and made a stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab_page import LabPage, write_notebook
from tests.support.projects import FLOWERS

pytestmark = pytest.mark.browser

LOAD = "%load_ext dvc_magic"
FIT = """%%dvc_op fit --requires dvcstage:prepare -M scores.json
import csv, json
cut = 3.9
shuffle = True
with open("prepared/train.csv", newline="") as source:
    rows = list(csv.DictReader(source))
print("fitting", len(rows), "flowers with", cut, flush=True)
right = sum((float(row["petal_length"]) > cut) == (row["kind"] == "lily") for row in rows)
with open("scores.json", "w") as target:
    json.dump({"accuracy": right / len(rows)}, target)
"""
BROKEN = """%%dvc_op broken
values = [3, 1, 2]
share = 1 / (sum(values) - 6)
"""
READABLE = 4.5  # WCAG's least contrast for text


@pytest.fixture
def flowers(make_project: Callable[..., Path]) -> Path:
    return make_project(FLOWERS.files, track=FLOWERS.track)


def test_a_cell_is_completed_from_its_constants_and_run_as_an_operation(lab_page: LabPage, flowers: Path) -> None:
    begun = "\n".join(["%%dvc_op fit --", *FIT.splitlines()[1:]])
    lab_page.open(write_notebook(flowers / "fit.ipynb", LOAD, begun, FIT))
    lab_page.run(0)

    offered = lab_page.complete(1)
    offered.filter(has_text="--cut").wait_for()
    assert offered.filter(has_text="--requires").count() == 1
    lab_page.page.keyboard.type("cu")
    offered.filter(has_text="--requires").wait_for(state="detached")
    lab_page.page.keyboard.press("Enter")
    assert lab_page.first_line(1) == "%%dvc_op fit --cut"

    output = lab_page.run(2)
    assert output.get_by_text("fitting 90 flowers with 3.9").is_visible()
    card = output.filter(has_text="run op:fit 2")
    assert card.get_by_role("row", name="accuracy").is_visible()
    assert card.get_by_role("row", name="cut 3.9", exact=True).is_visible()


def test_a_failed_cell_is_debugged_at_a_prompt_in_the_notebook(lab_page: LabPage, flowers: Path) -> None:
    cells = (LOAD, BROKEN, "%dvc_debug", "%dvc_debug 1", "print('the kernel', 'goes on')")
    lab_page.open(write_notebook(flowers / "broken.ipynb", *cells))
    lab_page.run(0)
    lab_page.start(1)
    lab_page.error(1).get_by_text("%dvc_debug 1 opens a debugger in it").wait_for()

    output = lab_page.start(2)
    lab_page.answer("p values")
    output.get_by_text("[3, 1, 2]").wait_for()
    lab_page.answer("q")
    output.get_by_text("the copy is removed").wait_for()
    assert lab_page.error(2).count() == 0

    lab_page.start(3)
    lab_page.page.locator(".jp-Stdin-input").wait_for()
    lab_page.page.get_by_role("button", name="Interrupt the kernel").click()
    lab_page.error(3).get_by_text("the debugger was interrupted").wait_for()

    lab_page.start(4).get_by_text("the kernel goes on").wait_for()
    assert list((flowers / ".dvc_magic" / "debug").iterdir()) == []


def test_a_run_of_a_cell_becomes_a_stage_once_it_is_asked_for(lab_page: LabPage, flowers: Path) -> None:
    cells = (LOAD, FIT, "%dvc_promote last --dry-run", "%dvc_promote last", "%dvc_run fit --cut 3.5")
    lab_page.open(write_notebook(flowers / "promote.ipynb", *cells))
    lab_page.run(0)
    lab_page.run(1)

    dry = lab_page.run(2)
    assert dry.get_by_text("stage fit would be written: this is a dry run").is_visible()
    assert dry.get_by_text("cut = 3.9").is_visible()
    assert not (flowers / "fit.py").exists()

    done = lab_page.run(3)
    assert done.get_by_text("dvc repro fit").is_visible()
    assert (flowers / "fit.py").read_text(encoding="utf-8") == FIT.partition("\n")[2]
    assert lab_page.run(4).filter(has_text="run fit 3").get_by_role("row", name="cut 3.5", exact=True).is_visible()


def test_cards_and_tables_of_operations_fit_and_can_be_read_in_both_themes(lab_page: LabPage, flowers: Path) -> None:
    cells = (LOAD, FIT, "%dvc_show", "%dvc_stages", "%dvc_stages fit", "%dvc_promote last --dry-run", "%dvc")
    shown = range(2, len(cells))
    lab_page.open(write_notebook(flowers / "cards.ipynb", *cells))
    lab_page.run_all()

    assert {cell: lab_page.clipped(cell) for cell in shown} == {cell: [] for cell in shown}
    light = [lab_page.contrast(cell) for cell in shown]
    lab_page.dark()
    dark = [lab_page.contrast(cell) for cell in shown]

    assert min(light) > READABLE, light
    assert min(dark) > READABLE, dark

"""Calls in JupyterLab and Notebook 7: the line while they go, and an end that outlives pages and kernels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dvc_magic.store import RunStore
from tests.support.lab_page import LabPage, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FILES = {
    "dvc.yaml": """
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [seconds]
    metrics: [m.json: {cache: false}]
    plots: [steps.json: {cache: false, x: step, y: loss}]
""",
    "params.yaml": "seconds: 0\n",
    "train.py": """
import json, time, yaml
seconds = yaml.safe_load(open("params.yaml"))["seconds"]
for step in range(10):
    series = [{"step": each, "loss": 1 / (each + 1) + seconds / 50} for each in range(step + 1)]
    json.dump(series, open("steps.json", "w"))
    print(f"\\r\\x1b[32mstep {step + 1} of 10\\x1b[0m", end="", flush=True)
    time.sleep(seconds / 10)
json.dump({"loss": 0.25}, open("m.json", "w"))
""",
}


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    return make_project(FILES)


def saved_texts(notebook: Path, index: int) -> str:
    """All texts of a cell's outputs in the file."""
    return json.dumps(json.loads(notebook.read_text())["cells"][index]["outputs"])


def test_a_call_goes_on_in_its_output_over_a_reload_beside_a_busy_cell_and_its_end_is_saved(
    any_page: LabPage, project: Path, shots: Path, request: pytest.FixtureRequest
) -> None:
    notebook = project / "live.ipynb"
    cells = (
        "%load_ext dvc_magic",
        "runs = %dvc_run train --seconds 5,5.1 --background",
        "import time; time.sleep(14)",
        "%dvc_runs",
    )
    any_page.open(write_notebook(notebook, *cells))
    any_page.run(0)
    output = any_page.run(1)
    output.get_by_text("0 of 2, train").wait_for()
    output.get_by_text("of 10").wait_for()
    any_page.screenshot(shots, f"live-while-it-goes-{request.node.callspec.id}")
    any_page.save()
    any_page.start(2)

    any_page.reload(busy=True)

    output = any_page.output(1)
    output.get_by_text("1 of 2, train").wait_for()
    output.get_by_text("2 runs: 2 completed").wait_for()
    any_page.dark()
    any_page.screenshot(shots, f"live-end-after-a-reload-{request.node.callspec.id}")
    any_page.save()
    assert "2 runs: 2 completed" in saved_texts(notebook, 1)
    assert "While the page was away" not in any_page.run(3).all_inner_texts()


def test_what_ended_with_no_page_and_no_kernel_is_put_right_by_the_next_kernel(
    any_page: LabPage, project: Path
) -> None:
    notebook = project / "left.ipynb"
    any_page.open(write_notebook(notebook, "%load_ext dvc_magic", "run = %dvc_run train --seconds 30 --background"))
    any_page.run(0)
    any_page.run(1).get_by_text("0:01").wait_for()
    any_page.save()

    any_page.restart_kernel()
    any_page.run(0).get_by_text("With the last kernel ended").wait_for()

    any_page.show(1).get_by_text("stopped").first.wait_for()
    store = RunStore.open(project / ".dvc_magic")
    assert [run.record.reason for run in store.all()] == ["kernel"]


def test_a_call_whose_cell_is_deleted_goes_on_and_other_cells_with_it(lab_page: LabPage, project: Path) -> None:
    complaints: list[str] = []
    lab_page.page.on("console", lambda message: complaints.append(message.text))
    lab_page.page.on("pageerror", lambda error: complaints.append(str(error)))
    cells = (
        "%load_ext dvc_magic",
        "runs = %dvc_run train --seconds 2,2.1 --background",
        "call = runs[0].call.wait()\ncall",
    )
    lab_page.open(write_notebook(project / "deleted.ipynb", *cells))
    lab_page.run(0)
    lab_page.run(1).get_by_text("0 of 2, train").wait_for()

    lab_page.show(1)
    lab_page.command("notebook:delete-cell")

    lab_page.run(1).get_by_text("completed").wait_for()
    lab_page.run(1).get_by_text("2 of 2").wait_for()
    assert [text for text in complaints if "dvc_magic" in text] == []

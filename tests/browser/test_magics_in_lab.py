"""The magics in JupyterLab: what a user sees of a run, of an interrupt, and of a notebook opened again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest

from dvc_magic.executors import RUN_TOKEN
from tests.support.lab_page import LabPage, write_notebook
from tests.support.projects import FLOWERS

pytestmark = pytest.mark.browser

SLOW = {
    "dvc.yaml": "stages:\n  slow:\n    cmd: python slow.py\n    deps: [slow.py]\n",
    "slow.py": """
import subprocess, time
subprocess.Popen(["sleep", "300"], start_new_session=True)
print("under way", flush=True)
time.sleep(300)
""",
}
_MARKUP = "<img src=x onerror=\"document.title='obeyed'\">"
HOSTILE = {
    "dvc.yaml": """
stages:
  hostile:
    desc: "<img src=x>"
    cmd: python hostile.py
    params: [note]
    metrics: [m.json: {cache: false}]
""",
    "params.yaml": f"note: {json.dumps(_MARKUP)}\n",
    "hostile.py": f"import json\nprint({_MARKUP!r})\njson.dump({{{_MARKUP!r}: {_MARKUP!r}}}, open('m.json', 'w'))\n",
}


@pytest.fixture
def flowers(make_project: Callable[..., Path]) -> Path:
    return make_project(FLOWERS.files, track=FLOWERS.track)


def _processes_of_runs_in(project: Path) -> list[str]:
    runs = {path.name for path in project.glob(".dvc_magic/runs/*")}
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_TOKEN) in runs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_a_stage_is_found_run_and_shown_with_its_metric(lab_page: LabPage, flowers: Path) -> None:
    cells = ("%load_ext dvc_magic", "%dvc_stages", "%dvc_run train --lr 0.1", "%dvc_runs")
    lab_page.open(write_notebook(flowers / "first.ipynb", *cells))

    lab_page.run_all()

    stages = lab_page.show(1).get_by_role("table")
    assert stages.get_by_role("row").count() == 4
    card = lab_page.show(2).filter(has_text="run train 2")
    assert card.get_by_role("row", name="accuracy").is_visible()
    assert card.get_by_role("row", name="train.lr 0.1").is_visible()


def test_an_interrupt_in_lab_stops_the_stage_and_all_that_it_started(
    lab_page: LabPage, make_project: Callable[..., Path]
) -> None:
    project = make_project(SLOW)
    lab_page.open(write_notebook(project / "slow.ipynb", "%load_ext dvc_magic", "run = %dvc_run slow"))
    lab_page.run(0)
    output = lab_page.start(1)
    output.get_by_text("under way").wait_for()
    assert _processes_of_runs_in(project)

    lab_page.command("notebook:interrupt-kernel")

    lab_page.error(1).get_by_text("KeyboardInterrupt").first.wait_for()
    assert _processes_of_runs_in(project) == []


def test_a_saved_run_is_shown_after_a_reload_and_where_nothing_of_the_notebook_is_trusted(
    lab_page: LabPage, flowers: Path
) -> None:
    notebook = write_notebook(flowers / "saved.ipynb", "%load_ext dvc_magic", "%dvc_run train --lr 0.1")
    lab_page.open(notebook)
    lab_page.run_all()
    lab_page.save()

    lab_page.reload()
    lab_page.show(1).get_by_role("row", name="accuracy").wait_for()

    lab_page.open(_as_from_someone_else(notebook))
    lab_page.show(1).get_by_role("row", name="accuracy").wait_for()
    assert not lab_page.trusts(1)


def _as_from_someone_else(notebook: Path) -> Path:
    """A changed copy: Jupyter trusts what it has saved itself, by content."""
    content = nbformat.read(notebook, as_version=4)
    content.cells.append(nbformat.v4.new_markdown_cell("Sent by mail."))
    copy = notebook.with_name("received.ipynb")
    nbformat.write(content, copy)
    return copy


def test_markup_in_params_metrics_and_logs_is_shown_and_not_obeyed(
    lab_page: LabPage, make_project: Callable[..., Path]
) -> None:
    project = make_project(HOSTILE)
    cells = ("%load_ext dvc_magic", "%dvc_stages", "%dvc_stages hostile", "%dvc_run hostile", "%dvc_log", "%dvc_runs")
    lab_page.open(write_notebook(project / "hostile.ipynb", *cells))

    lab_page.run_all()

    assert [lab_page.show(cell).get_by_text("<img").count() > 0 for cell in range(1, 6)] == [True] * 5
    assert lab_page.page.locator(".jp-OutputArea-output img").count() == 0
    assert lab_page.page.title() != "obeyed"

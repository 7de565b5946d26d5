"""The panel in JupyterLab: a stage is picked, its flags are set, it runs, it is stopped, the page is loaded again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab_page import LabPage, write_notebook
from tests.support.small import prepare_and_train

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FILES = prepare_and_train(
    "seed",
    "train.lr, train.steps, train.shuffle",
    prepare="open('data.txt', 'w').write('x')\n",
    train="""
import json, time, yaml
params = yaml.safe_load(open("params.yaml"))["train"]
for step in range(params["steps"]):
    print("step", step, "<b>bold</b>", flush=True)
    json.dump({"loss": params["lr"] / (step + 1)}, open("m.json", "w"))
    time.sleep(0.1)
""",
    **{
        "params.yaml": "seed: 1\ntrain:\n  lr: 0.5\n  steps: 3\n  shuffle: true\n",
        ".gitignore": "/data.txt\n",
    },
)
CELLS = ("%load_ext dvc_magic", "panel = %dvc_ui\npanel", "panel.wait(60), panel.run")


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Path:
    return make_project(FILES)


def test_a_stage_is_run_from_the_panel_and_its_metric_seen(lab_page: LabPage, project: Path) -> None:
    lab_page.open(write_notebook(project / "panel.ipynb", *CELLS))
    lab_page.run(0)
    panel = lab_page.run(1)
    panel.get_by_label("Stage").select_option("train")
    panel.get_by_label("train.lr").fill("1e-2")
    panel.get_by_label("train.shuffle").select_option("false")
    panel.get_by_text("%dvc_run train --train.lr 0.01 --train.shuffle false").wait_for()

    panel.get_by_role("button", name="Run", exact=True).click()

    panel.get_by_text("train 2 completed").wait_for()
    assert panel.get_by_text("step 2 <b>bold</b>").is_visible()
    panel.get_by_role("row", name="train.lr 0.01", exact=True).wait_for()
    assert "train 2 completed" in lab_page.run(2).inner_text()


def test_a_wrong_value_is_explained_beside_its_field(lab_page: LabPage, project: Path) -> None:
    lab_page.open(write_notebook(project / "panel.ipynb", *CELLS))
    lab_page.run(0)
    panel = lab_page.run(1)

    panel.get_by_label("train.steps").fill("many")

    panel.get_by_text("train.steps in params.yaml is an int").wait_for()
    panel.get_by_role("button", name="Run", exact=True, disabled=True).wait_for()


def test_a_running_call_is_found_again_after_a_reload_and_stopped(lab_page: LabPage, project: Path) -> None:
    lab_page.open(write_notebook(project / "panel.ipynb", *CELLS))
    lab_page.run(0)
    panel = lab_page.run(1)
    panel.get_by_label("train.steps").fill("600")
    panel.get_by_text("--train.steps 600").wait_for()
    panel.get_by_role("button", name="Run", exact=True).click()
    panel.get_by_text("train 2 running").wait_for()
    lab_page.save()

    lab_page.reload()
    panel = lab_page.show(1)
    panel.get_by_text("train 2 running").wait_for()
    panel.get_by_role("button", name="Stop").click()

    panel.get_by_text("train 2 stopped").wait_for()
    panel.get_by_role("button", name="Run", exact=True, disabled=False).wait_for()


def test_a_panel_whose_kernel_is_gone_shows_its_last_state_also_in_the_saved_file(
    any_page: LabPage, project: Path
) -> None:
    notebook = project / "panel.ipynb"
    any_page.open(write_notebook(notebook, *CELLS))
    any_page.run(0)
    panel = any_page.run(1)
    panel.get_by_label("Stage").select_option("train")
    panel.get_by_label("train.lr").fill("0.25")
    panel.get_by_role("button", name="Run", exact=True).click()
    panel.get_by_text("train 2 completed").first.wait_for()
    panel.get_by_role("button", name="Run", exact=True, disabled=False).wait_for()
    panel.get_by_label("train.lr").fill("0.5")  # it is the widget still that is on the page

    any_page.restart_kernel()

    panel.get_by_text("dvc_magic panel of").wait_for()
    assert panel.get_by_label("train.lr").count() == 0
    any_page.save()
    (output,) = json.loads(notebook.read_text())["cells"][1]["outputs"]
    assert "application/vnd.jupyter.widget-view+json" not in output["data"]
    assert "train 2 completed" in "".join(output["data"]["text/html"])
    any_page.reload()
    any_page.show(1).get_by_text("train 2 completed").first.wait_for()

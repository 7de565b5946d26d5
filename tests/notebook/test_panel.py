"""``%dvc_ui`` in a shell: real runs begun by a click, stopped by a click, and what is left when the extension goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import StageNotFoundError
from dvc_magic.executors import RUN_TOKEN
from dvc_magic.project import Run, Runs
from dvc_magic.store import RunStore
from dvc_magic.widgets import Panel
from tests.support.digest import changes, project_digest
from tests.support.small import prepare_and_train

pytestmark = pytest.mark.integration

_SECONDS = 60
FILES = prepare_and_train(
    "pause",
    "lr, name",
    prepare="""
import subprocess, time, yaml
pause = yaml.safe_load(open("params.yaml"))["pause"]
if pause:
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    print("preparing", flush=True)
    time.sleep(pause)
open("data.txt", "w").write("x")
""",
    train="""
import json, time, yaml
params = yaml.safe_load(open("params.yaml"))
if params["name"] == "crash":
    raise SystemExit("crashed on <purpose>")
for step in range(1, 4):
    print("step", step, params["name"], flush=True)
    json.dump({"loss": params["lr"] / step}, open("m.json", "w"))
    if params["name"] == "slow":
        time.sleep(0.7)
""",
    **{
        "params.yaml": "pause: 0\nlr: 0.5   # learning rate\nname: base\n",
        ".gitignore": "/data.txt\n",
    },
)


@pytest.fixture
def root(place: Path) -> Path:
    return place


@pytest.fixture
def shell(shell: InteractiveShell) -> InteractiveShell:
    """The shell, which takes itself for that of a kernel, and keeps what it would send to a page."""
    shell.kernel = object()
    shell.display_pub = CapturingDisplayPublisher()
    return shell


def _panel(shell: InteractiveShell, line: str = "") -> Panel:
    panel = shell.run_line_magic("dvc_ui", line)
    assert isinstance(panel, Panel)
    return panel


def _type(panel: Panel, **texts: str) -> None:
    for key, text in texts.items():
        panel.rows[f"params.yaml:{key}"].control.value = text


def _until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _run(panel: Panel) -> Any:
    panel.run_button.click()
    assert panel.wait(_SECONDS)
    return panel.run


def _sleepers(root: Path) -> list[psutil.Process]:
    runs = {path.name for path in root.glob(".dvc_magic/runs/*")}
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_TOKEN) in runs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _recorded(root: Path) -> list[tuple[str, str]]:
    return [(stored.record.stage, str(stored.record.status)) for stored in RunStore.open(root / ".dvc_magic").all()]


def test_a_click_runs_what_the_line_says_and_leaves_the_project_alone(
    shell: InteractiveShell, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project_digest(root)
    panel = _panel(shell)
    _type(panel, lr="1e-3", name="it's me")

    run = _run(panel)

    assert isinstance(run, Run)
    assert (run.stage, run.status, run.metrics["loss"]) == ("train", "completed", 1e-3 / 3)
    assert run.record.line == panel.line == "%dvc_run train --lr 0.001 --name 'it\\'s me'"
    assert run == shell.run_line_magic("dvc_show", "")
    assert all(text in panel.live_box.value for text in ("prepare 1 runs", "train 2 completed", "step 3", "output.log"))
    assert f"run train {run.number}" in panel.result_box.value
    assert changes(before, project_digest(root)) == []
    assert capsys.readouterr() == ("", "")


def test_the_end_of_a_call_goes_into_the_static_form_of_the_panels_output(shell: InteractiveShell) -> None:
    panel = _panel(shell, "train")
    _, metadata = panel._repr_mimebundle_()

    _run(panel)
    _until(lambda: bool(shell.display_pub.outputs))

    (sent,) = shell.display_pub.outputs
    assert sent["metadata"] == metadata
    assert sent["transient"] == {"display_id": metadata["dvc_magic"]["id"]}
    assert sent["update"]
    assert "run train 2" in sent["data"]["text/html"]
    assert sent["data"]["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id


def test_several_values_make_several_runs(shell: InteractiveShell) -> None:
    panel = _panel(shell, "train")
    _type(panel, lr="0.1,0.2")
    panel.options.value = "--jobs 2"

    last = _run(panel)

    assert isinstance(panel.runs, Runs)
    assert [run.params["lr"] for run in panel.runs] == [0.1, 0.2]
    assert last == panel.runs[-1]
    assert "<table" in panel.result_box.value


def test_an_operation_of_a_cell_can_be_picked_and_run(shell: InteractiveShell) -> None:
    shell.run_cell_magic("dvc_op", "look --requires dvcstage:prepare", "lr = 0.5\nprint(open('data.txt').read(), lr)\n")
    panel = _panel(shell, "look")
    assert [stage for _, stage in panel.picker.options] == ["prepare", "train", "op:look"]
    panel.rows["look.py:lr"].control.value = "0.7"

    run = _run(panel)

    assert (run.stage, run.log.text(), panel.line) == ("op:look", "x 0.7\n", "%dvc_run op:look --lr 0.7")


def test_log_and_metrics_come_while_a_run_goes_and_cells_can_be_executed_meanwhile(shell: InteractiveShell) -> None:
    panel = _panel(shell, "train")
    _type(panel, name="slow")
    panel.run_button.click()

    _until(lambda: "step 1 slow" in panel.live_box.value and "step 3" not in panel.live_box.value)
    _until(lambda: "loss" in panel.live_box.value)
    beside = shell.run_line_magic("dvc_run", "prepare")

    assert beside.status == "completed"
    assert panel.running
    assert panel.wait(_SECONDS)
    assert panel.run.status == "completed"


def test_stop_ends_the_whole_call_also_while_an_upstream_stage_runs(shell: InteractiveShell, root: Path) -> None:
    panel = _panel(shell, "train")
    _type(panel, pause="300")
    panel.run_button.click()
    _until(lambda: "preparing" in panel.live_box.value)
    assert _sleepers(root)

    panel.stop_button.click()

    assert panel.wait(_SECONDS)
    assert (panel.run.stage, panel.run.status, panel.run.reason) == ("train", "stopped", "user")
    assert "not executed: prepare 1 stopped" in panel.result_box.value
    assert "stopped" in panel.status.value
    assert _sleepers(root) == []
    assert sorted(_recorded(root)) == [("prepare", "stopped"), ("train", "stopped")]


def test_a_stopped_grid_is_listed_with_the_runs_that_never_started(shell: InteractiveShell) -> None:
    panel = _panel(shell, "train")
    _type(panel, name="slow", lr="0.1,0.2,0.3")
    panel.run_button.click()
    _until(lambda: "step 1 slow" in panel.live_box.value)

    panel.stop_button.click()

    assert panel.wait(_SECONDS)
    assert isinstance(panel.runs, Runs)
    assert [(run.params["lr"], run.status, run.record.unbegun) for run in panel.runs] == [
        (0.1, "stopped", False),
        (0.2, "stopped", True),
        (0.3, "stopped", True),
    ]
    assert panel.run == panel.runs[0]
    assert panel.result_box.value.count("never started") == 2


def test_the_options_of_a_panel_take_reuse_and_from(shell: InteractiveShell, root: Path) -> None:
    panel = _panel(shell, "train")
    first = _run(panel)

    panel.options.value = "--reuse --label second"
    again = _run(panel)

    assert again == first
    assert "train 2 reused, completed" in panel.live_box.value
    assert "keeps its own label" in panel.live_box.value
    panel.options.value = "--from 2"
    assert _run(panel).record.from_run == first.id
    assert len(_recorded(root)) == 3


def test_a_failed_run_is_shown_with_its_message_and_the_next_one_works(shell: InteractiveShell) -> None:
    panel = _panel(shell, "train")
    _type(panel, name="crash")

    failed = _run(panel)
    shown = panel.result_box.value

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "train 2 failed, exit 1" in shown
    assert "crashed on &lt;purpose&gt;" in shown
    assert "<purpose>" not in shown + panel.live_box.value
    assert "Traceback" not in shown

    _type(panel, name="base")
    assert _run(panel).status == "completed"


def test_edits_of_the_files_are_seen_at_a_refresh_and_at_a_run(shell: InteractiveShell, root: Path) -> None:
    panel = _panel(shell, "train")
    _type(panel, name="mine")
    (root / "params.yaml").write_text("pause: 0\nlr: 0.25\nname: base\n")

    panel.refresh_button.click()
    assert panel.wait(_SECONDS)
    assert panel.rows["params.yaml:lr"].control.value == "0.25"

    (root / "params.yaml").write_text("pause: 0\nlr: 0.75\nname: base\n")
    run = _run(panel)
    assert (run.params["lr"], run.params["name"]) == (0.75, "mine")
    assert panel.rows["params.yaml:lr"].control.value == "0.75"


def test_a_pipeline_that_dvc_cannot_read_is_a_message(shell: InteractiveShell, root: Path) -> None:
    panel = _panel(shell, "train")
    (root / "dvc.yaml").write_text("stages: [")

    assert _run(panel) is None
    assert "dvc.yaml" in panel.result_box.value
    assert "Traceback" not in panel.result_box.value


def test_unloading_stops_what_goes_and_closes_the_panel(shell: InteractiveShell, root: Path) -> None:
    panel = _panel(shell, "train")
    _type(panel, pause="300")
    panel.run_button.click()
    _until(lambda: "preparing" in panel.live_box.value)

    shell.extension_manager.unload_extension("dvc_magic")

    assert not panel.running
    assert panel.run_button.disabled
    assert "closed" in panel.status.value
    assert _sleepers(root) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "dvc_magic call"]
    assert _recorded(root) == [("train", "stopped"), ("prepare", "stopped")]
    shell.extension_manager.load_extension("dvc_magic")


def test_an_unknown_stage_is_answered_with_close_matches(shell: InteractiveShell) -> None:
    with pytest.raises(StageNotFoundError, match="Did you mean 'train'"):
        shell.run_line_magic("dvc_ui", "trian")


def test_without_a_notebook_it_says_what_to_use_instead(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    del shell.kernel

    assert shell.run_line_magic("dvc_ui", "train") is None

    assert "%dvc_run STAGE" in capsys.readouterr().out

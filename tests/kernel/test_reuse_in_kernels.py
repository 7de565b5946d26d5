"""``%config DvcMagics.reuse = True``: a notebook run again executes only what changed, in kernels of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from dvc_magic.model.record import RunStatus
from dvc_magic.store import RunStore
from tests.support.digest import changes, project_digest
from tests.support.small import prepare_and_train

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

FILES = prepare_and_train(
    "n",
    "lr",
    prepare="import yaml\nopen('data.txt', 'w').write('x' * yaml.safe_load(open('params.yaml'))['n'])\n",
    train="""
import json, yaml
lr = yaml.safe_load(open("params.yaml"))["lr"]
open("model.txt", "w").write(str(lr * len(open("data.txt").read())))
json.dump({"loss": lr}, open("m.json", "w"))
""",
    outs="model.txt",
    stages="""
  evaluate:
    cmd: python evaluate.py
    deps: [evaluate.py, model.txt]
    metrics: [e.json: {cache: false}]
  slow:
    cmd: python slow.py
    deps: [slow.py]
    outs: [slow.txt]
""",
    **{
        "params.yaml": "n: 3\nlr: 0.5\n",
        "evaluate.py": "import json\njson.dump({'acc': float(open('model.txt').read())}, open('e.json', 'w'))\n",
        "slow.py": """
import os, time
print("going", flush=True)
while not os.path.exists(os.environ["GATE"]):
    time.sleep(0.02)
open("slow.txt", "w").write("done")
""",
    },
)
CELLS = (
    "%load_ext dvc_magic\n%config DvcMagics.reuse = True",
    "run = %dvc_run train --lr 0.25",
    "run.number, run.id, dict(run.metrics)",
    "runs = %dvc_run evaluate --lr 0.1,0.2,0.3",
    "runs.to_frame()",
    "shown = %dvc_show\nshown.number",
)


@pytest.fixture
def root(make_project: Any) -> Path:
    """A project of a few stages."""
    folder: Path = make_project(FILES)
    return folder


def _executed(root: Path, *cells: str) -> list[Any]:
    """The results of the cells in a new kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(root)}}).execute()
    return [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    ]


def _runs(root: Path) -> dict[str, list[int]]:
    """The numbers of the runs of each stage."""
    found: dict[str, list[int]] = {}
    for run in reversed(RunStore.open(root / ".dvc_magic").all()):
        found.setdefault(run.record.stage, []).append(run.number)
    return found


def test_restart_and_run_all_executes_nothing_when_nothing_changed(root: Path) -> None:
    first = _executed(root, *CELLS)
    before, runs = project_digest(root), _runs(root)

    again = _executed(root, *CELLS)

    assert again == first
    assert _runs(root) == runs
    assert {stage: len(numbers) for stage, numbers in runs.items()} == {"prepare": 1, "train": 4, "evaluate": 3}
    assert changes(before, project_digest(root)) == []


def test_after_an_edit_only_the_stages_that_it_reaches_are_executed(root: Path) -> None:
    first = _executed(root, *CELLS)
    runs = _runs(root)

    (root / "evaluate.py").write_text(FILES["evaluate.py"] + "print('edited')\n")
    edited = _executed(root, *CELLS)

    assert edited[0] == first[0]
    now = _runs(root)
    assert {stage: len(now[stage]) - len(runs[stage]) for stage in now} == {"prepare": 0, "train": 0, "evaluate": 3}


def test_no_reuse_overrides_the_default_and_reuse_works_without_it(root: Path) -> None:
    results = _executed(
        root,
        "%load_ext dvc_magic\n%config DvcMagics.reuse = True",
        "a = %dvc_run train\nb = %dvc_run train\nc = %dvc_run train --no-reuse\na.number, b.number, c.number",
        "%config DvcMagics.reuse = False",
        "d = %dvc_run train\ne = %dvc_run train --reuse\nd.number, e.number",
    )

    assert results == ["(2, 2, 3)", "(4, 4)"]


def _until(check: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not check():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def kernels(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, Any]]]:
    """Two kernels in the project; the first runs a stage that goes on until the gate is there."""
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    started = [start_new_kernel(kernel_name="python3", cwd=str(root)) for _ in range(2)]
    try:
        for _, client in started:
            client.execute_interactive("%load_ext dvc_magic", output_hook=lambda _: None)
        started[0][1].execute("run = %dvc_run slow")
        _until(lambda: "going\n" in [log.read_text() for log in root.glob(".dvc_magic/runs/*/output.log")])
        yield started
    finally:
        (tmp_path / "gate").touch()
        for manager, client in started:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_a_run_of_another_kernel_is_followed_and_an_interrupt_leaves_it_running(
    kernels: list[tuple[Any, Any]], root: Path, tmp_path: Path
) -> None:
    manager, client = kernels[1]
    printed: list[str] = []
    interrupted: list[bool] = []

    def keep(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        elif "going" in content.get("data", {}).get("text/plain", "") and not interrupted:  # the output of the log
            interrupted.append(True)
            manager.interrupt_kernel()

    reply = client.execute_interactive("%dvc_run slow --reuse", timeout=60, output_hook=keep)["content"]

    assert reply["traceback"] == [
        "KeyboardInterrupt: the call was interrupted; slow 1 goes on, as another call has started it"
    ]
    assert "".join(printed).startswith("slow 1 goes already and is waited for (")
    store = RunStore.open(root / ".dvc_magic")
    (run,) = store.all()
    assert run.record.status is RunStatus.RUNNING

    (tmp_path / "gate").touch()
    last = client.execute_interactive("run = %dvc_run slow --reuse\nassert run.number == 1", output_hook=lambda _: None)

    assert last["content"]["status"] == "ok"
    assert [run.record.status for run in store.all()] == [RunStatus.COMPLETED]

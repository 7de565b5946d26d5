"""Calls that go on beside a notebook in real kernels: what its cells show, and what a restart leaves."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.store import RunStore
from tests.support import projects

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

FILES = {
    "dvc.yaml": """
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [seconds, bad, print]
    metrics: [m.json: {cache: false}]
  draw:
    cmd: python train.py
    deps: [train.py]
    params: [seconds, bad, print]
    plots: [series.csv: {cache: false}]
""",
    "params.yaml": "seconds: 0\nbad: 0\nprint: going\n",
    "train.py": """
import json, sys, time, yaml
params = yaml.safe_load(open("params.yaml"))
if params["print"] == "flood":
    for _ in range(1000):
        print("x" * 99_999)
elif params["print"] == "series":
    with open("series.csv", "w") as file:
        print("step,loss", file=file)
        for step in range(30):
            print(f"{step},{1 / (1 + step)}", file=file, flush=True)
            time.sleep(0.1)
elif params["print"] == "bars":
    print("\\x1b[32mgreen\\x1b[0m\\nouter 0%\\ninner 0%", flush=True)
    time.sleep(0.5)
    print("\\x1b[A\\x1b[A\\router 100%\\x1b[K\\n\\x1b[K", end="", flush=True)
else:
    print(params["print"], flush=True)
json.dump({"loss": 0.25}, open("m.json", "w"))
time.sleep(params["seconds"])
sys.exit(params["bad"])
""",
}
_CLOCK = r"\(\d\d:\d\d:\d\d\)"


class Kernel:
    """A kernel with the extension loaded; keeps the outputs that are updated in place, by the ends of their ids."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.outputs: dict[str, dict[str, Any]] = {}
        self.history: list[str] = []
        self.size = 0  # bytes of all updates

    def run(self, code: str, *, timeout: float = 60, fails: bool = False) -> str:
        """What a cell prints, and the texts of its results."""
        message = self.client.execute(code)
        said: list[str] = []
        while True:
            found = self.client.get_iopub_msg(timeout=timeout)
            content, kind = found["content"], found["msg_type"]
            if kind in ("display_data", "update_display_data"):
                self._take(content)
            if found["parent_header"].get("msg_id") != message:
                continue
            if kind == "stream":
                said.append(content["text"])
            elif kind == "execute_result":
                said.append(content["data"]["text/plain"])
            elif kind == "error":
                assert fails, "\n".join(content["traceback"])
                said.append("\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(said)

    def _take(self, content: dict[str, Any]) -> None:
        self.outputs[content["transient"]["display_id"].rpartition("/")[2]] = content["data"]
        self.history.append(content["data"]["text/plain"])
        self.size += len(str(content["data"]))

    def restart(self) -> None:
        self.manager.restart_kernel(now=False)
        self._settle()

    def kill(self) -> None:
        self.manager.restart_kernel(now=True)
        self._settle()

    def _settle(self) -> None:
        self.client.wait_for_ready(timeout=60)
        self.outputs.clear()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    """One project for all: each test looks at its own calls."""
    return projects.create(tmp_path_factory.mktemp("kernels") / "project", files=FILES, template=dvc_template)


@pytest.fixture
def store(root: Path) -> RunStore:
    return RunStore.open(root / ".dvc_magic")


@pytest.fixture(scope="module")
def running(root: Path) -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(root))
    started = Kernel(manager, client)
    started.run("%load_ext dvc_magic")
    yield started
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(running: Kernel) -> Kernel:
    running.outputs.clear()
    running.history.clear()
    running.size = 0
    return running


def _eventually(check: Callable[[], object], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, f"waited for {seconds} s"
        time.sleep(0.05)


def _wait_for_run(store: RunStore, *, printed: str = "going") -> None:
    """Wait until the newest call's run has printed something."""

    def has_printed() -> bool:
        newest = [call for call in store.calls.newest(1) if call.status is CallStatus.RUNNING]
        logs = [store.paths.run(run_id).log for call in newest for run_id in store.calls.plan(call.id).targets]
        return any(log.exists() and printed in log.read_text() for log in logs)

    _eventually(has_printed)


def test_a_short_call_prints_and_makes_no_output_of_its_own(kernel: Kernel) -> None:
    kernel.run("%dvc_run train --print warm")
    kernel.outputs.clear()

    said = kernel.run("%dvc_run train --print once;")

    assert kernel.outputs == {} or "completed" in kernel.outputs["line"]["text/plain"]
    assert re.search(r"train \d+ runs", said)


def test_a_line_tells_while_a_call_goes_and_ends_with_what_it_came_to(kernel: Kernel) -> None:
    kernel.run("%dvc_run train --seconds 1.5;")

    going = [text for text in kernel.history if re.fullmatch(rf"train \d+ 0:0[0-9](, loss 0.25)? {_CLOCK}", text)]
    assert len(going) >= 2
    assert re.fullmatch(r"train \d+ completed in .*: loss=0.25", kernel.outputs["line"]["text/plain"])
    assert kernel.outputs["log"]["text/plain"] == "going"


def test_bars_are_shown_as_a_terminal_shows_them(kernel: Kernel) -> None:
    kernel.run("%dvc_run train --print bars --seconds 0.2;")

    assert kernel.outputs["log"]["text/plain"] == "\x1b[32mgreen\x1b[0m\nouter 100%"


def test_a_flood_of_100_mb_is_less_than_100_kb_in_the_notebook(kernel: Kernel, store: RunStore) -> None:
    said = kernel.run("%dvc_run train --print flood;")

    newest = store.all(limit=1)[0]
    assert newest.paths.log.stat().st_size > 99e6
    texts = [said, *(data["text/plain"] for data in kernel.outputs.values())]
    assert sum(map(len, texts)) < 100_000
    assert "before, all in" in "".join(texts)


def test_a_curve_grows_while_a_stage_goes_and_stays_at_the_end(kernel: Kernel) -> None:
    images: list[str] = []
    take = kernel._take
    kernel._take = lambda content: (take(content), images.append(_image(content)))  # type: ignore[assignment,method-assign]

    kernel.run("%dvc_run draw --print series --seconds 0;")

    kernel._take = take  # type: ignore[method-assign]
    assert len({image for image in images if image}) >= 2
    assert "loss" in base64.b64decode(_image({"data": kernel.outputs["line"]})).decode()
    kernel.run("%dvc_run draw --print series --no-plot --seconds 0.1;")
    assert "text/html" not in kernel.outputs["line"]


def _image(content: dict[str, Any]) -> str:
    """The image of an output, as base64; empty without one."""
    found = re.search(r'<img src="data:image/svg\+xml;base64,([^"]+)"', content["data"].get("text/html", ""))
    return found[1] if found else ""


def test_a_call_in_the_background_goes_on_in_its_cell_beside_a_busy_one(kernel: Kernel) -> None:
    said = kernel.run("runs = %dvc_run train --seconds 1,1.1 --background\nruns")

    assert "2 runs, seconds 0 -> 1, 1.1: 2 train" in said
    assert "pending" not in said  # nothing stale is shown besides the output that goes on
    assert "0 of 2" in kernel.outputs["line"]["text/plain"]
    kernel.run("import time; time.sleep(3.5)")
    assert any(
        re.search(rf"1 of 2, train \d+ \(seconds=1.1\) 0:0\d, loss 0.25 {_CLOCK}", text) for text in kernel.history
    )
    end = kernel.outputs["line"]
    assert "2 runs: 2 completed in" in end["text/plain"]
    assert "<table" in end["text/html"]
    assert "running" not in end["text/html"]
    assert kernel.run("[run.status.value for run in runs]") == "['completed', 'completed']"


def test_a_failure_in_the_background_is_shown_by_its_output_and_told_by_no_cell(kernel: Kernel) -> None:
    kernel.run("run = %dvc_run train --bad 3 --background")
    kernel.run("run.wait(); import time; time.sleep(0.5)")

    assert "failed" in kernel.outputs["line"]["text/plain"]
    assert kernel.run("print(1)") == "1\n"


def test_as_text_everything_is_printed(kernel: Kernel) -> None:
    kernel.run("%config DvcMagics.display = 'text'")
    try:
        said = kernel.run("%dvc_run train --seconds 0.7;")
        kernel.run("run = %dvc_run train --bad 4 --background")
        kernel.run("run.wait(); import time; time.sleep(0.3)")
        told = kernel.run("print(1)")
    finally:
        kernel.run("%config DvcMagics.display = 'auto'")

    assert kernel.outputs == {}
    assert re.search(r"runs.*\ngoing\ntrain \d+ completed", said)
    assert re.fullmatch(r"In the background train \d+ failed .*\n1\n", told)


def test_an_interrupted_call_ends_its_line(kernel: Kernel, store: RunStore) -> None:
    message = kernel.client.execute("%dvc_run train --seconds 60")
    _wait_for_run(store)
    time.sleep(0.6)
    kernel.manager.interrupt_kernel()
    kernel.run("1", fails=True)

    assert message
    assert "stopped" in kernel.outputs["line"]["text/plain"]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_the_next_kernel_says_once_what_ended_with_the_last_one(kernel: Kernel, store: RunStore, how: str) -> None:
    line = f"%dvc_run train --seconds 60,61 --label {how} --background"
    kernel.run(line)
    _wait_for_run(store)

    getattr(kernel, how)()

    _eventually(lambda: store.calls.newest(1)[0].status is not CallStatus.RUNNING)
    said = kernel.run("%load_ext dvc_magic")
    assert said == f"With the last kernel ended {line} (1 of 2). To go on: {line} --reuse\n"
    assert kernel.run("%reload_ext dvc_magic") == ""
    runs = [store.get(run_id).record for run_id in store.calls.plan(store.calls.newest(1)[0].id).targets]
    assert [(run.status, run.reason) for run in runs] == [(RunStatus.STOPPED, "kernel")] * 2


def test_a_detached_call_outlives_its_kernel_and_the_next_one_stops_it(kernel: Kernel, store: RunStore) -> None:
    kernel.run("run = %dvc_run train --seconds 60 --background")
    _wait_for_run(store)
    assert "detached" in kernel.run("%dvc_detach")

    kernel.kill()

    said = kernel.run("%load_ext dvc_magic")
    call = store.calls.newest(1)[0]
    assert said.startswith(
        f"Still running, detached: call:{call.id[:6]} %dvc_run train --seconds 60 --background (0 of 1)"
    )
    assert "detached" in kernel.run("%dvc_calls")
    kernel.run(f"%dvc_stop call:{call.id[:6]}")
    assert store.calls.get(call.id).status is CallStatus.STOPPED


def test_a_log_is_followed_to_the_end_of_its_run(kernel: Kernel) -> None:
    kernel.run("run = %dvc_run train --print bars --seconds 1 --background")
    kernel.outputs.clear()

    kernel.run("%dvc_log -f")

    logs = [data["text/plain"] for name, data in kernel.outputs.items() if name.startswith("log-")]
    assert logs == ["\x1b[32mgreen\x1b[0m\nouter 100%"]
    assert kernel.run("run.status.value") == "'completed'"


def test_unloading_ends_what_is_not_detached_and_its_output_says_so(kernel: Kernel, store: RunStore) -> None:
    kernel.run("%dvc_run train --seconds 60 --background")
    _wait_for_run(store)

    kernel.run("%unload_ext dvc_magic")
    kernel.run("import time; time.sleep(0.2)")

    assert "stopped" in kernel.outputs["line"]["text/plain"]
    kernel.run("%load_ext dvc_magic")

"""The debugger's prompt in real kernels: with a front end that can ask, with one that cannot, interrupted."""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

from dvc_magic.executors import RUN_TOKEN
from tests.support.digest import changes, project_digest

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

FILES = {
    "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n    params: [lr]\n",
    "params.yaml": "lr: 0\n",
    "train.py": 'import yaml\n\ndef fit(lr):\n    return 1 / lr\n\nfit(yaml.safe_load(open("params.yaml"))["lr"])\n',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a cell has come to: the prompts that it asked with, what it printed, its reply."""

    prompts: tuple[str, ...]
    text: str
    reply: dict[str, Any]


class Kernel:
    """A kernel in a project, and a front end that answers its prompts."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, root: Path) -> None:
        self.manager = manager
        self.client = client
        self.root = root

    def run(self, code: str, answers: Sequence[str | None] = (), *, stdin: bool = True) -> Shown:
        """Run a cell and answer its prompts; None is an interrupt instead."""
        message = self.client.execute(code, allow_stdin=stdin)
        prompts: list[str] = []
        waiting = list(answers)
        until = time.monotonic() + 60
        reply: dict[str, Any] | None = None
        while reply is None:
            assert time.monotonic() < until, "waited for 60 s"
            try:
                asked = self.client.get_stdin_msg(timeout=0.1)
            except queue.Empty:
                reply = self._reply_to(message)
                continue
            prompts.append(asked["content"]["prompt"])
            answer = waiting.pop(0)
            if answer is None:
                self.manager.interrupt_kernel()
            else:
                self.client.input(answer)
        assert waiting == []
        return Shown(prompts=tuple(prompts), text=self._printed(message), reply=reply["content"])

    def _reply_to(self, message: str) -> dict[str, Any] | None:
        """The reply to a cell, if it is there; those to the questions whether the kernel is ready may come late."""
        while self.client.shell_channel.msg_ready():
            reply: dict[str, Any] = self.client.get_shell_msg(timeout=10)
            if reply["parent_header"]["msg_id"] == message:
                return reply
        return None

    def _printed(self, message: str) -> str:
        text = ""
        while True:
            found = self.client.get_iopub_msg(timeout=10)
            if found["parent_header"].get("msg_id") != message:
                continue
            if found["msg_type"] == "stream":
                text += found["content"]["text"]
            if found["msg_type"] == "status" and found["content"]["execution_state"] == "idle":
                return text


@pytest.fixture
def kernel(make_project: Any) -> Iterator[Kernel]:
    """A kernel in which a run has just failed."""
    root = make_project(FILES)
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(root))
    try:
        started = Kernel(manager, client, root)
        failed = started.run("%load_ext dvc_magic\n%dvc_run train")
        assert "%dvc_debug 1 opens a debugger" in failed.reply["evalue"]
        yield started
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _left(root: Path) -> list[object]:
    """What a debugger has left: copies, processes."""
    processes = [
        process for process in psutil.process_iter(["environ"]) if RUN_TOKEN in (process.info["environ"] or {})
    ]
    return [
        *(root / ".dvc_magic/debug").iterdir(),
        *(one for one in processes if str(root) in one.info["environ"].get("DVC_ROOT", "")),
    ]


def test_the_prompt_is_the_notebook_s_and_the_kernel_goes_on(kernel: Kernel) -> None:
    before = project_digest(kernel.root)

    shown = kernel.run("%dvc_debug", ["p lr", "u", "q"])

    assert shown.reply["status"] == "ok"
    assert shown.prompts == ("(Pdb) ",) * 3
    assert "> train.py(4)fit()\n-> return 1 / lr\n" in shown.text
    assert "\n0\n> train.py(6)<module>()\n" in shown.text
    assert shown.text.endswith("train 1: the copy is removed, the run itself is as it was\n")
    assert kernel.run("print(1 + 1)").text == "2\n"
    assert (_left(kernel.root), changes(before, project_digest(kernel.root))) == ([], [])


def test_the_end_of_the_input_ends_it(kernel: Kernel) -> None:
    shown = kernel.run("%dvc_debug 1", ["p lr", "\x04"])

    assert shown.reply["status"] == "ok"
    assert _left(kernel.root) == []


def test_an_interrupt_at_the_prompt_ends_it_as_an_interrupt(kernel: Kernel) -> None:
    shown = kernel.run("%dvc_debug 1", ["p lr", None])

    assert shown.reply["ename"] == "KeyboardInterrupt"
    assert shown.reply["traceback"] == [
        "KeyboardInterrupt: the debugger was interrupted; its copy of the run is stopped and removed"
    ]
    assert _left(kernel.root) == []
    assert kernel.run("%dvc_debug 1 -c 'p lr'").text.count("(Pdb) p lr\n0\n") == 1


def test_the_method_of_a_run_has_the_same_prompt(kernel: Kernel) -> None:
    shown = kernel.run("runs = %dvc_runs\nseen = runs[0].debug()\nprint(seen.error)", ["p lr", "c"])

    assert shown.prompts == ("(Pdb) ", "(Pdb) ")
    assert shown.text.endswith("ZeroDivisionError: division by zero\n")


def test_commands_are_given_along_where_nothing_can_be_asked(kernel: Kernel) -> None:
    told = re.search(
        r"give them along: (%dvc_debug .*), or (run\.debug\(.*\))$", kernel.run("%dvc_debug 1", stdin=False).text
    )
    assert told is not None
    kernel.run("run = %dvc_show 1")

    for line in (*told.groups(), f"{told[1]} --command u"):
        shown = kernel.run(line.replace("NAME", "lr"), stdin=False)
        assert (shown.reply["status"], shown.prompts) == ("ok", ())
        assert "(Pdb) p lr\n0\n(Pdb) w\n" in shown.text


def test_without_a_run_named_it_is_the_last_that_failed_whatever_ran_since(kernel: Kernel) -> None:
    kernel.run("run = %dvc_run train --lr 1")

    assert "(Pdb) p lr\n0\n" in kernel.run("%dvc_debug -c 'p lr'").text
    assert kernel.run("%dvc_debug {run}").reply["evalue"].startswith("train 2 completed; ")


def test_a_notebook_that_is_executed_without_a_front_end_shows_the_locals(make_project: Any) -> None:
    root = make_project(FILES)
    cells = ["%load_ext dvc_magic", "%dvc_run train --no-raise", "%dvc_debug", "print('on')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])

    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(root)}}).execute()

    text = "".join(output.get("text", "") for output in notebook.cells[2].outputs)
    assert "locals of fit:\n    lr = 0\n" in text
    assert '%dvc_debug 1 -c "p NAME" -c w' in text
    assert notebook.cells[3].outputs[0]["text"] == "on\n"
    assert _left(root) == []


def test_a_killed_kernel_leaves_neither_copy_nor_process(kernel: Kernel) -> None:
    kernel.client.execute("%dvc_debug 1", allow_stdin=True)
    assert kernel.client.get_stdin_msg(timeout=30)["content"]["prompt"] == "(Pdb) "
    assert _left(kernel.root) != []

    kernel.manager.shutdown_kernel(now=True)

    until = time.monotonic() + 15
    while _left(kernel.root) and time.monotonic() < until:
        time.sleep(0.1)
    assert _left(kernel.root) == []

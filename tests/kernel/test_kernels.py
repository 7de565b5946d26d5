"""Real kernels: interrupt, restart, sudden death; nothing stays behind and the kernel stays as it was."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from dvc_magic.executors import RUN_TOKEN
from dvc_magic.model.record import RunStatus
from dvc_magic.store import RunStore
from tests.support.digest import changes, project_digest
from tests.support.processes import workers_of

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

FILES = {
    "dvc.yaml": """
stages:
  quick:
    cmd: python -c "print('quick ran'); open('q.txt', 'w').write('q')"
    outs: [q.txt]
  slow:
    cmd: python slow.py
    deps: [slow.py]
    params: [seconds]
    outs: [done.txt]
  surroundings:
    cmd: python -c "import json, os; print(json.dumps(dict(os.environ)))" > surroundings.json
    outs: [surroundings.json]
""",
    "params.yaml": "seconds: 60\n",
    "slow.py": """
import subprocess, sys, time, yaml
child = "import subprocess, time; subprocess.Popen(['sleep', '300'], start_new_session=True); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
print("going", flush=True)
time.sleep(yaml.safe_load(open("params.yaml"))["seconds"])
open("done.txt", "w").write("done")
""",
}


class Kernel:
    """A kernel with a project as its working directory."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, root: Path) -> None:
        self.manager = manager
        self.client = client
        self.root = root

    def start(self, code: str) -> str:
        return str(self.client.execute(code))

    def outputs(self, message: str, *, timeout: float = 60) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The reply to a cell and what it showed."""
        shown: list[dict[str, Any]] = []
        until = time.monotonic() + timeout
        while True:
            found = self.client.get_iopub_msg(timeout=max(0.1, until - time.monotonic()))
            if found["parent_header"].get("msg_id") != message:
                continue
            if found["msg_type"] == "status" and found["content"]["execution_state"] == "idle":
                break
            shown.append(found)
        while True:
            reply = self.client.get_shell_msg(timeout=10)
            if reply["parent_header"].get("msg_id") == message:
                return reply["content"], shown

    def run(self, code: str) -> str:
        """What a cell prints; it must not raise."""
        reply, shown = self.outputs(self.start(code))
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", []))
        return "".join(found["content"]["text"] for found in shown if found["msg_type"] == "stream")

    def wait_for_log(self, text: str) -> str:
        """Wait until some run has printed `text`; returns its id."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for log in self.root.glob(".dvc_magic/runs/*/output.log"):
                if text in log.read_text():
                    return log.parent.name
            time.sleep(0.02)
        raise AssertionError("no run printed it")


@pytest.fixture
def kernel(make_project: Any, clone: Any) -> Iterator[Kernel]:
    """A kernel in a fresh clone of a project, with the extension loaded."""
    root = clone(make_project(FILES))
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(root))
    started = Kernel(manager, client, root)
    try:
        started.run("%load_ext dvc_magic")
        yield started
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _of_run(run_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_TOKEN) == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _eventually(check: Callable[[], bool], *, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.05)
    return check()


def test_the_kernel_is_as_it_was_after_a_run(kernel: Kernel) -> None:
    look = """
import json, logging, os, signal, sys
def _look():
    mask = os.umask(0); os.umask(mask)
    return [os.getcwd(), sorted(os.environ.items()), sys.path[:], mask,
            {name: [repr(h) for h in logging.getLogger(name).handlers]
             for name in ["", *logging.root.manager.loggerDict] if logging.getLogger(name).handlers},
            [repr(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP)]]
_before = _look()
"""
    kernel.run(look)

    kernel.run("run = %dvc_run quick")

    assert kernel.run("print(_look() == _before)") == "True\n"
    assert (
        kernel.run("print([m for m in sys.modules if m.split('.')[0] in ('dvc', 'dvc_data', 'dvc_objects')])") == "[]\n"
    )


def test_a_stage_has_the_variables_that_the_kernel_was_started_with_and_those_of_cells(kernel: Kernel) -> None:
    kernel.run("import os; os.environ |= {'FROM_A_CELL': '1', 'CLICOLOR': '2'}\nrun = %dvc_run surroundings")

    seen = json.loads(kernel.run("print((run.workspace / 'surroundings.json').read_text())"))

    of_runs = {"DVC_MAGIC_RUN", "DVC_ROOT", "DVC_SITE_CACHE_DIR", "DVC_STAGE", "GIT_OPTIONAL_LOCKS", "PYTHONUNBUFFERED"}
    of_shells = {"OLDPWD", "PATH", "PWD", "PYTEST_CURRENT_TEST", "SHLVL", "_"}
    differing = {name for name in seen if os.environ.get(name) != seen[name]}
    assert differing - of_shells == of_runs | {"FROM_A_CELL", "CLICOLOR"}
    assert os.environ.keys() - of_shells <= seen.keys()


def test_the_plan_comes_first_then_the_log_then_the_outcome(kernel: Kernel) -> None:
    printed = kernel.run("run = %dvc_run quick").splitlines()

    assert printed[0] == "quick 1 runs"
    assert printed[1] == "quick ran"
    assert printed[2].startswith("quick 1 completed in ")


def test_an_error_is_a_short_message_and_a_real_error_output(kernel: Kernel) -> None:
    reply, shown = kernel.outputs(kernel.start("%dvc_run quik"))

    errors = [found["content"] for found in shown if found["msg_type"] == "error"]
    assert reply["status"] == "error"
    assert errors[0]["ename"] == "StageNotFoundError"
    assert "Did you mean 'quick'?" in "\n".join(errors[0]["traceback"])
    assert "Traceback" not in "\n".join(errors[0]["traceback"])


def test_an_interrupt_stops_the_run_and_what_it_started_and_raises_keyboard_interrupt(kernel: Kernel) -> None:
    before = project_digest(kernel.root)
    message = kernel.start("run = %dvc_run slow")
    run_id = kernel.wait_for_log("going")

    began = time.monotonic()
    kernel.manager.interrupt_kernel()
    reply, _ = kernel.outputs(message)

    assert reply["traceback"] == [
        "KeyboardInterrupt: the call was interrupted; the stages that were running have been stopped"
    ]
    assert time.monotonic() - began < 8  # at the first SIGINT, not at the SIGTERM ten seconds later
    record = RunStore.open(kernel.root / ".dvc_magic").get(run_id).record
    assert reply["ename"] == "KeyboardInterrupt"
    assert (record.status, record.reason) == (RunStatus.STOPPED, "user")
    assert _of_run(run_id) == []
    assert changes(before, project_digest(kernel.root)) == []
    assert "completed" in kernel.run("%dvc_run quick")


def test_run_all_stops_at_an_interrupted_cell(kernel: Kernel) -> None:
    first = kernel.start("run = %dvc_run slow")
    kernel.wait_for_log("going")
    second = kernel.client.execute("print('next cell')", stop_on_error=True)

    kernel.manager.interrupt_kernel()
    kernel.outputs(first)
    reply, _ = kernel.outputs(second)

    assert reply["status"] in ("aborted", "error")


@pytest.mark.parametrize("forked", [False, True], ids=["alone", "with a forked child that holds its pipes"])
def test_a_killed_kernel_leaves_no_process_and_no_running_run(kernel: Kernel, *, forked: bool) -> None:
    if forked:
        kernel.run("%dvc_run quick")
        kernel.run("import os, time\nchild = os.fork()\nif child == 0:\n    time.sleep(120); os._exit(0)\nprint(child)")
    kernel.start("run = %dvc_run slow")
    run_id = kernel.wait_for_log("going")
    pid = kernel.manager.provisioner.pid

    os.kill(pid, signal.SIGKILL)

    assert _eventually(lambda: _of_run(run_id) == [])
    store = RunStore.open(kernel.root / ".dvc_magic")
    assert _eventually(lambda: store.get(run_id).record.status.final)
    record = store.get(run_id).record
    assert (record.status, record.reason) == (RunStatus.STOPPED, "kernel")


def test_a_restarted_kernel_leaves_no_process_and_goes_on(kernel: Kernel) -> None:
    kernel.start("run = %dvc_run slow")
    run_id = kernel.wait_for_log("going")

    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=30)

    assert _eventually(lambda: _of_run(run_id) == [])
    kernel.run("%load_ext dvc_magic")
    assert "stopped" in kernel.run("runs = %dvc_runs\nprint(runs)")
    assert "completed" in kernel.run("%dvc_run quick")


def test_a_killed_worker_costs_its_run_alone(kernel: Kernel) -> None:
    message = kernel.start("run = %dvc_run slow")
    run_id = kernel.wait_for_log("going")
    (worker,) = (
        worker
        for worker in workers_of(psutil.Process(kernel.manager.provisioner.pid), kernel.root)
        if any(supervisor.children() for supervisor in worker.children())
    )

    worker.kill()
    reply, _ = kernel.outputs(message)

    assert reply["ename"] == "RunFailedError"
    assert _eventually(lambda: _of_run(run_id) == [])
    assert RunStore.open(kernel.root / ".dvc_magic").get(run_id).record.status is RunStatus.LOST
    assert "completed" in kernel.run("%dvc_run quick")


def test_unloading_takes_the_magics_and_the_workers_away(kernel: Kernel) -> None:
    kernel.run("%dvc_run quick")
    names = (
        "import json\n"
        "print(json.dumps([n for n in get_ipython().magics_manager.magics['line'] if n.startswith('dvc')]))"
    )
    assert "dvc_run" in json.loads(kernel.run(names))

    kernel.run("%unload_ext dvc_magic")

    assert json.loads(kernel.run(names)) == []
    children = psutil.Process(kernel.manager.provisioner.pid).children(recursive=True)
    assert [child for child in children if "dvc_magic" in " ".join(child.cmdline())] == []

"""One host drives several calls: none waits for another, and a detached one outlives the kernel."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest

from dvc_magic.errors import DvcMagicError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.project import Project
from dvc_magic.project.requests import complete_call
from dvc_magic.store import RunStore, check_store
from dvc_magic.wire import RunCall
from tests.support.behind import connection_of
from tests.support.small import MakeProject

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("started_hosts")]

FILES = {
    "dvc.yaml": """
stages:
  big:
    cmd: "true"
    deps: [big.bin]
  slow:
    cmd: echo going; sleep $(cut -d' ' -f2 params.yaml)
    params: [seconds]
    outs: [gone.txt: {cache: false}]
""",
    "params.yaml": "seconds: 60\n",
    ".gitignore": "big.bin\n",
}
_DETACHES = """
import sys, time
from dvc_magic import Project
from dvc_magic.model.request import RunRequest
from dvc_magic.project.requests import complete_call
from dvc_magic.wire import RunCall
from tests.support.behind import connection_of

project = Project.open(sys.argv[1])
connection = connection_of(project)
call = complete_call(RunRequest(stages=("slow",)), connection)
connection.begin(RunCall(call=call, background=True, detached=True))
while not list(project.store.paths.runs.glob("*/output.log")):
    time.sleep(0.02)
project.close()
"""


@pytest.fixture
def root(make_project: MakeProject) -> Path:
    """A project with a large file, which has no blocks on the disk, and a stage that takes its time."""
    made = make_project(FILES)
    with (made / "big.bin").open("wb") as file:
        file.truncate(10 << 30)
    return made


def _wait_until(done: Callable[[], object], *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, f"waited for {seconds} s"
        time.sleep(0.005)


def _silently(call: Callable[[], object]) -> None:
    try:
        call()
    except DvcMagicError:
        return


def test_a_call_is_stopped_at_once_while_another_one_captures_10_gb(root: Path) -> None:
    project = Project.open(root)
    calls = project.store.calls
    threads = [Thread(target=_silently, args=(lambda stage=stage: project.run(stage),)) for stage in ("slow", "big")]
    try:
        threads[0].start()
        _wait_until(lambda: [run for run in project.runs if "going" in run.log.text()])
        (run,) = project.runs
        threads[1].start()
        _wait_until(lambda: _read_by_workers(project) > 100 << 20)

        asked = time.monotonic()
        calls.ask_to_stop(run.record.call.id)
        _wait_until(lambda: run.status is RunStatus.STOPPED)
        took = time.monotonic() - asked

        assert threads[1].is_alive()
        assert took < 0.5
        _wait_until(lambda: calls.get(run.record.call.id).status is CallStatus.STOPPED)
    finally:
        project.close()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def _read_by_workers(project: Project) -> int:
    below = psutil.Process().children(recursive=True)
    return max((process.io_counters().read_chars for process in below if process.is_running()), default=0)


@pytest.fixture
def detached(make_project: MakeProject) -> Iterator[tuple[Path, RunStore]]:
    """A project in which a detached call goes on, and the process that made it has ended."""
    root = make_project({**FILES, "params.yaml": "seconds: 4\n"})
    subprocess.run([sys.executable, "-c", _DETACHES, str(root)], check=True, timeout=60, cwd=Path(__file__).parents[2])
    store = RunStore.open(root / ".dvc_magic")
    yield root, store
    (call,) = store.calls.all()
    if call.status is CallStatus.RUNNING:
        store.calls.ask_to_stop(call.id, step=3)
        _wait_until(lambda: store.calls.get(call.id).status is not CallStatus.RUNNING)
    _wait_until(lambda: not psutil.pid_exists(call.host))


def test_a_detached_call_goes_on_without_its_kernel_and_its_host_ends_with_it(
    detached: tuple[Path, RunStore],
) -> None:
    _, store = detached
    (call,) = store.calls.all()
    assert (call.status, call.background, call.detached) == (CallStatus.RUNNING, True, True)

    _wait_until(lambda: store.calls.get(call.id).status is not CallStatus.RUNNING)

    (run,) = store.all()
    assert (run.record.status, store.calls.get(call.id).status) == (RunStatus.FAILED, CallStatus.FAILED)
    assert "gone.txt" in run.record.error  # the stage makes no out, and says so itself
    _wait_until(lambda: not psutil.pid_exists(call.host))
    assert check_store(store) == []


def test_another_kernel_stops_a_detached_call(detached: tuple[Path, RunStore]) -> None:
    root, store = detached
    (call,) = store.calls.all()

    with Project.open(root) as project:
        project.store.calls.ask_to_stop(call.id)
        _wait_until(lambda: store.calls.get(call.id).status is CallStatus.STOPPED)

        assert (project.last.status, project.last.reason) == (RunStatus.STOPPED, "user")


def test_calls_in_the_background_share_their_slots_and_one_in_the_foreground_has_its_own(root: Path) -> None:
    (root / "params.yaml").write_text("seconds: 1\n")
    with Project.open(root) as project:
        begin = [connection_of(project).begin(_background(project, jobs=2)) for _ in range(2)]
        _wait_until(lambda: len(project.store.calls.all()) == 2)
        foreground = Thread(target=_silently, args=(lambda: project.run("slow"),))
        foreground.start()
        most: dict[str, int] = {"background": 0, "all": 0}
        while not all(pending.done for pending in begin):
            going = [run.record for run in project.store.all() if run.record.status is RunStatus.RUNNING]
            behind = [record for record in going if project.store.calls.get(record.call.id).background]
            most = {"background": max(most["background"], len(behind)), "all": max(most["all"], len(going))}
            time.sleep(0.05)
        foreground.join()

        assert most == {"background": 1, "all": 2}
        assert {project.store.calls.get(pending.result().call).status for pending in begin} == {CallStatus.FAILED}


def _background(project: Project, *, jobs: int) -> RunCall:
    change = Change(file="params.yaml", key="seconds", values=(1, 0.5))
    request = RunRequest(stages=("slow",), changes=(change,), jobs=jobs)
    return RunCall(call=complete_call(request, connection_of(project)), background=True, max_jobs=1)

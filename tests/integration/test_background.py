"""Calls in the background: what comes back at once, and what can be done with it while they go on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dvc_magic.errors import CallNotFoundError, ParamError, RequestError, StageNotFoundError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Caller, Project
from dvc_magic.project.requests import read_request
from dvc_magic.store import check_store
from tests.support.behind import connection_of
from tests.support.small import MakeProject

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: sleep $(cut -d' ' -f2 early.yaml); echo data > data.txt
    params: [early.yaml: [early]]
    outs: [data.txt]
  train:
    cmd: echo going; sleep $(sed -n 's/^seconds. //p' params.yaml); cp params.yaml done.txt
    deps: [data.txt]
    params: [seconds, lr]
    outs: [done.txt]
""",
    "params.yaml": "seconds: 0\nlr: 1\n",
    "early.yaml": "early: 0\n",
}
_MAKES = """
import sys, time
from dvc_magic import Project

project = Project.open(sys.argv[1])
run = project.run("train", {"seconds": float(sys.argv[2])}, background=True)
while "going" not in run.log.text():
    time.sleep(0.02)
exec(sys.argv[3])
print("ready", flush=True)
if sys.argv[4:] == ["stays"]:
    sys.stdin.read()
project.close()
"""


@pytest.fixture
def root(make_project: MakeProject) -> Path:
    """A project of two stages that take as long as their params say."""
    return make_project(FILES)


@pytest.fixture
def project(root: Path) -> Iterator[Project]:
    with Project.open(root) as opened:
        yield opened


def wait_until(done: Callable[[], object], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, f"waited for {seconds} s"
        time.sleep(0.01)


def test_a_run_comes_back_when_its_plan_stands_and_can_be_waited_for(project: Project) -> None:
    run = project.run("train", {"seconds": 0.5}, background=True)

    assert not run.status.final
    assert (run.stage, run.number, run.params["seconds"]) == ("train", 2, 0.5)
    assert run.call.status is CallStatus.RUNNING
    assert project.runs[2] == run
    assert run.wait() is run
    assert (run.status, run.upstream["prepare"].number) == (RunStatus.COMPLETED, 1)
    assert run.call.wait().status is CallStatus.COMPLETED
    assert check_store(project.store) == []


def test_errors_of_the_line_and_of_the_project_are_raised_at_once(project: Project) -> None:
    with pytest.raises(StageNotFoundError, match="trian"):
        project.run("trian", background=True)
    with pytest.raises(ParamError, match="lx"):
        project.run("train", {"lx": 1}, background=True)
    (project.root / "dvc.yaml").write_text("stages: [")
    with pytest.raises(Exception, match=r"dvc\.yaml"):
        project.run("train", background=True)
    assert list(project.calls) == []


def test_a_failure_of_the_stage_is_not_raised_but_shown_by_the_run(project: Project) -> None:
    run = project.run("train", {"seconds": 30}, background=True, timeout=0.3)

    assert run.wait().status is RunStatus.STOPPED
    assert run.reason == "timeout"
    assert run.call.wait().status is CallStatus.FAILED


def test_a_grid_comes_back_in_its_order_with_the_numbers_that_its_runs_will_have(project: Project) -> None:
    project.run("prepare")
    runs = project.grid("train", {"lr": [1, 2, 3]}, jobs=2, background=True)

    assert [run.number for run in runs] == [2, 3, 4]
    assert [run.params["lr"] for run in runs] == [1, 2, 3]
    assert [run.id for run in runs[0].call.runs] == [run.id for run in runs]
    done = runs.wait()
    assert {run.status for run in done} == {RunStatus.COMPLETED}
    assert [run.id for run in done] == [run.id for run in runs]


def test_a_reused_run_answers_at_once(project: Project) -> None:
    first = project.run("train")

    again = project.run("train", reuse=True, background=True)

    assert again == first
    assert project.calls[0].wait().runs[0] == first


def test_one_run_of_a_grid_is_stopped_and_one_that_has_not_begun_never_does(project: Project) -> None:
    project.run("prepare")
    runs = project.grid("train", {"seconds": [60, 61, 0.1]}, background=True)
    wait_until(lambda: "going" in runs[0].log.text())

    assert runs[1].stop(timeout=10).status is RunStatus.STOPPED
    assert not runs[0].status.final
    assert runs[0].stop().status is RunStatus.STOPPED

    assert runs[2].wait().status is RunStatus.COMPLETED
    assert (runs[1].started, runs[1].reason) == (None, "user")
    assert "going" not in runs[1].log.text()
    assert runs[0].call.wait().status is CallStatus.FAILED
    assert check_store(project.store) == []


def test_a_drained_call_completes_what_runs_and_begins_nothing_more(project: Project) -> None:
    project.run("prepare")
    runs = project.grid("train", {"seconds": [1, 1.1, 1.2]}, background=True)
    wait_until(lambda: "going" in runs[0].log.text())

    call = runs[0].call.stop(drain=True)

    assert call.wait(20).status is CallStatus.STOPPED
    assert [run.status for run in runs] == [RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.STOPPED]
    assert [run.number for run in project.runs] == [runs[0].number, 1]
    assert "2 never started: %dvc_runs --all" in repr(project.runs)
    assert len(project.runs.unfolded()) == 4
    assert check_store(project.store) == []


def test_closing_the_project_stops_what_goes_on_and_leaves_nothing(root: Path) -> None:
    with Project.open(root) as project:
        run = project.run("train", {"seconds": 60}, background=True)
        wait_until(lambda: "going" in run.log.text())
        host = run.call.record.host

    assert (run.status, run.reason) == (RunStatus.STOPPED, "kernel")
    assert run.call.status is CallStatus.STOPPED
    wait_until(lambda: not psutil.pid_exists(host))


def test_max_jobs_bounds_what_all_calls_in_the_background_run(project: Project) -> None:
    project.run("prepare")
    connection = connection_of(project)
    caller = Caller(connection, max_jobs=1)
    request = read_request("train", {"seconds": [0.3, 0.4]}, {}, connection, jobs=2)

    calls = [caller.launch(request).runs for _ in range(2)]
    most = 0
    while not all(run.status.final for runs in calls for run in runs):
        most = max(most, sum(run.record.status is RunStatus.RUNNING for run in project.store.all()))
        time.sleep(0.02)

    assert most == 1
    assert {run.status for runs in calls for run in runs} == {RunStatus.COMPLETED}


def test_a_hundred_calls_in_the_background_all_end(project: Project) -> None:
    project.run("prepare")

    runs = [project.run("train", {"lr": number}, background=True) for number in range(100)]

    assert {run.wait().status for run in runs} == {RunStatus.COMPLETED}
    assert len({run.number for run in runs}) == 100
    assert {call.wait().status for call in project.calls[:100]} == {CallStatus.COMPLETED}


def test_a_call_is_found_by_the_start_of_its_id(project: Project) -> None:
    run = project.run("train", background=True)

    assert project.calls[run.call.id[:5]] == project.calls[f"call:{run.call.id[:5]}"] == run.call
    with pytest.raises(CallNotFoundError, match="zzz"):
        project.calls["zzz"]
    run.wait()
    assert repr(run.call).startswith(f"<Call call:{run.call.id[:6]} train: ")


class Other:
    """Another process that has made a call in the background."""

    def __init__(self, root: Path, seconds: float, then: str = "", *, stays: bool = True) -> None:
        arguments = [sys.executable, "-c", _MAKES, str(root), str(seconds), then, *(["stays"] if stays else [])]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """End it as the kernel's manager does that has waited long enough."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def leave(self) -> None:
        """Let it end by itself."""
        self.process.communicate(timeout=30)


@pytest.fixture
def other(root: Path) -> Iterator[Callable[..., Other]]:
    made: list[Other] = []

    def make(*args: object, **options: object) -> Other:
        made.append(Other(root, *args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        if each.process.poll() is None:
            each.kill()
        each.process.communicate()


def test_another_process_stops_a_call_but_cannot_detach_it(root: Path, other: Callable[..., Other]) -> None:
    made = other(60)
    with Project.open(root) as project:
        (call,) = project.calls.running

        with pytest.raises(RequestError, match=f"another kernel's .process {made.process.pid}"):
            call.detach()

        assert call.stop(timeout=10).status is CallStatus.STOPPED
        assert (project.last.status, project.last.reason) == (RunStatus.STOPPED, "user")


def test_a_killed_process_ends_its_calls(root: Path, other: Callable[..., Other]) -> None:
    made = other(60)
    with Project.open(root) as project:
        (call,) = project.calls.running

        made.kill()

        wait_until(lambda: call.status is not CallStatus.RUNNING, seconds=10)
        assert (project.last.status, project.last.reason) == (RunStatus.STOPPED, "kernel")
        wait_until(lambda: not psutil.pid_exists(call.record.host))


@pytest.mark.parametrize("then", ["run.detach()", "run.call.detach()"])
def test_a_detached_call_goes_on_when_its_process_is_killed(root: Path, other: Callable[..., Other], then: str) -> None:
    made = other(3, then)
    made.kill()
    with Project.open(root) as project:
        (call,) = project.calls.running
        assert (call.detached, str(call.place)) == (True, "detached")

        assert call.wait(20).status is CallStatus.COMPLETED
        assert project.last.status is RunStatus.COMPLETED
        wait_until(lambda: not psutil.pid_exists(call.record.host))
        assert check_store(project.store) == []


def test_a_detached_call_goes_on_when_its_process_ends_and_a_later_one_stops_it(
    root: Path, other: Callable[..., Other]
) -> None:
    other(60, "run.detach()", stays=False).leave()
    with Project.open(root) as project:
        (call,) = project.calls.running

        assert call.stop(timeout=10).status is CallStatus.STOPPED
        wait_until(lambda: not psutil.pid_exists(call.record.host))


@pytest.mark.parametrize("is_moved", [True, False], ids=["moved", "deleted"])
def test_a_detached_call_whose_project_is_moved_or_deleted_ends_and_leaves_no_process(
    root: Path, other: Callable[..., Other], is_moved: bool
) -> None:
    other(2, "run.detach()", stays=False).leave()
    with Project.open(root) as project:
        (call,) = project.calls.running
        host = call.record.host
    if is_moved:
        root.rename(root.with_name("elsewhere"))
    else:
        shutil.rmtree(root)

    wait_until(lambda: not psutil.pid_exists(host))

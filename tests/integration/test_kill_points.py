"""Kernel, host, worker, supervisor and stage killed, alone and together: nothing goes on, and the next call works."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import psutil
import pytest

from dvc_magic.errors import RunFailedError, RunsFailedError, WorkerLostError
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Project
from dvc_magic.store import check_store
from tests.support import projects

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing finds what hides"),
]

_GONE = 3.0  # seconds after which nothing may be left

# One child in a session of its own without the run's token, one that is deaf to SIGTERM, one daemon.
_FILES = {
    "dvc.yaml": """
stages:
  slow:
    cmd: sh slow.sh
    deps: [slow.sh]
    params: [mark]
  quick:
    cmd: "true"
    params: [mark]
""",
    "params.yaml": "mark: '0'\n",
    "slow.sh": """
mark=$(cut -d"'" -f2 params.yaml)
setsid env -i sleep $mark &
sh -c "trap '' TERM; sleep $mark; sleep $mark" &
(setsid sh -c "trap '' TERM; sleep $mark; sleep $mark" &)
echo going
sleep $mark
""",
}
_KERNEL = """
import sys
from dvc_magic import Project
with Project.open(sys.argv[1]) as project:
    project.run("slow", {"mark": sys.argv[2]})
"""
_LOST = (RunStatus.LOST, "worker gone")
_STOPPED = (RunStatus.STOPPED, "kernel")
_FAILED = (RunStatus.FAILED, "supervisor gone")
_KILLED = (RunStatus.FAILED, "signal 9")


@dataclass(frozen=True)
class Going:
    """A run that goes on, and who takes part in it.

    Attributes:
        mark: in the arguments of its processes, also of those that hide.
    """

    mark: str
    kernel: psutil.Process
    host: psutil.Process
    worker: psutil.Process
    supervisor: psutil.Process
    stage: psutil.Process

    def send(self, number: int, whom: str) -> float:
        """Send a signal to some of them, and return the time: none does anything between two signals."""
        processes = [getattr(self, name) for name in whom.split()]
        for process in processes if number == signal.SIGKILL else ():
            process.suspend()
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # SIGTERM lets it end with its parent, before its turn
                process.send_signal(number)
        return time.monotonic()

    def left(self, *gone: str) -> list[psutil.Process]:
        """What is left of the stage, and of those who are to be gone."""
        own = [getattr(self, name) for name in gone]
        return [one for one in psutil.process_iter() if _lives(one) and (one in own or self.mark in _arguments(one))]


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _arguments(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        program, *arguments = process.cmdline() or [""]
        return " ".join(arguments) if program != sys.executable else ""
    return ""


def _wait_until(done: Callable[[], object], *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, f"waited for {seconds} s"
        time.sleep(0.02)


def _going(kernel: psutil.Process, mark: str) -> Going:
    """The run with this mark, once all of its processes are there."""
    _wait_until(lambda: sum(mark in _arguments(process) for process in psutil.process_iter()) >= 6)
    # A child of the script has the script's arguments as well, until it becomes what it is to be.
    (stage,) = (
        one
        for one in kernel.children(recursive=True)
        if "slow.sh" in _arguments(one)
        and one.parents()[3] == kernel
        and any(mark in _arguments(child) for child in one.children(recursive=True))
    )
    supervisor, worker, host = stage.parents()[:3]
    return Going(mark=mark, kernel=kernel, host=host, worker=worker, supervisor=supervisor, stage=stage)


def _check_end(project: Project, going: Going, sent: float, outcomes: list[tuple[RunStatus, str]]) -> None:
    """Nothing is left below the kernel, the run has one of these ends, the next call works, and the store is whole."""
    gone = ("host", "worker", "supervisor")
    _wait_until(lambda: not going.left(*gone) or time.monotonic() > sent + _GONE)
    assert going.left(*gone) == []
    run = project.last
    assert (run.params["mark"], run.status, run.reason) in [(going.mark, *outcome) for outcome in outcomes], run.error
    assert project.run("quick", {"mark": going.mark}).status is RunStatus.COMPLETED
    assert check_store(project.store) == []


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    """A project in which a stage goes on until it is killed."""
    return projects.create(tmp_path_factory.mktemp("kill-points") / "project", files=_FILES, template=dvc_template)


@pytest.fixture(scope="module")
def project(root: Path) -> Iterator[Project]:
    """The project, opened here: this process is the kernel of its runs."""
    with Project.open(root) as opened:
        yield opened


@pytest.fixture
def mark() -> str:
    """Seconds to sleep that no other process has."""
    return f"3600.{time.monotonic_ns() % 10**9:09}"


def _name(value: object) -> str:
    return value.name if isinstance(value, signal.Signals) else value if isinstance(value, str) else "ends"


@pytest.mark.parametrize(
    ("number", "whom", "outcome"),
    [
        (signal.SIGKILL, "worker", _LOST),
        (signal.SIGKILL, "supervisor", _FAILED),
        (signal.SIGKILL, "stage", _KILLED),
        (signal.SIGKILL, "worker supervisor", _LOST),
        (signal.SIGKILL, "worker stage", _LOST),
        (signal.SIGKILL, "supervisor stage", _FAILED),
        (signal.SIGTERM, "worker", _STOPPED),
    ],
    ids=_name,
)
def test_a_kernel_survives_what_is_killed_below_it(
    project: Project, mark: str, *, number: int, whom: str, outcome: tuple[RunStatus, str]
) -> None:
    left: list[psutil.Process] = []

    def kill() -> None:
        going = _going(psutil.Process(), mark)
        sent = going.send(number, whom)
        gone = () if whom == "stage" else ("worker", "supervisor")
        _wait_until(lambda: not going.left(*gone) or time.monotonic() > sent + _GONE)
        left.extend(going.left(*gone))

    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(RunFailedError) as failed:
        project.run("slow", {"mark": mark})
    killer.join()

    assert left == []
    run = project.runs[failed.value.run.id]
    assert (run.status, run.reason) == outcome, run.error
    assert project.run("quick", {"mark": mark}).status is RunStatus.COMPLETED
    assert check_store(project.store) == []


def test_a_worker_that_is_asked_to_end_leaves_the_next_run_to_another_one(project: Project, mark: str) -> None:
    killer = Thread(target=lambda: _going(psutil.Process(), mark).send(signal.SIGTERM, "worker"))
    killer.start()
    with pytest.raises(RunsFailedError, match="1 of 2 runs did not complete"):
        project.grid("slow", {"mark": [mark, "0"]})
    killer.join()

    last, first = project.runs[:2]
    assert [(run.status, run.reason) for run in (first, last)] == [_STOPPED, (RunStatus.COMPLETED, "")]


@pytest.mark.parametrize(
    ("number", "whom", "outcomes"),
    [
        (signal.SIGKILL, "kernel", [_STOPPED]),
        (signal.SIGKILL, "kernel worker", [_LOST]),
        (signal.SIGKILL, "kernel supervisor", [_FAILED]),
        (signal.SIGKILL, "kernel host", [_STOPPED]),
        (signal.SIGKILL, "kernel stage", [_STOPPED, _KILLED]),
        (signal.SIGTERM, "kernel host worker supervisor stage", [_STOPPED, (RunStatus.FAILED, "signal 15")]),
    ],
    ids=_name,
)
def test_nothing_goes_on_without_its_kernel(
    project: Project, mark: str, *, number: int, whom: str, outcomes: list[tuple[RunStatus, str]]
) -> None:
    with subprocess.Popen([sys.executable, "-c", _KERNEL, str(project.root), mark]) as kernel:
        going = _going(psutil.Process(kernel.pid), mark)
        sent = going.send(number, whom)
    _check_end(project, going, sent, outcomes)


@pytest.mark.parametrize(
    ("number", "whom", "outcomes"),
    [
        (signal.SIGKILL, "host", [_STOPPED]),
        (signal.SIGKILL, "host worker", [_LOST]),
        (signal.SIGKILL, "host supervisor", [_FAILED]),
        (signal.SIGKILL, "host stage", [_STOPPED, _KILLED]),
        (signal.SIGTERM, "host", [_STOPPED]),
    ],
    ids=_name,
)
def test_a_call_whose_host_is_gone_ends_within_2_seconds_and_the_next_one_works(
    project: Project, mark: str, *, number: int, whom: str, outcomes: list[tuple[RunStatus, str]]
) -> None:
    killed: list[tuple[Going, float]] = []

    def kill() -> None:
        going = _going(psutil.Process(), mark)
        killed.append((going, going.send(number, whom)))

    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(WorkerLostError, match="host process"):
        project.run("slow", {"mark": mark})
    over = time.monotonic()
    killer.join()
    ((going, sent),) = killed

    assert over - sent < 2
    _check_end(project, going, sent, outcomes)


def test_the_next_look_ends_what_kernel_host_worker_and_supervisor_leave_together(root: Path, mark: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _KERNEL, str(root), mark]) as kernel:
        going = _going(psutil.Process(kernel.pid), mark)
        going.send(signal.SIGKILL, "kernel host worker supervisor")
    _wait_until(lambda: not (_lives(going.worker) or _lives(going.supervisor)))

    with Project.open(root) as project:
        assert project.last.status is RunStatus.LOST
    assert going.left() == []

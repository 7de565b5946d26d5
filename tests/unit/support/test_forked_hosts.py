"""A forked host and its workers are what a started one is, as far as the system tells."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from dvc_magic.project import Project
from tests.support.forked_hosts import ForkedHosts
from tests.support.processes import host_of, workers_of
from tests.support.small import one_stage

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not Path("/proc").exists(), reason="Linux forks hosts")]


@pytest.fixture
def root(make_project: Callable[..., Path]) -> Path:
    return make_project(one_stage("import os; open('o.txt', 'w').write(os.environ['COLOUR'])"))


@pytest.fixture
def forked_hosts() -> Iterator[ForkedHosts]:
    """A template of this test alone."""
    hosts = ForkedHosts()
    with hosts.in_use():
        yield hosts


def _look(process: psutil.Process) -> dict[str, Any]:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    kept = ("Umask", "SigBlk", "SigIgn", "SigCgt", "Threads", "Uid", "Gid")
    numbers = sorted(int(path.name) for path in Path(f"/proc/{process.pid}/fd").iterdir())
    return {
        "arguments": [word for word in process.cmdline() if word and not word.isdigit()],
        "cwd": process.cwd(),
        "leads a session": os.getsid(process.pid) == process.pid,
        "descriptors": numbers,
        "status": {name: status[name] for name in kept},
    }


def _processes(root: Path) -> dict[str, Any]:
    """What is to be seen of the host, its worker and the supervisor of that, after a run."""
    with Project.open(root) as project:
        project.run("t", {"lr": time.time_ns()})
        host = host_of(psutil.Process(), root)
        (worker,) = workers_of(psutil.Process(), root)
        (supervisor,) = worker.children()
        return {
            **{name: _look(process) for name, process in (("host", host), ("worker", worker))},
            "supervisor": {"name": supervisor.name(), "leads": os.getsid(supervisor.pid) == supervisor.pid},
        }


def test_a_forked_host_looks_like_one_that_is_started(
    root: Path, forked_hosts: ForkedHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "green")

    forked = _processes(root)

    assert forked_hosts.forked == 1
    with forked_hosts.paused():
        assert forked == _processes(root)
    assert forked_hosts.forked == 1


def test_a_host_that_is_forked_later_has_the_variables_of_its_start(
    root: Path, forked_hosts: ForkedHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    outs = []
    for number, colour in enumerate(("green", "blue")):
        monkeypatch.setenv("COLOUR", colour)
        with Project.open(root) as project:
            outs.append(project.run("t", {"lr": number}).outs["o.txt"].read_text())

    assert (outs, forked_hosts.forked) == (["green", "blue"], 2)


def test_a_template_that_was_killed_is_made_anew(root: Path, forked_hosts: ForkedHosts) -> None:
    for _ in range(2):
        with Project.open(root) as project:
            assert project.stages
        forked_hosts.template.kill()

    assert forked_hosts.forked == 2


@contextmanager
def _another_umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@contextmanager
def _another_limit() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def _another_locale() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "POSIX")
        yield


@pytest.mark.parametrize("another", [_another_umask, _another_limit, _another_locale])
def test_a_host_is_started_where_a_fork_would_begin_otherwise(
    another: Callable[[], AbstractContextManager[None]], root: Path, forked_hosts: ForkedHosts
) -> None:
    with Project.open(root) as project:
        assert project.stages
    with another(), Project.open(root) as project:
        assert project.stages
    assert forked_hosts.forked == 1

    with Project.open(root) as project:
        assert project.stages
    assert forked_hosts.forked == 2

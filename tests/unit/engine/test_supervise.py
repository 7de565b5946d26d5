"""Stopping commands: who asked for it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.engine.runs.supervise import Ending, supervise
from dvc_magic.executors import Supervisor
from tests.support.supervisors import supervisor_of_this_process


class _Owner:
    """One that has asked for some stops and let go of the pipe, all of which is seen at the look with this number."""

    def __init__(self, descriptor: int, supervisor: Supervisor, *, stops: int, at: int) -> None:
        self._descriptor, self._stops, self._left = descriptor, stops, at
        self.supervisor = supervisor

    def descriptors(self) -> tuple[int, ...]:
        return (self._descriptor,)

    def stops(self) -> int:
        count, self._stops = (self._stops, 0) if self.gone else (0, self._stops)
        return count

    @property
    def gone(self) -> bool:
        return self._left <= 0

    @property
    def abandoned(self) -> bool:
        self._left -= 1
        return self.gone


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """The end of a pipe that says that the other end is closed."""
    reading, writing = os.pipe()
    os.close(writing)
    yield reading
    os.close(reading)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """What starts the commands."""
    with supervisor_of_this_process() as started:
        yield started


def _ending(folder: Path, owner: _Owner | _Late, *, command: str = "exec sleep 30", timeout: float = 20.0) -> Ending:
    return supervise(
        [["sh", "-c", command]],
        cwd=folder,
        environ=os.environ,
        log=folder / "log",
        stop_file=folder / "stop",
        control=owner,
        timeout=timeout,
        meanwhile=lambda: None,
    )


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_stop_that_was_asked_for_before_its_owner_let_go_is_the_reason(
    tmp_path: Path, closed_pipe: int, supervisor: Supervisor, at: int
) -> None:
    assert _ending(tmp_path, _Owner(closed_pipe, supervisor, stops=2, at=at)).stopped == "user"


@pytest.mark.parametrize("at", [1, 2])
def test_an_owner_that_only_lets_go_is_the_reason(
    tmp_path: Path, closed_pipe: int, supervisor: Supervisor, at: int
) -> None:
    assert _ending(tmp_path, _Owner(closed_pipe, supervisor, stops=0, at=at)).stopped == "kernel"


class _Late:
    """One who wants something only when the command has been over for a while."""

    def __init__(self, descriptor: int, supervisor: Supervisor, *, stops: bool, lets_go: bool) -> None:
        self.supervisor = supervisor
        self._descriptor, self._stops, self._lets_go = descriptor, stops, lets_go
        self._from = time.monotonic() + 0.8

    def descriptors(self) -> tuple[int, ...]:
        return (self._descriptor,)

    def stops(self) -> int:
        is_due = self._stops and time.monotonic() > self._from
        self._stops = self._stops and not is_due
        return int(is_due)

    @property
    def abandoned(self) -> bool:
        return self._lets_go and time.monotonic() > self._from


@pytest.mark.parametrize(
    ("stops", "lets_go", "timeout", "reason"),
    [(True, False, 20.0, "user"), (False, True, 20.0, ""), (False, False, 0.8, "")],
    ids=["a person's request", "the kernel's end", "the time limit"],
)
def test_only_a_person_can_stop_a_run_whose_command_is_over_while_leftovers_are_ended(
    tmp_path: Path, supervisor: Supervisor, *, stops: bool, lets_go: bool, timeout: float, reason: str
) -> None:
    reading, writing = os.pipe()
    deaf = "(trap '' TERM; sleep 30; sleep 30) & sleep 0.1"  # its grace is two seconds
    try:
        owner = _Late(reading, supervisor, stops=stops, lets_go=lets_go)
        ending = _ending(tmp_path, owner, command=deaf, timeout=timeout)
    finally:
        os.close(reading)
        os.close(writing)

    assert ending.duration > 1.5
    assert (ending.exit_code, ending.stopped, ending.leftovers) == (0, reason, 2)

"""Stopping commands: who asked for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.engine.supervise import Ending, supervise


class _Owner:
    """One that has asked for some stops and let go of the pipe, all of which is seen at the look with this number."""

    def __init__(self, descriptor: int, *, stops: int, at: int) -> None:
        self._descriptor, self._stops, self._left = descriptor, stops, at

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


def _ending(folder: Path, owner: _Owner) -> Ending:
    return supervise(
        [["sleep", "30"]],
        cwd=folder,
        environ=os.environ,
        log=folder / "log",
        stop_file=folder / "stop",
        control=owner,
        timeout=20.0,
        meanwhile=lambda: None,
    )


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_stop_that_was_asked_for_before_its_owner_let_go_is_the_reason(
    tmp_path: Path, closed_pipe: int, at: int
) -> None:
    assert _ending(tmp_path, _Owner(closed_pipe, stops=2, at=at)).stopped == "user"


@pytest.mark.parametrize("at", [1, 2])
def test_an_owner_that_only_lets_go_is_the_reason(tmp_path: Path, closed_pipe: int, at: int) -> None:
    assert _ending(tmp_path, _Owner(closed_pipe, stops=0, at=at)).stopped == "kernel"

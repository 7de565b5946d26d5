"""Reading the scalars of an operation from its log, in the worker, while it runs and when it has ended.

The output is a stranger's, and so may be the regular expressions. All work on them is bounded here, and no other
process does any: readers have the numbers from a file of the run and from its record.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from msgspec import Struct, field

from dvc_magic.engine.runs.deadline import GivenUpError, given_up
from dvc_magic.model.operation import ScalarPattern
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.stage import Stage
from dvc_magic.runs import MOST_NAMES, LineCutter, Point, ScalarReader, written_points
from dvc_magic.untrusted import abridged, one_line

_CHUNK = 64 * 1024  # bytes of the log that are read at once
_LOOK = 0.02  # seconds that one look takes while the command runs: a stop may wait for it
_PATIENCE = 1.0  # seconds of this process that a chunk may take before an expression is given up
_REST = 10.0  # seconds of this process for what is left of the log when the command has ended
_FILE = 8 * 2**20  # bytes of points that are kept


class FoundScalars(Struct, frozen=True, kw_only=True):
    """What the output of a run came to: the last value of each name, and lines for people."""

    last: dict[str, int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class ScalarWatch:
    """Follows the log of one run. Side effect: writes the run's file of points.

    Args:
        stage: of the run; without an operation that says so, its output is left alone.
        paths: of the run. What the log has already is of an earlier attempt.
    """

    def __init__(self, stage: Stage, paths: RunPaths) -> None:
        scalars = stage.operation.scalars if stage.operation is not None else None
        self._reader = None if scalars is None else _reader(stage)
        self._bounded = scalars is not None and bool(scalars.patterns)
        self._paths = paths
        self._position = _size(paths)
        self._cutter = LineCutter()
        self._last: dict[str, int | float] = {}
        self._room = _FILE
        self._warnings: list[str] = []

    def look(self) -> None:
        """Read what has been printed since, for a short time."""
        if self._reader is None:
            return
        end = time.perf_counter() + _LOOK
        while self._read_some() and time.perf_counter() < end:
            pass

    def finish(self) -> FoundScalars:
        """Read the rest; of a flood the beginning and the end."""
        if self._reader is None:
            return FoundScalars()
        end = time.process_time() + _REST
        while self._read_some() and time.process_time() < end:
            pass
        skipped = _size(self._paths) - self._position - _CHUNK
        if skipped > 0:
            self._warn(f"{skipped / 2**20:.0f} MB of its output were not searched for scalars: it has too much of it")
            self._position += skipped
            self._cutter = LineCutter(in_line=True)
            self._read_some()
        self._take([self._cutter.rest()])
        if self._reader.too_many:
            self._warn(f"it printed more than {MOST_NAMES} different names of numbers; the later ones are no metrics")
        return FoundScalars(last=self._last, warnings=tuple(self._warnings))

    def _read_some(self) -> bool:
        """Read a chunk; False when there is none."""
        try:
            with self._paths.log.open("rb") as log:
                log.seek(self._position)
                data = log.read(_CHUNK)
        except OSError:
            return False
        self._position += len(data)
        self._take(list(self._cutter.lines(data)))
        return bool(data)

    def _take(self, lines: list[str]) -> None:
        points = self._points(lines) if self._bounded else self._all_points(lines)
        self._last |= {name: value for name, _, value in points}
        self._write(points)

    def _all_points(self, lines: Iterable[str]) -> list[Point]:
        assert self._reader is not None
        return [point for line in lines for point in self._reader.points(line)]

    def _points(self, lines: Iterable[str]) -> list[Point]:
        """The points of lines; an expression that takes too long at them is used no more."""
        assert self._reader is not None
        points: list[Point] = []
        waiting = iter(lines)
        while True:
            end = time.process_time() + _PATIENCE  # a busy machine is not the expression's fault

            def is_slow(_seconds: float, end: float = end) -> str:
                return "slow" if time.process_time() > end else ""

            try:
                with given_up(is_slow):
                    for line in waiting:
                        points += self._reader.points(line)
            except GivenUpError:
                dropped = self._reader.drop_current()
                if dropped is not None:
                    self._warn(_slow(dropped))
            else:
                return points

    def _write(self, points: list[Point]) -> None:
        if not points or not self._room:
            return
        data = written_points(points)
        if len(data) > self._room:
            self._room = 0
            self._warn(f"it printed more than {_FILE / 2**20:.0f} MB of steps: series end early, last values are right")
            return
        self._room -= len(data)
        try:
            with self._paths.scalars.open("ab") as file:
                file.write(data)
        except OSError as error:
            self._room = 0
            self._warn(f"the steps of what it printed could not be written any more: {error.strerror or error}")

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def _reader(stage: Stage) -> ScalarReader | None:
    assert stage.operation is not None
    assert stage.operation.scalars is not None
    flags = {flag.key for flag in stage.flags if not flag.listed}
    try:
        return ScalarReader(stage.operation.scalars, flags=flags)
    except ValueError:  # checked where it was read; this may be another version of Python
        return None


def _size(paths: RunPaths) -> int:
    try:
        return paths.log.stat().st_size
    except OSError:
        return 0


def _slow(pattern: ScalarPattern) -> str:
    name = f"{pattern.key}: " if pattern.key else ""
    shown = one_line(abridged(f"{name}{pattern.pattern}", 80))
    return (
        f"output-scalars: {shown} took more than {_PATIENCE:g} s for 64 kB of output and was used no further; "
        "write an expression without repeats inside of repeats"
    )

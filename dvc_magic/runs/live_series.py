"""The step series of a run that goes, cheap enough to be asked for every second.

Which files and columns, and over what: as `dvc_magic.runs.history` has it for runs that have ended. A CSV or TSV file
is read where the last look ended, one that is written anew from its begin. A file that cannot be read at the moment,
because half of it is written, keeps what it had.
"""

from __future__ import annotations

import contextlib
import csv
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import RunRecord
from dvc_magic.runs.history import (
    COUNTERS,
    ROW,
    History,
    Series,
    named_apart,
    parsed_cell,
    read_series,
    series_files,
    table_series,
)
from dvc_magic.runs.plot_declarations import PlotDeclaration, declared_plots, plot_declarations
from dvc_magic.runs.printed import STEP, PointsFile

_READ = 128 * 1024  # bytes of a table at one look: 0.1 s for two columns
_WHOLE = {".json": 2**20, ".yaml": 64 * 1024, ".yml": 64 * 1024}  # bytes of a file that is read anew at each change
_LISTED = 50  # files
_TIME = 0.1  # seconds of a look, and one more file
_ROWS = 4_000  # of a table, before it is thinned to at most a quarter
_EXTREMES = 5  # columns whose lowest and highest values outlast that
_ANCHOR = 64  # bytes before what is new, by which one knows a file that was written anew
_SHARE = 10  # a file that took a second is left alone for 10
_PREFERRED = ("loss", "acc")


class LiveSeries:
    """The step series of one run, as of the last look.

    Args:
        record: of the run, as it was when it started. paths: its files.
        clock: seconds, which say when a costly look may be repeated.

    Attributes:
        history: the series, as `curves_view` takes them; without warnings.
    """

    def __init__(self, record: RunRecord, paths: RunPaths, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.history = History()
        self._record = record
        self._root = paths.dvc_root(record.root)
        self._clock = clock
        self._printed = _Printed(paths)
        self._declared = plot_declarations(self._root, dvcfile=record.dvcfile, wdir=record.wdir)
        plots = declared_plots(self._root, dvcfile=record.dvcfile, wdir=record.wdir)
        named = [(path, column) for plot in plots for path, columns in plot.columns.items() for column in columns]
        self._order = {place: rank for rank, place in enumerate(named)}
        self._names: list[str] = []  # of the files, in the order of the series
        self._files: dict[str, _LiveFile] = {}  # the one that waits longest first
        self._listing = _Due(clock)

    def look(self) -> bool:
        """Read what has changed, within bounds of time and size; whether a series has."""
        if self._listing.come:
            with self._listing:
                self._find_files()
        if not any([self._printed.look(), *self._look_at_files()]):
            return False
        found = named_apart([series for name in self._names for series in self._files[name].series])
        names = {series.name for series in found}
        printed = (series for series in self._printed.series() if series.name not in names)
        self.history = History(series=(*found, *printed))
        return True

    @property
    def default(self) -> str:
        """The series that says how it goes: one of a loss, else of an accuracy, else the first; empty without one.

        Among several it is the one that ``dvc.yaml`` names first.
        """
        series = [one for one in self.history.series if one.name.rpartition("/")[2].lower() not in COUNTERS]
        last = len(self._order)
        ranked = sorted(series, key=lambda one: (_preference(one), self._order.get((one.file, one.column), last)))
        return ranked[0].name if ranked else ""

    def _look_at_files(self) -> Iterator[bool]:
        """Look at each file, but for a short time; the next look begins where this one ends."""
        end = self._clock() + _TIME
        for name in list(self._files):
            yield self._files[name].look()
            self._files[name] = self._files.pop(name)
            if self._clock() > end:
                return

    def _find_files(self) -> None:
        self._names = list(dict.fromkeys(series_files(self._record, self._root, self._declared)))[:_LISTED]
        for name in self._names:
            if name not in self._files:
                declared = self._declared.get(name, PlotDeclaration())
                kind = _Table if name.lower().endswith((".csv", ".tsv")) else _Whole
                self._files[name] = kind(self._root / name, name, declared, _Due(self._clock))


def _preference(series: Series) -> int:
    name = series.name.lower()
    return next((rank for rank, word in enumerate(_PREFERRED) if word in name), len(_PREFERRED))


class _Due:
    """Says when something costly may be done again, by how long it took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = float("-inf")
        self._began = 0.0

    @property
    def come(self) -> bool:
        return self._clock() >= self._next

    def __enter__(self) -> None:
        self._began = self._clock()

    def __exit__(self, *_: object) -> None:
        now = self._clock()
        self._next = now + _SHARE * (now - self._began)


class _LiveFile:
    """A file that may hold series; `series` are those of the last time that it could be read."""

    def __init__(self, path: Path, name: str, declared: PlotDeclaration, due: _Due) -> None:
        self.series: Sequence[Series] = ()
        self._path = path
        self._name = name
        self._declared = declared
        self._due = due
        self._sign: tuple[int, ...] = ()

    def look(self) -> bool:
        """Read it when it has changed; whether it had."""
        try:
            facts = self._path.stat()
        except OSError:
            return False
        sign = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if sign == self._sign or not self._due.come:
            return False
        finished = True
        with self._due, contextlib.suppress(Exception):  # whatever a stage wrote there, the others are looked at
            finished = self._read(facts.st_size)
        self._sign = sign if finished else ()
        return True

    def _read(self, size: int) -> bool:
        """Read what is new; whether that was all."""
        raise NotImplementedError


class _Whole(_LiveFile):
    """JSON or YAML: small enough to be read anew."""

    def _read(self, size: int) -> bool:
        if size <= _WHOLE[self._path.suffix.lower()]:
            found, _ = read_series(self._path, name=self._name, declared=self._declared, whole=False)
            self.series = found or self.series
        return True


class _Table(_LiveFile):
    """CSV or TSV: rows come at its end."""

    def __init__(self, path: Path, name: str, declared: PlotDeclaration, due: _Due) -> None:
        super().__init__(path, name, declared, due)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._position = 0
        self._anchor = b""
        self._names: list[str] = []
        self._rows: list[tuple[int, list[Any]]] = []  # with their numbers, from 0
        self._count = 0
        self._texts: set[int] = set()  # columns with a text, which are no series

    def _read(self, size: int) -> bool:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, self._position - len(self._anchor)))
                if size < self._position or file.read(len(self._anchor)) != self._anchor:
                    self._begin_anew()
                    file.seek(0)
                data = file.read(_READ)
        except OSError:
            return False
        end = data.rfind(b"\n") + 1
        if end:
            self._anchor = (self._anchor + data[:end])[-_ANCHOR:]
            self._position += end
            self._take(data[:end].decode("utf-8-sig", errors="replace"))
            self.series = self._found() or self.series
        elif len(data) == _READ:
            self._position += len(data)  # no row is so long
            self._anchor = data[-_ANCHOR:]
        return self._position + len(data) - end >= size

    def _take(self, text: str) -> None:
        for row in csv.reader(text.splitlines(keepends=True), delimiter=self._delimiter):
            if not row:
                continue
            if not self._names:
                self._names = (
                    [name.strip() for name in row] if self._declared.header else list(map(str, range(len(row))))
                )
                if self._declared.header:
                    continue
            cells = [parsed_cell(cell) for cell in row[: len(self._names)]]
            self._texts |= {place for place, cell in enumerate(cells) if isinstance(cell, str)}
            self._rows.append((self._count, [*cells, *[None] * (len(self._names) - len(cells))]))
            self._count += 1
            if len(self._rows) > _ROWS:
                self._rows = _thinned(self._rows)

    def _found(self) -> list[Series]:
        columns: dict[str, list[Any]] = {}
        for place, name in enumerate(self._names):
            cells = ("" if place in self._texts else row[place] for _, row in self._rows)
            columns.setdefault(name, list(cells))
        found = table_series(self._name, columns, self._declared)
        numbers = [number for number, _ in self._rows]
        return [
            replace(one, steps=tuple(numbers[int(step)] for step in one.steps)) if one.axis == ROW else one
            for one in found
        ]


def _thinned(rows: Sequence[tuple[int, list[Any]]]) -> list[tuple[int, list[Any]]]:
    """A quarter of the rows: of each few the first, and those with the extremes of the first columns of numbers."""
    texts = {place for _, row in rows for place, cell in enumerate(row) if isinstance(cell, str)}
    places = [place for place in range(len(rows[0][1])) if place not in texts][:_EXTREMES]
    size = 4 * (1 + 2 * len(places))
    kept: list[tuple[int, list[Any]]] = []
    for begin in range(0, len(rows), size):
        bucket = rows[begin : begin + size]
        chosen = {0}
        for place in places:
            there = [at for at, (_, row) in enumerate(bucket) if row[place] is not None]
            if there:
                chosen |= {extreme(there, key=lambda at: bucket[at][1][place]) for extreme in (min, max)}
        kept += [bucket[at] for at in sorted(chosen)]
    kept += [rows[-1]] if kept[-1] is not rows[-1] else []
    return kept


class _Printed:
    """The series of the numbers that the run prints."""

    def __init__(self, paths: RunPaths) -> None:
        self._file = PointsFile(paths.scalars)
        self._log = paths.log.name
        self._points: dict[str, list[tuple[int, list[Any]]]] = {}

    def look(self) -> bool:
        new = self._file.new()
        for name, step, value in new:
            points = self._points.setdefault(name, [])
            points.append((len(points), [step, value]))
            if len(points) > _ROWS:
                self._points[name] = _thinned(points)
        return bool(new)

    def series(self) -> Iterable[Series]:
        for name, points in self._points.items():
            steps, values = zip(*(row for _, row in points), strict=True)
            yield Series(name=name, file=self._log, axis=STEP, steps=steps, values=values)

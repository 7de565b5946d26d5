"""Step series that a run wrote: the columns of its plot files and the metrics of its DVCLive folders.

**Which files.** Plot files among the run's outs (CSV, TSV, JSON, YAML), or files below a plot that is a folder; outs
that a top-level ``plots`` of the ``dvc.yaml`` names; ``plots/metrics/**/*.tsv`` of a folder that DVCLive wrote, be it
an out or ``dvclive`` in the stage's wdir. Of an operation whose output is read for scalars, also those: see
`dvc_magic.runs.printed`. What is no out counts only when it was written after the run was made, since
it may be a source. What the run got as a dependency is another run's.

**Which columns.** Those in which every value that is there is a number. A text such as ``cat`` in one row makes the
whole column no series; so do bools.

**Over what.** The column ``step``, else another that counts (``global_step``, ``epoch``, ``iteration``...), else the
plot's ``x`` in ``dvc.yaml`` when it counts as well (whole numbers that never fall), else the row number from 0. A file
has no step series when its ``x`` does not count (a rate such as ``fpr`` does not, even where it is 0 and 1 alone) or is
no column of it (``rev``, which DVC adds when it draws), or when its template is of another kind than a line, such as
points of a ROC curve or a confusion matrix.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import RequestError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import OutKind, lies_in
from dvc_magic.runs.named_plots import NamedPlot, is_foreign, named_plots
from dvc_magic.runs.plot_declarations import PlotDeclaration, plot_declarations
from dvc_magic.runs.printed import STEP, Number, PointsFile
from dvc_magic.untrusted import check_yaml

if TYPE_CHECKING:
    from dvc_magic.store import StoredRun

Columns: TypeAlias = "dict[str, list[Any]]"

COUNTERS = ("step", "global_step", "epoch", "iteration", "iter", "round", "batch")  # in order of preference
ROW = "row"  # the axis of series that nothing but their rows counts

_LIMIT = 16 * 2**20  # bytes of a file
_YAML_LIMIT = 2**20  # the pure reader takes about a second for it
_CELLS = 2_000_000  # values in a file, aliases expanded
_MAP = 20  # values that a map counts for, which takes as long
_FILES = 1000
_DEPTH = 20  # maps within each other
_FORMATS = (".csv", ".tsv", ".json", ".yaml", ".yml")
_MISSING = ("", "na", "n/a", "null", "none")
_OTHER_TEMPLATES = ("confusion", "bar_", "scatter")
_RATE = r"(?i)(?:^|[\W_])(?:fpr|tpr|fnr|tnr|precision|recall|thresholds?|rate)$"
_TIMES = ("timestamp", "time", "datetime", "wall_time")


class Series(Struct, frozen=True, kw_only=True):
    """One step series of a run.

    Attributes:
        name: the column; ``train/loss`` as DVCLive names it, or below a key of a JSON file; ``FILE:NAME`` when several
            files of the run have it.
        file: where it is from, by its path from the DVC root.
        axis: the name of what counts the steps: ``step``, ``epoch``... or ``row``.
        steps, values: of equal length, in the order of the file, exact; a missing value has no point, NaN is a value.
        column: what the file itself calls it.
    """

    name: str
    file: str
    axis: str
    steps: tuple[Number, ...]
    values: tuple[Number, ...]
    column: str = ""


class History(Struct, frozen=True, kw_only=True):
    """The step series of a run, its plots by name, and one line for each file that could not be read."""

    series: tuple[Series, ...] = ()
    warnings: tuple[str, ...] = ()
    plots: tuple[NamedPlot, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the series."""
        return tuple(series.name for series in self.series)

    def get(self, name: str) -> Series | None:
        """The series of exactly this name."""
        return next((series for series in self.series if series.name == name), None)

    def find(self, name: str) -> tuple[str, ...]:
        """The series that `name` fits: itself, else those of a plot, file or folder called so, else all that end so.

        An end begins after a ``/``, ``.`` or ``:``.
        ``train.loss``, as DVCLive's metrics have it, also fits the series ``train/loss``.
        """
        if name in self.names:
            return (name,)
        plot = self.plot(name)
        if plot is not None and plot.series:
            return plot.series
        path = posixpath.normpath(name)
        within = tuple(series.name for series in self.series if lies_in(series.file, path))
        if within:
            return within
        return tuple(known for known in self.names if f".{_dotted(known)}".endswith(f".{_dotted(name)}"))

    def plot(self, name: str) -> NamedPlot | None:
        """The plot that is called `name`, by whatever spelling."""
        path = posixpath.normpath(name)
        return next((plot for plot in self.plots if name == plot.name or {name, path} & plot.others), None)


def _dotted(name: str) -> str:
    return re.sub("[/:]", ".", name)


def history_of(run: StoredRun) -> History:
    """The step series of a run, read from its files as they are now (see the top of this module).

    A last line without its end is left out unless the run completed: it may be cut within a number.
    """
    record, root = run.record, run.paths.dvc_root(run.record.root)
    declared = plot_declarations(root, dvcfile=record.dvcfile, wdir=record.wdir)
    files, warnings = _capped(series_files(record, root, declared))
    found: list[Series] = []
    for path in files:
        series, warning = read_series(
            root / path,
            name=path,
            declared=declared.get(path, PlotDeclaration()),
            whole=record.status is RunStatus.COMPLETED,
        )
        found += series
        warnings += [warning] if warning else []
    found = list(named_apart(found))
    names = {name for series in found for name in (series.name, series.name.removeprefix(f"{series.file}:"))}
    printed = (series for series in _printed(run) if series.name not in names)
    plots = named_plots(record, root, series=found, declared=declared)
    return History(series=(*found, *printed), warnings=tuple(warnings), plots=tuple(plots))


def _printed(run: StoredRun) -> Iterator[Series]:
    """The series of numbers in the run's output, if that was read for scalars."""
    points: dict[str, list[tuple[Number, Number]]] = {}
    for name, step, value in PointsFile(run.paths.scalars).new():
        points.setdefault(name, []).append((step, value))
    for name, pairs in points.items():
        steps, values = zip(*pairs, strict=True)
        yield Series(name=name, file=run.paths.log.name, axis=STEP, steps=steps, values=values)


def named_apart(found: list[Series]) -> tuple[Series, ...]:
    """The series of all files, those that several files have as ``FILE:NAME``."""
    counts = Counter(series.name for series in found)
    return tuple(
        series if counts[series.name] == 1 else replace(series, name=f"{series.file}:{series.name}") for series in found
    )


# finding


def _capped(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    files = list(dict.fromkeys(paths))
    if len(files) <= _FILES:
        return files, []
    return files[:_FILES], [f"there are {len(files)} plot files; only the first {_FILES} are read as step series"]


def series_files(record: RunRecord, root: Path, declared: Mapping[str, PlotDeclaration]) -> Iterator[str]:
    """The files of a run that may hold step series, from its DVC root, in the order of the outs."""
    for path, out in record.outs.items():
        if not is_foreign(path, record):
            yield from _within(root, path, plot=out.kind is OutKind.PLOT or path in declared)
    others = [posixpath.normpath(posixpath.join(record.wdir, "dvclive")), *declared]
    created = record.times.created.timestamp()
    for path in others:
        if path not in record.outs and not is_foreign(path, record):
            within = _within(root, path, plot=path in declared)
            yield from (file for file in within if _modified(root / file) >= created)


def _modified(path: Path) -> float:
    """Seconds, as of the epoch; 0 for a file that has gone since it was listed."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _within(root: Path, path: str, *, plot: bool) -> Iterator[str]:
    """The files at or below a path that may hold series; of a folder that is no plot, those of DVCLive alone."""
    if (root / path).is_file():
        yield from [path] if plot and _has_format(path) else []
        return
    layouts = [f"{path}/plots/metrics", *([f"{path}/metrics"] if posixpath.basename(path) == "plots" else [])]
    live = next((layout for layout in layouts if (root / layout).is_dir()), None)
    if live is not None or plot:
        yield from _walk(root, live or path)


def _walk(root: Path, folder: str) -> Iterator[str]:
    for at, folders, names in os.walk(root / folder):
        folders.sort()
        below = Path(at).relative_to(root / folder).as_posix()
        for name in sorted(names):
            if _has_format(name) and (Path(at) / name).is_file():
                yield posixpath.normpath(posixpath.join(folder, below, name))


def _has_format(path: str) -> bool:
    return path.lower().endswith(_FORMATS)


# reading


def read_series(
    path: Path, *, name: str, declared: PlotDeclaration | None = None, whole: bool = True
) -> tuple[list[Series], str]:
    """The step series of one file, and an empty text or one line that says why it cannot be read.

    Args:
        path: of the file; its suffix tells the format, as in DVC.
        name: its path from the DVC root.
        declared: what ``dvc.yaml`` says of the plot.
        whole: whether the file is surely complete; else a last line without its end is left out.
    """
    declared = declared or PlotDeclaration()
    try:
        size, limit = path.stat().st_size, _YAML_LIMIT if path.suffix.lower() in (".yaml", ".yml") else _LIMIT
        if size > limit:
            return [], f"{name} has {size} bytes, more than the {limit} that are read as step series"
        tables = list(_tables(path, declared=declared, whole=whole))
    except FileNotFoundError:
        return [], ""  # gone since it was listed
    except Exception as error:  # noqa: BLE001 - whatever a stage wrote there must not fail the reading of the others
        reason = " ".join(str(error).split())[:200]
        return [], f"{name} cannot be read as step series: {reason or type(error).__name__}"
    return [series for prefix, columns in tables for series in table_series(name, columns, declared, prefix=prefix)], ""


def table_columns(path: Path, *, header: bool = True) -> Columns:
    """The columns of the first table in a plot's file, exact; None is missing.

    Raises:
        RequestError: it is too large, or cannot be read.
    """
    if (size := path.stat().st_size) > _LIMIT:
        message = f"{path.name} has {size:,} bytes, more than the {_LIMIT:,} that are read as a plot"
        raise RequestError(message)
    try:
        return next((columns for _, columns in _tables(path, declared=PlotDeclaration(header=header), whole=True)), {})
    except Exception as error:  # whatever a stage wrote there
        message = f"{path.name} cannot be read as a plot: {' '.join(str(error).split())[:200] or type(error).__name__}"
        raise RequestError(message) from error


def _tables(path: Path, *, declared: PlotDeclaration, whole: bool) -> Iterator[tuple[str, Columns]]:
    """Prefix of the names, and columns of equal length in which None is missing."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    match path.suffix.lower():
        case ".csv" | ".tsv" as suffix:
            text = text if whole else text[: text.rfind("\n") + 1]
            yield "", _separated(text, delimiter="\t" if suffix == ".tsv" else ",", header=declared.header)
        case ".json":
            yield from _Nested(path.stem).tables(json.loads(text))
        case _:
            from ruamel.yaml import YAML  # noqa: PLC0415 - 20 ms, for YAML alone

            check_yaml(text)
            yield from _Nested(path.stem).tables(YAML(typ="safe", pure=True).load(text))


def _separated(text: str, *, delimiter: str, header: bool) -> Columns:
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not rows:
        return {}
    names = [name.strip() for name in rows.pop(0)] if header else [str(place) for place in range(len(rows[0]))]
    columns: Columns = {}
    for place, name in enumerate(names):
        columns.setdefault(name, [parsed_cell(row[place]) if place < len(row) else None for row in rows])
    return columns


def parsed_cell(text: str) -> Any:
    """A number, None for what stands for a missing one, or the text itself."""
    text = text.strip()
    if "_" in text:  # Python would read 1_000 as a number
        return text
    for kind in (float,) if "." in text else (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text.lower() in _MISSING else text


class _Nested:
    """Makes tables of JSON-like content: lists of records or of numbers, at any depth of maps."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._cells = 0

    def tables(self, content: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Columns]]:
        """The tables of `content`.

        Raises:
            ValueError: it is too large.
        """
        if isinstance(content, list):
            yield prefix, self._records(content) if _are_records(content) else self._evened({self._stem: content})
        elif isinstance(content, Mapping) and depth < _DEPTH:
            self._count(_MAP)  # with YAML's aliases, maps of maps grow tenfold with each line
            lists = {str(key): item for key, item in content.items() if isinstance(item, list)}
            yield prefix, self._evened({key: item for key, item in lists.items() if not _are_records(item)})
            for key, item in content.items():
                if isinstance(item, Mapping) or _are_records(item):
                    yield from self.tables(item, f"{prefix}{key}/", depth + 1)

    def _records(self, records: list[Any]) -> Columns:
        cells = sum(map(len, records))
        self._count(cells)
        by_text = [{str(name): value for name, value in record.items()} for record in records]
        names = dict.fromkeys(name for record in by_text for name in record)
        self._count(len(names) * len(records) - cells)  # what the gaps of a sparse table add
        return {name: [record.get(name) for record in by_text] for name in names}

    def _evened(self, columns: Columns) -> Columns:
        rows = max(map(len, columns.values()), default=0)
        self._count(len(columns) * rows)
        return {name: [*values, *[None] * (rows - len(values))] for name, values in columns.items()}

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > _CELLS:
            message = f"it has more than {_CELLS} values"
            raise ValueError(message)


def _are_records(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(item, dict) for item in content)


# choosing


class _Axis(Struct, frozen=True):
    name: str
    steps: list[Number | None]
    columns: frozenset[str] = field(default_factory=frozenset)  # which are no series then


def table_series(file: str, columns: Columns, declared: PlotDeclaration, *, prefix: str = "") -> Iterator[Series]:
    """The step series of a table, whose columns are of equal length and have None where a value is missing."""
    numeric = {name: values for name, values in columns.items() if _are_numbers(values)}
    axis = _axis(columns, numeric, declared)
    if axis is None:
        return
    chosen = [name for name in numeric if name not in axis.columns and name.lower() not in _TIMES and _is_named(name)]
    live = _dvclive_name(file)
    for name in chosen:
        points = [
            (step, value)
            for step, value in zip(axis.steps, numeric[name], strict=True)
            if step is not None and value is not None and math.isfinite(step)
        ]
        yield Series(
            name=f"{prefix}{name}" if live is None else live if len(chosen) == 1 else f"{live}/{name}",
            file=file,
            axis=axis.name,
            steps=tuple(step for step, _ in points),
            values=tuple(value for _, value in points),
            column=name,
        )


def _are_numbers(values: list[Any]) -> bool:
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in there)


def _is_named(column: str) -> bool:
    """Whether a column has a name; an index that pandas wrote has none."""
    return bool(column) and not re.fullmatch(r"Unnamed: \d+", column)


def _axis(columns: Columns, numeric: Columns, declared: PlotDeclaration) -> _Axis | None:
    """What counts the steps; None when the table is of another kind."""
    by_name = {name.lower(): name for name in reversed(numeric)}
    counter = next((by_name[name] for name in COUNTERS if name in by_name), None)
    if counter is not None:
        return _Axis(counter, numeric[counter], frozenset([counter]))
    if declared.template.startswith(_OTHER_TEMPLATES):
        return None
    if declared.x in columns:
        counts = declared.x in numeric and _counts_up(declared.x, numeric[declared.x])
        return _Axis(declared.x, numeric[declared.x], frozenset([declared.x])) if counts else None
    if declared.x and declared.x.lower() not in COUNTERS and "${" not in declared.x:
        return None
    rows = max(map(len, columns.values()), default=0)
    return _Axis(ROW, list(range(rows)))


def _counts_up(name: str, values: list[Any]) -> bool:
    there = [value for value in values if value is not None]
    if re.search(_RATE, name) or (len(set(there)) < len(there) and set(there) <= {0, 1}):
        return False  # points of a ROC or another curve between 0 and 1
    whole = all(math.isfinite(value) and value == int(value) for value in there)
    return whole and there == sorted(there)


def _dvclive_name(file: str) -> str | None:
    """``train/loss`` of ``dvclive/plots/metrics/train/loss.tsv``."""
    _, mark, below = f"/{file}".partition("/plots/metrics/")
    return posixpath.splitext(below)[0] if mark and below.lower().endswith(".tsv") else None

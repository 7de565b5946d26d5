"""Runs as a pandas frame; the only module that knows pandas, and it imports it when a frame is asked for."""

from __future__ import annotations

import math
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from dvc_magic.model.values import same
from dvc_magic.runs.history import Series
from dvc_magic.runs.lineage import FIELDS, RunRow, run_row
from dvc_magic.runs.printed import Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from dvc_magic.store import StoredRun

_COLUMNS = ("number", "stage", "status", "started", "duration", "label", "tags")
_LARGEST = 2**63  # what pandas' integers end below
_EXACT = 2**53  # whole numbers that a float keeps


def frame(rows: Iterable[RunRow | tuple[StoredRun, Sequence[StoredRun]]]) -> pd.DataFrame:
    """One row per run, indexed by id.

    What tells most comes first: the number, ``params.KEY`` that differ between the rows, ``metrics.KEY``; then the
    other fields, and the params that are the same in all rows.

    Values stay exact: whole numbers and bools with gaps are pandas' nullable ``Int64`` and ``boolean``, numbers beyond
    64 bits objects. ``started`` is a UTC time, ``duration`` seconds.

    Args:
        rows: rows, or runs with their lineage, in the order of the frame.
    """
    import pandas as pd  # noqa: PLC0415 - 0.3 s, for those who ask for a frame

    data = [(row if isinstance(row, RunRow) else run_row(*row)).columns() for row in rows]
    index = pd.Index([row["id"] for row in data], name="id", dtype=object)
    names = dict.fromkeys(["number", *_telling_names(data), *_COLUMNS, *_sorted_names(data)])
    return pd.DataFrame({name: _series(name, [row.get(name) for row in data], index) for name in names}, index=index)


def history_frame(series: Sequence[Series]) -> pd.DataFrame:
    """Step series side by side: one row per step, one column per series, ``NaN`` where a series has no such step.

    The index is named for what counts the steps (``step``, ``epoch``...), or ``step`` when the series differ in it, and
    sorted. A series that has a step several times has as many rows of it. Values are as in the files: whole numbers
    are ``int64`` in a column without gaps, everything else ``float64``; only whole numbers with gaps that a float would
    alter are nullable ``Int64``, or objects beyond 64 bits.
    """
    import pandas as pd  # noqa: PLC0415

    axes = {one.axis for one in series}
    steps, columns = _side_by_side(series)
    index = pd.Index(steps, name=axes.pop() if len(axes) == 1 else "step")
    return pd.DataFrame({name: _numbers(values, index) for name, values in columns.items()}, index=index)


def _side_by_side(series: Sequence[Series]) -> tuple[list[Number], dict[str, list[Number | None]]]:
    """All steps in order, and each series' values at them."""
    if len({one.steps for one in series}) == 1:  # the columns of one file: ten times as fast
        order = sorted(range(len(series[0].steps)), key=series[0].steps.__getitem__)
        in_order = itemgetter(*order) if len(order) > 1 else tuple
        return list(in_order(series[0].steps)), {one.name: list(in_order(one.values)) for one in series}
    points = {one.name: _by_occurrence(one) for one in series}
    keys = sorted(set().union(*points.values()))
    return [step for step, _ in keys], {name: [at.get(key) for key in keys] for name, at in points.items()}


def _by_occurrence(series: Series) -> dict[tuple[Number, int], Number]:
    """Values by their step and by how often the series had that step before."""
    seen: Counter[Number] = Counter()
    points: dict[tuple[Number, int], Number] = {}
    for step, value in zip(series.steps, series.values, strict=True):
        points[step, seen[step]] = value
        seen[step] += 1
    return points


def _numbers(values: list[Number | None], index: pd.Index) -> pd.Series:
    """A column of numbers, gaps as NaN wherever that keeps them exact."""
    import pandas as pd  # noqa: PLC0415

    floats = (None in values or not {type(value) for value in values} <= {int}) and not any(map(_loses, values))
    dtype = "float64" if floats else _dtype(values)
    if dtype == "object":
        values = [math.nan if value is None else value for value in values]
    return pd.Series(values, index=index, dtype=dtype)


def labelled_frame(
    rows: Sequence[tuple[str, ...]], columns: Sequence[int], cells: Sequence[Sequence[Any]], *, names: Sequence[str]
) -> pd.DataFrame:
    """Values of any kind as they are: one row for each of `rows`, one column for each of `columns`.

    Args:
        rows: the labels of each row, as many as there are `names` of levels.
        columns: the label of each column.
        cells: the values of each row.
        names: of the levels of the index.
    """
    import pandas as pd  # noqa: PLC0415

    levels = [[row[level] for row in rows] for level in range(len(names))]
    index = pd.MultiIndex.from_arrays(levels, names=list(names))
    return pd.DataFrame(list(cells), index=index, columns=list(columns), dtype=object)


def _telling_names(data: list[dict[str, Any]]) -> list[str]:
    """The params that are not the same in all rows, then the metrics."""
    names = _sorted_names(data)
    params = [name for name in names if not _is_metric(name)]
    return [*(name for name in params if _varies(name, data)), *(name for name in names if _is_metric(name))]


def _varies(name: str, data: list[dict[str, Any]]) -> bool:
    first = data[0].get(name, data)  # a value that no row has
    return any(not same(row.get(name, data), first) for row in data)


def _sorted_names(data: list[dict[str, Any]]) -> list[str]:
    """The params and metrics of all rows: first come, first placed, params before metrics."""
    named = dict.fromkeys(name for row in data for name in row)
    return sorted((name for name in named if name not in FIELDS), key=_is_metric)


def _is_metric(name: str) -> bool:
    return name.startswith("metrics.") or (not name.startswith("params.") and ":metrics." in name)


def _series(name: str, values: list[Any], index: pd.Index) -> pd.Series:
    """A column of the type that keeps its values exact."""
    import pandas as pd  # noqa: PLC0415

    if name == "started":
        return pd.Series(pd.to_datetime(values, utc=True), index=index).astype("datetime64[us, UTC]")
    return pd.Series(values, index=index, dtype="float64" if name == "duration" else _dtype(values))


def _dtype(values: list[Any]) -> str:
    kinds = {type(value) for value in values}
    gaps = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {bool}:
        return "boolean" if gaps else "bool"
    if kinds == {int} and all(value is None or -_LARGEST <= value < _LARGEST for value in values):
        return "Int64" if gaps else "int64"
    if float in kinds and kinds <= {int, float} and not any(map(_loses, values)):
        return "float64"
    return "object"


def _loses(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > _EXACT

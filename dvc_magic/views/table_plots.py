"""Plots that ``dvc.yaml`` declares over a column that does not count steps: lines, bars, confusion matrices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvc_magic.errors import RequestError, close_matches
from dvc_magic.runs import PlotTable
from dvc_magic.views.format import format_value
from dvc_magic.views.scale import is_number

_CLASSES = 60
_WIDTH = 24

Columns = Mapping[str, Sequence[Any]]


class TableLine(Struct, frozen=True, kw_only=True):
    """One column over another.

    Attributes:
        label: of the run, and of the column where there are several.
        xs: numbers, or texts where the column has any. ys: numbers.
    """

    label: str
    xs: tuple[Any, ...]
    ys: tuple[float | int, ...]


class TablePlot(Struct, frozen=True, kw_only=True):
    """Lines over numbers, or bars over texts.

    Attributes:
        x: the column of the x axis. y: that of the y axis, or an empty text where there are several.
        categories: the texts of the x axis in their order; empty over numbers.
        note: what is left out, or an empty text.
    """

    x: str
    y: str
    lines: tuple[TableLine, ...]
    categories: tuple[str, ...] = ()
    note: str = ""


class ConfusionMatrix(Struct, frozen=True, kw_only=True):
    """How often each value of a column stands beside each value of another one.

    Attributes:
        label: of the run.
        x: the column of the actual values, whose counts are rows. y: the column of the predicted ones.
        classes: the values of both, in order. counts: one row for each actual class.
    """

    label: str
    x: str
    y: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def table_plot(sources: Sequence[tuple[str, PlotTable, Columns]], *, note: str = "") -> TablePlot:
    """The lines of some runs.

    Args:
        sources: label of a run, what is to be drawn, and the columns of its file.
        note: what is left out.

    Raises:
        RequestError: a file has no such column, or none with numbers.
    """
    lines, names = [], dict[str, None]()
    for label, table, columns in sources:
        xs = _column(columns, table.x, table)
        wanted = table.y or tuple(name for name in columns if name != table.x and any(map(is_number, columns[name])))
        if not wanted:
            raise RequestError(f"{table.path} has no column with numbers to draw over {table.x!r}")
        for name in wanted:
            ys = _column(columns, name, table)
            points = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and is_number(y)]
            names[name] = None
            several = len(wanted) > 1 or len({path.path for _, path, _ in sources}) > 1
            text = f"{label} {table.path}:{name}" if several else label
            lines.append(TableLine(label=text, xs=tuple(x for x, _ in points), ys=tuple(y for _, y in points)))
    texts = not all(is_number(x) for line in lines for x in line.xs)
    categories = dict.fromkeys(_text(x) for line in lines for x in line.xs) if texts else {}
    if texts:
        lines = [TableLine(label=line.label, xs=tuple(map(_text, line.xs)), ys=line.ys) for line in lines]
    axes = dict.fromkeys(table.x for _, table, _ in sources)
    return TablePlot(
        x=" / ".join(axes),
        y=next(iter(names)) if len(names) == 1 else "",
        lines=tuple(lines),
        categories=tuple(categories),
        note=note,
    )


def confusion_matrix(label: str, table: PlotTable, columns: Columns) -> ConfusionMatrix:
    """The counts of a run, as DVC's template ``confusion`` shows them.

    Raises:
        RequestError: the file has no such columns, or more classes than have room.
    """
    (y,) = table.y[:1] or (next((name for name in columns if name != table.x), ""),)
    pairs = list(zip(map(_text, _column(columns, table.x, table)), map(_text, _column(columns, y, table)), strict=True))
    classes = sorted({each for pair in pairs for each in pair})
    if len(classes) > _CLASSES:
        message = f"{table.path} has {len(classes):,} classes in {table.x!r} and {y!r}, and {_CLASSES} have room"
        raise RequestError(message)
    counted = Counter(pairs)
    counts = tuple(tuple(counted[actual, predicted] for predicted in classes) for actual in classes)
    return ConfusionMatrix(label=label, x=table.x, y=y, classes=tuple(classes), counts=counts)


def _column(columns: Columns, name: str, table: PlotTable) -> Sequence[Any]:
    if name not in columns:
        hint = close_matches(name, list(columns)) or f" It has: {', '.join(columns) or 'none'}."
        raise RequestError(f"{table.path} has no column {name!r}.{hint}")
    return columns[name]


def _text(value: Any) -> str:
    return format_value(value, width=_WIDTH)

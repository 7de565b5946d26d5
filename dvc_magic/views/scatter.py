"""One value of runs against another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.errors import ParamError, RequestError
from dvc_magic.runs import RunRow
from dvc_magic.views.run_labels import run_labels
from dvc_magic.views.scale import MISSING, Column, Scale, column, is_number, left_out


class Scatter(Struct, frozen=True, kw_only=True):
    """Two values of each run.

    Attributes:
        x, y: where the points lie, one value per point and none missing; `y` is of numbers.
        labels: of the points' runs. numbers: of the runs.
        color: what the points are coloured by, one value per point, or None.
        note: which runs were left out, or an empty text.
    """

    x: Scale
    y: Scale
    labels: tuple[str, ...]
    numbers: tuple[int, ...]
    color: Scale | None = None
    note: str = ""


def scatter_view(rows: Sequence[RunRow], x: str, y: str, *, color: str | None = None) -> Scatter:
    """One point for each run that has both values.

    Args:
        rows: of the runs.
        x: a param, else a metric or field; other values than numbers are categories.
        y: a metric, else a param or field, of numbers.
        color: likewise, or None.

    Raises:
        RequestError: there are no runs.
        UnknownLeafError: no run has one of the names.
        ParamError: a name fits several keys, or `y` is of no numbers.
    """
    if not rows:
        message = "there are no runs to plot"
        raise RequestError(message)
    at, height = column(rows, x, first="params"), numbers(rows, y)
    hue = column(rows, color, first="params").scale() if color else None
    xs, ys = at.scale(), height.scale()
    shown = [place for place in range(len(rows)) if xs.values[place] is not None and ys.values[place] is not None]
    labels = run_labels(rows)
    return Scatter(
        x=_only(xs, shown),
        y=_only(ys, shown),
        labels=tuple(labels[place] for place in shown),
        numbers=tuple(rows[place].run.record.number for place in shown),
        color=_only(hue, shown) if hue else None,
        note="; ".join(filter(None, [_note(at, xs), _note(height, ys)])),
    )


def _only(scale: Scale, places: list[int]) -> Scale:
    return replace(scale, values=tuple(scale.values[place] for place in places))


def _note(values: Column, scale: Scale) -> str:
    lacking = sum(value is MISSING for value in values.values)
    odd = sum(value is None for value in scale.values) - lacking
    total = len(values.values)
    notes = [left_out(lacking, total, values.name), left_out(odd, total, f"finite {values.name}")]
    return "; ".join(filter(None, notes))


def numbers(rows: Sequence[RunRow], name: str) -> Column:
    """A column in which whatever is no number is missing.

    Raises:
        UnknownLeafError, ParamError: as of `column`; also `ParamError` when no value is a number.
    """
    found = column(rows, name, usable=lambda near: is_numeric(rows, near))
    kept = tuple(_number(value) for value in found.values)
    if all(value is MISSING for value in kept):
        seen = next(value for value in found.values if value is not MISSING)
        message = f"{found.name!r} is {seen!r}, no number: it cannot be drawn; give the name of a number"
        raise ParamError(message)
    return Column(name=found.name, kind=found.kind, values=kept)


def is_numeric(rows: Sequence[RunRow], name: str) -> bool:
    """Whether `name` is one param, metric or field of the runs that has numbers."""
    try:
        return any(_number(value) is not MISSING for value in column(rows, name).values)
    except ParamError:
        return False


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value if is_number(value) else MISSING

"""Values of runs by name, ready for an axis or a colour scale."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from dvc_magic.errors import ParamError, close_matches
from dvc_magic.runs import FIELDS, Leaves, RunRow, UnknownLeafError, order_key
from dvc_magic.untrusted import first_few
from dvc_magic.views.format import format_value

MISSING = object()  # what a run lacks; null is a value

_DECADES = 100.0  # from this ratio of the largest to the smallest on, values read better on a logarithmic scale
_WIDTH = 24
_LISTED = 12
_KINDS = ("params", "metrics")


class Scale(Struct, frozen=True, kw_only=True):
    """What a number or a category of each run is called, and where each run stands on it.

    Attributes:
        name: of the param, metric or field.
        values: one per run, finite, or None; with `categories`, positions among them.
        categories: texts in their order; empty for numbers.
        log: whether the numbers are params that span two decades or more.
    """

    name: str
    values: tuple[float | None, ...]
    categories: tuple[str, ...] = ()
    log: bool = False


class Column(Struct, frozen=True, kw_only=True):
    """A param, metric or field of runs.

    Attributes:
        name: its full key. kind: ``params``, ``metrics`` or ``field``.
        values: one per run, exact; `MISSING` where a run has none.
    """

    name: str
    kind: str
    values: tuple[Any, ...]

    def scale(self) -> Scale:
        """The values on a scale: numbers where all are numbers, else categories by their text."""
        there = [value for value in self.values if value is not MISSING]
        if all(map(is_number, there)):
            values = tuple(finite(value) for value in self.values)
            return Scale(name=self.name, values=values, log=self.kind == "params" and spans_decades(values))
        ordered = sorted(there, key=_category_key)
        categories = tuple(dict.fromkeys(format_value(value, width=_WIDTH) for value in ordered))
        places = {text: float(place) for place, text in enumerate(categories)}
        at = (None if value is MISSING else places[format_value(value, width=_WIDTH)] for value in self.values)
        return Scale(name=self.name, values=tuple(at), categories=categories)


def _category_key(value: Any) -> tuple[int, Any]:
    """The order of categories, lists by their items."""
    return (3, [order_key(item) for item in value]) if isinstance(value, list) else order_key(value)


def column(
    rows: Sequence[RunRow], name: str, *, first: str = "metrics", usable: Callable[[str], bool] | None = None
) -> Column:
    """The values that people call `name`, one per row.

    Args:
        rows: of the runs.
        name: ``params.KEY``, ``metrics.KEY``, a field such as ``duration``, ``STAGE:params.KEY``; else a key of a param
            or metric or an unambiguous end of one, the same for all runs.
        first: ``params`` or ``metrics``: where a bare name is looked for first.
        usable: whether a name that is near to an unknown one would do in its place; without it, any that is a column.

    Raises:
        UnknownLeafError: no run has it.
        ParamError: it fits several keys.
    """
    if name in FIELDS:
        return Column(name=name, kind="field", values=tuple(_or_missing(row.fields[name]) for row in rows))
    for kind, end in _places(name, first):
        if key := _key(rows, kind, end):
            return Column(name=key, kind=kind, values=tuple(dict(_leaves(row, kind)).get(key, MISSING) for row in rows))
    values = tuple(_or_missing(row.get(name)) if ":" in name else MISSING for row in rows)
    if all(value is MISSING for value in values):
        raise UnknownLeafError(unknown(name, rows, usable=usable or (lambda near: _is_column(rows, near, first))))
    return Column(name=name, kind="params" if ":params." in name else "metrics", values=values)


def _is_column(rows: Sequence[RunRow], name: str, first: str) -> bool:
    try:
        return any(_key(rows, kind, end) for kind, end in _places(name, first))
    except ParamError:  # it fits several
        return False


def _or_missing(value: Any) -> Any:
    return MISSING if value is None else value


def _places(name: str, first: str) -> list[tuple[str, str]]:
    """Where to look for a name, by kind, and what for."""
    prefix, _, end = name.partition(".")
    if end and prefix in _KINDS:
        return [(prefix, end)]
    return [(kind, name) for kind in sorted(_KINDS, key=lambda kind: kind != first)]


def _leaves(row: RunRow, kind: str) -> Leaves:
    return row.params if kind == "params" else row.metrics


def _key(rows: Sequence[RunRow], kind: str, name: str) -> str | None:
    """The one key that `name` fits in all of the runs; None when it fits none in any."""
    found = dict.fromkeys(key for row in rows for key in _leaves(row, kind).find(name))
    if len(found) > 1 and name not in found:
        message = f"{name!r} fits {', '.join(list(found)[:_LISTED])}; give more of the key"
        raise ParamError(message)
    return name if name in found else next(iter(found), None)


def unknown(name: str, rows: Iterable[RunRow], series: Iterable[str] = (), *, usable: Callable[[str], bool]) -> str:
    """The message on a name that no run has: what is near, and what there is.

    Args:
        name: that was asked for.
        rows, series: of the runs.
        usable: whether a name can stand where the unknown one did; only such names are near.
    """
    rows = list(rows)
    there = {
        "step series": list(dict.fromkeys(series)),
        "metrics": list(dict.fromkeys(key for row in rows for key in row.metrics)),
        "params": list(dict.fromkeys(key for row in rows for key in row.params)),
    }
    known = list(dict.fromkeys(key for keys in there.values() for key in keys))
    ends = list(dict.fromkeys(re.split("[./:]", key)[-1] for key in known))
    near = (close_matches(name, list(filter(usable, names))) for names in (known, ends))
    hint = next(filter(None, near), "")
    listed = "; ".join(f"{kind}: {first_few(keys, _LISTED)}" for kind, keys in there.items() if keys)
    of = "this run has" if len(rows) == 1 else f"these {len(rows)} runs have"
    return f"There is no {name!r}.{hint} What {of}: {listed or 'no values'}."


def is_number(value: Any) -> bool:
    """Whether a value is a number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def finite(value: Any) -> float | None:
    """A number as a finite float, None for anything else."""
    try:
        number = float(value) if is_number(value) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def spans_decades(values: Iterable[float | None]) -> bool:
    """Whether numbers are better told apart on a logarithmic scale: all above zero, two decades or more."""
    there = [value for value in values if value is not None]
    return bool(there) and min(there) > 0 and max(there) / min(there) >= _DECADES


def left_out(count: int, total: int, what: str) -> str:
    """``2 of 7 runs have no loss``; an empty text when none is left out."""
    return f"{count} of {total} runs {'has' if count == 1 else 'have'} no {what}" if count else ""

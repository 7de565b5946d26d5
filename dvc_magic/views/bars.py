"""One number of each run."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from dvc_magic.errors import RequestError
from dvc_magic.runs import RunRow
from dvc_magic.views.format import format_number, format_value
from dvc_magic.views.run_labels import run_labels
from dvc_magic.views.scale import MISSING, finite, left_out
from dvc_magic.views.scatter import numbers


class Bars(Struct, frozen=True, kw_only=True):
    """One number for each run that has it, in the order of the runs.

    Attributes:
        name: of the metric, param or field.
        labels: of the runs. values: finite, or None where the number is not.
        texts: the values as people read them.
        note: which runs were left out, or an empty text.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    note: str = ""


def bar_view(rows: Sequence[RunRow], name: str) -> Bars:
    """The number `name` of the runs that have it.

    Raises:
        RequestError: there are no runs.
        UnknownLeafError: no run has it.
        ParamError: it fits several keys, or is no number.
    """
    if not rows:
        message = "there are no runs to plot"
        raise RequestError(message)
    found = numbers(rows, name)
    labels = run_labels(rows)
    shown = [place for place, value in enumerate(found.values) if value is not MISSING]
    return Bars(
        name=found.name,
        labels=tuple(labels[place] for place in shown),
        values=tuple(finite(found.values[place]) for place in shown),
        texts=tuple(format_value(format_number(found.values[place]), width=24) for place in shown),
        note=left_out(len(rows) - len(shown), len(rows), found.name),
    )

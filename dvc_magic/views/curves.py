"""Step series of runs over each other."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from dvc_magic.errors import RequestError
from dvc_magic.model.record import RunStatus
from dvc_magic.runs import COUNTERS, History, RunRow, Series, UnknownLeafError
from dvc_magic.views.run_labels import run_labels
from dvc_magic.views.scale import Column, Scale, column, finite, is_number, left_out, unknown

TOLD_APART = 10  # runs that a legend and colours of their own tell apart; more get a colour scale
_PANELS = 12


class Curve(Struct, frozen=True, kw_only=True):
    """A run's step series.

    Attributes:
        label: of the run, of the series where it is one of several, or of both. place: of the run among those asked
            for, from 0.
        steps, values: of equal length, by step; NaN for a value that is not finite.
        good: False for a run that failed, was stopped or lost.
    """

    label: str
    place: int
    steps: tuple[float, ...]
    values: tuple[float, ...]
    good: bool = True


class Curves(Struct, frozen=True, kw_only=True):
    """One step series of several runs, or several that one name means.

    Attributes:
        name: of the series, or what was asked for. axis: what counts the steps.
        curves: of the runs that have it. total: how many runs were asked for.
        scale: what the curves are coloured by, one value per curve; None where each has a colour of its own.
        note: which runs were left out, or an empty text.
    """

    name: str
    axis: str
    curves: tuple[Curve, ...]
    total: int
    scale: Scale | None = None
    note: str = ""


def series_names(runs: Sequence[tuple[RunRow, History]], name: str) -> tuple[str, ...]:
    """The step series that `name` means: itself, or all that it fits in some run: by a plot's name or by their end."""
    found = dict.fromkeys(full for _, history in runs for full in history.find(name))
    return (name,) if name in found else tuple(found)


def curves_view(runs: Sequence[tuple[RunRow, History]], name: str, *, color: str | None = None) -> Curves:
    """The step series `name` of the runs that have it; where it is an end of several, all of those.

    Args:
        runs: a row and the step series of each run.
        name: of the series or of a plot, or an end of a name.
        color: a param, metric or field that the curves are coloured by. Without it each has a colour of its own, or,
            when there are more than ten, one by the only number that differs among their params, else by run number.

    Raises:
        RequestError: there are no runs, or the name is that of a plot that has no step series.
        UnknownLeafError: no run has such a series, or such a value for `color`.
        ParamError: `color` fits several.
    """
    if not runs:
        message = "there are no runs to plot"
        raise RequestError(message)
    names = series_names(runs, name)
    if not names:
        check_has_series([history for _, history in runs], name)
        raise UnknownLeafError(_no_series(runs, name))
    labels = run_labels([row for row, _ in runs])
    drawn = [
        (place, series)
        for place, (_, history) in enumerate(runs)
        for full in names
        if (series := history.get(full)) is not None
    ]
    rows = [runs[place][0] for place, _ in drawn]
    lacking = len(runs) - len({place for place, _ in drawn})
    shown = names[0] if len(names) == 1 else name
    return Curves(
        name=shown,
        axis=" / ".join(dict.fromkeys(series.axis for _, series in drawn)),
        curves=tuple(
            _curve(rows[index], series, label=_label(labels[place], series, names, len(runs)), place=place)
            for index, (place, series) in enumerate(drawn)
        ),
        total=len(runs),
        scale=column(rows, color, first="params").scale() if color else _told_by(rows),
        note=left_out(lacking, len(runs), shown),
    )


def check_has_series(histories: Sequence[History], name: str) -> None:
    """See that a name is not that of a plot that some run has and that is no step series.

    Raises:
        RequestError: it is; the message has a line that shows it.
    """
    plots = (plot for history in histories if (plot := history.plot(name)) is not None)
    instead = next((plot.instead for plot in plots if plot.instead), "")
    if instead:
        message = f"The plot {name!r} has no steps to draw. {instead}"
        raise RequestError(message)


def _label(run: str, series: Series, names: Sequence[str], runs: int) -> str:
    if len(names) == 1:
        return run
    return series.name if runs == 1 else f"{run} {series.name}"


def _no_series(runs: Sequence[tuple[RunRow, History]], name: str) -> str:
    names = list(dict.fromkeys(known for _, history in runs for known in history.names))
    if names:
        return unknown(name, [row for row, _ in runs], series=names, usable=lambda near: bool(series_names(runs, near)))
    runs_have = "this run has" if len(runs) == 1 else f"these {len(runs)} runs have"
    return (
        f"There is no step series {name!r}: {runs_have} none. Series come from the plots of a stage in dvc.yaml "
        f"(CSV, TSV, JSON, YAML) and from DVCLive."
    )


def _curve(row: RunRow, series: Series, *, label: str, place: int) -> Curve:
    good = row.run.record.status in (RunStatus.COMPLETED, RunStatus.RUNNING, RunStatus.PENDING)
    return curve_of(series, label=label, place=place, good=good)


def curve_of(series: Series, *, label: str, place: int, good: bool = True) -> Curve:
    """A step series as a curve: by step, without steps that are no finite numbers; other values are NaN."""
    pairs = [(finite(step), finite(value)) for step, value in zip(series.steps, series.values, strict=True)]
    points = sorted(((step, value) for step, value in pairs if step is not None), key=lambda point: point[0])
    return Curve(
        label=label,
        place=place,
        steps=tuple(step for step, _ in points),
        values=tuple(float("nan") if value is None else value for _, value in points),
        good=good,
    )


def _told_by(rows: Sequence[RunRow]) -> Scale | None:
    """What many runs are told apart by: the number that alone differs among their params, else when they ran."""
    if len({row.run.record.id for row in rows}) <= TOLD_APART:
        return None
    keys = dict.fromkeys(key for row in rows for key in row.params)
    columns = [column(rows, f"params.{key}") for key in keys]
    varied = [found for found in columns if len(set(map(repr, found.values))) > 1]
    if len(varied) == 1 and all(map(is_number, varied[0].values)):
        return varied[0].scale()
    return Column(name="run", kind="field", values=tuple(row.run.record.number for row in rows)).scale()


def has_steps(runs: Sequence[tuple[RunRow, History]], name: str) -> bool:
    """Whether what `name` means has more than one step in some run: a line and not a dot."""
    names = series_names(runs, name)
    return any(len(series.steps) > 1 for _, history in runs for one in names if (series := history.get(one)))


def panels_view(runs: Sequence[tuple[RunRow, History]]) -> tuple[Curves, ...]:
    """Every step series of the runs, each in a view of its own: the first twelve, less what only counts.

    Those that have one step in each run are left out too, while there are others.

    Raises:
        RequestError: there are no runs, or they have no series.
    """
    found = dict.fromkeys(name for _, history in runs for name in history.names)
    names = [name for name in found if name.rpartition("/")[2].lower() not in COUNTERS] or list(found)
    names = [name for name in names if has_steps(runs, name)] or names
    if not runs or not names:
        rows = [row for row, _ in runs]
        metrics = ", ".join(dict.fromkeys(key for row in rows for key in row.metrics))
        hint = f" They have metrics ({metrics}): .plot.bar(NAME) draws one." if metrics else ""
        message = f"there are no step series to plot.{hint}" if runs else "there are no runs to plot"
        raise RequestError(message)
    return tuple(curves_view(runs, name) for name in names[:_PANELS])

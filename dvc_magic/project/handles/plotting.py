"""`Plots`: what ``run.plot`` and ``runs.plot`` are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias, overload

from dvc_magic.errors import RequestError
from dvc_magic.runs import History, NamedPlot, RunRow, UnknownLeafError, history_of, lineage, rows, table_columns
from dvc_magic.store import RunStore, StoredRun
from dvc_magic.untrusted import first_few, lines, message, one_line
from dvc_magic.views import (
    bar_view,
    check_has_series,
    confusion_matrix,
    curves_view,
    has_steps,
    is_numeric,
    panels_view,
    pictures_view,
    run_labels,
    scatter_view,
    series_names,
    table_plot,
    unknown,
)

if TYPE_CHECKING:
    from dvc_magic.plots import Axes, Panels

_Sources: TypeAlias = "list[tuple[RunRow, History]]"
_LISTED = 8


class Plots:
    """Plots of a run, or of runs over each other.

        runs.plot("loss")                 # its curves, or a bar per run when no run has a step series of that name
        runs.plot()                       # every step series, in axes of its own
        runs.plot.curves("loss", color="lr")
        runs.plot.scatter("lr", "loss")
        runs.plot.bar("accuracy", ax=ax)

    A name is that of a step series, metric or param, of a plot or file as in ``dvc plots show``, or an end of a name:
    ``loss`` draws both ``train/loss`` and ``eval/loss``. Where a run has no such series,
    that of the nearest run upstream of it is drawn; of several, where branches of the pipeline have it. Each call
    reads the runs anew, makes a figure unless ``ax=`` is given, and returns the `matplotlib.axes.Axes`. Runs that
    lack the value are left out, and a note above the plot says how many.
    """

    def __init__(self, runs: Callable[[], Sequence[StoredRun]], store: RunStore) -> None:
        self._runs = runs
        self._store = store

    @overload
    def __call__(self, name: None = None) -> Panels: ...
    @overload
    def __call__(self, name: str, *, ax: Axes | None = None) -> Axes | Panels: ...
    def __call__(self, name: str | None = None, *, ax: Axes | None = None) -> Axes | Panels:
        """``run.plot("loss")``: the step series of that name, else a bar of the metric; all series without a name.

        Plots without steps, by the names of ``dvc plots show``: images (side by side for several runs), columns over
        another column such as a ROC curve, bars over texts, confusion matrices.

        A step series or plot of exactly that name goes first, then the one whose name ends so, then the metric, then
        all series whose names end so. Of a series that has one step in each run, the metric is drawn.

        Raises:
            RequestError: there are no runs, or nothing to draw; a file that cannot be read as what it is; `ax` came
                without a name, or with what does not go into one.
            UnknownLeafError: no run has the name.
            ParamError: the name fits several metrics.
        """
        looked = _Looked(self._runs(), self._store)
        if name is None:
            return self._panels(looked, ax)
        if looked.means_series(name):
            return self._curves(looked, name, color=None, ax=ax)
        if named := looked.named(name):
            return _named_plot(named, len(looked.rows), ax)
        if not looked.has_value(name):
            check_has_series(looked.histories(), name)
            raise UnknownLeafError(unknown(name, looked.rows, series=looked.series_names(), usable=looked.can_be_drawn))
        return self._bar(looked, name, ax)

    def curves(self, name: str, *, color: str | None = None, ax: Axes | None = None) -> Axes:
        """``runs.plot.curves("loss")``: a step series, one line per run, dashed for runs that did not end well.

        Args:
            name: of the series.
            color: a param, metric or field, such as ``lr``, to colour the lines by.
            ax: the axes to draw on.

        Raises:
            RequestError: there are no runs.
            UnknownLeafError: no run has the name.
            ParamError: a name fits several.
        """
        return self._curves(_Looked(self._runs(), self._store), name, color=color, ax=ax)

    def scatter(self, x: str, y: str, *, color: str | None = None, ax: Axes | None = None) -> Axes:
        """``runs.plot.scatter("lr", "loss")``: one point per run.

        Args:
            x: a param, else a metric or field; logarithmic when a param spans two decades; texts are categories.
            y: a metric, else a param or field.
            color: a param, metric or field to colour the points by.
            ax: the axes to draw on.

        Raises:
            RequestError: there are no runs.
            UnknownLeafError: no run has one of the names.
            ParamError: a name fits several, or `y` is no number.
        """
        view = scatter_view(_Looked(self._runs(), self._store).rows, x, y, color=color)
        from dvc_magic.plots import scatter  # noqa: PLC0415 - matplotlib, for those who plot

        return scatter(view, ax)

    def bar(self, name: str, *, ax: Axes | None = None) -> Axes:
        """``runs.plot.bar("accuracy")``: a metric, else a param or field, one bar per run.

        Raises:
            RequestError: there are no runs.
            UnknownLeafError: no run has the name.
            ParamError: the name fits several, or is no number.
        """
        return self._bar(_Looked(self._runs(), self._store), name, ax)

    def _curves(self, looked: _Looked, name: str, *, color: str | None, ax: Axes | None) -> Axes:
        view = curves_view(looked.sources(name), name, color=color)
        from dvc_magic.plots import curves  # noqa: PLC0415 - see scatter

        return curves(view, ax)

    def _panels(self, looked: _Looked, ax: Axes | None) -> Panels:
        if ax is not None:
            message = "all series do not go into one ax: name one, as in plot('loss', ax=ax)"
            raise RequestError(message)
        views = panels_view(looked.sources())
        from dvc_magic.plots import panels  # noqa: PLC0415 - see scatter

        return panels(views)

    def _bar(self, looked: _Looked, name: str, ax: Axes | None) -> Axes:
        view = bar_view(looked.rows, name)
        from dvc_magic.plots import bar  # noqa: PLC0415 - see scatter

        return bar(view, ax)

    def __repr__(self) -> str:
        """What there is to plot, and how."""
        looked = _Looked(self._runs(), self._store)
        number = len(looked.rows)
        told = [f"<plots of {number} run{'' if number == 1 else 's'}>"]
        told += _line("step series", looked.series_names(), 'plot("{0}")  plot.curves("{0}")')
        metrics = dict.fromkeys(key for row in looked.rows for key in row.metrics)
        told += _line("metrics", metrics, 'plot.bar("{0}")  plot.scatter(PARAM, "{0}")')
        told += _line("params", dict.fromkeys(key for row in looked.rows for key in row.params), "")
        return lines("\n".join(told))


def _line(kind: str, names: Iterable[str], calls: str) -> list[str]:
    listed = list(names)
    if not listed:
        return []
    spelled = calls.format(one_line(listed[0]))
    return [f"  {kind}: {first_few([*map(one_line, listed)], _LISTED)}{f'    {spelled}' if spelled else ''}"]


class _Looked:
    """Runs as they were when a plot was asked for: rows and step series, each read once."""

    def __init__(self, runs: Sequence[StoredRun], store: RunStore) -> None:
        self._store = store
        self.rows = rows(runs, store.get)
        self._known = {run.record.id: run for row in self.rows for run in (row.run, *row.upstream)}
        self._histories: dict[str, History] = {}

    def _find(self, run_id: str) -> StoredRun:
        return self._known.get(run_id) or self._store.get(run_id)

    def history(self, run: StoredRun) -> History:
        """The step series of a run; warns of files that cannot be read."""
        if run.record.id not in self._histories:
            self._histories[run.record.id] = read_history(run)
        return self._histories[run.record.id]

    def sources(self, name: str | None = None) -> _Sources:
        """The runs whose series stand for those asked for, each once: itself, or the nearest upstream that have it."""
        chosen = {run.record.id: run for row in self.rows for run in self._nearest(row, name)}
        return [(row, self.history(row.run)) for row in rows(chosen.values(), self._find)]

    def _nearest(self, row: RunRow, name: str | None) -> Sequence[StoredRun]:
        """The run if it has the series, else those upstream that have it and are not upstream of each other."""
        if self._has(row.run, name):
            return (row.run,)
        found = [run for run in row.upstream if self._has(run, name)]
        further = {above.record.id for run in found for above in lineage(run, self._find)}
        return [run for run in found if run.record.id not in further] or (row.run,)

    def _has(self, run: StoredRun, name: str | None) -> bool:
        history = self.history(run)
        return bool(history.series if name is None else history.find(name))

    def named(self, name: str) -> list[tuple[RunRow, StoredRun, NamedPlot]]:
        """The images and plots without steps of that name: of each run, or of the nearest one upstream that has it."""
        found = []
        for row in self.rows:
            for run in (row.run, *reversed(row.upstream)):
                plot = self.history(run).plot(name)
                if plot is not None and (plot.image or plot.tables):
                    found.append((row, run, plot))
                    break
        return found

    def series_names(self) -> list[str]:
        """Of all series that can be drawn."""
        return list(dict.fromkeys(name for _, history in self.sources() for name in history.names))

    def histories(self) -> list[History]:
        """The step series of the runs, then of those upstream, nearest first."""
        return [self.history(run) for row in self.rows for run in (row.run, *reversed(row.upstream))]

    def means_series(self, name: str) -> bool:
        """Whether the name means step series: those that it fits, unless a metric or param is meant rather."""
        sources = self.sources(name)
        names = series_names(sources, name)
        if len(names) > 1 and any(name in {*row.metrics, *row.params} for row in self.rows):
            return any(history.plot(name) for _, history in sources)
        return bool(names) and (has_steps(sources, name) or not is_numeric(self.rows, name))

    def can_be_drawn(self, name: str) -> bool:
        """Whether `name` alone is enough to draw something."""
        return self.means_series(name) or is_numeric(self.rows, name)

    def has_value(self, name: str) -> bool:
        """Whether some run has a metric, param or field of that name."""
        return any(_has_value(row, name) for row in self.rows)


def _named_plot(named: list[tuple[RunRow, StoredRun, NamedPlot]], runs: int, ax: Axes | None) -> Axes | Panels:
    """Draw an image, columns over another column, or confusion matrices."""
    from dvc_magic.plots import confusion, over_column, pictures  # noqa: PLC0415 - matplotlib, for those who plot

    labels = run_labels([row for row, _, _ in named])
    roots = [run.paths.dvc_root(run.record.root) for _, run, _ in named]
    images = [
        (label, root / plot.image) for label, root, (_, _, plot) in zip(labels, roots, named, strict=True) if plot.image
    ]
    if images:
        return pictures(pictures_view(images, runs=runs), ax)
    tables = [
        (label, table, table_columns(root / table.path, header=table.header))
        for label, root, (_, _, plot) in zip(labels, roots, named, strict=True)
        for table in plot.tables
    ]
    note = f"{runs - len(named)} of {runs} runs have no such plot" if runs > len(named) else ""
    if any(table.confusion for _, table, _ in tables):
        return confusion([confusion_matrix(*each) for each in tables], ax, note=note)
    return over_column(table_plot(tables, note=note), ax)


def _has_value(row: RunRow, name: str) -> bool:
    if row.metrics.find(name) or row.params.find(name):
        return True
    return row.get(name) is not None


def read_history(run: StoredRun) -> History:
    """The step series of a run.

    Side effects: warns of plot files that cannot be read, all in one.
    """
    history = history_of(run)
    if history.warnings:
        warnings.warn(message(f"run {run.record.number}: {'; '.join(history.warnings)}"), stacklevel=3)
    return history

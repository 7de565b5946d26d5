"""Lines and bars over a column, and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from dvc_magic.errors import RequestError
from dvc_magic.plots.canvas import Panels, drawing, drawing_panels, keyed, plain, say
from dvc_magic.plots.hues import BESIDE
from dvc_magic.views import ConfusionMatrix, TablePlot

_WRITTEN = 15  # classes whose counts have room in their cells
_LEVEL = 6  # texts that have room below an axis
_GROUP = 0.8  # of the room of a category, taken by its bars


def over_column(view: TablePlot, ax: Axes | None = None) -> Axes:
    """Draw lines where the x axis has numbers, else a group of bars for each text."""
    with drawing(ax) as axes:
        if view.categories:
            _bars(axes, view)
        else:
            for line in view.lines:
                marker = "o" if len(line.xs) == 1 else ""
                axes.plot(line.xs, line.ys, label=keyed(line.label), linewidth=1.6, marker=marker)
        axes.set(xlabel=plain(view.x), ylabel=plain(view.y))
        if len(view.lines) > 1:
            axes.legend(**(BESIDE if ax is None else {"loc": "best", "fontsize": "small", "framealpha": 0.6}))
        say(axes, view.note)
    return axes


def _bars(axes: Axes, view: TablePlot) -> None:
    width = _GROUP / len(view.lines)
    places = {text: place for place, text in enumerate(view.categories)}
    for number, line in enumerate(view.lines):
        start = (number - (len(view.lines) - 1) / 2) * width
        axes.bar([places[x] + start for x in line.xs], line.ys, width=width, label=keyed(line.label))
    axes.set_xticks(range(len(places)), [plain(text) for text in places], rotation=_turn(len(places)))


def _turn(texts: int) -> int:
    """Degrees that the texts below an axis are turned by, so that they have room beside each other."""
    return 30 if texts > _LEVEL else 0


def confusion(views: Sequence[ConfusionMatrix], ax: Axes | None = None, *, note: str = "") -> Axes | Panels:
    """Draw a matrix for each run: actual classes downwards, predicted ones to the right, darker where more are.

    Raises:
        RequestError: several do not go into one `ax`.
    """
    if ax is not None and len(views) > 1:
        message = "the matrices of several runs do not go into one ax: leave it out, or plot one run"
        raise RequestError(message)
    if len(views) == 1:
        with drawing(ax) as axes:
            _matrix(axes, views[0])
            say(axes, note)
        return axes
    with drawing_panels(len(views)) as drawn:
        for axes, view in zip(drawn, views, strict=True):
            _matrix(axes, view)
        say(drawn[0], note)
    return drawn


def _matrix(axes: Axes, view: ConfusionMatrix) -> None:
    most = max((count for row in view.counts for count in row), default=0) or 1
    axes.imshow(view.counts, cmap="Blues", vmin=0, vmax=most)
    axes.grid(visible=False)
    labels = [plain(text) for text in view.classes]
    axes.set_xticks(range(len(labels)), labels, rotation=_turn(2 * len(labels)))
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel=plain(view.y), ylabel=plain(view.x), title=plain(view.label))
    if len(labels) > _WRITTEN:
        return
    for actual, row in enumerate(view.counts):
        for predicted, count in enumerate(row):
            shade: Any = "white" if count > most / 2 else "black"
            axes.text(predicted, actual, str(count), ha="center", va="center", color=shade, fontsize="small")

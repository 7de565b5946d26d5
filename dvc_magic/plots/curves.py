"""Step series drawn over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from dvc_magic.plots.canvas import Panels, count_by_whole, drawing, drawing_panels, keyed, plain, say, whole
from dvc_magic.plots.hues import BESIDE, has_cycle, hues, palette
from dvc_magic.views import Curve, Curves

_MANY = 20


def curves(view: Curves, ax: Axes | None = None) -> Axes:
    """Draw one line per run; of runs that did not end well a dashed one.

    Up to ten runs stand in a legend; beyond, or where the view says so, a colour scale tells them apart. Points next to
    missing or infinite values are dots. On axes that are given, lines take the next colours of their cycle.
    """
    own = ax is None
    with drawing(ax) as axes:
        shades = hues(view.scale, axes) if view.scale else None
        _lines(view, axes, shades.colors if shades else _next_colors(view, fresh=own))
        if shades:
            shades.key(axes)
        else:
            _legend(axes, beside=own and len(view.curves) > 1)
        say(axes, view.note)
    return axes


def panels(views: Sequence[Curves]) -> Panels:
    """Draw each series in axes of its own, a run in the same colour everywhere, with one key for all."""
    own = palette(max(view.total for view in views))
    with drawing_panels(len(views)) as drawn:
        for view, axes in zip(views, drawn, strict=True):
            _lines(
                view, axes, hues(view.scale, axes).colors if view.scale else [own[curve.place] for curve in view.curves]
            )
            say(axes, view.note)
        _shared_key(views, drawn)
    return drawn


def _shared_key(views: Sequence[Curves], drawn: Panels) -> None:
    fullest = max(range(len(views)), key=lambda place: len(views[place].curves))
    scale = views[fullest].scale
    if scale:
        hues(scale, drawn[fullest]).key(drawn)
        return
    by_place: dict[int, tuple[Any, str]] = {}
    for view, axes in zip(views, drawn, strict=True):
        handles, labels = axes.get_legend_handles_labels()
        for curve, handle, label in zip(view.curves, handles, labels, strict=True):
            by_place.setdefault(curve.place, (handle, label))
    keys = [by_place[place] for place in sorted(by_place)]
    if len(keys) == 1:
        drawn.figure.suptitle(keys[0][1], fontsize="medium")
    else:
        drawn.figure.legend(
            [handle for handle, _ in keys],
            [label for _, label in keys],
            loc="outside right upper",
            frameon=False,
            fontsize="small",
        )


def _next_colors(view: Curves, *, fresh: bool) -> list[Any]:
    """None for each curve, which takes the next colour of the axes' cycle; colours where that would repeat itself."""
    count = len(view.curves)
    return palette(count) if fresh and not has_cycle(count) else [None] * count


def _lines(view: Curves, axes: Axes, own: Sequence[Any]) -> None:
    many = len(view.curves) > _MANY
    for curve, color in zip(view.curves, own, strict=True):
        (line,) = axes.plot(
            curve.steps,
            curve.values,
            label=keyed(curve.label),
            linestyle="-" if curve.good else "--",
            linewidth=1.0 if many else 1.6,
            alpha=0.8 if many else 1.0,
            **({} if color is None else {"color": color}),
        )
        lonely = _lonely(curve)
        if lonely:
            line.set(marker="o", markersize=4, markevery=lonely)
    axes.set(xlabel=plain(view.axis), ylabel=plain(view.name))
    if all(whole(curve.steps) for curve in view.curves):
        count_by_whole(axes.xaxis)
    if not any(math.isfinite(value) for curve in view.curves for value in curve.values):
        axes.text(0.5, 0.5, f"no finite {plain(view.name)}", transform=axes.transAxes, ha="center", va="center")


def _lonely(curve: Curve) -> list[int]:
    """Where a finite value has none beside it: a line alone would not show it."""
    there = [False, *(math.isfinite(value) for value in curve.values), False]
    return [
        place - 1
        for place in range(1, len(there) - 1)
        if there[place] and not there[place - 1] and not there[place + 1]
    ]


def _legend(axes: Axes, *, beside: bool) -> None:
    """Beside the plot where the figure is ours; else inside, where it cannot cover a neighbour."""
    if beside:
        axes.legend(**BESIDE)
    else:
        axes.legend(loc="best", fontsize="small", framealpha=0.6)

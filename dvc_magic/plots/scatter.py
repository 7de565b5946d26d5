"""One value of runs drawn against another."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from dvc_magic.plots.canvas import count_by_whole, drawing, faint, plain, say, whole
from dvc_magic.plots.hues import hues, palette
from dvc_magic.views import Scale, Scatter

_NAMED = 12  # points that still have room for their run's number
_CROWDED = 100
_TICKS = 12
_UPRIGHT = 36  # characters in all ticks together that fit side by side


def scatter(view: Scatter, ax: Axes | None = None) -> Axes:
    """Draw one point per run, with its number when there are few.

    Params that span two decades are on a logarithmic axis; texts, lists and bools are categories side by side.
    """
    with drawing(ax) as axes:
        shades = hues(view.color, axes) if view.color else None
        places: Any = view.x.values
        heights: Any = view.y.values
        axes.scatter(
            places,
            heights,
            c=list(shades.colors) if shades and shades.colors else [palette(1)[0]],
            s=42 if len(places) <= _CROWDED else 16,
            alpha=0.85,
            linewidths=0.5,
            edgecolors=axes.get_facecolor(),
        )
        _scaled(axes, view.x)
        axes.set_ylabel(plain(view.y.name))
        if len(places) <= _NAMED:
            _name(axes, view)
        if shades:
            shades.key(axes)
        say(axes, view.note)
    return axes


def _scaled(axes: Axes, scale: Scale) -> None:
    axes.set_xlabel(plain(scale.name))
    if scale.categories:
        _categories(axes, scale.categories)
    elif scale.log:
        axes.set_xscale("log")
    elif whole(scale.values):
        count_by_whole(axes.xaxis)


def _categories(axes: Axes, categories: tuple[str, ...]) -> None:
    every = -(-len(categories) // _TICKS) if len(categories) > _TICKS else 1
    shown = range(0, len(categories), every)
    names = [plain(categories[place]) for place in shown]
    slanted = sum(map(len, names)) > _UPRIGHT
    axes.set_xticks(list(shown), names, rotation=30 if slanted else 0, ha="right" if slanted else "center")
    axes.set_xlim(-0.5, len(categories) - 0.5)


def _name(axes: Axes, view: Scatter) -> None:
    """Write the runs' numbers beside their points, those of one place in one text."""
    numbers: dict[tuple[Any, Any], list[str]] = {}
    for x, y, number in zip(view.x.values, view.y.values, view.numbers, strict=True):
        numbers.setdefault((x, y), []).append(str(number))
    for place, texts in numbers.items():
        axes.annotate(
            ", ".join(texts),
            place,
            xytext=(5, 4),
            textcoords="offset points",
            fontsize="small",
            color=faint(axes),
        )

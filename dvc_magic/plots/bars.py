"""One number of each run, drawn as bars."""

from __future__ import annotations

from matplotlib.axes import Axes

from dvc_magic.plots.canvas import drawing, faint, plain, say
from dvc_magic.plots.hues import palette
from dvc_magic.views import Bars

_PER_BAR, _AROUND, _LEAST, _MOST = 0.3, 0.9, 1.8, 12.0  # inches
_NAMED = 60  # bars that have room for a name of their own
_LARGE = 30  # and for one in letters of the usual size
_LETTER, _GAP = 0.075, 0.1  # inches that the values beside the bars take


def bar(view: Bars, ax: Axes | None = None) -> Axes:
    """Draw one horizontal bar per run, the first on top, its value beside it: bars that look alike still differ.

    A value that is not finite has its text and no bar.
    """
    count = len(view.values)
    height = min(max(_PER_BAR * count + _AROUND, _LEAST), _MOST)
    with drawing(ax, height=height) as axes:
        places = range(count)
        axes.barh(places, [value or 0.0 for value in view.values], height=0.7, color=palette(1)[0])
        every = -(-count // _NAMED)
        axes.set_yticks(list(places)[::every], [plain(label) for label in view.labels][::every])
        axes.tick_params(axis="y", length=0, **({"labelsize": "small"} if count > _LARGE else {}))
        axes.set_ylim(count - 0.4, -0.6)
        axes.set_xlabel(plain(view.name))
        if count <= _NAMED:
            _write(axes, view)
        if ax is None:
            axes.grid(visible=False, axis="y")
        say(axes, view.note)
    return axes


def _write(axes: Axes, view: Bars) -> None:
    inches = axes.get_window_extent().width / axes.figure.dpi
    axes.margins(x=(_LETTER * max(map(len, view.texts), default=0) + _GAP) / inches)
    for place, (value, text) in enumerate(zip(view.values, view.texts, strict=True)):
        below = value is not None and value < 0
        axes.annotate(
            plain(text),
            (value or 0.0, place),
            xytext=(-4 if below else 4, 0),
            textcoords="offset points",
            ha="right" if below else "left",
            va="center",
            fontsize="small",
            color=faint(axes),
        )
    axes.autoscale_view()

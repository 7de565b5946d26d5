"""Where a plot is drawn: on the axes given, or in a figure that shows once wherever one works.

A figure of ours comes from pyplot in the main thread: the notebook's inline backend shows it at the end of the cell,
ipympl as a widget, a script's ``plt.show()`` and ``plt.savefig()`` find it, and without a display it is Agg's. It needs
no ``%matplotlib inline``, since Jupyter's kernel names its backend in the environment. Other threads, such as those of
widget callbacks, get a plain `Figure`, because pyplot's list of figures is not theirs to change.

Nothing here enters ``rc_context``: it swaps the settings of the whole process for a while, under the feet of other
threads. What differs from the user's style is set on the artists.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dvc_magic.untrusted import one_line

_WIDTH, _HEIGHT = 6.4, 4.0  # inches
_PANEL = (4.2, 2.7)
_ACROSS = 3
_DARK = 0.4  # below this lightness a background is a dark one


class QuietAxes(Axes):
    """Axes that a cell may end in: the figure shows, and no line with the name of an object below it."""

    def _ipython_display_(self) -> None:
        pass


class Panels(tuple[Axes, ...]):
    """The axes of small multiples, in reading order; quiet as the value of a cell."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        pass

    @property
    def figure(self) -> Any:
        """The figure that all of them are in."""
        return self[0].figure


@contextmanager
def drawing(ax: Axes | None, *, height: float = _HEIGHT) -> Iterator[Axes]:
    """The axes to draw on: `ax`, or those of a new figure, which goes away when drawing fails."""
    if ax is not None:
        yield ax
        return
    with _figure((_WIDTH, height)) as figure:
        yield _framed(figure.add_subplot(axes_class=QuietAxes))


@contextmanager
def drawing_panels(count: int) -> Iterator[Panels]:
    """As many axes as asked for, in rows, in a new figure."""
    across = min(count, _ACROSS)
    rows = -(-count // across)
    size = (_WIDTH, _HEIGHT) if count == 1 else (_PANEL[0] * across, _PANEL[1] * rows)
    with _figure(size) as figure:
        yield Panels(
            _framed(figure.add_subplot(rows, across, place, axes_class=QuietAxes)) for place in range(1, count + 1)
        )


@contextmanager
def _figure(size: tuple[float, float]) -> Iterator[Figure]:
    if threading.current_thread() is not threading.main_thread():
        yield Figure(figsize=size, layout="constrained")
        return
    figure = plt.figure(figsize=size, layout="constrained")
    try:
        yield figure
    except BaseException:
        plt.close(figure)  # else the notebook would show half of it beside the error
        raise


def _framed(axes: Axes) -> Axes:
    """Less ink around, a faint grid behind: set here, since a style would outlive the call."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def as_png(axes: Axes | Panels) -> bytes:
    """The figure of a plot as a PNG; it shows nowhere else then."""
    figure: Any = axes.figure
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    return buffer.getvalue()


def is_dark(axes: Axes) -> bool:
    """Whether the background is a dark one."""
    red, green, blue, alpha = colors.to_rgba(axes.get_facecolor())
    return alpha > 0 and 0.3 * red + 0.6 * green + 0.1 * blue < _DARK


def faint(axes: Axes) -> Any:
    """A colour for what is said by the way: the axis labels' own, half transparent."""
    return (*colors.to_rgb(axes.xaxis.label.get_color()), 0.6)


def plain(text: str) -> str:
    """`text` so that matplotlib shows it as it is: dollars would begin a formula, and a bad one fails the drawing.

    So would half of a surrogate pair, which JSON can hold.
    """
    return one_line(text).replace("$", r"\$")


def keyed(text: str) -> str:
    """`plain`, for a legend, which leaves out what begins with an underscore."""
    return plain(f" {text}" if text.startswith("_") else text)


def say(axes: Axes, note: str) -> None:
    """A remark above the plot, on the right: a title the user sets later has its place beside it."""
    if note:
        axes.set_title(plain(note), loc="right", fontsize="small", color=faint(axes))


def count_by_whole(axis: Axis) -> None:
    """Ticks of an axis at round whole numbers only."""
    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], nbins="auto"))


def whole(values: Sequence[float | None]) -> bool:
    """Whether all of the numbers are whole, so that ticks between them would say nothing."""
    return all(value is None or float(value).is_integer() for value in values)

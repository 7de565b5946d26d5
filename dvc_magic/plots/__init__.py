"""Views drawn with matplotlib, which nothing else imports: each takes a view and an `Axes`, and returns an `Axes`."""

from matplotlib.axes import Axes

from dvc_magic.plots.bars import bar
from dvc_magic.plots.canvas import Panels, as_png
from dvc_magic.plots.curves import curves, panels
from dvc_magic.plots.pictures import pictures
from dvc_magic.plots.scatter import scatter
from dvc_magic.plots.table_plots import confusion, over_column

__all__ = [
    "Axes",
    "Panels",
    "as_png",
    "bar",
    "confusion",
    "curves",
    "over_column",
    "panels",
    "pictures",
    "scatter",
]

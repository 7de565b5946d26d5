"""Colours: of their own for a few, along a scale for many, with the key that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D
from msgspec import Struct

from dvc_magic.plots.canvas import count_by_whole, faint, is_dark, keyed, plain, whole
from dvc_magic.views import Scale

_SHADES = 256
_LISTED = 10


def palette(count: int) -> list[Any]:
    """That many colours: the user's own cycle, or one of ten where that has too few."""
    chosen = _cycle() if has_cycle(count) else mpl.color_sequences["tab10"]
    return [chosen[place % len(chosen)] for place in range(count)]


def has_cycle(count: int) -> bool:
    """Whether the user's own cycle has that many colours."""
    return len(set(_cycle())) >= count


def _cycle() -> list[Any]:
    return list(mpl.rcParams["axes.prop_cycle"].by_key().get("color", []))


class Hues(Struct, frozen=True, kw_only=True):
    """The colours of a scale on certain axes, and their key."""

    scale: Scale
    colors: tuple[Any, ...]
    mappable: ScalarMappable | None

    def key(self, axes: Axes | Sequence[Axes]) -> None:
        """Draw a colour bar for numbers, a legend for categories."""
        owners = [axes] if isinstance(axes, Axes) else list(axes)
        if self.mappable is None:
            self._legend(owners[0])
            return
        figure: Any = owners[0].figure
        bar = figure.colorbar(self.mappable, ax=owners, label=plain(self.scale.name), pad=0.02)
        bar.outline.set_visible(False)
        if whole(self.scale.values) and not self.scale.log:
            count_by_whole(bar.ax.yaxis)

    def _legend(self, axes: Axes) -> None:
        shown = self.scale.categories[:_LISTED]
        hues = palette(len(self.scale.categories))
        marks = [Line2D([], [], marker="o", linestyle="", color=hue) for hue in hues[: len(shown)]]
        title = self.scale.name
        more = len(self.scale.categories) - len(shown)
        names = [keyed(name) for name in shown] + ([f"and {more} more"] if more else [])
        marks += [Line2D([], [], linestyle="")] if more else []
        axes.legend(marks, names, title=plain(title), **BESIDE)


# a place for legends that hides no data
BESIDE: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (1.0, 1.0),
    "frameon": False,
    "fontsize": "small",
    "title_fontsize": "small",
}


def hues(scale: Scale, axes: Axes) -> Hues:
    """Colours along a scale that stand out from the background of the axes; a missing value is faint."""
    if scale.categories:
        own = palette(len(scale.categories))
        chosen = tuple(faint(axes) if value is None else own[int(value)] for value in scale.values)
        return Hues(scale=scale, colors=chosen, mappable=None)
    mappable = ScalarMappable(norm=_norm(scale), cmap=_shades(dark=is_dark(axes)))
    chosen = tuple(faint(axes) if value is None else mappable.to_rgba(value) for value in scale.values)  # type: ignore[arg-type]
    return Hues(scale=scale, colors=chosen, mappable=mappable)


def _norm(scale: Scale) -> colors.Normalize:
    there = [value for value in scale.values if value is not None] or [0.0]
    kind = colors.LogNorm if scale.log else colors.Normalize
    return kind(vmin=min(there), vmax=max(there))


def _shades(*, dark: bool) -> colors.Colormap:
    """Viridis less its end that would vanish in the background."""
    viridis = mpl.colormaps["viridis"]
    begin, end = (0.25, 1.0) if dark else (0.0, 0.9)
    places = [begin + (end - begin) * shade / (_SHADES - 1) for shade in range(_SHADES)]
    return colors.ListedColormap([viridis(place) for place in places])

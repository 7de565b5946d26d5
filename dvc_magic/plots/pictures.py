"""Image files, drawn side by side."""

from __future__ import annotations

from matplotlib import image
from matplotlib.axes import Axes

from dvc_magic.errors import RequestError
from dvc_magic.plots.canvas import Panels, drawing, drawing_panels, plain, say
from dvc_magic.views import Pictures


def pictures(view: Pictures, ax: Axes | None = None) -> Axes | Panels:
    """Draw the pictures, each in axes of its own, headed by its run.

    Raises:
        RequestError: a file is no image that can be read; or several do not go into one `ax`.
    """
    if ax is not None and len(view.files) > 1:
        message = "the images of several runs do not go into one ax: leave it out, or plot one run"
        raise RequestError(message)
    pixels = [_read(view, place) for place in range(len(view.files))]
    if len(pixels) == 1:
        with drawing(ax) as axes:
            _show(axes, pixels[0], view.labels[0])
            say(axes, view.note)
        return axes
    with drawing_panels(len(pixels)) as drawn:
        for axes, each, label in zip(drawn, pixels, view.labels, strict=True):
            _show(axes, each, label)
        say(drawn[0], view.note)
    return drawn


def _read(view: Pictures, place: int) -> object:
    file = view.files[place]
    try:
        return image.imread(file)
    except Exception as error:  # whatever a stage wrote there, and whatever Pillow makes of it
        message = f"{file.name} of {view.labels[place]} is no image that can be read ({type(error).__name__}): {file}"
        raise RequestError(message) from error


def _show(axes: Axes, pixels: object, label: str) -> None:
    axes.imshow(pixels, cmap="gray")  # type: ignore[arg-type]
    axes.set_title(plain(label), fontsize="medium")
    axes.set_axis_off()

"""Images that runs made, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from dvc_magic.errors import RequestError
from dvc_magic.untrusted import one_line

_LARGEST = 50_000_000  # bytes
_MOST = 12
_DRAWN = (".gif", ".jpeg", ".jpg", ".png")


class Pictures(Struct, frozen=True, kw_only=True):
    """Image files in the order of their runs.

    Attributes:
        labels: of the runs. files: absolute paths. note: what is left out, or an empty text.
    """

    labels: tuple[str, ...]
    files: tuple[Path, ...]
    note: str = ""


def pictures_view(pictures: Sequence[tuple[str, Path]], *, runs: int) -> Pictures:
    """The pictures of some runs.

    Args:
        pictures: label of a run, and its file. runs: how many were asked for.

    Raises:
        RequestError: one is too large, or of a format that is not drawn.
    """
    for _, file in pictures:
        if file.suffix.lower() not in _DRAWN:
            message = f"{file.name} is not drawn by matplotlib: from IPython.display import SVG; SVG({str(file)!r})"
            raise RequestError(one_line(message, longest=len(message)))
        if (size := file.stat().st_size) > _LARGEST:
            raise RequestError(
                f"{file.name} has {size / 1e6:,.0f} MB, more than the {_LARGEST / 1e6:.0f} that are drawn"
            )
    shown = pictures[:_MOST]
    notes = [
        f"{len(pictures) - _MOST} more runs" if len(pictures) > _MOST else "",
        f"{runs - len(pictures)} of {runs} runs have no such image" if runs > len(pictures) else "",
    ]
    return Pictures(
        labels=tuple(label for label, _ in shown),
        files=tuple(file for _, file in shown),
        note=", ".join(filter(None, notes)),
    )

"""The plots of a run by the names that ``dvc plots show`` has for them, and how to see those without series."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from dvc_magic.model.record import RunRecord
from dvc_magic.model.stage import OutKind, lies_in
from dvc_magic.runs.plot_declarations import DeclaredPlot, PlotDeclaration, declared_plots

_FILES = 1000  # images of a folder
_IMAGES = (".gif", ".jpeg", ".jpg", ".png", ".svg")
_READERS = {
    ".csv": "import pandas as pd; pd.read_csv({0})",
    ".tsv": "import pandas as pd; pd.read_csv({0}, sep='\\t')",
    ".json": "import json, pathlib; json.loads(pathlib.Path({0}).read_text())",
}


class PlotTable(Struct, frozen=True, kw_only=True):
    """A file whose columns a plot draws over another one of its columns, which does not count steps.

    Attributes:
        path: from the DVC root. header: whether its first row names the columns.
        x: the column of the x axis. y: those of the y axis; empty for all with numbers.
        confusion: whether cells count how often a value of `x` stands beside one of `y`.
    """

    path: str
    x: str
    y: tuple[str, ...] = ()
    header: bool = True
    confusion: bool = False


class NamedPlot(Struct, frozen=True, kw_only=True):
    """A plot of a run by the names that ``dvc plots show`` has for it.

    Attributes:
        name: as spelled in ``dvc.yaml``, or its path. others: further spellings that mean it.
        series: names of the step series that it has.
        image: path of the picture that it is, from the DVC root, or an empty text. tables: what it draws without steps.
        instead: what it is and how to see it, when it has none.
    """

    name: str
    others: frozenset[str] = frozenset()
    series: tuple[str, ...] = ()
    image: str = ""
    tables: tuple[PlotTable, ...] = ()
    instead: str = ""


class _Series(Protocol):
    """What tells to which plots a step series belongs."""

    @property
    def name(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def column(self) -> str: ...


def named_plots(
    record: RunRecord, root: Path, *, series: Sequence[_Series], declared: Mapping[str, PlotDeclaration]
) -> Iterator[NamedPlot]:
    """The plots that the run's ``dvc.yaml`` names, and the images that it made.

    Args:
        record, root: of the run, and its DVC root.
        series: its step series, from files.
        declared: what ``dvc.yaml`` says of each file.
    """
    by_name = declared_plots(root, dvcfile=record.dvcfile, wdir=record.wdir)
    yield from (_plot(plot, series, root, declared) for plot in by_name)
    yield from _images(record, root, by_name)


def _plot(
    plot: DeclaredPlot, series: Sequence[_Series], root: Path, declared: Mapping[str, PlotDeclaration]
) -> NamedPlot:
    names = tuple(
        one.name
        for path, columns in plot.columns.items()
        for one in series
        if lies_in(one.file, path) and (not columns or one.column in columns)
    )
    if names:
        return NamedPlot(name=plot.name, others=plot.others, series=names)
    files = [path for path in plot.columns if (root / path).is_file()]
    return NamedPlot(
        name=plot.name,
        others=plot.others,
        image=next((path for path in files if _is_image(path)), ""),
        tables=tuple(
            _table(path, plot.columns[path], hint) for path in files if (hint := declared.get(path)) and hint.x
        ),
        instead=" ".join(_instead(root / path, declared.get(path)) for path in plot.columns),
    )


def _table(path: str, columns: tuple[str, ...], declared: PlotDeclaration) -> PlotTable:
    confusion = declared.template.startswith("confusion")
    return PlotTable(path=path, x=declared.x, y=columns or declared.y, header=declared.header, confusion=confusion)


def _is_image(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in _IMAGES


def _instead(path: Path, declared: PlotDeclaration | None) -> str:
    """Why a plot's file or folder has no step series, and a line of Python that shows what it has."""
    place = repr(os.fspath(path))
    if path.suffix.lower() in _IMAGES:
        return f"It is an image: from IPython.display import Image; Image({place})"
    if not path.exists():
        return f"The run has no {path.name}: it did not write it."
    if path.is_dir():
        return f"It is a folder without step series: import os; os.listdir({place})"
    x = f" over {declared.x}, which does not count steps" if declared is not None and declared.x else ""
    reader = _READERS.get(path.suffix.lower(), "import pathlib; pathlib.Path({0}).read_text()").format(place)
    return f"It has no step series{x}: {reader}"


def _images(record: RunRecord, root: Path, declared: Iterable[DeclaredPlot]) -> Iterator[NamedPlot]:
    """The images among a run's outs and plots, each by its path."""
    plots = {path for plot in declared for path in plot.columns}
    folders = [path for path, out in record.outs.items() if out.kind is OutKind.PLOT or path in plots]
    paths = [*record.outs, *(path for folder in folders if (root / folder).is_dir() for path in _below(root, folder))]
    for path in dict.fromkeys(paths):
        if path not in plots and _is_image(path) and not is_foreign(path, record):
            image = path if (root / path).is_file() else ""
            yield NamedPlot(name=path, image=image, instead=_instead(root / path, None))


def _below(root: Path, folder: str) -> Iterator[str]:
    files = (file for file in (root / folder).rglob("*") if file.suffix.lower() in _IMAGES)
    return (file.relative_to(root).as_posix() for file in islice(files, _FILES))


def is_foreign(path: str, record: RunRecord) -> bool:
    """Whether a path is another run's, or lies outside of the workspace."""
    if posixpath.isabs(path) or "://" in path:
        return True
    return any(lies_in(path, dep) for dep in record.deps)

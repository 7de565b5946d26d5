"""What a run's ``dvc.yaml`` says of its plots: hints for reading them, without DVC."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.untrusted import check_yaml

_LIMIT = 2**20  # bytes


class PlotDeclaration(Struct, frozen=True, kw_only=True):
    """How a plot is to be read.

    Attributes:
        x: the column of its x axis, or an empty text. y: those of its y axis; empty for all.
        header: whether the first row of a CSV or TSV file names the columns; else they are ``0``, ``1``...
        template: the name of its template, or an empty text.
    """

    x: str = ""
    y: tuple[str, ...] = ()
    header: bool = True
    template: str = ""


class DeclaredPlot(Struct, frozen=True, kw_only=True):
    """A plot by the name that ``dvc plots show`` has for it.

    Attributes:
        name: as spelled in ``dvc.yaml``. others: further spellings that mean it.
        columns: path from the DVC root -> the columns of its y axis; empty for all.
    """

    name: str
    others: frozenset[str]
    columns: dict[str, tuple[str, ...]]


def plot_declarations(root: Path, *, dvcfile: str, wdir: str) -> dict[str, PlotDeclaration]:
    """Path from the DVC root -> what the stages' and the top-level ``plots`` of a ``dvc.yaml`` say of it.

    The file is read as it is written: a path with a template (``${...}``) in it fits nothing. A file that cannot be
    read says nothing, because plots can be read without it.

    Args:
        root: the run's DVC root.
        dvcfile: the run's ``dvc.yaml``, from the root. wdir: the stage's, from the root.
    """
    content = _load(root / dvcfile)
    found: dict[str, PlotDeclaration] = {}
    for folder, path, props in _entries(content, folder=posixpath.dirname(dvcfile), wdir=wdir):
        place = posixpath.normpath(posixpath.join(folder, path))
        found[place] = _merged(found.get(place, PlotDeclaration()), props, path)
    return found


def declared_plots(root: Path, *, dvcfile: str, wdir: str) -> list[DeclaredPlot]:
    """The plots of the stages and of the top level of a ``dvc.yaml``, each by its name.

    Args:
        root, dvcfile, wdir: as for `plot_declarations`.
    """
    content, folder = _map(_load(root / dvcfile)), posixpath.dirname(dvcfile)
    of_stages = (
        (wdir, path, props) for stage in _map(content.get("stages")).values() for path, props in _stage_plots(stage)
    )
    top = ((folder, name, props) for name, props in _named(content.get("plots")))
    return [_declared(*entry, dvcfile=dvcfile) for entry in (*of_stages, *top)]


def _declared(folder: str, name: str, props: Mapping[str, Any], *, dvcfile: str) -> DeclaredPlot:
    y = props.get("y")
    columns = {
        posixpath.normpath(posixpath.join(folder, path)): _columns(y.get(path) if isinstance(y, Mapping) else y)
        for path in _sources(name, props)
    }
    paths = () if isinstance(y, Mapping) else (posixpath.normpath(name), *columns)
    return DeclaredPlot(name=name, others=frozenset([*paths, f"{dvcfile}::{name}"]), columns=columns)


def _columns(y: Any) -> tuple[str, ...]:
    return tuple(str(column) for column in (y if isinstance(y, list) else [y] if y is not None else []))


def _load(path: Path) -> Any:
    import yaml  # noqa: PLC0415 - 10 ms that loading the extension need not take

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if path.stat().st_size > _LIMIT:
            return None
        text = path.read_text(encoding="utf-8-sig")
        check_yaml(text)
        return yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None


def _entries(content: Any, *, folder: str, wdir: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Folder, path from there, props: of the stages first, then of the top level."""
    content = _map(content)
    for stage in _map(content.get("stages")).values():
        yield from ((wdir, path, props) for path, props in _stage_plots(stage))
    for name, props in _named(content.get("plots")):
        yield from ((folder, path, props) for path in _sources(name, props))


def _stage_plots(stage: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    body = _map(stage)
    yield from _named((_map(body["do"]) if "do" in body else body).get("plots"))


def _named(plots: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and props of the entries of a ``plots`` list or map."""
    for entry in plots if isinstance(plots, list) else [plots]:
        if isinstance(entry, str):
            yield entry, {}
        for name, props in _map(entry).items():
            yield str(name), _map(props)


def _sources(name: str, props: Mapping[str, Any]) -> list[str]:
    """The files of a top-level plot: those that its ``y`` names, or else the one that it is called by."""
    y = props.get("y")
    return [str(path) for path in y] if isinstance(y, Mapping) else [name]


def _merged(known: PlotDeclaration, props: Mapping[str, Any], path: str) -> PlotDeclaration:
    x = props.get("x")
    x = x.get(path) if isinstance(x, Mapping) else x
    template = props.get("template")
    return replace(
        known,
        x=x if isinstance(x, str) else known.x,
        y=known.y or _columns(None if isinstance(props.get("y"), Mapping) else props.get("y")),
        header=known.header and props.get("header") is not False,
        template=template if isinstance(template, str) else known.template,
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

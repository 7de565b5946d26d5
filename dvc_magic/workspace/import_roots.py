"""Folders of the project that a Python imports from: editable installs, ``.pth`` files, ``PYTHONPATH``."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from dvc_magic.store import Facts, file_facts
from dvc_magic.workspace.env_folders import is_environment, site_folders
from dvc_magic.workspace.interpreter import UNSETTLED_NS, describe_interpreter, site_names

__all__ = ["import_roots"]


def import_roots(
    python: str, project: Path, environ: Mapping[str, str], environments: Iterable[Path] = ()
) -> tuple[str, ...]:
    """Every entry of a Python's ``sys.path`` that lies in the project, in the order of the path.

    Read from ``PYTHONPATH`` (relative entries hold from the project's root), from the ``.pth`` files of its
    site-packages, and from the finders of setuptools' editable installs, whose mapping is read without importing them.
    A mapping that gives a package another name than its folder has no such entry, and is left out.

    Args:
        python: path of the executable, empty for the one that runs this.
        project: the root.
        environ: of the stage.
        environments: further environments whose Python a stage may start, of which the same is read.

    Returns:
        POSIX paths from the project's root (``.`` for itself) of existing folders, virtual environments excluded.
    """
    root = os.path.realpath(project)
    named = [os.path.join(root, entry) for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    interpreter = describe_interpreter(python)
    others = [folder for environment in environments for folder in site_folders(environment)]
    folders = dict.fromkeys([*interpreter.site_folders, *others])
    installed = [entry for folder in folders for entry in _site_entries(folder)]
    found: dict[str, None] = {}
    for entry in (*named, *installed):
        real = os.path.realpath(entry)
        inside = real == root or real.startswith(root + os.sep)
        if inside and os.path.isdir(real) and not _in_environment(real, root):
            found[os.path.relpath(real, root).replace(os.sep, "/")] = None
    return tuple(found)


def _in_environment(folder: str, root: str) -> bool:
    """Whether a folder of the project lies in a virtual environment there."""
    while folder != root:
        if is_environment(folder):
            return True
        folder = os.path.dirname(folder)
    return False


def _site_entries(folder: str) -> Iterator[str]:
    """What the ``.pth`` files and the editable finders of one site-packages folder add to the path."""
    for name in site_names(folder):
        if (name.endswith(".pth") and not name.startswith(".")) or (
            name.startswith("__editable__") and name.endswith("_finder.py")
        ):
            yield from _entries(os.path.join(folder, name))


def _entries(file: str) -> tuple[str, ...]:
    """What one file adds, kept while its stat stays; of one that has changed just now nothing is kept."""
    try:
        facts = os.stat(file)
    except OSError:
        return ()
    if time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) < UNSETTLED_NS:
        return _read_entries(file)
    return _kept_entries(file, file_facts(facts))


@lru_cache(maxsize=256)
def _kept_entries(file: str, _: Facts) -> tuple[str, ...]:
    return _read_entries(file)


def _read_entries(file: str) -> tuple[str, ...]:
    found = _pth_entries(os.path.dirname(file), file) if file.endswith(".pth") else _finder_entries(file)
    return tuple(found)


def _pth_entries(folder: str, file: str) -> Iterator[str]:
    """The lines of a ``.pth`` file that are folders, as the `site` module reads them."""
    for line in _text(file).splitlines():
        entry = line.rstrip()
        if entry and not entry.startswith("#") and not entry.startswith(("import ", "import\t")) and "\0" not in entry:
            yield os.path.join(folder, entry)


def _finder_entries(file: str) -> Iterator[str]:
    """The folders that would import what a finder of setuptools maps: ``{"pkg": "/p/src/pkg"}`` gives ``/p/src``."""
    try:
        tree = ast.parse(_text(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    mapping, namespaces = _literal(tree, "MAPPING"), _literal(tree, "NAMESPACES")
    pairs = [(name, [path]) for name, path in mapping.items()] + list(namespaces.items())
    for name, places in pairs:
        for place in places if isinstance(places, list) else []:
            if isinstance(name, str) and isinstance(place, str) and (entry := _above(name, place)):
                yield entry


def _literal(tree: ast.Module, name: str) -> dict[object, object]:
    """The literal map that a module assigns to `name`, or an empty one."""
    for node in tree.body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        value = getattr(node, "value", None)
        if name in names and isinstance(value, ast.Dict):
            try:
                return dict(ast.literal_eval(value))
            except ValueError:
                return {}
    return {}


def _above(module: str, place: str) -> str | None:
    """The folder from which `module` is found at `place`; None when the names differ."""
    for part in reversed(module.split(".")):
        place, name = os.path.split(place.rstrip("/"))
        if name != part:
            return None
    return place


def _text(file: str) -> str:
    try:
        return Path(file).read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError:
        return ""

"""Relative POSIX paths as text: which are safe to join to a folder, and what lies above them."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterable

__all__ = ["declared", "in_any", "in_yaml", "is_below", "parent_folders"]

# A letter first and a dot or slash later: neither YAML 1.1 nor 1.2 takes it for a number or a word of its own.
_PLAIN = r"(?:\.\./)+[\w./-]*\w|[^\W\d_][\w-]*[./][\w./-]*\w"


def declared(path: str, *, wdir: str) -> str:
    """A path from the root as a stage's ``dvc.yaml`` would list it: from the stage's wdir, in YAML.

    >>> declared("conf/a.txt", wdir="src")
    '../conf/a.txt'
    """
    return in_yaml(posixpath.relpath(path, wdir).replace("${", "\\${"))  # else DVC would read a template


def in_yaml(path: str) -> str:
    """A path as an item of a list or a map in YAML, in quotes where it needs them.

    >>> in_yaml("a, b.csv")
    '"a, b.csv"'
    """
    if re.fullmatch(_PLAIN, path):
        return path
    if path.isprintable():
        return json.dumps(path, ensure_ascii=False)
    return '"' + path.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def is_below(path: str) -> bool:
    """Whether a path, joined to a folder, is in its plain spelling and can only lead to something below the folder."""
    return bool(path) and "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def in_any(path: str, roots: Collection[str]) -> bool:
    """Whether a path is one of `roots` or lies below one; ``.`` among them stands for everything."""
    if not roots:
        return False
    if path in roots or "." in roots:
        return True
    while path := path.rpartition("/")[0]:
        if path in roots:
            return True
    return False


def parent_folders(paths: Iterable[str]) -> list[str]:
    """Every folder above the paths, each once, parents first."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return sorted(found)

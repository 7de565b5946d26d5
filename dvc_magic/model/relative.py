"""Relative POSIX paths as text: which are safe to join to a folder, and what lies above them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

__all__ = ["in_any", "is_below", "parent_folders"]


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

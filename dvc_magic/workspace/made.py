"""What a command has written into a workspace: new and changed files, and what counts as outputs among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["Tree", "is_metric_name", "made_paths", "read_tree"]

Tree = dict[str, tuple[int, int, int]]  # POSIX path from the root -> inode, size, mtime (ns); folders end in a slash

_LEFT_OUT = frozenset(
    {".git", ".dvc", ".dvc_magic", "__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_METRIC = re.compile(r"(?:.*[_\-.])?metrics?(?:[_\-.].*)?\.(?:json|ya?ml|toml)", re.IGNORECASE)
_OWN = ("dvc.yaml", "dvc.lock")


def read_tree(root: Path) -> Tree:
    """Every file and folder below `root`, without DVC's, git's and the caches of tools; links are not followed."""
    return dict(_walk(str(root), ""))


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _LEFT_OUT:
                    yield f"{path}/", (0, 0, 0)
                    yield from _walk(entry.path, f"{path}/")
            elif entry.is_file(follow_symlinks=False) and path not in _OWN and not entry.name.endswith(".pyc"):
                facts = entry.stat(follow_symlinks=False)
                yield path, (facts.st_ino, facts.st_size, facts.st_mtime_ns)


def made_files(before: Tree, after: Tree) -> list[str]:
    """The files that are new or not what they were, sorted."""
    return sorted(path for path, mark in after.items() if not path.endswith("/") and before.get(path) != mark)


def made_paths(before: Tree, after: Tree, *, apart: Mapping[str, object]) -> list[str]:
    """The same as outputs: of a folder that is new as a whole its path, unless something `apart` lies in it.

    Args:
        before, after: the workspace before and after the command.
        apart: paths that have a place of their own: outs that are named, and metrics.

    Returns:
        Sorted paths, none of which lies in another or is `apart`.
    """
    single = set(apart) | {path for path in made_files(before, after) if is_metric_name(path)}
    found: dict[str, None] = {}
    for path in made_files(before, after):
        if not any(path == one or path.startswith(f"{one}/") for one in apart):
            found[_whole(path, before, single)] = None
    return sorted(found)


def _whole(path: str, before: Tree, single: set[str]) -> str:
    """The outermost new folder around a file that holds none of the paths in `single`, or the file itself."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        folder = "/".join(parts[:depth])
        if f"{folder}/" not in before and not any(one.startswith(f"{folder}/") for one in single):
            return folder
    return path


def is_metric_name(path: str) -> bool:
    """Whether a file's name says that it holds metrics: ``metrics.json``, ``eval_metrics.yaml``, ``metric-1.toml``."""
    return _METRIC.fullmatch(path.rpartition("/")[2]) is not None

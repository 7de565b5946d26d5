"""What a command has written into a workspace: new and changed files, and what counts as outputs among them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

__all__ = [
    "Tree",
    "is_metric_name",
    "made_below",
    "made_files",
    "made_others",
    "mark",
    "read_tree",
    "unkeepable",
    "whole_paths",
]

Mark = tuple[int, int, int]

_LEFT_OUT = frozenset(
    {".git", ".dvc", ".dvc_magic", "__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_METRIC = r"(?i)(?:.*[_\-.])?metrics?(?:[_\-.].*)?\.(?:json|ya?ml|toml)"
_OWN = ("dvc.yaml", "dvc.lock")
_FILE, _FOLDER, _FOLDER_LINK, _CLOSED = "a file", "a folder", "a link to a folder", "a folder that may not be read"
_SPECIAL = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Tree(Struct, frozen=True, kw_only=True):
    """What lies in a workspace, by POSIX path from its root.

    Attributes:
        files: inode, size and mtime (ns) of files and of links to files, of which DVC keeps the content they lead to.
        folders: those that are no links.
        links: links to folders, which DVC leaves out of a folder.
        others: what DVC cannot read, and what it is, in words: named pipes, sockets, links that lead nowhere.
    """

    files: dict[str, Mark] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


def read_tree(root: Path, *, below: Iterable[str] = ("",)) -> Tree:
    """What lies in `root`, without DVC's, git's and the caches of tools; links are not followed, nothing is opened.

    Args:
        root: the workspace's.
        below: the folders to look at, from the root; what is no folder is passed over.
    """
    tree = Tree()
    for folder in below:
        start = f"{root}/{folder}"
        if os.path.isdir(start):
            for path, kind, entry in _walk(start, f"{folder}/" if folder else "", left_out=_LEFT_OUT):
                _note(tree, path, kind, entry)
    return tree


def _note(tree: Tree, path: str, kind: str, entry: os.DirEntry[str] | None) -> None:
    if kind == _FOLDER:
        tree.folders.add(path)
    elif kind == _FOLDER_LINK:
        tree.links.add(path)
    elif kind != _FILE:
        tree.others[path] = kind
    elif entry is not None and path not in _OWN and not path.endswith(".pyc"):
        tree.files[path] = _mark(entry.stat(follow_symlinks=False))


def mark(file: Path) -> Mark:
    """What a write of a file changes, as `Tree.files` has it."""
    return _mark(file.lstat())


def _mark(facts: os.stat_result) -> Mark:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _walk(
    folder: str, prefix: str, *, left_out: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str, os.DirEntry[str] | None]]:
    """Everything below a folder: its path, what it is, and its entry; not into links."""
    try:
        entries = os.scandir(folder)
    except PermissionError:
        yield prefix.rstrip("/"), _CLOSED, None
        return
    with entries:
        for entry in entries:
            kind = _kind(entry)
            if kind != _FOLDER:
                yield f"{prefix}{entry.name}", kind, entry
            elif entry.name not in left_out:
                yield f"{prefix}{entry.name}", kind, entry
                yield from _walk(entry.path, f"{prefix}{entry.name}/", left_out=left_out)


def _kind(entry: os.DirEntry[str]) -> str:
    if not _is_text(entry.name):
        return "a name that is no UTF-8 text"
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    if entry.is_file(follow_symlinks=False):
        readable = os.geteuid() == 0 or os.access(entry.path, os.R_OK)
        return _FILE if readable else "a file that may not be read"
    link = entry.is_symlink()
    try:
        mode = entry.stat().st_mode
    except OSError:  # its target is missing, or it leads to itself
        return "a link that leads nowhere" if link else "a file that is gone"
    if stat.S_ISDIR(mode):
        return _FOLDER_LINK
    kind = _SPECIAL.get(stat.S_IFMT(mode), _FILE)
    return f"a link to {kind}" if link and kind != _FILE else kind


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def made_files(before: Tree, after: Tree) -> list[str]:
    """The files that are new or not what they were, sorted."""
    return sorted(path for path, mark in after.files.items() if before.files.get(path) != mark)


def made_others(before: Tree, after: Tree) -> dict[str, str]:
    """What is new and neither a file nor a folder, sorted: path -> what it is, in words."""
    found = {**after.others, **dict.fromkeys(after.links, _FOLDER_LINK)}
    return {path: found[path] for path in sorted(found) if path not in before.others and path not in before.links}


def made_below(before: Tree, after: Tree, folders: Iterable[str]) -> dict[str, list[str]]:
    """The new and changed files in each of some folders that has any."""
    found: dict[str, list[str]] = {}
    sought = set(folders)
    for path in made_files(before, after):
        for folder in sought.intersection(_above(path)):
            found.setdefault(folder, []).append(path)
    return {folder: found[folder] for folder in sorted(found)}


def whole_paths(files: Iterable[str], before: Tree, *, apart: Iterable[str] = ()) -> list[str]:
    """Files as outputs: of a folder that is new as a whole its path, unless a metric or something `apart` lies in it.

    Args:
        files: those that were made.
        before: the workspace before the command.
        apart: paths that have a place of their own, or none: outs that are named, deps, what DVC cannot keep.

    Returns:
        Sorted paths, none of which lies in another or is, or lies in, one of `apart`.
    """
    files, taken = list(files), set(apart)
    single = {*taken, *(path for path in files if is_metric_name(path))}
    split = {folder for path in single for folder in _above(path)} | before.folders
    found: dict[str, None] = {}
    for path in files:
        above = _above(path)
        if path not in taken and taken.isdisjoint(above):
            found[next((folder for folder in above if folder not in split), path)] = None
    return sorted(found)


def _above(path: str) -> list[str]:
    """The folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def unkeepable(root: Path, path: str) -> dict[str, str]:
    """What makes DVC fail or wait for ever at a file or folder: path -> what it is, in words.

    Args:
        root: the workspace's.
        path: from the root; a link there is followed, one in the folder is not.
    """
    place = f"{root}/{path}"
    if os.path.isdir(place):
        return {
            inner: kind for inner, kind, _ in _walk(place, f"{path}/") if kind not in (_FILE, _FOLDER, _FOLDER_LINK)
        }
    try:
        kind = _SPECIAL.get(stat.S_IFMT(os.stat(place).st_mode), "")
    except OSError:
        return {path: "a link that leads nowhere"} if os.path.islink(place) else {}
    return {path: kind} if kind else {}


def is_metric_name(path: str) -> bool:
    """Whether a file's name says that it holds metrics: ``metrics.json``, ``eval_metrics.yaml``, ``metric-1.toml``."""
    return re.fullmatch(_METRIC, PurePosixPath(path).name) is not None

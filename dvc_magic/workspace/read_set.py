"""Which files a command read and which folders it listed: by access times.

Where a mount keeps none, a scan of its scripts' imports stands for the files.
"""

from __future__ import annotations

import ast
import contextlib
import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from dvc_magic.model.relative import in_any, is_below

__all__ = ["FolderWatch", "atime_works", "imported_modules", "read_files"]

_PROBE = ".dvc/tmp"  # a folder of each workspace that is listed to see whether such a thing shows


def atime_works(folder: Path) -> bool:
    """Whether the file system of `folder` shows that a file with atime 0 was read (a mount with ``noatime`` does not).

    It is tried once for each way in which the folder is mounted.

    Side effects: a small file, made and removed.
    """
    try:
        return _atime_works(os.fspath(folder), os.stat(folder).st_dev, os.statvfs(folder).f_flag)
    except OSError:  # a full disk, say, of which nothing is kept
        return False


@lru_cache(maxsize=8)
def _atime_works(folder: str, *_: int) -> bool:
    probe = Path(folder, f".atime.{secrets.token_hex(6)}.tmp")
    try:
        probe.write_bytes(b"x")
        os.utime(probe, ns=(0, probe.stat().st_mtime_ns))
        probe.read_bytes()
        return probe.stat().st_atime_ns > 0
    finally:
        probe.unlink(missing_ok=True)


def read_files(root: Path, files: Iterable[str]) -> tuple[str, ...]:
    """Those of `files`, paths below `root`, that were read since their atime was set to 0.

    One that is gone counts as read: it may have been before it was removed or moved.
    """
    return tuple(path for path in files if _was_read(f"{root}/{path}"))


def _was_read(file: str) -> bool:
    try:
        return os.lstat(file).st_atime_ns > 0
    except (FileNotFoundError, NotADirectoryError):
        return True


class FolderWatch(Struct, frozen=True):
    """Folders of a workspace with access time 0, so that a later listing of them shows.

    Also under ``relatime``: the kernel renews a time that lies before the last change. It does so when names are
    read, and not when a file in the folder is opened or written.
    """

    root: Path
    folders: tuple[str, ...]
    tool_files: tuple[str, ...]

    @classmethod
    def start(cls, root: Path, folders: Iterable[str], *, workspace: Path, apart: Collection[str] = ()) -> FolderWatch:
        """Watch the root and other folders, until `listed` is asked for.

        Last thing before a command: any listing from now on counts as the command's.

        Args:
            root: the workspace's DVC root.
            folders: from the root; those that are not below it are passed over.
            workspace: the root or a folder above it, with what git of the run knows.
            apart: folders of which neither they nor what is below is watched.
        """
        below = (one for one in dict.fromkeys(folders) if is_below(one) and not in_any(one, {*apart, ".dvc"}))
        tops = [folder for folder in (root, *root.parents) if folder.is_relative_to(workspace)]
        # DVC and git read these whenever they list folders.
        tool_files = (f"{root}/.dvc/config.local", *(f"{top}/.git/index" for top in tops))
        _forget_reads(f"{root}/{_PROBE}")
        return cls(
            root,
            tuple(folder for folder in (".", *below) if _forget_reads(f"{root}/{folder}")),
            tuple(file for file in tool_files if _forget_reads(file)),
        )

    def listed(self) -> tuple[str, ...] | None:
        """The folders that were listed, ``.`` for the root; None where that cannot be told.

        That is so on a mount without access times of folders (``noatime``, ``nodiratime``), and when the command called
        git or DVC, which list folders whatever the command wants to know.
        """
        with contextlib.suppress(OSError):
            os.listdir(f"{self.root}/{_PROBE}")
            works = "." in self.folders and _was_read(f"{self.root}/{_PROBE}")
            if works and not any(map(_was_read, self.tool_files)):
                return read_files(self.root, self.folders)
        return None


def _forget_reads(place: str) -> bool:
    """Set the access time to 0; False when there is nothing, or nothing whose times can be set."""
    try:
        os.utime(place, ns=(0, os.stat(place).st_mtime_ns))
    except OSError:
        return False
    return True


def imported_modules(root: Path, scripts: Iterable[str], roots: Iterable[str]) -> tuple[str, ...]:
    """The project's modules that Python scripts import, directly or through each other, found without running them.

    Args:
        root: the project.
        scripts: paths from `root`.
        roots: folders of the project on the Python path, from `root`.

    Returns:
        Sorted paths from `root`, ``__init__.py`` files of packages among them. Imports by computed names are not seen.
    """
    shared = [*roots, "."]
    found: set[str] = set()
    for script in scripts:
        search = list(dict.fromkeys([script.rpartition("/")[0] or ".", *shared]))
        _follow(root, script, search, found)
    return tuple(sorted(found))


def _follow(root: Path, script: str, search: list[str], found: set[str]) -> None:
    """Add to `found` what `script` and the modules it imports import; `search` is the Python path."""
    todo, seen = [script], {script}
    while todo:
        file = todo.pop()
        for names, folders in _imports(root / file, file, search):
            fresh = _resolved(root, names, folders) - seen
            seen |= fresh
            found |= fresh
            todo.extend(fresh)


def _imports(path: Path, file: str, search: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The dotted names that a file imports, each with the folders it is looked for in."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, search) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            folders = [_climbed(file, node.level)] if node.level else search
            prefix = f"{node.module}." if node.module else ""
            yield from ((f"{prefix}{name.name}".removesuffix(".*"), folders) for name in node.names)
        elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
            yield name, search


def _climbed(file: str, level: int) -> str:
    """The package that a relative import starts from."""
    for _ in range(level):
        file = file.rpartition("/")[0]
    return file or "."


def _imported_by_call(node: ast.Call) -> str | None:
    """The module of ``importlib.import_module("name")``."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in ("import_module", "__import__") or len(node.args) != 1:
        return None
    first = node.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _resolved(root: Path, name: str, folders: list[str]) -> set[str]:
    """The files below `root` that importing a dotted name executes: packages on the way and the module at its end."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return set() if parts != ["*"] else _package(root, folders[0])
    for folder in folders:
        if found := _chain(root, folder, parts):
            return found
    return set()


def _package(root: Path, folder: str) -> set[str]:
    init = _joined(folder, "__init__.py")
    return {init} if is_below(init) and (root / init).is_file() else set()


def _chain(root: Path, folder: str, parts: list[str]) -> set[str]:
    found: set[str] = set()
    for part in parts:
        folder = _joined(folder, part)
        if is_below(folder) and (root / f"{folder}.py").is_file():
            found.add(f"{folder}.py")
            break
        if not is_below(folder) or not (root / folder).is_dir():
            break  # what is left is a name in the module before, or there is no such module here
        found |= _package(root, folder)
    return found


def _joined(folder: str, name: str) -> str:
    return name if folder in ("", ".") else f"{folder}/{name}"

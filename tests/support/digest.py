"""A fingerprint of a whole project, to prove that nothing touched it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TypeAlias

Fingerprint: TypeAlias = tuple[object, ...]

_FIELDS = {
    "file": ("kind", "mode", "mtime", "content"),
    "directory": ("kind", "mode", "mtime"),
    "link": ("kind", "mode", "mtime", "target"),
    "other": ("kind", "mode", "mtime"),
}


def project_digest(root: Path, *, store: Path | None = None) -> dict[str, Fingerprint]:
    """Every file, directory and link below `root`, ``.git`` and ``.dvc`` included: kind, mode, mtime, content.

    The run store (``.dvc_magic`` in `root`, or `store`) is left out, and so is the mtime of the folder around it,
    which changes when the store is made. Links are not followed. Reading may change access times, which are no part
    of it.
    """
    store = store or root / ".dvc_magic"
    found: dict[str, Fingerprint] = {}
    for folder, directories, files in os.walk(root):
        here = Path(folder)
        if here == store.parent and store.name in directories:
            directories.remove(store.name)
        for path in [here, *(here / name for name in files), *_links(here, directories)]:
            found[path.relative_to(root).as_posix()] = _fingerprint(path)
    if store.parent.is_relative_to(root):
        found[store.parent.relative_to(root).as_posix()] = ("directory", _mode(store.parent.lstat()), None)
    return dict(sorted(found.items()))


def _links(folder: Path, directories: list[str]) -> list[Path]:
    return [folder / name for name in directories if (folder / name).is_symlink()]


def changes(before: dict[str, Fingerprint], after: dict[str, Fingerprint]) -> list[str]:
    """What differs between two digests, one line for each path: ``params.yaml: content, mtime``."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"{path}: removed")
        elif path not in before:
            lines.append(f"{path}: added")
        elif before[path] != after[path]:
            lines.append(f"{path}: {', '.join(_differing(before[path], after[path]))}")
    return lines


def _fingerprint(path: Path) -> Fingerprint:
    facts = path.lstat()
    common = (_mode(facts), facts.st_mtime_ns)
    if stat.S_ISLNK(facts.st_mode):
        return ("link", *common, str(path.readlink()))
    if stat.S_ISDIR(facts.st_mode):
        return ("directory", *common)
    if stat.S_ISREG(facts.st_mode):
        return ("file", *common, hashlib.sha256(path.read_bytes()).hexdigest())
    return ("other", *common)


def _mode(facts: os.stat_result) -> str:
    return oct(stat.S_IMODE(facts.st_mode))


def _differing(one: Fingerprint, other: Fingerprint) -> list[str]:
    if one[0] != other[0]:
        return [f"was a {one[0]}, is a {other[0]}"]
    names = _FIELDS[str(one[0])]
    return [
        f"mode {old} -> {new}" if name == "mode" else name
        for name, old, new in zip(names, one, other, strict=True)
        if old != new
    ]

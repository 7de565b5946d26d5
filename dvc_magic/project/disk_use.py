"""What a run store takes of the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dvc_magic.store import RunStore
from dvc_magic.views import format_bytes


def store_size(store: RunStore) -> str:
    """``store 1.2 GB: cache 0.3 GB, runs 0.8 GB..``: each file counts once, at the first of its links.

    Reflinked copies, which share their blocks, count as if they did not: no file system tells of them.
    """
    parts = {
        "cache": store.paths.cache,
        "runs": store.paths.runs,
        "sources": store.paths.snapshots,
        "trash": store.paths.trash,
    }
    seen: set[tuple[int, int]] = set()
    sizes = {name: _size(folder, seen) for name, folder in parts.items()}
    listed = ", ".join(f"{name} {format_bytes(size)}" for name, size in sizes.items() if size)
    return f"store {format_bytes(sum(sizes.values()))}{f': {listed}' if listed else ''}"


def _size(folder: Path, seen: set[tuple[int, int]]) -> int:
    """The bytes of the files below a folder that were not counted before."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                facts = os.lstat(f"{place}/{name}")
                if (key := (facts.st_dev, facts.st_ino)) not in seen:
                    seen.add(key)
                    size += facts.st_size
    return size

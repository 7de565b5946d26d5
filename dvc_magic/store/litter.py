"""What writers that were killed leave in a store: files that never got their names, and the reserves of lost runs."""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_magic.errors import StoreError
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.store.lock import held
from dvc_magic.store.whole_files import ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_DVC = re.compile(r"\.[\w-]{22}\.tmp")  # dvc_objects.fs.utils.tmp_fname
_YOUNG = 10.0  # seconds; a file is locked microseconds after it is made
_DAY = 86_400.0  # seconds; on file systems without locks, litter has to be as old


def sweep(paths: StorePaths) -> bool:
    """Remove what no living process writes any more; what cannot be removed stays without a word.

    Returns:
        Whether the store was looked through as a whole, as it is once a day.

    A file of ours is locked while it is written. DVC locks none of those that it writes into the runs' cache, but does
    so only while a run holds its lock: one that is older than all locks that are held is litter too. Folders that have
    not changed since the last sweep are not looked into. Those of runs, where litter is small, are looked at once a
    day: 10,000 of them take 60 ms.
    """
    began = time.time()
    last = _time_of(paths.swept)
    whole = began - last > _DAY
    in_use = False
    oldest: float | None = None
    for folder in _folders(paths, since=last - _YOUNG, runs=whole):
        for entry in _entries(folder):
            if ASIDE.fullmatch(entry.name):
                gone = _is_abandoned(entry, began)
            elif entry.name == "reserve" and folder.parent == paths.runs:
                gone = not _is_held(RunPaths(folder).lock)
            elif _OF_DVC.fullmatch(entry.name):
                oldest = _oldest_lock(paths, began) if oldest is None else oldest
                gone = _is_older(entry, oldest)
            else:
                continue
            in_use |= not gone
            if gone:
                with suppress(OSError):
                    Path(entry.path).unlink()
    if whole and not in_use:
        with suppress(OSError):
            paths.swept.touch(mode=0o600)
            os.utime(paths.swept, (began, began))
    return whole


def _folders(paths: StorePaths, *, since: float, runs: bool) -> Iterator[Path]:
    """The folders in which files appear that changed after a time, in seconds since the epoch; with those of runs."""
    objects = (paths.objects, paths.cache, paths.cache_objects)
    yield from (*objects, paths.snapshots, paths.environments, paths.sources, paths.home)
    for entry in chain.from_iterable(map(_entries, (*objects, *[paths.runs] * runs))):
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime >= since:
                yield Path(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _time_of(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _is_abandoned(entry: os.DirEntry[str], now: float) -> bool:
    """Whether nobody writes a file made by `aside` any more."""
    try:
        age = now - entry.stat(follow_symlinks=False).st_ctime
        if age < _YOUNG:
            return False
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age > _DAY
    finally:
        os.close(descriptor)
    return True


def _is_older(entry: os.DirEntry[str], moment: float) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_ctime < moment
    except OSError:
        return False


def _is_held(lock: Path) -> bool:
    try:
        return held(lock)
    except StoreError:
        return True


def _oldest_lock(paths: StorePaths, began: float) -> float:
    """When the oldest run that goes took its lock; the beginning of the sweep when none goes."""
    locks = (RunPaths(Path(entry.path)).lock for entry in _entries(paths.runs))
    return min((_time_of(lock) for lock in locks if _is_held(lock)), default=began)

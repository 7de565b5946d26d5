"""Content is trusted by what is known of it: the stat at which the bytes of a file were last known good.

Objects of the runs' cache, stored sources and the outs of runs are named by their md5, and anything may have changed
them since: a stage that runs as root, an editor, a disk. Before one is executed, placed, reused or handed out, it is
asked for here. A file with the stat that is known costs that stat; any other is hashed, once.

The stat is kept by inode, so that a hardlink in a workspace and its object in the cache are one entry. A link or an
unlink of our own changes the inode's ctime as an edit does: whoever does it holds the object's lock, checks the object
before, and notes its new stat after. Without the lock a process that looks in between would hash for nothing; it would
not trust wrong bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dvc_magic.model.paths import StorePaths
from dvc_magic.store.boot import UNSAFE, this_boot
from dvc_magic.store.stat_table import Facts, StatTable, file_facts, hash_steady

__all__ = ["KnownGood"]


class KnownGood:
    """What is known of the content of a store's files; safe to use from several threads and processes.

    Attributes:
        hashed: bytes that had to be read to hash them.

    Args:
        paths: of the store.
        boot_id: another one than that in which the file was last open makes what was noted shortly before it unknown;
            this one, unless it is given.
    """

    def __init__(self, paths: StorePaths, *, boot_id: str | None = None) -> None:
        boot = this_boot() if boot_id is None else boot_id
        self._table = StatTable(paths.hashes, "good", boot=boot, unsafe=int(UNSAFE * 1e9))
        self._locks = paths.locks
        self._held = threading.local()
        self.hashed = 0

    def altered(self, files: Mapping[str, str]) -> dict[str, str]:
        """Those of `files` (absolute path -> md5) that do not hold this content: path -> what is wrong, in words.

        What had to be hashed and is as it should be is known from now on.
        """
        stats, wrong = _stats(files)
        keys = {path: _key(found) for path, found in stats.items()}
        known = self._table.matching({key: file_facts(stats[path]) for path, key in keys.items()})
        fresh: dict[bytes, tuple[Facts, str]] = {}
        for path, key in keys.items():
            md5 = known.get(key) or fresh.get(key, (None, ""))[1]
            if not md5:
                try:
                    fresh[key] = hash_steady(path)
                except OSError as error:
                    wrong[path] = f"cannot be read: {error.strerror}"
                    continue
                self.hashed += stats[path].st_size
                md5 = fresh[key][1]
            if md5 != files[path]:
                wrong[path] = f"was changed: its md5 is {md5}, not {files[path]}"
        self._table.keep(fresh)
        return wrong

    def doubtful(self, files: Mapping[str, str]) -> list[str]:
        """Those of `files` (absolute path -> md5) that `altered` would hash, or knows to be wrong; nothing is read."""
        stats, wrong = _stats(files)
        keys = {path: _key(stat) for path, stat in stats.items()}
        md5s = self._table.matching({key: file_facts(stats[path]) for path, key in keys.items()})
        return [*wrong, *(path for path, key in keys.items() if md5s.get(key) != files[path])]

    def note(self, files: Mapping[str, str], *, in_file: bool = True) -> None:
        """Know from now on that `files` (path -> md5) hold this content, as the caller has just seen to.

        Args:
            files: those that are missing are passed over.
            in_file: for other processes too; without it, for as long as this one lives.
        """
        stats, _ = _stats(files)
        self._table.keep(
            {_key(found): (file_facts(found), files[path]) for path, found in stats.items()}, in_file=in_file
        )

    def md5(self, found: os.stat_result) -> str | None:
        """The md5 of a file with this stat, None when it is not known."""
        key = _key(found)
        return self._table.matching({key: file_facts(found)}).get(key)

    def hash(self, file: Path) -> str | None:
        """The md5 of a file, hashed if it is not known; None for what is no file, or cannot be read."""
        stats, _ = _stats([os.fspath(file)])
        for path, found in stats.items():
            md5 = self.md5(found)
            if md5 is None:
                with contextlib.suppress(OSError):
                    facts, md5 = hash_steady(path)
                    self.hashed += found.st_size
                    self._table.keep({_key(found): (facts, md5)})
            return md5
        return None

    @contextmanager
    def locked(self, md5s: Iterable[str]) -> Iterator[None]:
        """Hold the locks of objects: nobody else makes, links or unlinks them meanwhile.

        Not on the objects themselves: a stage may hold such a lock on its input, as HDF5 does, for hours. A thread may
        ask again for what it holds; for more only once it has given that back.
        """
        held: set[str] = self._held.__dict__.setdefault("firsts", set())
        wanted = sorted({md5[0] for md5 in md5s} - held)  # in order, so that two processes never wait for each other
        with ExitStack() as stack:
            for first in wanted:
                stack.enter_context(_lock(self._locks / first))
            held.update(wanted)
            try:
                yield
            finally:
                held.difference_update(wanted)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._table.close()


def _stats(files: Iterable[str]) -> tuple[dict[str, os.stat_result], dict[str, str]]:
    """The stats of regular files, and what is wrong with the others; a link is not followed."""
    stats, wrong = {}, {}
    for path in files:
        try:
            found = os.lstat(path)
        except OSError as error:
            wrong[path] = (
                "is gone"
                if isinstance(error, FileNotFoundError | NotADirectoryError)
                else f"cannot be read: {error.strerror}"
            )
            continue
        if stat.S_ISREG(found.st_mode):
            stats[path] = found
        else:
            wrong[path] = "is a link now" if stat.S_ISLNK(found.st_mode) else "is no file any more"
    return stats, wrong


def _key(found: os.stat_result) -> bytes:
    return b"%d" % found.st_ino


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:  # a read-only store, a full disk: see the module's last sentence
        yield
        return
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""File hashes that an unchanged file gives for a stat."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dvc_magic.errors import ProjectError

__all__ = ["FileHash", "HashCache", "hash_open_file"]

_CHUNK = 1 << 20  # bytes
_RACY_NS = 2_000_000_000  # a younger file may change again without its times showing it
_SCHEMA = 1
_LARGEST = 256 << 20  # bytes of the database; beyond that it starts anew
_MOST_IN_MEMORY = 200_000  # files
_BATCH = 500  # paths in one query
_ATTEMPTS = 5
_INO_MASK = (1 << 63) - 1  # SQLite's integers are signed

Facts: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHash:
    """The md5 of a file's content, and its size in bytes."""

    md5: str
    size: int


def file_facts(stat: os.stat_result) -> Facts:
    """What identifies a state of a file: inode, size, mtime and ctime in nanoseconds.

    The ctime is what an edit that restores the mtime cannot hide.
    """
    return stat.st_ino & _INO_MASK, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def hash_open_file(descriptor: int, size: int) -> str:
    """The md5 of an open file from its current position on, read in chunks; `size` in bytes is only a hint."""
    digest = hashlib.md5(usedforsecurity=False)
    step = min(size + 1, _CHUNK)
    while chunk := os.read(descriptor, step):
        digest.update(chunk)
    return digest.hexdigest()


def _hash_steady(path: str) -> tuple[Facts, str]:
    """The hash of a file that did not change while it was read, with the facts it holds for."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(0.01 * attempt)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            before = os.fstat(descriptor)
            md5 = hash_open_file(descriptor, before.st_size)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if file_facts(before) == file_facts(after):
            return file_facts(after), md5
    message = f"{path} keeps changing while it is read ({_ATTEMPTS} tries); run again when nothing writes it"
    raise ProjectError(message)


def _is_racy(facts: Facts, now: int) -> bool:
    """Whether a file is so young that it may change again within one tick of its times."""
    _, _, mtime, ctime = facts
    return now - ctime < _RACY_NS or 0 <= now - mtime < _RACY_NS


class HashCache:
    """Hashes by absolute path and stat, in an SQLite file and in memory; safe to use from several threads.

    The file is only a cache: damaged, of another version or gone, it starts anew without a word; locked or
    unwritable, the hashes are kept in memory alone. Side effects: creates `path` (and its folder, mode 0700).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._memory: dict[str, tuple[Facts, str]] = {}
        self._database: sqlite3.Connection | None = None
        self._opened_by = 0

    def md5(self, file: Path) -> FileHash:
        """The hash of one file; a symlink is followed.

        Raises:
            OSError: the file cannot be read. ProjectError: it never holds still.
        """
        return self.md5_many([file])[file]

    def md5_many(self, files: Iterable[Path]) -> dict[Path, FileHash]:
        """The hashes of many files, looked up and kept in one transaction each.

        Raises:
            OSError: a file cannot be read. ProjectError: one never holds still.
        """
        absolute = {file: os.path.abspath(file) for file in files}
        known = self.md5_known({path: os.stat(path) for path in absolute.values()})
        return {file: known[path] for file, path in absolute.items()}

    def md5_known(self, stats: Mapping[str, os.stat_result]) -> dict[str, FileHash]:
        """The hashes of files whose stats are at hand: absolute path -> hash; only a file not known is opened.

        Raises:
            OSError: a file cannot be read. ProjectError: one never holds still.
        """
        wanted = {path: file_facts(stat) for path, stat in stats.items()}
        self._recall([path for path in wanted if path not in self._memory])
        found, fresh = {}, {}
        for path, facts in wanted.items():
            known = self._memory.get(path)
            if known is None or known[0] != facts:
                known = fresh[path] = _hash_steady(path)
            found[path] = FileHash(md5=known[1], size=known[0][1])
        self._keep(fresh)
        return found

    def forget(self, path: str) -> None:
        """Drop what is known of one absolute path, so that it is read again."""
        with self._lock:
            self._memory.pop(path, None)
            self._write("DELETE FROM hashes WHERE path = ?", [(os.fsencode(path),)])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._database is not None and self._opened_by == os.getpid():
                self._database.close()
            self._database = None

    def _recall(self, paths: list[str]) -> None:
        """Bring what the file knows of `paths` into memory."""
        with self._lock:
            for start in range(0, len(paths), _BATCH):
                keys = [os.fsencode(path) for path in paths[start : start + _BATCH]]
                marks = ",".join("?" * len(keys))
                query = f"SELECT path, ino, size, mtime, ctime, md5 FROM hashes WHERE path IN ({marks})"  # noqa: S608
                for path, ino, size, mtime, ctime, md5 in self._read(query, keys):
                    self._memory[os.fsdecode(path)] = ((ino, size, mtime, ctime), md5)

    def _keep(self, fresh: Mapping[str, tuple[Facts, str]]) -> None:
        now = time.time_ns()
        steady = {path: known for path, known in fresh.items() if not _is_racy(known[0], now)}
        if not fresh:
            return
        with self._lock:
            for path in fresh.keys() - steady.keys():
                self._memory.pop(path, None)
            if len(self._memory) > _MOST_IN_MEMORY:
                self._memory.clear()
            self._memory.update(steady)
            rows = [(os.fsencode(path), *facts, md5) for path, (facts, md5) in steady.items()]
            self._write("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _read(self, query: str, values: list[bytes]) -> list[tuple[bytes, int, int, int, int, str]]:
        try:
            return self._open().execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._after(error)
            return []

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        try:
            database = self._open()
            with database:
                database.executemany(statement, rows)
        except sqlite3.Error as error:
            self._after(error)

    def _open(self) -> sqlite3.Connection:
        """The connection of this process: one that was opened before a fork must not be touched."""
        if self._database is None or self._opened_by != os.getpid():
            self._database = self._connect()
            self._opened_by = os.getpid()
        return self._database

    def _connect(self) -> sqlite3.Connection:
        try:
            return _connected(self._path)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
        except (sqlite3.DatabaseError, OSError):
            pass
        _remove(self._path)
        try:
            return _connected(self._path)
        except (sqlite3.Error, OSError):
            return _with_table(sqlite3.connect(":memory:", check_same_thread=False))

    def _after(self, error: sqlite3.Error) -> None:
        """A locked file is a miss; any other trouble means that the file starts anew at the next use."""
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None
        _remove(self._path)


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LARGEST:
        _remove(path)
    database = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        return _with_table(database)
    except sqlite3.Error:
        database.close()
        raise


def _with_table(database: sqlite3.Connection) -> sqlite3.Connection:
    if database.execute("PRAGMA user_version").fetchone() != (_SCHEMA,):
        with database:
            database.execute("DROP TABLE IF EXISTS hashes")
            columns = "path BLOB PRIMARY KEY, ino INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER, md5 TEXT"
            database.execute(f"CREATE TABLE hashes ({columns}) WITHOUT ROWID")
            database.execute(f"PRAGMA user_version = {_SCHEMA}")
    return database


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            os.unlink(f"{path}{suffix}")

"""Content by stat, in an SQLite file and in memory: which md5 a file had when its stat was last this one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from dvc_magic.errors import ProjectError
from dvc_magic.store.database import DATABASE_ERRORS, is_damage

__all__ = ["Facts", "StatTable", "file_facts", "hash_steady"]

_CHUNK = 1 << 20  # bytes
_SCHEMA = 2
_LARGEST = 256 << 20  # bytes of the database; beyond that it starts anew
_MOST_IN_MEMORY = 200_000  # rows
_BATCH = 500  # keys in one query
_ATTEMPTS = 5
_INO_MASK = (1 << 63) - 1  # SQLite's integers are signed

Facts: TypeAlias = tuple[int, int, int, int]


def file_facts(stat: os.stat_result) -> Facts:
    """What identifies a state of a file: inode, size, mtime and ctime in nanoseconds.

    The ctime is what an edit that restores the mtime cannot hide.
    """
    return stat.st_ino & _INO_MASK, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _hash_open_file(descriptor: int, size: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    step = min(size + 1, _CHUNK)
    while chunk := os.read(descriptor, step):
        digest.update(chunk)
    return digest.hexdigest()


def hash_steady(path: str) -> tuple[Facts, str]:
    """The md5 of a file that did not change while it was read, with the facts that it holds for.

    Raises:
        OSError: the file cannot be read. ProjectError: it never holds still.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(0.01 * attempt)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            before = os.fstat(descriptor)
            md5 = _hash_open_file(descriptor, before.st_size)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if file_facts(before) == file_facts(after):
            return file_facts(after), md5
    message = f"{path} keeps changing while it is read ({_ATTEMPTS} tries); run again when nothing writes it"
    raise ProjectError(message)


class StatTable:
    """One table of an SQLite file; several threads and processes may use it at once.

    The file is only a cache: damaged, of another version or gone, it starts anew without a word; locked or
    unwritable, the rows are kept in memory alone. Side effects: creates `path` (and its folder, mode 0700).

    Args:
        path: the SQLite file, which other tables may share.
        name: of the table.
        boot: identifies this boot of the machine; empty where nothing can tell.
        unsafe: nanoseconds; rows kept this shortly before the last one of another boot are dropped when the file is
            opened: their files may have lost their bytes with the power.
    """

    def __init__(self, path: Path, name: str, *, boot: str = "", unsafe: int = 0) -> None:
        self._path = path
        self._name = name
        self._boot = boot
        self._unsafe = unsafe
        self._lock = threading.Lock()
        self._memory: dict[bytes, tuple[Facts, str]] = {}
        self._database: sqlite3.Connection | None = None
        self._opened_by = 0

    def matching(self, facts: Mapping[bytes, Facts]) -> dict[bytes, str]:
        """The md5 of each key whose file has the facts that it was kept with."""
        with self._lock:
            self._recall([key for key, now in facts.items() if self._memory.get(key, (None,))[0] != now])
            memory = self._memory
            return {key: memory[key][1] for key, now in facts.items() if key in memory and memory[key][0] == now}

    def keep(self, rows: Mapping[bytes, tuple[Facts, str]], *, in_file: bool = True) -> None:
        """Keep the md5 that files with these facts have, in memory and unless said otherwise in the file."""
        if not rows:
            return
        noted = time.time_ns()
        with self._lock:
            if len(self._memory) > _MOST_IN_MEMORY:
                self._memory.clear()
            self._memory.update(rows)
            if in_file:
                values = [(key, *facts, md5, noted) for key, (facts, md5) in rows.items()]
                self._write(f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608

    def drop(self, keys: Iterable[bytes], *, in_file: bool = True) -> None:
        """Drop what is kept of these keys."""
        with self._lock:
            rows = [(key,) for key in keys]
            for (key,) in rows:
                self._memory.pop(key, None)
            if in_file:
                self._write(f"DELETE FROM {self._name} WHERE key = ?", rows)  # noqa: S608

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._database is not None and self._opened_by == os.getpid():
                self._database.close()
            self._database = None

    def _recall(self, keys: Sequence[bytes]) -> None:
        """Bring what the file has of `keys` into memory: other processes may have kept newer rows there."""
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            query = f"SELECT key, ino, size, mtime, ctime, md5 FROM {self._name} WHERE key IN ({marks})"  # noqa: S608
            for key, ino, size, mtime, ctime, md5 in self._read(query, batch):
                self._memory[key] = ((ino, size, mtime, ctime), md5)

    def _read(self, query: str, values: Sequence[bytes]) -> list[tuple[bytes, int, int, int, int, str]]:
        try:
            return self._open().execute(query, values).fetchall()
        except DATABASE_ERRORS as error:
            self._after(error)
            return []

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        try:
            database = self._open()
            with database:
                database.executemany(statement, rows)
        except DATABASE_ERRORS as error:
            self._after(error)

    def _open(self) -> sqlite3.Connection:
        """The connection of this process: one that was opened before a fork must not be touched."""
        if self._database is None or self._opened_by != os.getpid():
            self._database = self._connect()
            self._opened_by = os.getpid()
        return self._database

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except DATABASE_ERRORS as error:
            if not is_damage(error):
                raise
        except OSError:
            pass
        _remove(self._path)
        try:
            return self._connected()
        except (*DATABASE_ERRORS, OSError):
            return self._with_table(sqlite3.connect(":memory:", check_same_thread=False))

    def _connected(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > _LARGEST:
            _remove(self._path)
        database = sqlite3.connect(self._path, timeout=1.0, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            return self._with_table(database)
        except DATABASE_ERRORS:
            database.close()
            raise

    def _with_table(self, database: sqlite3.Connection) -> sqlite3.Connection:
        with database:
            if database.execute("PRAGMA user_version").fetchone() != (_SCHEMA,):
                tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (name,) in tables:
                    database.execute(f'DROP TABLE "{name}"')
                database.execute(f"PRAGMA user_version = {_SCHEMA}")
            columns = "key BLOB PRIMARY KEY, ino INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER, md5 TEXT"
            table = f"{self._name} ({columns}, noted INTEGER) WITHOUT ROWID"
            database.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            if self._unsafe:
                self._drop_unsafe(database)
        return database

    def _drop_unsafe(self, database: sqlite3.Connection) -> None:
        database.execute("CREATE TABLE IF NOT EXISTS boots (name TEXT PRIMARY KEY, boot TEXT)")
        before = database.execute("SELECT boot FROM boots WHERE name = ?", (self._name,)).fetchone()
        if before == (self._boot,):
            return
        newest = f"SELECT max(noted) FROM {self._name}"  # noqa: S608
        database.execute(f"DELETE FROM {self._name} WHERE noted > ({newest}) - ?", (self._unsafe,))  # noqa: S608
        database.execute("INSERT OR REPLACE INTO boots VALUES (?, ?)", (self._name, self._boot))

    def _after(self, error: sqlite3.Error | UnicodeDecodeError) -> None:
        """A locked file is a miss; one that fails is opened again at the next use, and a damaged one starts anew."""
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return
        if self._database is not None:
            with contextlib.suppress(*DATABASE_ERRORS):
                self._database.close()
        self._database = None
        if is_damage(error):
            _remove(self._path)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(f"{path.name}{suffix}").unlink()

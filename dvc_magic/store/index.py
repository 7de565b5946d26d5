"""A cache of all records in SQLite: delete it, damage it, make it unwritable, and the answers stay the same.

The files of the runs are the truth. A row counts only while the signatures of its two files (mtime, size, inode) are
those that it was made from and while its own checks hold; every other one is read anew from the files. The connection
is kept from call to call, as opening one takes a millisecond, while the database is the file that it was; threads take
turns, and it is closed before a fork. Nothing is synced to the disk: what a power cut spoils is found and made anew.

Table ``heads`` has what a listing is ordered and chosen by, and is small; ``bodies`` has the contents. Both keep bytes:
a text with a lone surrogate, which a file name may hold, is nothing that SQLite takes.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
import zlib
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from dvc_magic.codec import decode
from dvc_magic.errors import StoreError
from dvc_magic.model.record import Notes, RunRecord
from dvc_magic.store.database import DATABASE_ERRORS, is_damage
from dvc_magic.store.ids import is_run_id
from dvc_magic.store.record_file import decode_noun
from dvc_magic.store.sound import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import TypeVar

    from dvc_magic.model.paths import StorePaths

    T = TypeVar("T")

VERSION = 4  # since 3 records are checked for paths that leave the run, since 4 it knows which have never begun
_BUSY = 30.0  # seconds that a connection waits for another one's write
_CHUNK = 500  # rows per query
_HEAD_TYPES = (str, int, str, bytes, int, int)  # SQLite keeps any type in any column, and damage can change it
_HEAD_COLUMNS = "id, number, signature, stage, asked, unbegun, guard"
_UNREAD = "?"  # in the place of a file's signature, which it never equals: the file is looked at again next time

# Indexes of older versions lack these, and are as good without them, only slower.
_ORDERS = """\
CREATE INDEX IF NOT EXISTS by_number ON heads (number);
CREATE INDEX IF NOT EXISTS by_stage ON heads (stage, number);
"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS heads
    (id TEXT PRIMARY KEY, number INTEGER, signature TEXT, stage BLOB, asked INTEGER, unbegun INTEGER,
     guard INTEGER);
CREATE TABLE IF NOT EXISTS bodies (id TEXT PRIMARY KEY, record BLOB, notes BLOB, problem BLOB, guard INTEGER);
{_ORDERS}
PRAGMA user_version = {VERSION};
"""


class Head(Struct, frozen=True):
    """The part of an entry that listings are ordered and chosen by."""

    id: str
    number: int
    stage: str
    signature: str
    asked: bool
    unbegun: bool


class Entry(Struct, frozen=True, kw_only=True):
    """What the files of one run say.

    Attributes:
        id: of the run, the name of its folder.
        number: of the run, -1 when the record cannot be read or is damaged.
        stage: address, empty when the record cannot be read.
        asked: whether a call asked for the run, False when the record cannot be read.
        unbegun: whether that call was stopped before it was the run's turn.
        signature: of the record's and the notes' files; it has a ``?`` for one whose reading failed.
        record, notes: contents of the files, empty for one that is missing or damaged.
        problem: why the record or the notes cannot be read, or an empty text.
    """

    id: str
    number: int
    stage: str
    asked: bool
    unbegun: bool
    signature: str
    record: bytes
    notes: bytes
    problem: str

    @property
    def lasting(self) -> bool:
        """Whether the entry says what the files hold; a failed read (EIO, too many open files) passes."""
        return _UNREAD not in self.signature

    @property
    def head(self) -> Head:
        """The part that listings are ordered and chosen by."""
        return Head(self.id, self.number, self.stage, self.signature, self.asked, self.unbegun)

    def nouns(self) -> tuple[RunRecord, Notes]:
        """The record and the notes of an entry that has a record."""
        return decode(self.record, RunRecord), decode(self.notes, Notes) if self.notes else Notes()


def signature_of(facts: os.stat_result) -> str:
    """What differs when a file has been written again."""
    return f"{facts.st_mtime_ns}:{facts.st_size}:{facts.st_ino}"


def _signature(path: str) -> str:
    try:
        return signature_of(os.stat(path))  # noqa: PTH116 - twice per run and listing
    except OSError:
        return ""


def _read(path: Path) -> tuple[bytes, str]:
    """The content of a file and the signature of that very file, not of one renamed over it meanwhile."""
    try:
        with path.open("rb") as file:
            return file.read(), signature_of(os.fstat(file.fileno()))
    except FileNotFoundError:
        return b"", ""


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _to_text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _guard(*parts: bytes) -> int:
    return zlib.crc32(b"\0".join(parts))


def _head_guard(run_id: str, number: int, signature: str, stage: bytes, flags: tuple[int, int]) -> int:
    return _guard(run_id.encode(), b"%d" % number, signature.encode(), stage, b"%d %d" % flags)


def _body_guard(run_id: str, signature: str, record: bytes, notes: bytes, problem: bytes) -> int:
    return _guard(run_id.encode(), signature.encode(), record, notes, problem)


class _Files(Struct, frozen=True):
    """What changes when somebody removes, replaces or damages the files of a database.

    Attributes:
        base: inode, size and mtime (ns); a write goes to the log, and changes these when it is moved into the base.
        others: inodes of the log and its memory. Of a connection that is open, both stay.
    """

    base: tuple[int, int, int] | None
    others: tuple[int, int]

    @classmethod
    def of(cls, path: str) -> _Files:
        try:
            facts = os.stat(path)  # noqa: PTH116 - twice per use
        except OSError:
            return cls(None, (0, 0))
        return cls((facts.st_ino, facts.st_size, facts.st_mtime_ns), (_inode(f"{path}-wal"), _inode(f"{path}-shm")))

    @property
    def inode(self) -> int:
        return self.base[0] if self.base is not None else 0


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - see above
    except OSError:
        return 0


class Index:
    """The index of one store.

    Args:
        paths: of the store.
    """

    def __init__(self, paths: StorePaths) -> None:
        self._paths = paths
        self._runs = os.fspath(paths.runs)
        self._place = os.fspath(paths.index)
        self._idle: tuple[sqlite3.Connection, _Files] | None = None
        # A fork while another thread is inside SQLite would copy SQLite's own locks, taken, into the child. And a
        # child that inherits an open connection takes its parent's file locks for its own.
        self._busy = threading.RLock()
        weak = weakref.ref(self)
        busy = self._busy

        def before() -> None:
            busy.acquire()
            if (index := weak()) is not None:
                index.close()

        os.register_at_fork(before=before, after_in_parent=busy.release, after_in_child=busy.release)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        with self._busy:
            idle, self._idle = self._idle, None
            if idle is not None:
                with suppress(*DATABASE_ERRORS):
                    idle[0].close()

    # the files: the truth

    def ids(self) -> list[str]:
        """The ids of all run folders, in no order."""
        try:
            with os.scandir(self._runs) as folders:
                return [folder.name for folder in folders if is_run_id(folder.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"Cannot list {self._runs}: {error.strerror}.") from error

    def signature(self, run_id: str) -> str:
        """The signature of a run's files as they are now; ``/`` when there are none."""
        folder = f"{self._runs}/{run_id}"
        return f"{_signature(f'{folder}/run.json')}/{_signature(f'{folder}/notes.json')}"

    def parse(self, run_id: str) -> Entry:
        """The entry that the files of a run give now."""
        paths = self._paths.run(run_id)
        record, content, sign, problem = _parse(paths.record, RunRecord)
        _, notes, notes_sign, notes_problem = _parse(paths.notes, Notes)
        if record is not None and record.id != run_id:
            problem = f"{paths.record} is the record of another run, {record.id}."
            record, content = None, b""
        problem, signature = problem or notes_problem, f"{sign}/{notes_sign}"
        return _entry_of(run_id, record, content=content, notes=notes, signature=signature, problem=problem)

    # the cache

    def refresh(self) -> list[Entry]:
        """All entries, newest first, each checked against its files; runs without a record yet are left out."""
        return self._with(lambda base: _refresh(self, base))

    def heads(self) -> list[Head]:
        """The heads of all runs, newest first, new runs included; their files were *not* checked (see `entries`)."""
        return self._with(lambda base: _heads(self, base))

    def entries(self, heads: Iterable[Head]) -> list[Entry]:
        """The entries of some runs in that order, each checked against its files; those without files are left out."""
        chosen = list(heads)
        return self._with(lambda base: _entries(self, base, chosen))

    def highest(self) -> int:
        """The highest number of a run, 0 without runs; as old as the index, unless that had to be made."""
        return self._with(lambda base: _highest(self, base))

    def newest(self, stage: str, limit: int) -> list[Head]:
        """The heads of the newest runs of a stage that the index has, newest first; no file is looked at for it.

        It takes no longer with many runs. A run that was recorded while the index could not be written is missing.
        """
        return self._with(lambda base: _newest(base, stage, limit))

    def put(self, run_id: str, written: tuple[RunRecord, bytes, os.stat_result] | None = None) -> None:
        """Take in what was just written of a run, as far as the index can be written.

        Args:
            written: the record, its file's content and stat, when they are at hand; they are not read again.
        """
        with self._busy, suppress(*DATABASE_ERRORS, OSError), self._connection(self._open) as base:
            _save(base, [self.parse(run_id) if written is None else self._written(*written)])

    def _written(self, record: RunRecord, content: bytes, facts: os.stat_result) -> Entry:
        if fault_of(record):
            return self.parse(record.id)
        _, notes, sign, problem = _parse(self._paths.run(record.id).notes, Notes)
        signature = f"{signature_of(facts)}/{sign}"
        return _entry_of(record.id, record, content=content, notes=notes, signature=signature, problem=problem)

    def drop(self, run_id: str) -> None:
        """Forget a run, as far as the index can be written."""
        with self._busy, suppress(*DATABASE_ERRORS, OSError), self._connection(self._open) as base:
            _forget(base, [run_id])

    def rows(self) -> dict[str, Entry] | None:
        """The rows as they are, for a check; None when there is no readable index."""
        if not self._paths.index.exists():
            return None
        with self._busy, suppress(*DATABASE_ERRORS), self._connection(self._open) as base:
            return {entry.id: entry for entry in _load(base, _load_heads(base))}
        return None

    # connections

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on the index; on a new one when it is unusable; in memory when there can be none."""
        with self._busy:
            return self._attempt(work)

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        for attempt in (self._open, self._open_anew):
            try:
                with self._connection(attempt) as base:
                    return work(base)
            except DATABASE_ERRORS as error:
                if not is_damage(error):
                    break
            except OSError:
                continue
        with closing(self._open_copy()) as base:
            return work(base)

    @contextmanager
    def _connection(self, opened: Callable[[], sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
        """A connection for the block, kept for the next one unless the block fails or the database is another one."""
        base = opened()
        inode = _Files.of(self._place).inode
        try:
            yield base
        except BaseException:
            base.close()
            raise
        self.close()
        files = _Files.of(self._place)
        if files.inode != inode or not inode:
            base.close()
        else:
            self._idle = base, files

    def _open(self) -> sqlite3.Connection:
        idle, self._idle = self._idle, None
        if idle is None:
            return _connect(self._paths.index)
        base, files = idle
        try:
            if files == _Files.of(self._place):
                return _checked(base)
        except BaseException:
            base.close()
            raise
        base.close()
        return _connect(self._paths.index)

    def _open_anew(self) -> sqlite3.Connection:
        if _is_newer(self._paths.index):
            raise sqlite3.NotSupportedError
        for end in ("", "-wal", "-shm", "-journal"):
            self._paths.index.with_name(self._paths.index.name + end).unlink(missing_ok=True)
        return self._open()

    def _open_copy(self) -> sqlite3.Connection:
        """An index in memory, begun with what can be read of the file."""
        base = sqlite3.connect(":memory:", isolation_level=None)
        with suppress(*DATABASE_ERRORS):
            address = f"{self._paths.index.absolute().as_uri()}?immutable=1"
            with closing(sqlite3.connect(address, uri=True)) as file:
                if _version(file) == VERSION:
                    file.backup(base)
        try:
            if not base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                _make_tables(base)
            return _checked(base)
        except DATABASE_ERRORS:
            base.close()
            base = sqlite3.connect(":memory:", isolation_level=None)
            _make_tables(base)
        return base


def _entry_of(
    run_id: str, record: RunRecord | None, *, content: bytes, notes: bytes, signature: str, problem: str
) -> Entry:
    return Entry(
        id=run_id,
        number=record.number if record else -1,
        stage=record.stage if record else "",
        asked=record is not None and record.call.asked,
        unbegun=record is not None and record.unbegun,
        signature=signature,
        record=content,
        notes=notes,
        problem=problem,
    )


def _parse(path: Path, kind: type[T]) -> tuple[T | None, bytes, str, str]:
    """Noun, content, signature and problem of one file."""
    try:
        content, sign = _read(path)
    except OSError as error:
        return None, b"", _UNREAD, f"Cannot read {path}: {error.strerror}. It is looked at again next time."
    if not sign:
        return None, b"", "", ""
    try:
        return decode_noun(content, kind, path=path), content, sign, ""
    except StoreError as error:
        return None, b"", sign, str(error)


def _connect(path: Path) -> sqlite3.Connection:
    """Open the database, with its tables.

    Who makes the file makes the tables. One without them is damaged, and is not mended in place: that takes a lock
    which the connections of other processes may hold for hours.

    Raises:
        sqlite3.Error: it is damaged, of another version, or cannot be written. OSError: it cannot be made.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        is_new = True
    except FileExistsError:
        is_new = False
    base = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)  # threads take turns
    try:
        if is_new:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = OFF")
            _make_tables(base)
        _checked(base)
        with suppress(sqlite3.OperationalError):  # it can only be read, or another process writes just now
            base.executescript(_ORDERS)
    except BaseException:
        base.close()
        raise
    return base


def _version(base: sqlite3.Connection) -> int:
    return int(base.execute("PRAGMA user_version").fetchone()[0])


def _is_newer(path: Path) -> bool:
    with suppress(*DATABASE_ERRORS), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        return _version(base) > VERSION
    return False


def _checked(base: sqlite3.Connection) -> sqlite3.Connection:
    """The database itself, if it has our tables.

    Raises:
        sqlite3.Error: it is damaged, or of another version.
    """
    if _version(base) != VERSION:
        raise sqlite3.NotSupportedError
    base.execute("PRAGMA synchronous = OFF")
    return base


def _make_tables(base: sqlite3.Connection) -> None:
    base.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")


def _load_heads(base: sqlite3.Connection) -> list[Head]:
    return _whole_heads(base.execute(f"SELECT {_HEAD_COLUMNS} FROM heads"))  # noqa: S608 - names alone


def _whole_heads(rows: Iterable[tuple[Any, ...]]) -> list[Head]:
    return [
        Head(run_id, number, _to_text(stage), signature, bool(asked), bool(unbegun))
        for run_id, number, signature, stage, asked, unbegun, guard in rows
        if tuple(map(type, (run_id, number, signature, stage, asked, unbegun))) == _HEAD_TYPES
        and _head_guard(run_id, number, signature, stage, (asked, unbegun)) == guard
    ]


def _load(base: sqlite3.Connection, heads: list[Head]) -> list[Entry]:
    """The entries of those heads whose contents are there and whole."""
    return [
        entry
        for start in range(0, len(heads), _CHUNK)
        for entry in _load_chunk(base, {head.id: head for head in heads[start : start + _CHUNK]})
    ]


def _load_chunk(base: sqlite3.Connection, heads: dict[str, Head]) -> list[Entry]:
    marks = ",".join("?" * len(heads))
    query = f"SELECT id, record, notes, problem, guard FROM bodies WHERE id IN ({marks})"  # noqa: S608 - marks alone
    return [
        _entry(heads[run_id], record, notes, problem)
        for run_id, record, notes, problem, guard in base.execute(query, list(heads))
        if type(record) is type(notes) is type(problem) is bytes
        and run_id in heads
        and _body_guard(run_id, heads[run_id].signature, record, notes, problem) == guard
    ]


def _entry(head: Head, record: bytes, notes: bytes, problem: bytes) -> Entry:
    return Entry(
        id=head.id,
        number=head.number,
        stage=head.stage,
        asked=head.asked,
        unbegun=head.unbegun,
        signature=head.signature,
        record=record,
        notes=notes,
        problem=_to_text(problem),
    )


def _save(base: sqlite3.Connection, parsed: list[Entry]) -> None:
    entries = [entry for entry in parsed if entry.lasting]
    with _Transaction(base):
        base.executemany("REPLACE INTO heads VALUES (?, ?, ?, ?, ?, ?, ?)", map(_head_row, entries))
        base.executemany("REPLACE INTO bodies VALUES (?, ?, ?, ?, ?)", map(_body_row, entries))


def _head_row(entry: Entry) -> tuple[object, ...]:
    stage = _to_bytes(entry.stage)
    flags = int(entry.asked), int(entry.unbegun)
    guard = _head_guard(entry.id, entry.number, entry.signature, stage, flags)
    return entry.id, entry.number, entry.signature, stage, *flags, guard


def _body_row(entry: Entry) -> tuple[object, ...]:
    problem = _to_bytes(entry.problem)
    guard = _body_guard(entry.id, entry.signature, entry.record, entry.notes, problem)
    return entry.id, entry.record, entry.notes, problem, guard


def _forget(base: sqlite3.Connection, ids: list[str]) -> None:
    with _Transaction(base):
        for table in ("heads", "bodies"):
            base.executemany(f"DELETE FROM {table} WHERE id = ?", [(run_id,) for run_id in ids])  # noqa: S608


class _Transaction:
    """All of a block's statements, or none."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._base.execute("ROLLBACK" if kind else "COMMIT")


def _known(index: Index, base: sqlite3.Connection) -> dict[str, Head]:
    """The heads of the runs that exist, old rows forgotten; new runs and mended ones taken in."""
    existing = set(index.ids())
    heads = {head.id: head for head in _load_heads(base)}
    stored = {row[0] for row in base.execute("SELECT id FROM heads UNION SELECT id FROM bodies")}
    if gone := [name for name in stored if name not in existing]:
        _forget(base, gone)
    mended = {head.id for head in heads.values() if head.number < 0 and index.signature(head.id) != head.signature}
    parsed = [entry for entry in map(index.parse, (existing - heads.keys()) | mended) if entry.signature != "/"]
    if parsed:
        _save(base, parsed)
    new = {entry.id: entry.head for entry in parsed}
    return {name: head for name, head in (heads | new).items() if name in existing}


def _newest_first(heads: Iterable[Head]) -> list[Head]:
    return sorted(heads, key=lambda head: (-head.number, head.id))


def _heads(index: Index, base: sqlite3.Connection) -> list[Head]:
    return _newest_first(_known(index, base).values())


def _highest(index: Index, base: sqlite3.Connection) -> int:
    query = f"SELECT {_HEAD_COLUMNS} FROM heads ORDER BY number DESC LIMIT 20"  # noqa: S608 - names alone
    heads = _whole_heads(base.execute(query)) or _heads(index, base)
    return max((head.number for head in heads), default=0)


def _newest(base: sqlite3.Connection, stage: str, limit: int) -> list[Head]:
    query = f"SELECT {_HEAD_COLUMNS} FROM heads WHERE stage = ? ORDER BY number DESC LIMIT ?"  # noqa: S608 - names alone
    return _whole_heads(base.execute(query, (_to_bytes(stage), limit)))


def _refresh(index: Index, base: sqlite3.Connection) -> list[Entry]:
    entries = _entries(index, base, _heads(index, base))
    return sorted(entries, key=lambda entry: (-entry.number, entry.id))


def _entries(index: Index, base: sqlite3.Connection, heads: list[Head]) -> list[Entry]:
    current = [head for head in heads if index.signature(head.id) == head.signature]
    kept = {entry.id: entry for entry in _load(base, current)}
    parsed = [index.parse(head.id) for head in heads if head.id not in kept]
    if parsed:
        _save(base, parsed)
    found = kept | {entry.id: entry for entry in parsed}
    return [found[head.id] for head in heads if found[head.id].signature != "/"]

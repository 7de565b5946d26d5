"""The run store: one folder per run, records that are the truth, and an index that is a cache of them."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from dvc_magic.errors import RecordDamagedError, RunNotFoundError, StoreError
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.model.record import Notes, RunRecord, RunStatus
from dvc_magic.store.boot import this_boot
from dvc_magic.store.calls import Calls
from dvc_magic.store.find import find_run, trash_message
from dvc_magic.store.ids import is_run_id, new_run_id
from dvc_magic.store.index import Entry, Head, Index, signature_of
from dvc_magic.store.known_good import KnownGood
from dvc_magic.store.listing import Listing
from dvc_magic.store.litter import sweep
from dvc_magic.store.lock import RunLock, held
from dvc_magic.store.objects import Objects, RunCache
from dvc_magic.store.planned import planned_record
from dvc_magic.store.record_file import make_reserve, read_noun, replace_noun, write_noun
from dvc_magic.store.sound import MOST_RUNS
from dvc_magic.store.stored import DamagedRun, StoredRun
from dvc_magic.store.trash import Trash
from dvc_magic.store.trust import check_owner
from dvc_magic.store.whole_files import READ_ONLY, cannot, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from dvc_magic.model.call import CallRecord, PlannedRun

T = TypeVar("T")

_LOST_REASON = "worker gone"
_LOST_ERROR = "The worker that executed this run is gone, and the run with it: run the stage again."
_COUNTER_BYTES = 100
_KEPT_READS = 2000  # runs
_TOLERATED = {"lost+found"}
_OF_SQLITE = ("", "-journal", "-shm", "-wal")


class RunStore:
    """A run store on disk; any number of processes and threads may use one at once.

    Make one with `RunStore.open`.

    Attributes:
        home: the store's folder.
        paths: the names in it.
        known: what is known of the content of its files.
        cache: the runs' own DVC cache. sources: the contents of source files.
        calls: the calls that have planned something. trash: the runs that were removed.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.paths = StorePaths(home)
        self.known = KnownGood(self.paths)
        self.cache = RunCache(self.paths.cache_objects, paths=self.paths, known=self.known)
        self.sources = Objects(self.paths.objects, paths=self.paths, known=self.known)
        self.index = Index(self.paths)
        self.calls = Calls(self.paths)
        self.trash = Trash(self.paths, self.index)
        self._written: tuple[str, RunRecord] | None = None  # the last record of a run that goes on, and its signature
        self._reads: dict[Head, tuple[str, ...]] = {}  # of runs that `reads_of_stage` has looked at

    @classmethod
    def open(cls, home: Path, *, create: bool = True) -> RunStore:
        """The store in the folder `home`.

        Args:
            home: the folder; relative paths are from the current directory, now and not later.
            create: make what is missing of it: the folder (mode 0700), ``.gitignore``, ``.dvcignore``, sub-folders.
                Without it, or where nothing can be written, a missing store is an empty one.

        Raises:
            StoreError: the folder cannot be made, holds other things than a store, or others can write there.
        """
        store = cls(home.absolute())
        check_owner(store.paths)
        if create:
            try:
                _create(store.paths)
            except OSError as error:
                if (
                    error.errno not in READ_ONLY
                ):  # what can only be read can be looked at; `check_writable` has the rest
                    raise cannot(f"make the run store {store.home}", error, at=store.home) from error
        return store

    def check_writable(self) -> None:
        """Refuse a call early whose runs could not be kept.

        Raises:
            StoreError: the store lies where this user cannot write; says what to set.
        """
        place = next(folder for folder in (self.home, *self.home.parents) if folder.exists())
        if not os.access(place, os.W_OK | os.X_OK):
            code = errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES
            raise cannot(f"write to the run store {self.home}", OSError(code, os.strerror(code)), at=place)

    def sweep(self) -> None:
        """Remove what killed writers left, as far as that is possible (see `litter`), and calls long over."""
        if sweep(self.paths):
            self.calls.expire()

    # making runs

    def new_id(self) -> str:
        """A random id for a new run."""
        return new_run_id()

    def next_numbers(self, count: int) -> range:
        """`count` numbers in a row that no other call gets, on any process.

        Side effects: a store that was removed since it was opened is made anew, so that ``rm -rf`` empties it.

        Raises:
            StoreError: the counter cannot be read or written.
        """
        try:
            if not self.paths.runs.is_dir():
                _create(self.paths)
            with _locked_counter(self.paths.counter) as descriptor:
                last = self._last_number(os.pread(descriptor, _COUNTER_BYTES, 0))
                content = f"{last + count} {this_boot()}\n".encode()
                os.ftruncate(descriptor, os.pwrite(descriptor, content, 0))
        except OSError as error:
            raise cannot(f"count runs in {self.paths.counter}", error, at=self.home) from error
        return range(last + 1, last + count + 1)

    def _last_number(self, content: bytes) -> int:
        # After a reboot the counter may be older than the records, which were written with fsync.
        number, _, boot = content.decode("ascii", "replace").strip().partition(" ")
        counted = int(number) if number.isascii() and number.isdigit() and int(number) <= MOST_RUNS else None
        if counted is None or boot != this_boot():
            return max(counted or 0, self._highest_on_disk())
        return max(counted, self.index.highest())

    def _highest_on_disk(self) -> int:
        trashed = [run.number for run in self.trash.runs()]
        return max([0, *trashed, *(entry.number for entry in self.index.refresh())])

    def claim(self, run_id: str) -> RunLock:
        """Make the folder of a new run, mode 0700, and hold its lock; the caller writes the record.

        Side effects: a file that keeps room on the disk for the run's last record, until that is written.

        Raises:
            StoreError: a run of that id exists, or the folder cannot be made; then none is left.
        """
        paths = self._run(run_id)
        try:
            paths.folder.mkdir(mode=0o700)
            paths.folder.chmod(0o700)
        except FileExistsError as error:
            raise StoreError(f"A run {run_id} exists already in {self.paths.runs}; claim a new id.") from error
        except OSError as error:
            raise cannot(f"make {paths.folder}", error, at=self.home) from error
        lock = RunLock(paths.lock)
        try:
            lock.acquire()
            make_reserve(paths.reserve)
        except BaseException:
            lock.release()
            shutil.rmtree(paths.folder, ignore_errors=True)
            raise
        return lock

    def write(self, record: RunRecord, *, durable: bool = True) -> None:
        """Put a record in the place of the run's old one, then into the index.

        Args:
            record: its run was claimed, by the process that writes.
            durable: survive a power cut once this returns.

        Raises:
            StoreError: the status would go backwards, is ``lost``, or the file cannot be written.
            RecordVersionError: the old record is of a newer dvc_magic.
        """
        paths = self._run(record.id)
        old = self._old(record.id, paths)
        if old is not None:
            _check_order(old, record)
        if record.status is RunStatus.LOST:
            raise StoreError(f"Run {record.id} cannot be written as lost: readers find that out by its lock.")
        reserve = paths.reserve if record.status.final else None
        content, facts = replace_noun(paths.record, record, durable=durable, reserve=reserve)
        self._written = None if record.status.final or facts is None else (signature_of(facts), record)
        if record.status.final:
            paths.reserve.unlink(missing_ok=True)
        self.index.put(record.id, None if facts is None else (record, content, facts))

    def _old(self, run_id: str, paths: RunPaths) -> RunRecord | None:
        """The record that a new one is to replace, which need not be read when it is what was written here last.

        Raises:
            RecordVersionError: it is of a newer dvc_magic.
        """
        if self._written is not None:
            signature, record = self._written
            with suppress(OSError):
                if record.id == run_id and signature_of(paths.record.stat()) == signature:
                    return record
        with suppress(FileNotFoundError, RecordDamagedError):
            return read_noun(paths.record, RunRecord)
        return None

    def write_notes(self, run_id: str, notes: Notes) -> None:
        """Put the user's notes in the place of the old ones.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the file cannot be written.
        """
        paths = self._existing(run_id)
        write_noun(paths.notes, notes)
        self.index.put(run_id)

    def mark_spoiled(self, run_id: str, reasons: Mapping[str, str]) -> None:
        """Write into the record of a run that has ended what was altered of its outs and inputs: path -> why.

        Nobody else writes such a record any more; two who mark at once take turns by the run's lock.

        Raises:
            StoreError: the run goes on, or the record cannot be written.
        """
        if not reasons:
            return
        with RunLock(self._existing(run_id).lock):
            record = self.read(run_id)
            if not record.status.final:
                raise StoreError(f"Run {run_id} is {record.status}: only what a run left when it ended can be altered.")
            if reasons.items() - record.spoiled.items():
                self.write(replace(record, spoiled={**record.spoiled, **reasons}))

    # reading runs

    def read(self, run_id: str) -> RunRecord:
        """The record as it is on disk; never ``lost``.

        Raises:
            RunNotFoundError: there is no such run.
            RecordDamagedError: it is torn or altered.
            RecordVersionError: it is of a newer dvc_magic.
        """
        try:
            return read_noun(self._run(run_id).record, RunRecord)
        except FileNotFoundError as error:
            raise self._unknown(run_id) from error

    def notes(self, run_id: str) -> Notes:
        """The user's notes, empty ones when there are none.

        Raises:
            RecordDamagedError: they are torn or altered.
        """
        try:
            return read_noun(self._run(run_id).notes, Notes)
        except FileNotFoundError:
            return Notes()

    def get(self, run_id: str, *, call: str = "") -> StoredRun:
        """The run of this id, with damaged notes as empty ones; one that a call has planned, as it stands.

        A planned run that is not needed, since another one answers for it, is that one.

        Args:
            run_id: of the run. call: id of the call that has planned it, where that is known: it is found sooner.

        Raises:
            RunNotFoundError: there is no such run.
            RecordDamagedError: its record is torn or altered.
            RecordVersionError: its record is of a newer dvc_magic.
        """
        try:
            record, notes = self.read(run_id), Notes()
        except RunNotFoundError:
            planned = None if run_id in self.trash else self.calls.planned(run_id, call=call)
            if planned is None:
                raise
            return self._as_planned(*planned)
        with suppress(RecordDamagedError):
            notes = self.notes(run_id)
        return self._stored(record, notes)

    def all(self, *, limit: int | None = None) -> list[StoredRun]:
        """The runs, newest number first; those with damaged records are left out (see `damaged`).

        Args:
            limit: how many at most. A few are much faster than all: only their files are looked at.
        """
        if limit is None:
            return self._from_entries(self.index.refresh())
        return self._first(limit, self.index.heads(), lambda _: True)

    def listing(self, *, asked: bool = False, stages: Collection[str] = ()) -> Listing:
        """``store.listing()[:20]``: the runs, newest number first, read when they are looked at.

        Args:
            asked: only those that a call asked for, without those upstream of them and those that have never begun.
            stages: addresses whose runs are all in it, whether they were asked for or not.
        """
        heads = self.index.heads()
        return Listing(
            (head for head in heads if head.number >= 0 and (not asked or is_listed(head, stages))),
            self.runs_at,
            unread={head.id for head in heads if head.number < 0},
        )

    def unbegun(self) -> int:
        """How many runs that were asked for have never begun, because their calls were stopped before."""
        return sum(head.unbegun for head in self.index.heads())

    def stages(self) -> list[str]:
        """The addresses of the stages that there are runs of, that of the newest run first; no run is read for it."""
        return list(dict.fromkeys(head.stage for head in self.index.heads() if head.number >= 0))

    def newest_of_stage(self, address: str, *, limit: int, status: RunStatus | None = None) -> list[StoredRun]:
        """The newest runs of a stage, at most `limit`: takes no longer with many runs, unlike `of_stage`."""
        heads = [head for head in self.index.heads() if head.stage == address]
        return self._first(
            limit, heads, lambda run: run.record.stage == address and status in (None, run.record.status)
        )

    def reads_of_stage(self, address: str, *, newest: int) -> set[str]:
        """The undeclared files that the newest runs of a stage were seen to read, as far as the index has these runs.

        A run is read once for each state of its files, so that a call costs one look at the index.
        """
        heads = self.index.newest(address, newest)
        if unread := [head for head in heads if head not in self._reads]:
            while len(self._reads) > _KEPT_READS:
                del self._reads[next(iter(self._reads))]
            entries = {entry.id: entry for entry in self.index.entries(unread) if entry.record}
            self._reads |= {head: tuple(entries[head.id].nouns()[0].read) for head in unread if head.id in entries}
        return {path for head in heads for path in self._reads.get(head, ())}

    def _first(self, limit: int, heads: Sequence[Head], fits: Callable[[StoredRun], bool]) -> list[StoredRun]:
        runs: list[StoredRun] = []
        for start in range(0, len(heads), max(limit, 1)):
            if len(runs) >= limit:
                break
            runs += filter(fits, self._from_entries(self.index.entries(heads[start : start + limit])))
        return runs[:limit]

    def of_stage(self, address: str, *, status: RunStatus | None = None) -> list[StoredRun]:
        """The runs of a stage, marked ones first, then the newest."""
        runs = self._chosen(lambda head: head.stage == address)
        found = [run for run in runs if run.record.stage == address and status in (None, run.record.status)]
        return sorted(found, key=lambda run: (not run.notes.mark, -run.number))

    def find(self, text: str | int) -> StoredRun:
        """The run that people name by its number, id, start of an id (3 characters), label, or as ``last``.

        Raises:
            RunNotFoundError: none is named so; the message has hints.
            AmbiguousRunError: several are; the message lists them.
        """
        return find_run(self, text)

    def damaged(self) -> list[DamagedRun]:
        """The runs whose record or notes cannot be read, by id."""
        damaged = [
            DamagedRun(id=entry.id, paths=self._run(entry.id), problem=entry.problem)
            for entry in self.index.refresh()
            if entry.problem
        ]
        return sorted(damaged, key=lambda run: run.id)

    def problem(self, run_id: str) -> str:
        """Why the record or the notes of a run cannot be read, or an empty text."""
        return self.index.parse(run_id).problem

    def of_number(self, number: int) -> list[StoredRun]:
        """The runs of this number, a planned one too: one, unless stores were mixed by hand."""
        return self._chosen(lambda head: head.number == number) or self._planned(lambda row: row.number == number)

    def of_prefix(self, prefix: str) -> list[StoredRun]:
        """The runs whose ids start so; where no run has begun with such an id, the planned ones."""
        fits = self._chosen(lambda head: head.id.startswith(prefix))
        return fits or self._planned(lambda row: row.id.startswith(prefix))

    def _planned(self, fits: Callable[[PlannedRun], bool]) -> list[StoredRun]:
        planned = []
        for run_id in self.calls.planned_as(fits):
            with suppress(RunNotFoundError, StoreError):
                planned.append(self.get(run_id))
        return planned

    def _as_planned(self, call: CallRecord, row: PlannedRun) -> StoredRun:
        """A run that a call has planned and that has no record of its own."""
        if row.by:
            return self.get(row.by)
        return StoredRun(record=planned_record(call, row), notes=_notes_of(call), paths=self._run(row.id))

    def renewed(self, run: StoredRun) -> StoredRun:
        """A run as it is now: read again, unless it had ended when it was read.

        Raises:
            RunNotFoundError: it is gone. RecordDamagedError, RecordVersionError: its record cannot be read.
        """
        return run if run.record.status.final else self.get(run.record.id, call=run.record.call.id)

    def targets(self, call_id: str) -> list[StoredRun]:
        """The runs that a call was asked for, in grid order, whether they have begun or not.

        Raises:
            CallNotFoundError: there is no such call.
            RecordDamagedError, RecordVersionError: its record or its plan cannot be read.
        """
        call, rows = self.calls.get(call_id), self.calls.rows(call_id)
        targets = []
        for run_id in self.calls.plan(call_id).targets:
            has_begun = run_id not in rows or self._run(run_id).record.exists()
            with suppress(RunNotFoundError, StoreError):  # removed since, or damaged
                targets.append(self.get(run_id) if has_begun else self._as_planned(call, rows[run_id]))
        return targets

    def has_doubts(self, record: RunRecord) -> bool:
        """Whether an out of a run has another stat than the one at which it was known good; nothing is hashed.

        Outs with absolute paths are not the store's, and are not looked at.
        """
        root = self.paths.run(record.id).dvc_root(record.root)
        outs = {root / path: out.hash for path, out in record.outs.items() if out.hash and not Path(path).is_absolute()}
        try:
            files = {
                os.fspath(place / name): md5
                for place, hash_ in outs.items()
                for name, md5 in self.cache.listing(hash_).items()
            }
        except (FileNotFoundError, StoreError):
            return True
        return bool(self.known.doubtful(files))

    # running runs

    def request_stop(self, run_id: str) -> None:
        """Ask the run's worker to stop it.

        Raises:
            RunNotFoundError: there is no such run.
            StoreError: the request cannot be written.
        """
        paths = self._existing(run_id)
        try:
            os.close(os.open(paths.stop, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            raise cannot(f"ask run {run_id} to stop by {paths.stop}", error, at=self.home) from error

    def alive(self, run_id: str) -> bool:
        """Whether a worker holds the run's lock."""
        return held(self._run(run_id).lock)

    # parts

    def _run(self, run_id: str) -> RunPaths:
        if not is_run_id(run_id):
            raise RunNotFoundError(f"{run_id!r} is no id of a run: 12 hex digits, the first a letter. {_LISTING}")
        return self.paths.run(run_id)

    def _existing(self, run_id: str) -> RunPaths:
        paths = self._run(run_id)
        if not paths.folder.is_dir():
            raise self._unknown(run_id)
        return paths

    def _unknown(self, run_id: str) -> RunNotFoundError:
        if run_id in self.trash:
            return RunNotFoundError(trash_message(run_id, run_id))
        if not self.home.is_dir():
            message = f"{self.home} is not there any more, and run {run_id} with it: its folder was moved or deleted."
            return RunNotFoundError(f"{message} Open the project where it is now: %dvc_project PATH")
        return RunNotFoundError(f"There is no run {run_id} in {self.home}. {_LISTING}")

    def runs_at(self, heads: Iterable[Head]) -> list[StoredRun]:
        """The runs of these heads, in that order, without those that are gone or damaged."""
        return self._from_entries(self.index.entries(heads))

    def _chosen(self, choose: Callable[[Head], bool]) -> list[StoredRun]:
        return self.runs_at(filter(choose, self.index.heads()))

    def _from_entries(self, entries: Iterable[Entry]) -> list[StoredRun]:
        return [self._stored(*entry.nouns()) for entry in entries if entry.record]

    def _stored(self, record: RunRecord, notes: Notes) -> StoredRun:
        if not record.status.final:
            record = self._live(record)
        return StoredRun(record=record, notes=notes, paths=self.paths.run(record.id))

    def _live(self, record: RunRecord) -> RunRecord:
        """The record of a run that is not over by what was read: as it is, its successor, or lost."""
        try:
            if self.alive(record.id):
                return record
        except StoreError:  # the lock cannot be tested (too many open files, another user's): no reason to call it lost
            return record
        # The worker writes its last record, then gives up the lock: only what is read now counts.
        with suppress(RunNotFoundError, StoreError):
            record = self.read(record.id)
        if record.status.final:
            return record
        return replace(record, status=RunStatus.LOST, reason=_LOST_REASON, error=record.error or _LOST_ERROR)


_LISTING = "%dvc_runs lists them."


def is_listed(head: Head, stages: Collection[str]) -> bool:
    """Whether a table lists a run: a call asked for it, or it is of one of `stages`; and it has begun."""
    return (head.asked or head.stage in stages) and not head.unbegun


def _notes_of(call: CallRecord) -> Notes:
    return Notes(label=call.request.label, tags=call.request.tags)


def _check_order(old: RunRecord, new: RunRecord) -> None:
    if (old.id, old.number) != (new.id, new.number):
        raise StoreError(f"Run {old.id} has number {old.number}, and cannot become {new.id} {new.number}.")
    if old.status is not new.status and not old.status.can_become(new.status):
        raise StoreError(f"Run {old.id} is {old.status} and cannot become {new.status}: states never go backwards.")


def _folders(parent: Path) -> list[Path]:
    try:
        return [folder for folder in parent.iterdir() if is_run_id(folder.name)]
    except FileNotFoundError:
        return []


def _create(paths: StorePaths) -> None:
    _create_home(paths)
    for folder in (
        paths.runs,
        paths.calls,
        paths.trash,
        paths.snapshots,
        paths.objects,
        paths.environments,
        paths.cache,
        paths.sweeps,
        paths.dvc_site,
    ):
        _make_private(folder)
    for name in (".gitignore", ".dvcignore"):
        file = paths.home / name
        if not file.exists():
            write_whole(file, b"*\n")  # an empty one, left by a full disk, would show all runs to git


def _create_home(paths: StorePaths) -> None:
    if paths.runs.is_dir():
        return
    paths.home.parent.mkdir(parents=True, exist_ok=True)
    if not _make_private(paths.home):
        _refuse_strangers(paths)
        if not paths.home.stat().st_mode & stat.S_ISGID:  # with it, a group was given the folder on purpose
            paths.home.chmod(0o700)


def _make_private(folder: Path) -> bool:
    """Make a folder for the owner alone, whatever the umask; False when it was there."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return False
    folder.chmod(0o700)
    return True


def _refuse_strangers(paths: StorePaths) -> None:
    """Refuse a folder of other things: the ``*`` of the ignore files would hide them from git and DVC."""
    kept = (paths.calls, paths.trash, paths.snapshots, paths.cache, paths.sources, paths.quarantine, paths.locks)
    ours = {path.name for path in (*kept, paths.sweeps, paths.debug, paths.dvc_site)}
    bases = {f"{base.name}{end}" for base in (paths.index, paths.hashes) for end in _OF_SQLITE}
    own_files = (paths.counter, paths.boot, paths.workers_log, paths.swept, paths.columns, paths.use_lock)
    files = {*bases, *(file.name for file in own_files), ".gitignore", ".dvcignore"}
    strangers = sorted({entry.name for entry in paths.home.iterdir()} - ours - files - _TOLERATED)
    if strangers and not paths.runs.is_dir():  # else another process has made the store meanwhile
        raise StoreError(
            f"{paths.home} is no run store and not empty ({', '.join(strangers[:3])}). "
            "Give the store a folder of its own: home: in dvc_magic.yaml, DVC_MAGIC_HOME or %config DvcMagics.home."
        )


@contextmanager
def _locked_counter(path: Path) -> Iterator[int]:
    # The file itself is locked, and so written in place: renamed over, it would be locked twice.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)

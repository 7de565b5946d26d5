"""The calls of a store: one folder each, written by the host that drives the call, and read by everybody.

Records of runs win over what a plan or an event says: these are for those who look on while a call goes.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from dvc_magic.codec import decode, encode
from dvc_magic.errors import CallNotFoundError, StoreError
from dvc_magic.model.call import CallEvent, CallPlan, CallRecord, CallStatus, PlannedRun, PlannedState
from dvc_magic.model.paths import CallPaths
from dvc_magic.store.ids import is_run_id
from dvc_magic.store.lock import RunLock, held
from dvc_magic.store.record_file import read_noun, replace_noun
from dvc_magic.store.remove import remove_tree
from dvc_magic.store.whole_files import cannot, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dvc_magic.model.paths import StorePaths

T = TypeVar("T")

ALL = "all"
"""In the place of a run's id: every run of the call."""

DRAIN = "drain"
"""In the place of a run's id: begin nothing more, and let what runs end by itself."""

_KEPT = 30 * 86_400.0  # seconds that the folder of a call stays which has no runs
_NEWEST = 200  # calls that are looked through for a planned run
_TOLD = "told"  # a file in the folder of a call whose end people were told of
_KEPT_PLANS = 8  # calls whose plans are kept in memory
_STEPS = 4  # SIGINT, SIGTERM, SIGKILL, the end of the worker


class CallFolder:
    """The folder of one call that goes, for its host; the lock is held from the first write to `end`.

    Nobody else writes there, so that the files are not looked at before they are replaced.

    Attributes:
        paths: the files.
    """

    def __init__(self, paths: CallPaths) -> None:
        self.paths = paths
        self._lock = RunLock(paths.lock)
        self._events = -1

    def begin(self, record: CallRecord, plan: CallPlan, *, durable: bool = False) -> None:
        """Make the folder, take the lock, write record and plan.

        Args:
            durable: both survive a power cut once this returns.

        Raises:
            StoreError: something cannot be written; nothing is left then.
        """
        try:
            self.paths.folder.parent.mkdir(mode=0o700, exist_ok=True)
            self.paths.folder.mkdir(mode=0o700)
            self._lock.acquire()
            self.paths.stop.mkdir(mode=0o700)
            self._events = os.open(self.paths.events, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            replace_noun(self.paths.plan, plan, durable=durable)
            replace_noun(self.paths.record, record, durable=durable)
        except OSError as error:
            self._abandon()
            raise cannot(f"make {self.paths.folder}", error, at=self.paths.folder) from error
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        self._let_go()
        remove_tree(self.paths.folder)

    def write_plan(self, plan: CallPlan) -> None:
        """Put the plan in the place of the old one.

        Raises:
            StoreError: it cannot be written.
        """
        replace_noun(self.paths.plan, plan, durable=False)

    def write(self, record: CallRecord) -> None:
        """Put the record in the place of the old one.

        Raises:
            StoreError: it cannot be written.
        """
        replace_noun(self.paths.record, record)

    def note(self, event: CallEvent) -> None:
        """Add a line to the events. On a full disk it is left out: nothing is decided from events."""
        with suppress(OSError):
            os.write(self._events, f"{encode(event)}\n".encode())

    def stops(self) -> dict[str, int]:
        """Who is asked to stop, by id of the run, `ALL` or `DRAIN`, and by how many steps so far."""
        asked: dict[str, int] = {}
        with suppress(OSError):
            for entry in os.scandir(self.paths.stop):
                if entry.name in (ALL, DRAIN) or is_run_id(entry.name):
                    asked[entry.name] = _step(entry.path)
        return asked

    def end(self, record: CallRecord, plan: CallPlan) -> None:
        """Write how the call has ended, and give up the lock.

        Raises:
            StoreError: it cannot be written; the call reads as lost then.
        """
        try:
            self.write_plan(plan)
            self.note(CallEvent(at=time.time(), what="ended", status=record.status))
            replace_noun(self.paths.record, record, durable=False)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._lock.release()
        descriptor, self._events = self._events, -1
        if descriptor >= 0:
            os.close(descriptor)


def _sign(file: Path) -> object:
    """What differs when a file has been written again; None without one."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _step(path: str) -> int:
    """What a file asks for; one that is being written, or says nothing that makes sense, asks for the first step."""
    with suppress(OSError, ValueError), open(path, encoding="ascii") as file:  # noqa: PTH123 - five times a second
        return min(max(int(file.read(2)), 1), _STEPS)
    return 1


class Calls:
    """The calls of a store, as anybody reads them.

    Args:
        paths: of the store.
    """

    def __init__(self, paths: StorePaths) -> None:
        self._paths = paths
        self._plans: dict[str, tuple[object, dict[str, PlannedRun]]] = {}  # by call: signs of its files, rows by id

    def folder(self, call_id: str) -> CallFolder:
        """The folder for a new call of this id."""
        return CallFolder(self._paths.call(call_id))

    def ids(self) -> list[str]:
        """The ids of all calls, in no order."""
        try:
            return [entry.name for entry in os.scandir(self._paths.calls) if is_run_id(entry.name)]
        except OSError:
            return []

    def get(self, call_id: str) -> CallRecord:
        """The record of a call, ``lost`` where it says running and no host holds the call's lock.

        Raises:
            CallNotFoundError: there is no such call.
            RecordDamagedError, RecordVersionError: the file cannot be used.
        """
        paths = self._existing(call_id)
        record = self._read(paths.record, CallRecord)
        if record.status is not CallStatus.RUNNING or held(paths.lock):
            return record
        record = self._read(paths.record, CallRecord)  # the host writes its last record, then gives up the lock
        return replace(record, status=CallStatus.LOST) if record.status is CallStatus.RUNNING else record

    def all(self) -> list[CallRecord]:
        """The calls whose records can be read, newest first."""
        found = []
        for call_id in self.ids():
            with suppress(StoreError, CallNotFoundError):  # the latter of one that is only being made
                found.append(self.get(call_id))
        return sorted(found, key=lambda record: record.created, reverse=True)

    def by_age(self) -> list[str]:
        """The ids of all calls, the newest call first, without a look into their records.

        A call's lock is made with the call and never written, so its time is that of the call. A copy of the store that
        does not keep times has them in another order.
        """
        times: list[tuple[int, str]] = []
        for call_id in self.ids():
            with suppress(OSError):  # removed, or only being made
                times.append((self._paths.call(call_id).lock.stat().st_mtime_ns, call_id))
        return [call_id for _, call_id in sorted(times, reverse=True)]

    def driven(self, ids: Iterable[str]) -> list[str]:
        """Those of some calls whose hosts live, in their order; no record is read for it."""
        driven = []
        for call_id in ids:
            with suppress(StoreError):
                driven += [call_id] * held(self._paths.call(call_id).lock)
        return driven

    def newest(self, count: int) -> list[CallRecord]:
        """The calls that have changed last and can be read, the latest first."""
        found = []
        for call_id in self._newest()[:count]:
            with suppress(StoreError, CallNotFoundError):
                found.append(self.get(call_id))
        return found

    def mark_told(self, call_id: str) -> bool:
        """Note that people were told how a call has ended; False when they were before, or it cannot be noted."""
        try:
            (self._existing(call_id).folder / _TOLD).touch(mode=0o600, exist_ok=False)
        except OSError:
            return False
        return True

    def plan(self, call_id: str) -> CallPlan:
        """The planned runs of a call, as of the last write.

        Raises:
            CallNotFoundError: there is no such call.
            RecordDamagedError, RecordVersionError: the file cannot be used.
        """
        return self._read(self._existing(call_id).plan, CallPlan)

    def events(self, call_id: str) -> list[CallEvent]:
        """The changes of state so far; a line that is only being written is left out."""
        found = []
        with suppress(OSError):
            for line in self._paths.call(call_id).events.read_bytes().splitlines():
                with suppress(ValueError):
                    found.append(decode(line, CallEvent))
        return found

    def planned(self, run_id: str, *, call: str = "") -> tuple[CallRecord, PlannedRun] | None:
        """The call that has planned a run, and what became of that; None when no call of the newest ones has.

        Args:
            call: id of the call, where it is known; only that one is looked at then.
        """
        for call_id in [call] if call else self._newest():
            with suppress(StoreError, CallNotFoundError):
                if row := self.rows(call_id).get(run_id):
                    return self.get(call_id), row
        return None

    def planned_as(self, fits: Callable[[PlannedRun], bool]) -> list[str]:
        """The ids of the planned runs of the newest calls that `fits` chooses."""
        chosen: list[str] = []
        for call_id in self._newest():
            with suppress(StoreError, CallNotFoundError):
                chosen += [row.id for row in self.rows(call_id).values() if fits(row)]
        return chosen

    def rows(self, call_id: str) -> dict[str, PlannedRun]:
        """The planned runs of a call with what has become known since the plan was written, by id.

        Raises: as `plan`.
        """
        paths = self._paths.call(call_id)
        signs = (_sign(paths.plan), _sign(paths.events))
        known_signs, rows = self._plans.get(call_id, (None, {}))
        if signs != known_signs:
            rows = {row.id: row for row in self.plan(call_id).runs}
            for event in self.events(call_id):
                if event.by and (row := rows.get(event.run)) and row.state is PlannedState.PENDING:
                    rows[row.id] = replace(row, state=PlannedState.REUSED, by=event.by)
            while len(self._plans) >= _KEPT_PLANS:
                self._plans.pop(next(iter(self._plans), ""), None)
            self._plans[call_id] = (signs, rows)
        return rows

    def _newest(self) -> list[str]:
        """The ids of the newest calls, newest first."""
        times: list[tuple[float, str]] = []
        for call_id in self.ids():
            with suppress(OSError):
                times.append((self._paths.call(call_id).folder.stat().st_mtime, call_id))
        return [call_id for _, call_id in sorted(times, reverse=True)[:_NEWEST]]

    def going(self) -> list[str]:
        """The ids of the calls whose hosts live, newest first."""
        return [call_id for call_id in self._newest() if held(self._paths.call(call_id).lock)]

    def ask_to_stop(self, call_id: str, run_id: str = ALL, *, step: int | None = None) -> None:
        """Ask the host of a call to stop one of its runs, or all; it looks five times a second.

        Args:
            run_id: of the run; `ALL`; or `DRAIN`, to begin nothing more.
            step: 1 for SIGINT, 2 for SIGTERM, 3 for SIGKILL, 4 for the end of the worker; the next one unless given.

        Raises:
            CallNotFoundError: there is no such call. StoreError: the file cannot be written.
        """
        place = self._existing(call_id).stop / run_id
        if step is None:
            step = min(_step(str(place)) + 1, _STEPS) if place.exists() else 1
        try:
            write_whole(place, f"{step}\n".encode("ascii"))
        except OSError as error:
            raise cannot(f"write {place}", error, at=place) from error

    def expire(self) -> None:
        """Remove what is left of calls without runs that ended 30 days ago; what cannot be removed stays."""
        limit = time.time() - _KEPT
        for call_id in self.ids():
            paths = self._paths.call(call_id)
            with suppress(OSError, StoreError, CallNotFoundError):
                if paths.folder.stat().st_mtime < limit and not held(paths.lock) and not self._has_runs(call_id):
                    remove_tree(paths.folder)

    def _has_runs(self, call_id: str) -> bool:
        planned = self.plan(call_id).runs
        places = (folder / run.id for run in planned for folder in (self._paths.runs, self._paths.trash))
        return any(place.exists() for place in places)

    def _existing(self, call_id: str) -> CallPaths:
        if not is_run_id(call_id):
            raise self._unknown(call_id)
        return self._paths.call(call_id)

    def _read(self, file: Path, kind: type[T]) -> T:
        try:
            return read_noun(file, kind)
        except FileNotFoundError as error:
            raise self._unknown(file.parent.name) from error

    def _unknown(self, call_id: str) -> CallNotFoundError:
        return CallNotFoundError(f"There is no call {call_id!r} in {self._paths.home}. %dvc_runs lists the runs.")

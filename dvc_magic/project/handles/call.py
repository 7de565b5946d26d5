"""`Call` and `Calls`: handles on calls, which read their folders and ask their hosts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import overload

from dvc_magic.errors import AmbiguousRunError, CallNotFoundError, StoreError
from dvc_magic.model.call import CallPlan, CallRecord, CallStatus
from dvc_magic.project.handles.run import Actions
from dvc_magic.project.handles.runs import Runs
from dvc_magic.project.waiting import PATIENCE, wait_until
from dvc_magic.store import ALL, DRAIN, RunStore
from dvc_magic.views import CallRow, Place, Table, call_line, calls_table, counts_of

_ENDED = 10  # calls that have ended, in a table


class Call:
    """One call: a magic or an API call with all of its runs.

    A handle, as `dvc_magic.Run` is: while the call goes, each look at it reads its folder. Any process can look at it,
    wait for it and stop it; only the one that made it can detach it.
    """

    def __init__(self, record: CallRecord, store: RunStore, *, actions: Actions | None = None) -> None:
        """Use `Project.calls` or `Run.call`."""
        self._record = record
        self._store = store
        self._actions = actions

    @property
    def record(self) -> CallRecord:
        """What the call's folder says of it."""
        if self._record.status is CallStatus.RUNNING:
            self._record = self._store.calls.get(self.id)
        return self._record

    @property
    def id(self) -> str:
        """12 hex digits, the first a letter; `%dvc_stop call:3f2` takes the start of it."""
        return self._record.id

    @property
    def status(self) -> CallStatus:
        """``running``, ``completed``, ``failed``, ``stopped`` or ``lost``."""
        return self.record.status

    @property
    def started(self) -> datetime:
        """When its plan stood, in UTC."""
        return self._record.created

    @property
    def duration(self) -> float:
        """Seconds that it took, or has taken so far by the time of day; 0 when that was set back meanwhile."""
        return max(((self.record.ended or datetime.now(UTC)) - self.started).total_seconds(), 0.0)

    @property
    def line(self) -> str:
        """What it ran, as it was typed; of an API call, its targets."""
        return self._record.request.line or " ".join(self._record.request.stages)

    @property
    def background(self) -> bool:
        """Whether nobody waited for it."""
        return self._record.background

    @property
    def detached(self) -> bool:
        """Whether it goes on when the kernel that made it is gone."""
        return self.record.detached

    @property
    def error(self) -> str:
        """One line that says why the call could not go on, or an empty text."""
        return self.record.error

    @property
    def runs(self) -> Runs:
        """The runs that it was asked for, in grid order, those that have not begun too."""
        return Runs(self._store.targets(self.id), self._store, actions=self._actions)

    @cached_property
    def _plan(self) -> CallPlan:
        return self._store.calls.plan(self.id)

    def wait(self, timeout: float | None = None) -> Call:
        """Wait for its end; returns the call, whatever came of it.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            KeyboardInterrupt: it was interrupted; the call goes on.
        """
        wait_until(lambda: self.status is not CallStatus.RUNNING, timeout=timeout)
        return self

    def stop(self, *, drain: bool = False, timeout: float = PATIENCE) -> Call:
        """Stop it: its running stages get SIGINT, a second time SIGTERM, then SIGKILL; nothing more begins.

        Args:
            drain: let what runs end by itself, and only begin nothing more; does not wait for that.
            timeout: seconds to wait for its end.
        """
        if self.status is CallStatus.RUNNING:
            self._store.calls.ask_to_stop(self.id, DRAIN if drain else ALL)
            if not drain:
                self.wait(timeout)
        return self

    def detach(self) -> Call:
        """Let it go on when the kernel is gone.

        Raises:
            RequestError: it is another kernel's.
        """
        if self._actions is not None:
            self._actions.detach(self.id)
        return self

    @property
    def place(self) -> Place:
        """Where it is driven from."""
        if self.detached:
            return Place.DETACHED
        return Place.HERE if self._record.kernel == os.getpid() else Place.ELSEWHERE

    def row(self) -> CallRow:
        """What a table shows of it."""
        counts = counts_of(self._plan.targets, self._store.calls.events(self.id))
        return CallRow(record=self.record, line=self.line, seconds=self.duration, counts=counts, place=self.place)

    def __repr__(self) -> str:
        """One line: id, what, status, how far it is."""
        return f"<Call {call_line(self.row())}>"

    def _repr_html_(self) -> str:
        return calls_table([self.row()]).html()

    def __eq__(self, other: object) -> bool:
        """Whether both are handles on the same call."""
        return isinstance(other, Call) and other.id == self.id

    def __hash__(self) -> int:
        """By the id."""
        return hash(self.id)


class Calls(Sequence[Call]):
    """The calls of a store, newest first: ``project.calls[0]``, ``project.calls["3f2"]``.

    Only those are read that are looked at; what cannot be read is left out.
    """

    def __init__(self, ids: Iterable[str], store: RunStore, *, actions: Actions | None = None) -> None:
        """Use `Project.calls`."""
        self._ids = tuple(ids)
        self._store = store
        self._actions = actions
        self._records: list[CallRecord] = []  # of the first ids that were looked at
        self._looked_at = 0

    def _first(self, count: int | None) -> list[CallRecord]:
        """The records of the first calls, as many as are asked for at least; None for all."""
        while self._looked_at < len(self._ids) and (count is None or len(self._records) < count):
            call_id = self._ids[self._looked_at]
            self._looked_at += 1
            self._records += self._read([call_id])
        return self._records

    def _read(self, ids: Iterable[str]) -> list[CallRecord]:
        records = []
        for call_id in ids:
            with suppress(StoreError, CallNotFoundError):  # the latter of one that is only being made
                records.append(self._store.calls.get(call_id))
        return records

    def __len__(self) -> int:
        """How many calls; reads all of them."""
        return len(self._first(None))

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._first(1))

    def __iter__(self) -> Iterator[Call]:
        """The calls in order."""
        for count in range(1, len(self._ids) + 1):
            records = self._first(count)
            if len(records) < count:
                return
            yield self._call(records[count - 1])

    @overload
    def __getitem__(self, key: int | str) -> Call: ...
    @overload
    def __getitem__(self, key: slice) -> Calls: ...
    def __getitem__(self, key: int | str | slice) -> Call | Calls:
        """One call by position, or by the start of its id, with ``call:`` before it or without; several by slice.

        Raises:
            CallNotFoundError: there is no such call. AmbiguousRunError: several have such an id.
            IndexError: there is no such position.
        """
        if isinstance(key, slice):
            bounds = (key.start or 0, key.stop if key.stop is not None else -1, key.step or 1)
            last = None if min(bounds) < 0 else key.stop
            return self._with(record.id for record in self._first(last)[key])
        if isinstance(key, int):
            return self._call(self._first(key + 1 if key >= 0 else None)[key])
        start = key.removeprefix("call:").lower()
        fits = self._read(call_id for call_id in self._ids if start and call_id.startswith(start))
        if not fits:
            message = f"There is no call {key!r} among these {len(self._ids)}. %dvc_calls lists them."
            raise CallNotFoundError(message)
        if len(fits) > 1:
            several = ", ".join(f"call:{record.id}" for record in fits[:_ENDED])
            message = f"{key!r} names {len(fits)} calls; give more of the id: {several}"
            raise AmbiguousRunError(message)
        return self._call(fits[0])

    def _call(self, record: CallRecord) -> Call:
        return Call(record, self._store, actions=self._actions)

    def _with(self, ids: Iterable[str]) -> Calls:
        return Calls(ids, self._store, actions=self._actions)

    @property
    def running(self) -> Calls:
        """Those that go on."""
        going = self._read(self._store.calls.driven(self._ids))
        return self._with(record.id for record in going if record.status is CallStatus.RUNNING)

    def only(self, chosen: Iterable[Call]) -> Calls:
        """These calls alone."""
        return self._with(call.id for call in chosen)

    def table(self) -> Table:
        """The calls that go on and the last ones that have ended, ready to show."""
        going = list(self.running)
        ended = list(islice((call for call in self if call not in going), _ENDED))
        left_out = len(self._ids) - len(going) - len(ended) if len(ended) == _ENDED else 0
        return calls_table([call.row() for call in [*going, *ended]], left_out=left_out)

    def __repr__(self) -> str:
        """The table as text."""
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()

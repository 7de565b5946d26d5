"""`Call` and `Calls`: handles on calls, which read their folders and ask their hosts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import overload

from dvc_magic.errors import AmbiguousRunError, CallNotFoundError
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
        """Seconds that it took, or has taken so far."""
        seconds = ((self.record.ended or datetime.now(UTC)) - self.started).total_seconds()
        return max(0.0, seconds)  # the clock may have been set back

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
    """The calls of a store, newest first: ``project.calls[0]``, ``project.calls["3f2"]``."""

    def __init__(self, records: Iterable[CallRecord], store: RunStore, *, actions: Actions | None = None) -> None:
        """Use `Project.calls`."""
        self._records = tuple(records)
        self._store = store
        self._actions = actions

    def __len__(self) -> int:
        """How many calls."""
        return len(self._records)

    def __iter__(self) -> Iterator[Call]:
        """The calls in order."""
        return map(self._call, self._records)

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
            return Calls(self._records[key], self._store, actions=self._actions)
        if isinstance(key, int):
            return self._call(self._records[key])
        start = key.removeprefix("call:").lower()
        fits = [record for record in self._records if start and record.id.startswith(start)]
        if not fits:
            message = f"There is no call {key!r} among these {len(self)}. %dvc_calls lists them."
            raise CallNotFoundError(message)
        if len(fits) > 1:
            several = ", ".join(f"call:{record.id}" for record in fits[:_ENDED])
            message = f"{key!r} names {len(fits)} calls; give more of the id: {several}"
            raise AmbiguousRunError(message)
        return self._call(fits[0])

    def _call(self, record: CallRecord) -> Call:
        return Call(record, self._store, actions=self._actions)

    @property
    def running(self) -> Calls:
        """Those that go on."""
        return self.only(call for call in self if call.status is CallStatus.RUNNING)

    def only(self, chosen: Iterable[Call]) -> Calls:
        """These calls alone."""
        return Calls((call.record for call in chosen), self._store, actions=self._actions)

    def table(self) -> Table:
        """The calls that go on and the last ones that have ended, ready to show."""
        going = [call for call in self if call.status is CallStatus.RUNNING]
        ended = [call for call in self if call.status is not CallStatus.RUNNING]
        return calls_table([call.row() for call in [*going, *ended[:_ENDED]]], left_out=max(len(ended) - _ENDED, 0))

    def __repr__(self) -> str:
        """The table as text."""
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()

"""`Caller`: makes calls and acts on runs, by asking the project's host."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvc_magic.client import Follower, Pending
from dvc_magic.debugger import Debugged, debug, last_failed
from dvc_magic.errors import DvcMagicError, RequestError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.plan import PointPlan
from dvc_magic.model.promotion import PromotedFiles, Promotion
from dvc_magic.model.record import RunStatus
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.connection import Connection
from dvc_magic.project.failures import call_error
from dvc_magic.project.follow import Observer, follow
from dvc_magic.project.handles.call import Call
from dvc_magic.project.handles.plan import Plan
from dvc_magic.project.handles.run import Run
from dvc_magic.project.handles.runs import Runs
from dvc_magic.project.options import CallOptions, RunName, completed
from dvc_magic.project.promoting import Promoted, promote_record
from dvc_magic.project.removing import restored
from dvc_magic.project.requests import complete_call, read_request, run_name, single_values
from dvc_magic.project.waiting import wait_until
from dvc_magic.runs import LOG_TAIL
from dvc_magic.store import StoredRun
from dvc_magic.views import Place
from dvc_magic.wire import AlteredOuts, CallEnd, Event, PlanCall, Planned, Promote, RunCall

_LOOK = 0.02  # seconds between looks for the plan of a call
_DETACHING = 5.0  # seconds for a host to note that a call is detached


class Launched(Struct, frozen=True, kw_only=True):
    """A call in the background whose plan stands.

    Attributes:
        plan: what it is going to do.
        runs: those that it was asked for, in grid order. pending: its end to come.
    """

    call: Call
    plan: tuple[PointPlan, ...]
    runs: Runs
    pending: Pending


class Caller:
    """Makes the calls of one project and turns their ends into `Runs` or errors. Any thread may use it.

    It is also what runs ask to act on them: `dvc_magic.project.handles.Actions`.

    Args:
        connection: of the project; another `Caller` of it would do the same.
        max_jobs: how many commands of all calls in the background may run at the same time; as many as cores, unless
            given.
    """

    def __init__(self, connection: Connection, *, max_jobs: int = 0) -> None:
        self._connection = connection
        self._max_jobs = max_jobs or _cores()

    def runs_of(self, ids: Iterable[str]) -> Runs:
        """The runs of these ids, in this order.

        Raises:
            RunNotFoundError: there is no such run.
        """
        store = self._connection.store
        return Runs([store.get(run_id) for run_id in ids], store, actions=self)

    def selection(self, runs: Iterable[StoredRun]) -> Runs:
        """Some runs, those in the trash too, as a selection."""
        return Runs(runs, self._connection.store, actions=self)

    def trashed(self, name: str) -> StoredRun:
        """The run in the trash of this number, id, start of an id or label.

        Raises:
            RunNotFoundError: there is none. AmbiguousRunError: there are several.
        """
        return self._connection.store.trash.find(name)

    def restore(self, names: Iterable[str]) -> Runs:
        """Take runs out of the trash, each named as in `trashed`.

        Raises:
            RunNotFoundError: one is not there; those before it are back. StoreError: one cannot be moved.
        """
        return self.selection(restored(self._connection.store, names))

    # calls

    def plan(self, request: RunRequest) -> Plan:
        """What `run` would do; nothing is run and no number is given out."""
        self._connection.store.check_writable()
        return Plan(points=self._connection.ask(PlanCall(call=complete_call(request, self._connection))))

    def carry_out(self, request: RunRequest, options: CallOptions) -> Runs:
        """Make a call of the public door, in the foreground or as its options say."""
        chosen = completed(options)
        if chosen["background"] or chosen["detach"]:
            return self.launch(request, detach=chosen["detach"]).runs
        return self.run(request, raise_errors=chosen["raise_errors"])

    def run(
        self,
        request: RunRequest,
        *,
        observer: Observer | None = None,
        raise_errors: bool = True,
        tail: int = LOG_TAIL,
    ) -> Runs:
        """Carry out a call to its end, telling `observer` what happens; returns the runs asked for, in grid order.

        Args:
            request: the call.
            observer: is told what happens.
            raise_errors: False to get failed runs back instead of an exception.
            tail: how many lines of a failed run's log its error has.

        Raises:
            RunFailedError: the only run of the call ended badly. RunsFailedError: some of several did.
            KeyboardInterrupt: it was interrupted; its running stages were stopped.
        """
        end: CallEnd = follow(self.begin(request), observer)
        runs = self.runs_of(end.runs)
        if not raise_errors or _all_completed(runs):
            return runs
        pipeline = Pipeline()
        with contextlib.suppress(DvcMagicError):
            pipeline = self._connection.pipeline()
        return self.outcome(end, request, pipeline=pipeline, tail=tail)

    def begin(self, request: RunRequest, follower: Follower | None = None) -> Pending:
        """Begin a call; `follower` gets its events, see `dvc_magic.client.Pending`."""
        return self._begin(RunCall(call=complete_call(request, self._connection)), follower)

    def _begin(self, question: RunCall, follower: Follower | None) -> Pending:
        self._connection.store.check_writable()
        return self._connection.begin(question, follower)

    def launch(self, request: RunRequest, *, detach: bool = False, told: Follower = lambda _: None) -> Launched:
        """Begin a call in the background; returns as soon as its plan stands.

        Args:
            request: the call. detach: whether it goes on when this process has ended.
            told: gets each event, and None now and then while nothing happens and at the end, in the host's reading
                thread; the plan is told before this returns.

        Raises:
            DvcMagicError: the call makes no sense, or the project cannot be used as it is.
            KeyboardInterrupt: it was interrupted before the plan stood; the call is withdrawn.
        """
        plans: list[Planned] = []

        def heard(event: Event | None) -> None:
            told(event)
            if isinstance(event, Planned):
                plans.append(event)

        question = RunCall(
            call=complete_call(request, self._connection),
            background=True,
            max_jobs=self._max_jobs,
            detached=detach,
        )
        pending = self._begin(question, heard)
        try:
            while not plans and not pending.wait(_LOOK):
                pass
        except BaseException:
            pending.stop()
            raise
        if not plans:
            pending.result()
            message = "the call was stopped before its plan stood; nothing was run"
            raise RequestError(message)
        call = self.call(plans[0].call)
        return Launched(call=call, plan=plans[0].plan, runs=call.runs, pending=pending)

    def call(self, call_id: str) -> Call:
        """The call of this id.

        Raises:
            CallNotFoundError: there is no such call.
        """
        store = self._connection.store
        return Call(store.calls.get(call_id), store, actions=self)

    def detach(self, call_id: str) -> None:
        """Let a call that this process made go on when this process has ended; one that has ended does not mind.

        Raises:
            CallNotFoundError: there is no such call. RequestError: another process made it.
        """
        call = self.call(call_id)
        if call.status is not CallStatus.RUNNING or call.detached:
            return
        if call.place is not Place.HERE:
            message = (
                f"call:{call_id} is another kernel's (process {call.record.kernel}), which alone can let go of it: "
                f"%dvc_detach call:{call_id} there. %dvc_stop call:{call_id} stops it from here."
            )
            raise RequestError(message)
        self._connection.host.detach(call_id)
        wait_until(lambda: call.detached or call.status is not CallStatus.RUNNING, timeout=_DETACHING)

    def outcome(self, end: CallEnd, request: RunRequest, *, pipeline: Pipeline, tail: int) -> Runs:
        """The runs that a call which has ended was asked for.

        Raises:
            RunFailedError: the only run of the call ended badly. RunsFailedError: some of several did.
        """
        runs = self.runs_of(end.runs)
        if _all_completed(runs):
            return runs
        raise call_error(
            runs,
            end.call,
            by_magic=request.line is not None,
            paths=self._connection.store.paths,
            project=self._connection.root,
            pipeline=pipeline,
            tail=tail,
        )

    # what runs ask for

    def again(self, run: Run, params: Mapping[str, Any] | None, options: CallOptions) -> Run:
        """A new run of the same stage with the values of `run`, but for those in `params`."""
        values = single_values(params)
        request = read_request(run.stage, values, options, self._connection, from_run=run, several=False)
        return self.carry_out(request, options)[0]

    def promote(self, run: RunName, *, name: str, script: str, dry_run: bool) -> Promoted:
        """The operation of a run as a stage of the project; see `Run.promote`."""

        def write(promotion: Promotion, *, dry_run: bool) -> PromotedFiles:
            files: PromotedFiles = self._connection.ask(Promote(promotion=promotion, dry_run=dry_run))
            return files

        found = self._connection.store.find(run_name(run))
        workspace, pipeline = found.paths.dvc_root(found.record.root), self._connection.pipeline()
        return promote_record(found.record, workspace, pipeline, write, name=name, script=script, dry_run=dry_run)

    def debug(
        self, run: RunName | None, commands: Sequence[str], *, ask: Callable[[str], str], show: Callable[[str], None]
    ) -> Debugged:
        """A failed run again, in a copy under pdb, the newest one unless it is named; see `Project.debug`."""
        store, host = self._connection.store, self._connection.host
        found = last_failed(store) if run is None else store.find(run_name(run))
        return debug(found, store=store, host=host, commands=commands, ask=ask, show=show)

    def altered_outs(self, run: Run) -> Mapping[str, str]:
        """The outs of a completed run that something has altered since, as a worker finds them: path -> why.

        Side effects: what has a whole copy in the store is put right, the rest is marked in the run's record.
        """
        altered: dict[str, str] = self._connection.ask(AlteredOuts(run=run.id))
        return altered


def _cores() -> int:
    """How many cores this process may use."""
    with contextlib.suppress(AttributeError):  # macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _all_completed(runs: Runs) -> bool:
    return all(run.status is RunStatus.COMPLETED for run in runs)

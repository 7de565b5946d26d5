"""A panel's calls: they go on in the host while the kernel is free, and are told of in the host's reading thread."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator

from dvc_magic.client import Pending
from dvc_magic.errors import CallNotFoundError, DvcMagicError, RunFailedError, RunsFailedError, WorkerLostError
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.call_watch import CallWatch
from dvc_magic.project.caller import Caller
from dvc_magic.project.connection import Connection
from dvc_magic.project.follow import tell
from dvc_magic.project.handles.run import Run
from dvc_magic.project.handles.runs import Runs
from dvc_magic.widgets import Listener, Outcome
from dvc_magic.wire import CallEnd, Event

_TAIL = 1  # lines of a failed run's log in its message; the panel shows more above


class PanelCalls:
    """Makes one call at a time; a `dvc_magic.widgets.Backend`.

    Args:
        connection, caller: of the project.

    Attributes:
        title: what the project is called.
    """

    def __init__(self, connection: Connection, caller: Caller) -> None:
        self.title = connection.root.name
        self._connection = connection
        self._caller = caller
        self._lock = threading.RLock()
        self._stops = 0
        self._closed = False
        self._pending: Pending | None = None

    def refresh(self, listener: Listener) -> None:
        """Read the files again."""
        self._describe(listener, lambda _: listener.ended(Outcome()))

    def start(self, listener: Listener) -> None:
        """Make a call."""
        self._describe(listener, lambda pipeline: self._call(listener, pipeline))

    def _describe(self, listener: Listener, then: Callable[[Pipeline], None]) -> None:
        def heard(_event: Event | None) -> None:
            with self._lock:  # the answer may be there before `begin_pipeline` has returned
                pending = self._pending
            if pending is None or not pending.done:
                return
            with _telling(listener):
                pipeline = self._connection.pipeline_of(pending)
                listener.described(pipeline)
                then(pipeline)

        with self._lock:
            self._stops, self._pending = 0, None
            if self._closed:  # a click may come while the project is being closed
                listener.ended(Outcome(closed=True))
                return
            with _telling(listener):
                self._pending = self._connection.begin_pipeline(heard)

    def _call(self, listener: Listener, pipeline: Pipeline) -> None:
        with self._lock:
            if self._stops or self._closed:
                listener.ended(Outcome(stopped=bool(self._stops), closed=self._closed))
                return
            request = listener.request()
            watch = CallWatch(self._connection.store.paths, show=listener.live, varying=request.varying)

            def heard(event: Event | None) -> None:
                with _telling(listener):
                    pending = self._pending
                    if event is not None:
                        tell(watch, event)
                    elif pending is None or not pending.done:
                        watch.waiting()
                    else:
                        listener.ended(self._outcome(pending, request, pipeline))

            self._pending = self._caller.begin(request, heard)

    def _outcome(self, pending: Pending, request: RunRequest, pipeline: Pipeline) -> Outcome:
        try:
            end: CallEnd = pending.result()
            if end.stopped:
                return self._stopped(end.call)
            runs = self._caller.outcome(end, request, pipeline=pipeline, tail=_TAIL)
        except RunFailedError as error:
            return Outcome(run=error.run, runs=self._alone(error.run), shown=error.run, error=str(error))
        except RunsFailedError as error:
            return Outcome(run=error.runs[-1], runs=error.runs, shown=error.runs, error=str(error))
        except WorkerLostError:
            if self._closed:
                return Outcome(closed=True)
            raise
        return Outcome(run=runs[-1], runs=runs, shown=runs[0] if len(runs) == 1 else runs)

    def _stopped(self, call_id: str) -> Outcome:
        """What a stopped call leaves: the runs that it was asked for, those that never started too."""
        try:
            runs = self._caller.call(call_id).runs
        except CallNotFoundError:  # it was stopped before its plan stood
            return Outcome(stopped=True)
        run = next((each for each in reversed(runs) if not each.record.unbegun), runs[-1])
        return Outcome(run=run, runs=runs, shown=run if len(runs) == 1 else runs, stopped=True)

    def _alone(self, run: Run) -> Runs:
        return self._caller.runs_of([run.id])

    def stop(self) -> None:
        """Stop the call as an interrupt would; does nothing when none goes."""
        with self._lock:
            self._stops += 1
            if self._pending is not None and not self._pending.done:
                self._pending.stop()

    def close(self) -> None:
        """Take no more calls; one that goes ends with the host, as with the end of the kernel."""
        with self._lock:
            self._closed = True


@contextlib.contextmanager
def _telling(listener: Listener) -> Iterator[None]:
    """End what a listener waits for when the block raises: a thread has nobody to raise to."""
    try:
        yield
    except DvcMagicError as error:
        listener.ended(Outcome(error=str(error)))
    except Exception:  # noqa: BLE001 - see above; the panel shows the traceback
        listener.ended(Outcome(bug=traceback.format_exc()))

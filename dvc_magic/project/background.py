"""A project's calls on a thread of their own, for widgets.

Each call has a `Project` of its own on the same root and store, as projects are not to be shared between threads; the
store is. So the kernel stays free, and its own calls go on beside this one.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Protocol

from dvc_magic.engine import Observer
from dvc_magic.errors import DvcMagicError, RunFailedError, RunsFailedError
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.call_watch import CallWatch
from dvc_magic.project.run import Run
from dvc_magic.project.runs import Runs
from dvc_magic.store import RunStore
from dvc_magic.widgets import Listener, Outcome

_PATIENCE = 8.0  # seconds for a call to end once its project is closed
_TAIL = 1  # lines of a failed run's log in its message; the panel shows more above


class Opened(Protocol):
    """What a thread needs of the project that it has for itself."""

    @property
    def store(self) -> RunStore:
        """The run store."""

    def pipeline(self) -> Pipeline:
        """The stages, as the files have them now."""

    def start(self, request: RunRequest, *, observer: Observer, tail: int) -> Runs:
        """Carry out a call."""

    def runs_of(self, ids: Iterable[str]) -> Runs:
        """The runs of these ids."""

    def warm(self) -> None:
        """Start a worker."""

    def close(self) -> None:
        """End the workers."""


class Spares:
    """Projects that are open and in nobody's use, with their warm workers; for any thread."""

    def __init__(self, make: Callable[[], Opened]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._free: list[Opened] = []
        self._closed = False

    def warm(self) -> None:
        """Have one ready."""
        with self._lock:
            if not self._free and not self._closed:
                self._free.append(self._make())
                self._free[-1].warm()

    def take(self) -> Opened:
        """One to use, and to give back."""
        with self._lock:
            return self._free.pop() if self._free else self._make()

    def give_back(self, project: Opened) -> None:
        """Keep a project for the next use, or close it when nobody will ask again."""
        with self._lock:
            if not self._closed:
                self._free.append(project)
                return
        project.close()

    def close(self) -> None:
        """Close those that are free now, and each of the others when it comes back."""
        with self._lock:
            self._closed, free, self._free = True, self._free, []
        for project in free:
            project.close()


class _AbandonedError(BaseException):
    """The project was closed: the call ends as with the end of the kernel."""


class _Wishes:
    """What is asked of a call from other threads, and done in its own."""

    def __init__(self, *, abandoned: bool = False) -> None:
        self._stops: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.abandoned = abandoned

    def stop(self) -> None:
        """One more interrupt."""
        self._stops.put(None)

    def obey(self) -> None:
        """Raise what was asked for."""
        if self.abandoned:
            raise _AbandonedError
        if not self._stops.empty():
            self._stops.get()
            raise KeyboardInterrupt


class BackgroundProject:
    """Makes one call at a time, in a daemon thread, with one of the `spares`.

    Attributes:
        title: what the project is called.
    """

    def __init__(self, spares: Spares, *, title: str) -> None:
        self.title = title
        self._spares = spares
        self._lock = threading.Lock()
        self._closed = False
        self._wishes = _Wishes()
        self._thread: threading.Thread | None = None

    def refresh(self, listener: Listener) -> None:
        """Read the files again."""
        self._spawn(listener, self._describe)

    def start(self, listener: Listener) -> None:
        """Make a call."""
        self._spawn(listener, self._call)

    def _spawn(self, listener: Listener, work: Callable[[Opened, Listener], Outcome]) -> None:
        with self._lock:
            self._wishes = _Wishes(abandoned=self._closed)
            arguments = (listener, work)
            self._thread = threading.Thread(target=self._work, args=arguments, name="dvc_magic call", daemon=True)
            self._thread.start()

    def _work(self, listener: Listener, work: Callable[[Opened, Listener], Outcome]) -> None:
        outcome = Outcome(closed=True)
        try:
            self._wishes.obey()  # a click may come while the project is being closed
            project = self._spares.take()
            try:
                outcome = work(project, listener)
            finally:
                self._spares.give_back(project)
        except _AbandonedError:
            outcome = Outcome(closed=True)
        except DvcMagicError as error:
            outcome = Outcome(error=str(error))
        except BaseException:  # noqa: BLE001 - a thread has nobody to raise to; the panel shows the traceback
            outcome = Outcome(bug=traceback.format_exc())
        finally:
            listener.ended(outcome)

    @staticmethod
    def _describe(project: Opened, listener: Listener) -> Outcome:
        listener.described(project.pipeline())
        return Outcome()

    def _call(self, project: Opened, listener: Listener) -> Outcome:
        watch = CallWatch(project.store.paths, show=listener.live, obey=self._wishes.obey)
        try:
            listener.described(project.pipeline())
            self._wishes.obey()
            request = listener.request()
            watch.varying = request.varying
            runs = project.start(request, observer=watch, tail=_TAIL)
        except KeyboardInterrupt:
            return self._stopped(project, watch)
        except RunFailedError as error:
            return Outcome(run=error.run, runs=_alone(error.run, project), shown=error.run, error=str(error))
        except RunsFailedError as error:
            return Outcome(run=error.runs[-1], runs=error.runs, shown=error.runs, error=str(error))
        return Outcome(run=runs[-1], runs=runs, shown=runs[0] if len(runs) == 1 else runs)

    @staticmethod
    def _stopped(project: Opened, watch: CallWatch) -> Outcome:
        """What a stopped call leaves: the runs that it had begun."""
        runs = project.runs_of(record.id for record in watch.records)
        run = runs[-1] if runs else None
        return Outcome(run=run, runs=runs, shown=run, stopped=True)

    def stop(self) -> None:
        """Stop the call as an interrupt would; does nothing when none goes."""
        self._wishes.stop()

    def close(self) -> None:
        """Stop the call as the end of the kernel would, and wait for its end, at most a few seconds."""
        with self._lock:
            self._closed = self._wishes.abandoned = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)


def _alone(run: Run, project: Opened) -> Runs:
    return project.runs_of([run.id])

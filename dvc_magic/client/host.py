"""One host process of this kernel, and the questions that it answers. To be used from any thread."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from typing import Any, BinaryIO

from dvc_magic.client.environment import worker_environment
from dvc_magic.codec import from_data
from dvc_magic.errors import WorkerError, WorkerLostError, from_wire
from dvc_magic.wire import (
    Answer,
    Asked,
    Bug,
    Detach,
    Event,
    Happened,
    Lines,
    Question,
    Refused,
    RunCall,
    Stop,
    ToKernel,
    answer_type,
    read_line,
    write_line,
)

_MODULE = "dvc_magic.host"
_READ_SIZE = 1 << 20
_TICK = 0.1  # seconds between two calls of a follower's `waiting`
_PATIENCE = 20.0  # seconds for a host to stop what runs


class Pending:
    """A question that has been asked.

    Args:
        question: as asked.
        follower: gets each event in the host's reading thread, and None now and then while nothing happens and once the
            answer is there; without one, events are kept for `events`.
    """

    def __init__(self, host: _Process, number: int, question: Question, follower: Follower | None) -> None:
        self._host = host
        self._number = number
        self._question = question
        self._follower = follower
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._seen = 0
        self._answer: Answer | Refused | Bug | None = None
        self._lost = ""

    @property
    def done(self) -> bool:
        """Whether the answer is there, or will never come."""
        return self._answer is not None or bool(self._lost)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the answer, at most `timeout` seconds; returns whether it is there."""
        if self._host.is_read_here:
            self._host.await_answer(self)
        with self._changed:
            return self._changed.wait_for(lambda: self.done, timeout)

    def follow(self, *, every: float) -> Iterator[list[Event]]:
        """The events as they come, to the last one; an empty list after each `every` seconds without any.

        An interrupt of the thread that waits loses none: follow again, and go on after those that were seen.
        """
        while True:
            if self._host.is_read_here:
                self._host.await_answer(self)
            with self._changed:
                self._changed.wait_for(lambda: self.done or len(self._events) > self._seen, every)
                is_last, fresh = self.done, self._events[self._seen :]
            for event in fresh:
                self._seen += 1
                yield [event]
            if is_last:
                return
            if not fresh:
                yield []

    def stop(self, steps: int = 1) -> None:
        """Stop what the question has started, as `steps` interrupts would; another question is withdrawn."""
        self._host.send(Stop(id=self._number, steps=steps))

    def result(self) -> Any:
        """The answer, which has to be there.

        Raises:
            DvcMagicError: what the host answered with.
            WorkerLostError: the host is gone.
        """
        if isinstance(self._answer, Answer):
            return from_data(self._answer.data, answer_type(self._question))
        if isinstance(self._answer, Refused):
            raise from_wire({"error": self._answer.error, "message": self._answer.message})
        if isinstance(self._answer, Bug):
            message = f"dvc_magic's host failed in a way it should not:\n{self._answer.traceback}"
            raise WorkerError(message)
        raise WorkerLostError(self._lost)

    # called by the reading thread

    def take(self, message: ToKernel) -> None:
        """Take what the host says of this question."""
        with self._changed:
            if isinstance(message, Happened):
                if self._follower is None:
                    self._events.append(message.event)
            else:
                self._answer = message
            self._changed.notify_all()

    @property
    def is_followed(self) -> bool:
        """Whether there is a follower."""
        return self._follower is not None

    def tell(self, event: Event | None) -> None:
        """Tell the follower of an event, or by None that the answer is there."""
        if self._follower is not None:
            self._follower(event)

    def lose(self, reason: str) -> None:
        """Note that no answer will come."""
        with self._changed:
            if self.done:
                return
            self._lost = reason
            self._changed.notify_all()
        self.tell(None)


Follower = Callable[[Event | None], None]


class _Process:
    """A host process with its pipe, and the thread that reads it."""

    def __init__(self, *, project: Path, home: Path, log: Path) -> None:
        self.pid = os.getpid()  # of this process: a forked child must not use its parent's pipe
        self._log = log
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._pending: dict[int, Pending] = {}
        self._lines = Lines()
        self._told: deque[tuple[Pending, Event | None]] = deque()  # events that their followers have not been given yet
        self._ticked = time.monotonic()
        self._is_left = False  # whether it goes on when this process lets go of it
        # The names of files mean the same on both ends of the pipe, though a cell may have set another locale since.
        utf8 = ("-X", "utf8") if sys.getfilesystemencoding() == "utf-8" else ()
        arguments = ["--parent", str(os.getpid()), "--project", str(project), "--home", str(home), "--log", str(log)]
        with _appended(log) as errors:
            self._process = subprocess.Popen(
                [sys.executable, *utf8, "-P", "-m", _MODULE, *arguments],
                env=worker_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                cwd="/",
            )
        self._reader = threading.Thread(target=self._read, name="dvc_magic host", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, question: Question, follower: Follower | None) -> Pending:
        """Send a question."""
        pending = Pending(self, next(self._numbers), question, follower)
        self._is_left |= isinstance(question, RunCall) and question.detached
        with self._lock:
            self._pending[pending._number] = pending  # noqa: SLF001 - of its own module
        self.send(Asked(id=pending._number, question=question))  # noqa: SLF001
        if not self.alive:
            pending.lose(self._gone())
        return pending

    def detach(self, call_id: str) -> None:
        """Let a call go on when this process is gone, and with it the host."""
        self._is_left = True
        self.send(Detach(call=call_id))

    def send(self, message: Asked | Stop | Detach) -> None:
        """Send one message; what a dead host does not hear shows in its end."""
        assert self._process.stdin is not None
        data = write_line(message)
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _read(self) -> None:
        """Take what the host says, to its end; what the reading thread runs."""
        while self._read_some():
            while self._told:
                pending, event = self._told.popleft()
                self._tell(pending, event)
            if time.monotonic() - self._ticked >= _TICK:
                self._ticked = time.monotonic()
                for pending in self._all_pending():
                    if not pending.done:
                        self._tell(pending, None)
        self._process.wait()
        for pending in self._all_pending():
            pending.lose(self._gone())
        self._close_pipes()

    def _tell(self, pending: Pending, event: Event | None) -> None:
        """Tell a follower. One that fails has a bug, for the log: the thread still has to read for all others."""
        try:
            pending.tell(event)
        except Exception:  # noqa: BLE001
            with _appended(self._log) as log:
                log.write(traceback.format_exc().encode(errors="replace"))

    def _read_some(self) -> bool:
        """Wait for the next messages, or a moment, and note them; False when the host is gone."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        ready, _, _ = select([descriptor], [], [], _TICK if self._is_followed else None)
        if not ready:
            return True
        chunk = os.read(descriptor, _READ_SIZE)
        for line in self._lines.cut(chunk):
            self._note(read_line(line, ToKernel))
        return bool(chunk)

    def await_answer(self, pending: Pending) -> None:
        """Wait for an answer in the reading thread itself, for a follower that asks: it reads on meanwhile.

        Followers are told of what else comes when this one has returned.
        """
        while not pending.done and self._read_some():
            pass

    @property
    def is_read_here(self) -> bool:
        """Whether this is the reading thread."""
        return threading.current_thread() is self._reader

    @property
    def _is_followed(self) -> bool:
        return any(pending.is_followed for pending in self._all_pending())

    def _all_pending(self) -> list[Pending]:
        with self._lock:
            return list(self._pending.values())

    def _note(self, message: ToKernel) -> None:
        with self._lock:
            pending = self._pending.get(message.id)
            if not isinstance(message, Happened):
                self._pending.pop(message.id, None)
        if pending is None:
            return
        pending.take(message)
        if pending.is_followed:
            self._told.append((pending, message.event if isinstance(message, Happened) else None))

    def _gone(self) -> str:
        code = self._process.poll()
        return (
            f"dvc_magic's host process {self._process.pid} ended with {code} while it had work to do; its log is "
            f"{self._log}. What it ran has been stopped: run it again"
        )

    def close(self, *, patience: float = _PATIENCE) -> None:
        """Let go of the host: it stops what runs and ends; it is killed after `patience` seconds.

        One with detached calls is left to itself.
        """
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError):
            self._process.stdin.close()
        if self._is_left and self._all_pending():
            return
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not self.is_read_here:
            self._reader.join(1.0)
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with self._lock, contextlib.suppress(OSError):  # of what is still to be written to a host that is gone
                pipe.close()


def _appended(log: Path) -> BinaryIO:
    """The log, to write at its end; where nothing can be written (a read-only project, a full disk), nowhere."""
    try:
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


class Host:
    """The host of one project, started at the first question, and anew when it died.

    Args:
        project: root of the project. home: folder of its run store. log: gets what host and workers print.

    Side effects: starts a process and a daemon thread; appends to `log`.
    """

    def __init__(self, *, project: Path, home: Path, log: Path) -> None:
        self._place = {"project": project, "home": home, "log": log}
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def warm(self) -> None:
        """Have the process started; does not wait until it is ready."""
        self._running()

    def _running(self) -> _Process:
        with self._lock:
            process = self._process
            if process is None or process.pid != os.getpid() or not process.alive:
                process = self._process = _Process(**self._place)
            return process

    def begin(self, question: Question, follower: Follower | None = None) -> Pending:
        """Ask a question without waiting; see `Pending` for `follower`."""
        return self._running().ask(question, follower)

    def ask(self, question: Question, *, heard: Callable[[Event], None] | None = None) -> Any:
        """The answer to a question that changes nothing if it is asked twice.

        Args:
            question: of `dvc_magic.wire`; its docstring says what the answer is.
            heard: gets the events on the way, in this thread.

        Raises:
            DvcMagicError: what the host answered with.
            WorkerLostError: it died twice in a row.
            KeyboardInterrupt: the question is withdrawn.
        """
        for attempt in (1, 2):
            pending = self.begin(question)
            try:
                self._follow(pending, heard)
            except BaseException:
                pending.stop()
                raise
            try:
                return pending.result()
            except WorkerLostError:
                if attempt == 2:  # noqa: PLR2004
                    raise
        raise AssertionError

    @staticmethod
    def _follow(pending: Pending, heard: Callable[[Event], None] | None) -> None:
        for events in pending.follow(every=60.0):
            if heard is not None:
                for event in events:
                    heard(event)

    def detach(self, call_id: str) -> None:
        """Let a call that this host drives outlive this process."""
        self._running().detach(call_id)

    def close(self) -> None:
        """End the host; runs that still go are stopped."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.pid == os.getpid():
            process.close()

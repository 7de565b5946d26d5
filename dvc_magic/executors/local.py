"""Warm local workers: processes of their own session with one pipe each, which speak JSON lines.

A worker does one thing at a time. The pool starts workers on demand and keeps them warm; one that dies costs only
what it was doing. Nothing here knows what the messages mean: a request is ``{"id": n, "do": NAME, ...}``, an answer
``{"id": n, "result": ...}`` or ``{"id": n, "error": CLASS, "message": ...}``, anything else is an event.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from dvc_magic.errors import WorkerError, WorkerLostError, from_wire

_READ_SIZE = 1 << 16
_START = "dvc_magic.executors.start_worker"  # a worker and its supervisor


class Message(Struct, frozen=True, kw_only=True):
    """One line from a worker; `lost` when the worker died instead of answering."""

    data: dict[str, Any]
    lost: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether this ends the request that the worker had."""
        return self.lost or "id" in self.data

    @property
    def good(self) -> bool:
        """Whether this is an answer with a result."""
        return not self.lost and "result" in self.data

    def result(self) -> Any:
        """The answer's result.

        Raises:
            DvcMagicError: the one that the worker raised, or `WorkerError` with the worker's traceback for a bug.
            WorkerLostError: the worker died.
        """
        if self.lost:
            raise WorkerLostError(self.data["message"])
        if "error" in self.data:
            raise from_wire(self.data)
        if "bug" in self.data:
            message = f"a worker failed in a way it should not:\n{self.data['bug']}"
            raise WorkerError(message)
        return self.data["result"]


class Worker:
    """One worker process and its pipe. Not safe to share between threads."""

    def __init__(
        self, *, module: str, log: Path, environ: Mapping[str, str] | None = None, python: str = sys.executable
    ) -> None:
        # The names of files mean the same on both ends of the pipe, though a cell may have set another locale since.
        utf8 = ("-X", "utf8") if sys.getfilesystemencoding() == "utf-8" else ()
        with _appended(log) as errors:
            self._process = subprocess.Popen(
                [python, *utf8, "-P", "-m", _START, module, "--parent", str(os.getpid())],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                cwd="/",
            )
        self._log = log
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._is_leaving = False
        self.busy = False

    @property
    def pid(self) -> int:
        """The worker's process id, which is also its session's."""
        return self._process.pid

    def fileno(self) -> int:
        """The descriptor that becomes readable when the worker says something or dies."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def alive(self) -> bool:
        """Whether the process still runs, to take another request."""
        return not self._is_leaving and self._process.poll() is None

    def request(self, do: str, **arguments: Any) -> None:
        """Begin a request; the worker is busy until its answer arrives."""
        self.busy = True
        self.send({"id": next(self._numbers), "do": do, **arguments})

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; what a dead worker does not hear shows in the next `receive`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> list[Message]:
        """What the worker has said since; call it when `fileno` is readable."""
        chunk = os.read(self.fileno(), _READ_SIZE)
        if not chunk:
            return [self._lost()]
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        messages = [Message(data=json.loads(line)) for line in lines if line]
        if any(message.is_answer for message in messages):
            self.busy = False
        self._is_leaving = self._is_leaving or any(message.data.get("last") for message in messages)
        return messages

    def _lost(self) -> Message:
        code = self._process.wait()
        self.busy = False
        message = f"the worker process {self.pid} ended with {code} while it had work to do; its log is {self._log}"
        return Message(data={"message": message}, lost=True)

    def kill(self) -> None:
        """End the worker at once, with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def close(self, *, patience: float = 2.0) -> None:
        """Let go of the worker: it ends when its pipe closes, and is killed after `patience` seconds."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
        self.busy = False  # whatever it had to do: the pool may forget it


def _appended(log: Path) -> BinaryIO:
    """The log, to write at its end; where nothing can be written (a read-only project, a full disk), nowhere."""
    try:
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


class WorkerPool:
    """Warm workers of one store. Not safe to share between threads.

    Args:
        module: what a worker is, as ``python -m`` takes it.
        log: gets what they print.
        environ: asked for a worker's variables when it is started; those of this process by default.

    Side effects: starts processes; appends to `log`.
    """

    def __init__(
        self, *, module: str, log: Path, environ: Callable[[], Mapping[str, str]] = lambda: os.environ
    ) -> None:
        self._module = module
        self._log = log
        self._environ = environ
        self._workers: list[Worker] = []

    def warm(self, count: int = 1) -> None:
        """Start workers until there are `count`; does not wait until they are ready."""
        while len(self._workers) < count:
            self._workers.append(Worker(module=self._module, log=self._log, environ=self._environ()))

    def idle(self) -> Worker:
        """A worker with nothing to do, started when there is none."""
        for worker in [worker for worker in self._workers if not worker.busy and not worker.alive]:
            self.discard(worker)
        for worker in self._workers:
            if not worker.busy:
                return worker
        self.warm(len(self._workers) + 1)
        return self._workers[-1]

    def discard(self, worker: Worker) -> None:
        """Forget a worker that died or whose state is in doubt."""
        worker.kill()
        worker.close()
        self._workers = [other for other in self._workers if other is not worker]

    def ask(self, do: str, *, heard: Callable[[Mapping[str, Any]], None] | None = None, **arguments: Any) -> Any:
        """One request, waiting for its answer.

        Args:
            do, arguments: the request.
            heard: gets what the worker says meanwhile. The request is then one that threads of the worker may outlive
                when it ends badly, so that the worker is ended as well.

        Raises:
            DvcMagicError: what the worker answered with.
            WorkerLostError: it died twice in a row.
            KeyboardInterrupt: the worker is given up, as its answer would come to nobody.
        """
        for attempt in (1, 2):
            worker = self.idle()
            try:
                worker.request(do, **arguments)
                message = self._answer(worker, heard)
                if heard is not None and not message.good:
                    self.discard(worker)
            except BaseException:
                self.discard(worker)
                raise
            if message.lost:
                self.discard(worker)
                if attempt == 1:
                    continue
            return message.result()
        raise AssertionError

    def _answer(self, worker: Worker, heard: Callable[[Mapping[str, Any]], None] | None) -> Message:
        while True:
            for _, message in self.wait([worker], timeout=None):
                if message.is_answer:
                    return message
                if heard is not None:
                    heard(message.data)

    @staticmethod
    def until_ready(workers: list[Worker], *, timeout: float) -> None:
        """Sleep until one of these workers has something to say, or for `timeout` seconds; reads nothing."""
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                selector.register(worker, selectors.EVENT_READ)
            selector.select(timeout)

    @staticmethod
    def wait(workers: list[Worker], *, timeout: float | None) -> list[tuple[Worker, Message]]:
        """What these workers say within `timeout` seconds; returns at the first word."""
        if not workers:
            if timeout:
                time.sleep(timeout)
            return []
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                selector.register(worker, selectors.EVENT_READ, worker)
            ready = [key.data for key, _ in selector.select(timeout)]
        return [(worker, message) for worker in ready for message in worker.receive()]

    def close(self) -> None:
        """End all workers; a run that one of them still has is stopped by the worker itself."""
        for worker in self._workers:
            worker.close(patience=15.0 if worker.busy else 2.0)
        self._workers = []

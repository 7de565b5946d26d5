"""Warm local workers: processes of their own session with one pipe each, which speak JSON lines.

A worker does one thing at a time; one that dies costs only what it was doing. Nothing here knows what requests mean:
they are structs, or data of their shape (``dvc_magic.engine.requests`` has those of our worker). An answer is
``{"id": n, "result": ...}`` or ``{"id": n, "error": CLASS, "message": ...}``, anything else that is said is an event.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from dvc_magic.codec import encode_bytes
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
        self._received: list[bytes] = []  # of a line that is not whole yet
        self._unsent = bytearray()
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)  # one that has just been started reads nothing for 0.5 s
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

    def request(self, request: Any) -> None:
        """Begin a request; the worker is busy until its answer arrives."""
        self.busy = True
        self._send({"type": "asked", "id": next(self._numbers), "request": request})

    def stop(self, steps: int) -> None:
        """Ask for what it executes to be stopped."""
        self._send({"type": "stop", "steps": steps})

    def _send(self, message: Mapping[str, Any]) -> None:
        """Send one message, as far as the pipe takes it; see `flush` for the rest."""
        self._unsent += encode_bytes(message) + b"\n"
        self.flush()

    def flush(self) -> bool:
        """Send what the pipe takes now; whether all is sent. What a dead worker does not hear shows in `receive`."""
        try:
            while self._unsent and (descriptor := self.outgoing) is not None:
                del self._unsent[: os.write(descriptor, self._unsent)]
        except BlockingIOError:
            return False
        except OSError:  # it is dead
            self._unsent.clear()
        return True

    @property
    def outgoing(self) -> int | None:
        """The descriptor that becomes writable when the worker has read some of what was sent; None once closed."""
        stdin = self._process.stdin
        return None if stdin is None or stdin.closed else stdin.fileno()

    def receive(self) -> list[Message]:
        """What the worker has said since; call it when `fileno` is readable."""
        chunk = os.read(self.fileno(), _READ_SIZE)
        if not chunk:
            return [self._lost()]
        first, *others = chunk.split(b"\n")
        self._received.append(first)
        lines: list[bytes] = []
        if others:
            lines = [b"".join(self._received), *others[:-1]]
            self._received = [others[-1]]
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

    def hang_up(self) -> None:
        """Send nothing more: the worker stops its run, says what came of it, and ends."""
        self._is_leaving = True
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def let_go(self) -> None:
        """Close the pipe, at which the worker stops its run and ends; does not wait for that."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def close(self, *, patience: float = 2.0) -> None:
        """Let go of the worker: it ends when its pipe closes, and is killed after `patience` seconds."""
        self.let_go()
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

"""The worker process, which ``python -m dvc_magic.executors.start_worker`` becomes.

It reads requests from its standard input and answers on its standard output, one JSON line each; its own prints and
DVC's go to standard error. It ends when its parent does or closes the pipe, on SIGTERM, and when its supervisor is
gone: what it executes at that moment is stopped and recorded first, and its answer says that it is the last one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import selectors
import signal
import sys
import traceback
from collections import deque
from typing import Any

from dvc_magic.codec import decode
from dvc_magic.engine.requests import Asked, Stop, ToWorker
from dvc_magic.errors import DvcMagicError, to_wire
from dvc_magic.executors import Lifeline, Supervisor, become_subreaper

_READ_SIZE = 1 << 16


class Pipe:
    """The worker's end of its pipe; also what a running stage listens to (`supervise.Control`).

    Attributes:
        supervisor: starts and ends the commands.
    """

    def __init__(self, *, parent: int, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        # The real descriptors move away, so that a stray print cannot get between two answers.
        self._in = os.dup(0)
        self._out = os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self._lifeline = Lifeline(parent)
        self._terminated, self._terminating = os.pipe()
        self._is_terminated = False
        self._buffer = b""
        self._waiting: deque[Asked] = deque()
        self._stops = 0
        self._closed = False

    def descriptors(self) -> tuple[int, ...]:
        """The pipe, the parent's pidfd, and what becomes readable on SIGTERM."""
        lifeline = () if self._lifeline.fd is None else (self._lifeline.fd,)
        return (self._in, self._terminated, *lifeline)

    def terminate(self) -> None:
        """Behave as if the parent were gone: it was not, but someone has asked this process to end."""
        if not self._is_terminated:
            self._is_terminated = True
            os.write(self._terminating, b".")

    @property
    def abandoned(self) -> bool:
        """Whether the parent is gone or has let go of the pipe, or this process has to end."""
        self._read_ready()
        return self._closed or self._is_terminated or self._lifeline.broken

    @property
    def is_last(self) -> bool:
        """Whether there will be no next request."""
        return self.supervisor.gone or self.abandoned

    def stops(self) -> int:
        """How many stop requests have come since the last look."""
        self._read_ready()
        count, self._stops = self._stops, 0
        return count

    def _read_ready(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._in, selectors.EVENT_READ)
            while not self._closed and selector.select(0):
                self._read()

    def _read(self) -> None:
        chunk = os.read(self._in, _READ_SIZE)
        if not chunk:
            self._closed = True
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            message: ToWorker = decode(line, ToWorker)  # type: ignore[arg-type]
            if isinstance(message, Stop):
                self._stops += message.steps
            else:
                self._stops = 0  # a stop that came too late for the last run is not meant for the next
                self._waiting.append(message)

    def next(self) -> Asked | None:
        """The next request; None when this process has to end."""
        with selectors.DefaultSelector() as selector:
            for descriptor in (*self.descriptors(), self.supervisor.fileno()):
                selector.register(descriptor, selectors.EVENT_READ)
            while not self._waiting:
                if self.is_last:  # reads what there is
                    return None
                if not self._waiting:
                    selector.select(0.5)
        return self._waiting.popleft()

    def say(self, message: dict[str, Any]) -> None:
        """Send one message; nobody may be there to hear it."""
        data = memoryview(json.dumps(message).encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except BrokenPipeError:
            self._closed = True


def answer(asked: Asked, service: Any, pipe: Pipe) -> dict[str, Any]:
    """The answer to one request; whatever goes wrong is told, as the worker itself has to live on."""
    try:
        result = service.handle(asked.request, pipe)
    except DvcMagicError as error:
        return {"id": asked.id, **to_wire(error)}
    except Exception:  # noqa: BLE001 - a bug in one request must reach the notebook with its traceback
        return {"id": asked.id, "bug": traceback.format_exc()}
    return {"id": asked.id, "result": result}


def main() -> None:
    """Serve requests until the parent is gone."""
    parser = argparse.ArgumentParser()
    for option in ("--parent", "--supervisor", "--channel"):
        parser.add_argument(option, type=int, required=True)
    arguments = parser.parse_args()
    pipe = Pipe(parent=arguments.parent, supervisor=Supervisor(arguments.supervisor, arguments.channel))
    signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which git would inherit
    signal.signal(signal.SIGTERM, lambda *_: pipe.terminate())
    become_subreaper()  # what the supervisor leaves if it is killed
    from dvc_magic.engine.service import Service  # noqa: PLC0415 - DVC takes 0.25 s; the lifeline comes first

    # What libraries log of a connection can hold an address with a password; without a handler it goes to the log.
    logging.getLogger().addHandler(logging.NullHandler())
    service = Service()
    while (asked := pipe.next()) is not None:
        reply = answer(asked, service, pipe)
        pipe.say({**reply, "last": True} if pipe.is_last else reply)
    pipe.supervisor.close()
    # Python would take all of DVC's modules apart (0.2 s of CPU time), and who closes the pool waits for that. What is
    # open is left to the system, as it is after a SIGKILL; nothing here has files to remove at its end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

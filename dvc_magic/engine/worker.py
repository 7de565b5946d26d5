"""The worker process: ``python -m dvc_magic.engine.worker --parent PID``.

It reads requests from its standard input and answers on its standard output, one JSON line each; its own prints and
DVC's go to standard error. It ends when its parent does or closes the pipe.
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

from dvc_magic.errors import DvcMagicError, to_wire
from dvc_magic.executors import Lifeline, become_subreaper

_READ_SIZE = 1 << 16


class Pipe:
    """The worker's end of its pipe; also what a running stage listens to (`supervise.Control`)."""

    def __init__(self, *, parent: int) -> None:
        # The real descriptors move away, so that a stray print cannot get between two answers.
        self._in = os.dup(0)
        self._out = os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self._lifeline = Lifeline(parent)
        self._buffer = b""
        self._waiting: deque[dict[str, Any]] = deque()
        self._stops = 0
        self._closed = False

    def descriptors(self) -> tuple[int, ...]:
        """The pipe and the parent's pidfd."""
        return (self._in,) if self._lifeline.fd is None else (self._in, self._lifeline.fd)

    @property
    def abandoned(self) -> bool:
        """Whether the parent is gone or has let go of the pipe."""
        self._read_ready()
        return self._closed or self._lifeline.broken

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
            message = json.loads(line)
            if message["do"] == "stop":
                self._stops += message.get("steps", 1)
            else:
                self._stops = 0  # a stop that came too late for the last run is not meant for the next
                self._waiting.append(message)

    def next(self) -> dict[str, Any] | None:
        """The next request; None when the parent is gone."""
        with selectors.DefaultSelector() as selector:
            for descriptor in self.descriptors():
                selector.register(descriptor, selectors.EVENT_READ)
            while not self._waiting:
                if self.abandoned:  # reads what there is
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


def answer(request: dict[str, Any], service: Any, pipe: Pipe) -> dict[str, Any]:
    """The answer to one request; whatever goes wrong is told, as the worker itself has to live on."""
    arguments = {key: value for key, value in request.items() if key not in ("id", "do")}
    try:
        result = service.handle(request["do"], arguments, pipe)
    except DvcMagicError as error:
        return {"id": request["id"], **to_wire(error)}
    except Exception:  # noqa: BLE001 - a bug in one request must reach the notebook with its traceback
        return {"id": request["id"], "bug": traceback.format_exc()}
    return {"id": request["id"], "result": result}


def main() -> None:
    """Serve requests until the parent is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    pipe = Pipe(parent=parser.parse_args().parent)
    # Not SIG_IGN, which the stages' commands would inherit: they would never see an interrupt.
    signal.signal(signal.SIGINT, lambda *_: None)
    become_subreaper()
    from dvc_magic.engine.service import Service  # noqa: PLC0415 - DVC takes 0.25 s; the lifeline comes first

    # What libraries log of a connection can hold an address with a password; without a handler it goes to the log.
    logging.getLogger().addHandler(logging.NullHandler())
    service = Service()
    while (request := pipe.next()) is not None:
        pipe.say(answer(request, service, pipe))
    # Python would take all of DVC's modules apart (0.2 s of CPU time), and who closes the pool waits for that. What is
    # open is left to the system, as it is after a SIGKILL; nothing here has files to remove at its end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

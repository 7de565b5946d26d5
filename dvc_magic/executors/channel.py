"""What a worker and its supervisor say to each other: one line of JSON each, over a pair of sockets.

JSON and not msgspec, whose import alone would cost the supervisor 3 MB. Environment variables and arguments that are
not UTF-8 pass as Python spells them, with lone surrogates.
"""

from __future__ import annotations

import json
import select
import socket
from typing import NamedTuple

_READ_SIZE = 1 << 16


class Start(NamedTuple):
    """Start a command; its output goes to the descriptor that comes along."""

    argv: list[str]
    cwd: str
    environ: dict[str, str]


class Signal(NamedTuple):
    """Send a signal to the process group of the command that runs, if one does."""

    number: int


class End(NamedTuple):
    """End the command and everything below it: SIGTERM, then SIGKILL after `grace` seconds."""

    grace: float


class Started(NamedTuple):
    """The command runs."""

    pid: int


class Refused(NamedTuple):
    """The command could not be started; `code` is the ``errno``, or 0 for arguments that no system takes."""

    code: int
    reason: str
    filename: str | None


class Ended(NamedTuple):
    """The command is over, and nothing is left of it.

    `leftovers` counts what it had left running. `stopped` tells that it was signalled while it ran: as the worker
    asked, or because the kernel is gone.
    """

    exit_code: int
    leftovers: int
    stopped: bool


Message = Start | Signal | End | Started | Refused | Ended
_KINDS = {kind.__name__: kind for kind in (Start, Signal, End, Started, Refused, Ended)}


class Channel:
    """One end of the pair of sockets.

    Attributes:
        closed: whether the other end is gone.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = b""
        self._descriptors: list[int] = []
        self.closed = False

    def fileno(self) -> int:
        """What becomes readable when the other end says something or goes."""
        return self._socket.fileno()

    def send(self, message: Message, *, descriptor: int | None = None) -> None:
        """Send a message, and a copy of a descriptor along with it."""
        line = json.dumps([type(message).__name__, *message]).encode() + b"\n"
        try:
            if descriptor is not None:
                sent = socket.send_fds(self._socket, [line], [descriptor])
                line = line[sent:]
            self._socket.sendall(line)
        except ConnectionError:
            self.closed = True

    def receive(self) -> list[Message]:
        """The messages that have come whole; waits for nothing."""
        while not self.closed and self._is_readable():  # `recv_fds` ignores its flags, MSG_DONTWAIT too
            try:
                chunk, descriptors, _, _ = socket.recv_fds(self._socket, _READ_SIZE, 1)
            except ConnectionError:
                chunk, descriptors = b"", []
            self._descriptors += descriptors
            self._buffer += chunk
            self.closed = not chunk
        *lines, self._buffer = self._buffer.split(b"\n")
        return [_message(line) for line in lines]

    def _is_readable(self) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def take_descriptor(self) -> int:
        """The descriptor that came along with the first message for which it has not been taken."""
        return self._descriptors.pop(0)

    def close(self) -> None:
        """Let the other end know that nothing more will come."""
        self._socket.close()


def _message(line: bytes) -> Message:
    kind, *fields = json.loads(line)
    return _KINDS[kind](*fields)

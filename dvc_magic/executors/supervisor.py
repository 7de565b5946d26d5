"""A worker's handle on its supervisor (`dvc_magic.executors.supervisor_process` says what that is)."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from dvc_magic.errors import SupervisorLostError
from dvc_magic.executors.channel import Channel, End, Ended, Message, Refused, Signal, Start
from dvc_magic.executors.process_tree import Descendants
from dvc_magic.executors.supervisor_process import GRACE
from dvc_magic.executors.sweep import RUN_TOKEN, sweep_run

_PATIENCE = GRACE + 2.0  # seconds for a supervisor that was let go of


class Supervisor:
    """Starts and ends the commands of a worker, one at a time.

    Args:
        pid: its process id; it is a child of this process.
        descriptor: this process's end of the channel.
    """

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._channel = Channel(socket.socket(fileno=descriptor))
        self._messages: deque[Message] = deque()
        self._token = ""

    def fileno(self) -> int:
        """What becomes readable when there may be news of the command, or when the supervisor is gone."""
        return self._channel.fileno()

    @property
    def gone(self) -> bool:
        """Whether the supervisor has ended; asked while no command runs."""
        self._receive()
        return self._channel.closed

    def start(self, command: Sequence[str], *, cwd: Path, environ: Mapping[str, str], output: int) -> None:
        """Start a command in a session of its own; its standard input is empty.

        Args:
            command: its argument vector.
            cwd, environ: of the command.
            output: the descriptor that both of its output streams go to.

        Raises:
            OSError: the system refuses. ValueError: an argument that no system takes.
            SupervisorLostError: the supervisor is gone.
        """
        self._token = environ.get(RUN_TOKEN, "")
        start = Start(list(command), str(cwd), dict(environ))
        self._channel.send(start, descriptor=output)
        answer = self._next()
        if isinstance(answer, Refused):
            if answer.code:
                raise OSError(answer.code, answer.reason, answer.filename)
            raise ValueError(answer.reason)  # noqa: TRY004 - as subprocess does

    def signal(self, number: int) -> None:
        """Send a signal to the command's process group."""
        self._channel.send(Signal(number))

    def end(self, *, grace: float = GRACE) -> None:
        """Begin to end the command and everything below it: SIGTERM, and SIGKILL after `grace` seconds."""
        self._channel.send(End(grace))

    def ended(self) -> Ended | None:
        """How the command has ended, once nothing is left of it; None while it goes on.

        Raises:
            SupervisorLostError: the supervisor is gone; what it had started is ended.
        """
        self._receive()
        message = self._messages.popleft() if self._messages else None
        if message is None and self._channel.closed:
            self._take_over()
        return message if isinstance(message, Ended) else None

    def wait(self) -> Ended:
        """Wait for the command's end; see `ended`."""
        while not isinstance(message := self._next(), Ended):
            pass
        return message

    def close(self) -> None:
        """Let go of the supervisor, which ends what is left and then itself."""
        self._channel.close()
        self._collect()

    def _receive(self) -> None:
        self._messages.extend(self._channel.receive())

    def _next(self) -> Message:
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            while True:
                self._receive()
                if self._messages:
                    return self._messages.popleft()
                if self._channel.closed:
                    self._take_over()
                selector.select()

    def _take_over(self) -> NoReturn:
        """End what the supervisor has left: this process, a subreaper too, is the parent of that now."""
        exit_code = self._collect()
        Descendants().end(grace=GRACE)
        if self._token:
            sweep_run(self._token)  # where there are no subreapers
        how = f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
        message = (
            f"the supervisor of the command (process {self.pid}) {how}, and so the command was ended too; "
            "nothing is wrong with the stage: run it again"
        )
        raise SupervisorLostError(message)

    def _collect(self) -> int:
        """Wait for the supervisor's end, which hands its children on; killed if it takes long."""
        until = time.monotonic() + _PATIENCE
        try:
            while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
                if time.monotonic() > until:
                    os.kill(self.pid, signal.SIGKILL)
                time.sleep(0.001)
        except ChildProcessError:  # collected before
            return 0
        return os.waitstatus_to_exitcode(ended[1])

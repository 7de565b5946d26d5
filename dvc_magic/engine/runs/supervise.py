"""Running a stage's commands, in a worker process; its supervisor starts them, signals them and ends what is left.

The stop ladder: a stop asked by a person begins with SIGINT, so that a script can save what it has, then SIGTERM 10
seconds later, then SIGKILL; each further request climbs one step at once. A timeout begins with SIGTERM. When the
kernel is gone nobody waits for the script: SIGTERM, and SIGKILL after one second, for it and for all that it started.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from dvc_magic.errors import SupervisorLostError
from dvc_magic.executors import Ended, Supervisor

_POLL = 0.1  # seconds between looks at what has no descriptor to wait on: the stop file, a lost parent
_USER_LADDER = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
_TIMEOUT_LADDER = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))


class Control(Protocol):
    """What a supervised run listens to."""

    def descriptors(self) -> tuple[int, ...]:
        """What becomes readable when there may be something new."""

    def stops(self) -> int:
        """How many stop requests have come since the last look."""

    @property
    def abandoned(self) -> bool:
        """Whether whoever ordered the run is gone."""

    @property
    def supervisor(self) -> Supervisor:
        """What starts and ends the commands."""


class Ending(Struct, frozen=True, kw_only=True):
    """How the commands ended.

    Attributes:
        exit_code: of the last command, negative for a signal; None when none was started.
        stopped: why they were stopped (``user``, ``timeout``, ``kernel``), or an empty text.
        duration: seconds from the first start to the last end.
        leftovers: processes that were still there when a command had ended.
    """

    exit_code: int | None
    stopped: str
    duration: float
    leftovers: int = 0


class _Ladder:
    """Climbs a list of (signal, seconds until the next step) over the command's process group."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._steps: list[tuple[int, float]] = []
        self._next = float("inf")
        self.reason = ""

    def begin(self, reason: str, steps: Sequence[tuple[int, float]]) -> None:
        if not self.reason:
            self.reason = reason
            self._steps = list(steps)
        self._climb()

    def _climb(self) -> None:
        number, patience = self._steps.pop(0) if self._steps else (signal.SIGKILL, 1.0)
        self._supervisor.signal(number)
        self._next = time.monotonic() + patience

    def tick(self) -> None:
        if time.monotonic() >= self._next:
            self._climb()

    def end(self, reason: str) -> None:
        """Leave the rest to the supervisor, which is in a hurry."""
        self.reason = self.reason or reason
        self._next = float("inf")
        self._supervisor.end()


def supervise(
    commands: Sequence[Sequence[str]],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    log: Path,
    stop_file: Path,
    control: Control,
    timeout: float | None,
    meanwhile: Callable[[], None],
    now_and_then: Callable[[], None] = lambda: None,
) -> Ending:
    """Run commands one after the other, each in a session of its own, until one fails or a stop is asked for.

    Args:
        commands: argument vectors, executed in order.
        cwd, environ: of the commands; their standard input is empty.
        log: file that both output streams are appended to, as they come.
        stop_file: its appearance is a stop request from another process.
        control: where requests of the owner come from; it has the supervisor, the parent of the commands.
        timeout: seconds for all commands together, or None.
        meanwhile: called once, right after the first start, while the command already runs; never without a start.
        now_and_then: called some ten times in a second while a command runs; a stop waits for it.

    Side effects: no descendant of a command outlives it.

    Raises:
        SupervisorLostError: the supervisor was killed; nothing is left of the commands.
        OSError: a command cannot be started.
    """
    began = time.monotonic()
    deadline = began + timeout if timeout else None
    supervisor = control.supervisor
    exit_code: int | None = None
    reason, leftovers = "", 0
    with log.open("ab", buffering=0) as output:
        for index, command in enumerate(commands):
            # A shell that is only starting loses a SIGINT: what is stopped already does not begin.
            reason = _asked_before(control, stop_file)
            if reason:
                break
            supervisor.start(command, cwd=cwd, environ=environ, output=output.fileno())
            try:
                if index == 0:
                    meanwhile()
                reason, ended = _watch(
                    supervisor, control=control, stop_file=stop_file, deadline=deadline, now_and_then=now_and_then
                )
            except SupervisorLostError:
                raise
            except BaseException:
                supervisor.end(grace=0.0)
                supervisor.wait()
                raise
            exit_code = ended.exit_code
            leftovers += ended.leftovers
            if reason or exit_code:
                break
    return Ending(exit_code=exit_code, stopped=reason, duration=time.monotonic() - began, leftovers=leftovers)


def _asked_before(control: Control, stop_file: Path) -> str:
    """Why the next command is not to begin, or an empty text."""
    gone = control.abandoned
    if control.stops() or stop_file.exists():  # a call that is given up asks for a stop and then lets go: asked first
        return "user"
    return "kernel" if gone else ""


def _watch(
    supervisor: Supervisor,
    *,
    control: Control,
    stop_file: Path,
    deadline: float | None,
    now_and_then: Callable[[], None],
) -> tuple[str, Ended]:
    """Wait for the command's end, passing on stop requests; returns why it was stopped, if it was, and how it ended."""
    ladder = _Ladder(supervisor)
    stop_seen = gone = False
    with selectors.DefaultSelector() as selector:
        for descriptor in (*control.descriptors(), supervisor.fileno()):
            selector.register(descriptor, selectors.EVENT_READ)
        while (ended := supervisor.ended()) is None:
            selector.select(_POLL)
            abandoned = control.abandoned
            for _ in range(control.stops()):  # those sent before the owner let go, whenever both are seen
                ladder.begin("user", _USER_LADDER)
            if abandoned and not gone:
                gone = True
                ladder.end("kernel")
                for descriptor in control.descriptors():  # readable for ever now: waiting on it would spin
                    with contextlib.suppress(KeyError):
                        selector.unregister(descriptor)
            if not stop_seen and stop_file.exists():
                stop_seen = True
                ladder.begin("user", _USER_LADDER)
            if deadline is not None and time.monotonic() >= deadline and not ladder.reason:
                ladder.begin("timeout", _TIMEOUT_LADDER)
            ladder.tick()
            now_and_then()
    return _reason(ladder.reason, ended, control), ended


def _reason(asked: str, ended: Ended, control: Control) -> str:
    """Why a command was stopped, or an empty text.

    What comes when the command has ended, and only its leftovers go on, has not stopped it. A person's request counts
    even then: nobody will ask again.
    """
    if not ended.stopped:
        return asked if asked == "user" else ""
    if asked:
        return asked
    return "user" if control.stops() else "kernel"  # the supervisor was the first to see that the kernel is gone

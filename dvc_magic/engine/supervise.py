"""Running a stage's commands under supervision, in a worker process.

The stop ladder: a stop asked by a person begins with SIGINT, so that a script can save what it has, then SIGTERM 10
seconds later, then SIGKILL; each further request climbs one step at once. A timeout begins with SIGTERM. When the
kernel is gone nobody waits for the script: SIGTERM, and SIGKILL after one second.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from dvc_magic.executors import end_descendants

_POLL = 0.1  # seconds between looks at what has no descriptor to wait on: the stop file, a lost parent
_USER_LADDER = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
_TIMEOUT_LADDER = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
_KERNEL_LADDER = ((signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0))


class Control(Protocol):
    """What a supervised run listens to."""

    def descriptors(self) -> tuple[int, ...]:
        """What becomes readable when there may be something new."""

    def stops(self) -> int:
        """How many stop requests have come since the last look."""

    @property
    def abandoned(self) -> bool:
        """Whether whoever ordered the run is gone."""


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
    """Climbs a list of (signal, seconds until the next step) over one process group."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._steps: list[tuple[int, float]] = []
        self._next = float("inf")
        self.reason = ""

    def begin(self, reason: str, steps: Sequence[tuple[int, float]]) -> None:
        if not self.reason or reason == "kernel":
            self.reason = self.reason or reason
            self._steps = list(steps)
        self.climb()

    def climb(self) -> None:
        number, patience = self._steps.pop(0) if self._steps else (signal.SIGKILL, 1.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group, number)
        self._next = time.monotonic() + patience

    def tick(self) -> None:
        if time.monotonic() >= self._next:
            self.climb()


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
        control: where requests of the owner come from.
        timeout: seconds for all commands together, or None.
        meanwhile: called once, right after the first start, while the command already runs; never without a start.
        now_and_then: called some ten times in a second while a command runs; a stop waits for it.

    Side effects: no descendant of a command outlives it.
    """
    began = time.monotonic()
    deadline = began + timeout if timeout else None
    exit_code: int | None = None
    reason, leftovers = "", 0
    with log.open("ab", buffering=0) as output:
        for index, command in enumerate(commands):
            # A shell that is only starting loses a SIGINT: what is stopped already does not begin.
            reason = _asked_before(control, stop_file)
            if reason:
                break
            process = subprocess.Popen(
                command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
            try:
                if index == 0:
                    meanwhile()
                reason = _watch(
                    process, control=control, stop_file=stop_file, deadline=deadline, now_and_then=now_and_then
                )
                exit_code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                end_descendants(grace=0.0)
                raise
            leftovers += end_descendants(grace=0.5 if reason else 2.0)
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
    process: subprocess.Popen[bytes],
    *,
    control: Control,
    stop_file: Path,
    deadline: float | None,
    now_and_then: Callable[[], None],
) -> str:
    """Wait for a process, passing on stop requests; returns why it was stopped, or an empty text."""
    ladder = _Ladder(process.pid)
    stop_seen = gone = False
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for descriptor in control.descriptors():
            selector.register(descriptor, selectors.EVENT_READ)
        if hasattr(os, "pidfd_open"):
            ended = os.pidfd_open(process.pid)
            stack.callback(os.close, ended)
            selector.register(ended, selectors.EVENT_READ)
        while process.poll() is None:
            selector.select(_POLL if hasattr(os, "pidfd_open") else 0.02)
            abandoned = control.abandoned
            for _ in range(control.stops()):  # those sent before the owner let go, whenever both are seen
                ladder.begin("user", _USER_LADDER)
            if abandoned and not gone:
                gone = True
                ladder.begin("kernel", _KERNEL_LADDER)
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
    return ladder.reason

"""The supervisor: a thin process beside each worker, parent of the commands that the worker starts.

A worker can be killed, and what it executes has to end then; so the worker is not the one to see to that. Its
supervisor is forked from it before it imports anything large, and does four things: start a command, pass a signal on,
tell how the command ended, and end everything below when the command ends or when the worker or the kernel is gone.
As a child subreaper (Linux) it inherits orphans, so that ``setsid`` and double forks do not lead out of its reach.

Few imports: what it imports is its memory (7 MB, measured), since the worker soon changes all pages that the two share.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import subprocess
import sys

from dvc_magic.executors.channel import Channel, End, Ended, Refused, Signal, Start, Started
from dvc_magic.executors.lifeline import Lifeline, become_subreaper, name_this_process
from dvc_magic.executors.process_tree import Descendants
from dvc_magic.executors.sweep import RUN_TOKEN

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL for what a killed worker or kernel leaves behind."""

_NAME = "dvc_supervisor"
_POLL = 0.1  # seconds between looks at what has no descriptor to wait on
_LEFTOVER_GRACE = 2.0  # seconds that processes get which a command has left running
_STOPPED_GRACE = 0.5  # the same, where the command was stopped


def fork_supervisor(kernel: Lifeline) -> tuple[int, int]:
    """Fork the supervisor of this process.

    Args:
        kernel: the process whose end ends the commands, as this one's does.

    Returns:
        Its process id, and the descriptor of this process's end of the channel.
    """
    worker = os.getpid()
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours.detach()
    try:
        ours.close()
        _settle_in(theirs.fileno(), kernel.fd)
        serve(Channel(theirs), worker=Lifeline(worker), kernel=kernel)
    except BaseException:  # noqa: BLE001 - it has to reach the workers' log, and nothing of the worker's code may run here
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(0)


def _settle_in(*kept: int | None) -> None:
    """Take leave of the worker: its pipes, its session and its share of memory."""
    gc.freeze()
    os.setsid()  # whoever signals the worker's group does not reach the supervisor
    name_this_process(_NAME)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    with contextlib.suppress(FileNotFoundError):  # a bare chroot; the worker has hardly anything open yet
        for descriptor in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - pathlib would cost memory
            if descriptor not in (0, 1, 2, *kept):  # closerange may go through a billion of them
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def serve(channel: Channel, *, worker: Lifeline, kernel: Lifeline) -> None:
    """Start and end commands for a worker, until it lets go of the channel or is gone; then nothing is left of them.

    Side effects: this process becomes a child subreaper and ignores SIGINT and SIGTERM.
    """
    all_below = Descendants(is_subreaper=become_subreaper())
    command: _Command | None = None
    with contextlib.closing(_Waiting(channel, worker, kernel)) as waiting:
        while not (channel.closed or worker.broken):
            waiting.wait()
            all_below.reap()
            for message in channel.receive():
                match message:
                    case Start():
                        command = _start(message, channel, all_below)
                    case Signal(number) if command is not None:
                        command.signal(number)
                    case End(grace) if command is not None:
                        command.end(grace=grace)
            if command is not None and kernel.broken:
                command.end(grace=GRACE)
            if command is not None and command.has_ended:
                channel.send(command.ended())
                command = None
    all_below.end(grace=GRACE)


class _Command:
    """The command that runs, and what it starts.

    Attributes:
        stopped: whether it was signalled while it ran.
    """

    def __init__(self, process: subprocess.Popen[bytes], all_below: Descendants) -> None:
        self._process = process
        self._all_below = all_below
        self.stopped = False

    @property
    def has_ended(self) -> bool:
        """Whether it is over, and its exit code taken; what it has started may go on."""
        return self._process.pid in self._all_below.exit_codes

    def signal(self, number: int) -> None:
        """Send a signal to its group, unless it has ended: its id may be another's by then."""
        if not self.has_ended:
            self.stopped = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def end(self, *, grace: float) -> None:
        """End it and all that it has started, unless it has ended by itself."""
        if not self.has_ended:
            self.stopped = True
            self._all_below.end(grace=grace)

    def ended(self) -> Ended:
        """End what it has left running, and tell how it ended."""
        all_below, process = self._all_below, self._process
        process.returncode = exit_code = all_below.exit_codes[process.pid]  # or Popen would look for it
        leftovers = all_below.left_running()
        all_below.end(grace=_STOPPED_GRACE if self.stopped else _LEFTOVER_GRACE)
        all_below.exit_codes.clear()
        return Ended(exit_code, leftovers, self.stopped)


def _start(order: Start, channel: Channel, all_below: Descendants) -> _Command | None:
    """Start a command in a session of its own, and tell whether that worked."""
    output = channel.take_descriptor()
    all_below.run_id = order.environ.get(RUN_TOKEN, "")
    try:
        process = subprocess.Popen(
            order.argv, cwd=order.cwd, env=order.environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        filename = None if error.filename is None else os.fsdecode(error.filename)
        channel.send(Refused(error.errno or 0, error.strerror or str(error), filename))
    except ValueError as error:  # a NUL in an argument
        channel.send(Refused(0, str(error), None))
    else:
        channel.send(Started(process.pid))
        return _Command(process, all_below)
    finally:
        os.close(output)
    return None


class _Waiting:
    """Sleep until something has happened: a message, the end of a child, of the worker or of the kernel."""

    def __init__(self, channel: Channel, worker: Lifeline, kernel: Lifeline) -> None:
        self._kernel = kernel
        self._selector = selectors.DefaultSelector()
        self._woken, self._waking = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waking, False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):  # not SIG_IGN, which commands would inherit
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        for readable in (channel, self._woken, worker.fd, kernel.fd):
            if readable is not None:
                self._selector.register(readable, selectors.EVENT_READ)
        self._timeout = None if worker.fd is not None and kernel.fd is not None else _POLL

    def wait(self) -> None:
        """Sleep."""
        ready = {key.fileobj for key, _ in self._selector.select(self._timeout)}
        if self._kernel.fd in ready:  # readable for ever now
            self._selector.unregister(self._kernel.fd)
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 1 << 12)

    def close(self) -> None:
        """Give the descriptors back."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._woken)
        os.close(self._waking)

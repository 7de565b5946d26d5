"""Hosts and workers of tests, forked from a process that has imported what they import.

A host that is started takes 0.65 s of CPU time until its first worker is ready, nearly all of it for imports; one that
is forked here takes 0.1 s. It is a child of the tests' process all the same, and runs ``python -m dvc_magic.host`` from
the first line on, with the arguments, variables and pipes that it is given. So do its workers, forked from it.

What a fork cannot take over from its parent (a locale, a limit, a umask) is compared first: where any of it is another
one than when the template began, a host is started as for users. So it is on systems other than Linux.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import inspect
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

_HOST = "dvc_magic.host"
_WORKER = "dvc_magic.executors.start_worker"
_AT_START = ("LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "TZ")  # variables that are read when a process begins
_TITLE = 2000  # bytes for the arguments that tools see
_MOST = 200_000  # bytes of a message; the kernel takes 212,992 at once
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_libc = ctypes.CDLL(None, use_errno=True)


class _Process(subprocess.Popen[bytes]):
    """A process that `fork` makes, in place of the system's fork and exec.

    Args:
        fork: gets the arguments, the variables and the descriptors for 0, 1 and 2; returns the process id of a child,
            or 0 where it cannot.
    """

    def __init__(self, fork: Callable[..., int], *arguments: Any, **options: Any) -> None:
        self._fork = fork
        super().__init__(*arguments, **options)

    def _execute_child(self, *arguments: Any) -> None:
        execute = super()._execute_child  # type: ignore[misc]
        given = inspect.signature(execute).bind(*arguments).arguments
        pipes = [given[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")]
        streams = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        pid = self._fork(given["args"], dict(given["env"]), streams)
        if not pid:
            execute(*arguments)
            return
        self.pid = pid
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


class _Subprocess:
    """The module `subprocess`, in which `Popen` forks."""

    def __init__(self, fork: Callable[..., int]) -> None:
        self._fork = fork

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, *arguments: Any, **options: Any) -> _Process:  # noqa: N802 - as the module has it
        """Start a process."""
        return _Process(self._fork, *arguments, **options)


class ForkedHosts:
    """A template of hosts, started when the first one is asked for, and anew when a test has ended it.

    Attributes:
        template: its process. forked: how many hosts it has made.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self.template: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._circumstances: Any = None
        self._is_paused = False
        self.forked = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Start hosts as for users while the block runs."""
        before, self._is_paused = self._is_paused, True
        try:
            yield
        finally:
            self._is_paused = before

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have `Project.open` fork its hosts while the block runs."""
        from dvc_magic.client import host

        before = vars(host)["subprocess"]
        vars(host)["subprocess"] = _Subprocess(self.fork)
        try:
            yield
        finally:
            vars(host)["subprocess"] = before
            self.close()

    def fork(self, arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[int]) -> int:
        """Fork a host, a child of this process; see `_Process`."""
        if self._is_paused or sys.platform != "linux" or arguments[0] != sys.executable:
            return 0
        if os.getpid() != self._owner:  # a test has forked: what the template forks is no child of this process
            return 0
        with self._lock:
            for _ in range(2):
                if self._channel is None:
                    self._begin(environ)
                if self._circumstances != _circumstances(environ):
                    return 0
                try:
                    return self._ask(arguments, environ, streams)
                except ConnectionError:
                    self.close()
        return 0

    def _begin(self, environ: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here = str(Path(__file__).resolve())
        with theirs:
            self.template = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-P", here, str(theirs.fileno()), str(os.getpid()), "-" * _TITLE],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
            )
        self._channel = ours
        self._circumstances = _circumstances(environ)

    def _ask(self, arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[int]) -> int:
        assert self._channel is not None
        message = json.dumps([list(arguments), dict(environ)]).encode(errors="surrogateescape")
        if len(message) > _MOST:
            return 0
        # The host's parent ends at once, and an orphan becomes the child of the next subreaper above it.
        before = ctypes.c_int()
        _libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(self._channel, [message], list(streams))
            if not (answer := self._channel.recv(64)):
                raise ConnectionResetError
        finally:
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, before.value)
        self.forked += 1
        return int(answer)

    def close(self) -> None:
        """End the template; hosts go on."""
        if self._channel is not None:
            self._channel.close()
        if self.template is not None:
            self.template.wait()
        self._channel = self.template = None


def _circumstances(environ: Mapping[str, str]) -> Any:
    """What decides how a process begins, and is not handed to a fork."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    names = ("Umask:", "Uid:", "Gid:", "SigBlk:", "SigIgn:", "CapEff:", "Cpus_allowed:")
    limits = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return (
        {name: value for name, value in environ.items() if name.startswith(_AT_START)},
        [line for line in status if line.startswith(names)],
        [resource.getrlimit(limit) for limit in limits],
        os.getpriority(os.PRIO_PROCESS, 0),
        [Path(place).readlink() for place in ("/proc/self/ns/mnt", "/proc/self/root")],
    )


def _serve(channel: socket.socket, kernel: int) -> None:
    """Fork hosts for `kernel` until it hangs up."""
    for module in (_HOST + ".__main__", _WORKER, "dvc_magic.engine.worker", "dvc_magic.engine.service"):
        importlib.import_module(module)
    from dvc_magic.pipeline import preload

    preload()
    gc.collect()
    gc.freeze()  # no collection touches what all processes share
    while True:
        message, streams, _, _ = socket.recv_fds(channel, 2 * _MOST, 3)
        if not message:
            return
        child = os.fork()
        if not child:
            if os.fork():
                os._exit(0)
            _become_host(channel, kernel, message, streams)
        os.waitpid(child, 0)
        for stream in streams:
            os.close(stream)


def _become_host(channel: socket.socket, kernel: int, message: bytes, streams: Sequence[int]) -> NoReturn:
    try:
        while os.getppid() != kernel:
            time.sleep(0.0005)
        channel.send(str(os.getpid()).encode())
        from dvc_magic.executors import local

        vars(local)["subprocess"] = _Subprocess(_fork_worker)
        arguments, environ = json.loads(message.decode(errors="surrogateescape"))
    except BaseException:  # noqa: BLE001 - nothing of the template's code may run here
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    _become(arguments, environ, streams)


def _fork_worker(arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[int]) -> int:
    """Fork a worker of this host; see `_Process`."""
    if arguments[0] != sys.executable:
        return 0
    pid = os.fork()
    if not pid:
        _become(arguments, environ, streams)
    return pid


def _become(arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[int]) -> NoReturn:
    """Go on as ``python -m MODULE`` begins, in a session of its own."""
    code = 1
    try:
        # What holds descriptors of the parent lives on in the frames above, so that nobody closes their numbers again.
        gc.freeze()
        for number, stream in enumerate([os.dup(stream) for stream in streams]):
            os.dup2(stream, number)
        os.closerange(3, max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1)
        os.setsid()
        os.chdir("/")
        _begin_signals()
        os.environ.clear()
        os.environ.update(environ)
        _retitle(arguments)
        at = arguments.index("-m")
        sys.argv[:] = ["-m", *arguments[at + 2 :]]
        runpy.run_module(arguments[at + 1], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001 - it has to reach the log, and nothing of the parent's code may run here
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _begin_signals() -> None:
    """Handle signals as a new Python does."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _retitle(arguments: Sequence[str]) -> None:
    """Show these arguments to who looks at the process: they take the place of the template's."""
    text = Path("/proc/self/stat").read_text(encoding="utf-8")
    start, end = map(int, text.rpartition(")")[2].split()[45:47])
    title = b"\0".join(map(os.fsencode, arguments))[: end - start - 1]
    ctypes.memmove(start, title.ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))

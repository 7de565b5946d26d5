"""Make the n-th system call fail: by libfiu in this process, by strace in another one. And file systems to break."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import pytest

READS = ("oc/open", "rw/read", "rw/pread")
WRITES = ("oc/open", "oc/close", "rw/write", "rw/pwrite", "rw/ftruncate", "sync/fsync", "sync/fdatasync", "dir/rename")
"""Names of libfiu below ``posix/io/``; it has no mkdir, link, chmod, openat with a folder, copy_file_range."""

_MOST = 400  # goes of one operation: more calls than any has
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of linux/sched.h

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_int),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_uint),
)


class FailingCalls:
    """libfiu, which must be preloaded: it stands in for functions of libc from the process's start on."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libfiu.so.0")
        self._library.fiu_init(0)
        enable = self._library.fiu_enable_external
        enable.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, _Callback]

    def each(self, error: int, *calls: str) -> Iterator[Fault]:
        """Goes of one operation: in the first its first call fails, then its second, until one had no such call::

            for fault in failing_calls.each(errno.ENOSPC, *WRITES):
                with fault, suppress(StoreError):
                    store.write(record)
                assert store.read(record.id) in (old, record), fault

        Args:
            error: the ``errno`` of the call that fails.
            calls: which calls count and fail, such as those of `READS` or `WRITES`; only those of this thread.
        """
        for nth in range(1, _MOST):
            fault = Fault(nth, error, calls, self._library)
            yield fault
            if not fault.failed:
                assert nth > 1, f"the operation calls none of {calls}: this loop tested nothing"
                return
        pytest.fail(f"the operation had more than {_MOST} calls")


@dataclass
class Fault:
    """While its ``with`` goes on, the n-th call of the thread fails.

    Attributes:
        failed: the call that failed; empty when there were fewer calls.
    """

    nth: int
    error: int
    calls: tuple[str, ...]
    library: ctypes.CDLL = field(repr=False)
    failed: str = ""
    seen: int = 0
    _callbacks: list[Any] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        thread = threading.get_ident()
        for call in self.calls:
            callback = _Callback(lambda *_, call=call: int(threading.get_ident() == thread and self._fails(call)))
            self._callbacks.append(callback)  # libfiu keeps a bare pointer
            self.library.fiu_enable_external(f"posix/io/{call}".encode(), 1, self.error, 0, callback)
        return self

    def _fails(self, call: str) -> bool:
        self.seen += 1
        if self.seen == self.nth:
            self.failed = call
        return self.seen == self.nth

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for call in self.calls:
            self.library.fiu_disable(f"posix/io/{call}".encode())
        self._callbacks.clear()


@dataclass(frozen=True, kw_only=True)
class Traced:
    """One go of a program whose n-th call failed, or at whose n-th call it was killed."""

    nth: int
    call: str
    exit_code: int
    output: str
    errors: str
    hit: bool


class Strace:
    """strace, which makes any system call fail, in a process of its own: some 0.1 s for each go."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._log = folder / "strace.log"

    def each(
        self, call: str, effect: str, script: str, *arguments: str | Path, cwd: Path | None = None, first: int = 1
    ) -> Iterator[Traced]:
        """Goes of a Python script: in the first its first `call` fails, then its second, until it had no such call.

        Args:
            call: one system call, such as ``mkdir``; each process and thread counts its own.
            effect: ``error=ENOSPC``, ``signal=KILL`` or ``delay_enter=200000`` (microseconds).
            script: Python text; `arguments` are its ``sys.argv[1:]``.
            cwd: where it starts.
            first: the first go's number; the interpreter itself opens and reads some hundred files.
        """
        for nth in range(first, first + _MOST):
            go = self._go(call, f"{effect}:when={nth}", nth, [script, *map(str, arguments)], cwd)
            yield go
            if not go.hit:
                assert nth > first, f"the script never calls {call}: this loop tested nothing"
                return
        pytest.fail(f"the script calls {call} more than {_MOST} times")

    def _go(self, call: str, effect: str, nth: int, script: Sequence[str], cwd: Path | None) -> Traced:
        inject = ["-f", "-qq", "-o", str(self._log), "-e", f"trace={call}", "-e", f"inject={call}:{effect}"]
        done = subprocess.run(
            [self._program, *inject, sys.executable, "-B", "-c", *script],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        hit = "INJECTED" in self._log.read_text(encoding="utf-8", errors="replace") or done.returncode < 0
        return Traced(nth=nth, call=call, exit_code=done.returncode, output=done.stdout, errors=done.stderr, hit=hit)


def refused_mounts() -> str:
    """Give this thread, and what it starts, mounts of their own that end with the process; why not, if refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS):
        return f"this system refuses mounts of one's own (unshare: errno {ctypes.get_errno()})"
    made_private = _mount("--make-rprivate", "/")
    return f"this system refuses to make mounts private: {made_private}" if made_private else ""


def mount(folder: Path, kind: str, source: str | Path, *options: str) -> None:
    """Mount a file system at `folder`, or skip the test where the system refuses.

    Args:
        folder: where; it is made.
        kind: ``tmpfs``, ``ext4``, or ``bind`` for a folder that is there already.
        source: the image, the folder, or ``none``.
        options: such as ``size=4m``, ``nr_inodes=16``, ``loop``, ``ro``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    how = ["--bind"] if kind == "bind" else ["-t", kind]
    refusal = _mount(*how, *(["-o", ",".join(options)] if options else []), str(source), str(folder))
    if refusal:
        pytest.skip(f"this system refuses to mount {kind}: {refusal}")


def remount(folder: Path, *options: str) -> None:
    """Change the options of what is mounted at `folder`, such as ``ro``."""
    refusal = _mount("-o", ",".join(("remount", *options)), str(folder))
    assert not refusal, refusal


def unmount(folder: Path) -> None:
    """Unmount what is mounted at `folder`, now or when the last process lets go of it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True, timeout=60)


def _mount(*arguments: str) -> str:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.strip() if done.returncode else ""


@dataclass
class Disk:
    """A file system in a file, whose machine loses its power now and then.

    Attributes:
        folder: where it is mounted.
        image: the file.
        boots: how often the machine has started again.
    """

    folder: Path
    image: Path
    boots: int = 0

    def sync(self) -> None:
        """Bring all that was written so far onto the disk."""
        subprocess.run(["sync", "--file-system", str(self.folder)], check=True, timeout=60)

    def lose_power(self, processes: Sequence[psutil.Process]) -> None:
        """End `processes`, lose what never reached the disk, and start again as another boot of the machine.

        The file holds what the file system wrote to its device. What the kernel still had in memory is not in it; the
        journal is replayed when the copy is mounted, as at a real start.

        Args:
            processes: all that use the disk, those that start others first.
        """
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # a command that has just ended
                process.suspend()
        after = self.image.with_name(f"{self.image.name}.{self.boots}")
        shutil.copyfile(self.image, after)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)
        unmount(self.folder)
        self.image.unlink()
        self.image, self.boots = after, self.boots + 1
        mount(self.folder, "ext4", self.image, "loop", "commit=30")
        boot = after.with_name(f"boot-{self.boots}")
        boot.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
        refusal = _mount("--bind", str(boot), str(BOOT_ID))
        assert not refusal, refusal

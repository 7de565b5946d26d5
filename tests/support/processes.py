"""The processes below a kernel: its hosts, and their workers."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

_PATIENCE = 10.0  # seconds


def host_of(kernel: psutil.Process, root: Path) -> psutil.Process:
    """The host that a kernel has for a project; one that is just being started has no arguments yet."""
    until = time.monotonic() + _PATIENCE
    while True:
        hosts = [child for child in kernel.children() if {"dvc_magic.host", str(root)} <= _words(child)]
        if len(hosts) == 1:
            return hosts[0]
        assert time.monotonic() < until, f"{len(hosts)} hosts of {root}"
        time.sleep(0.01)


def workers_of(kernel: psutil.Process, root: Path) -> list[psutil.Process]:
    """The workers of that host, oldest first."""
    workers = [child for child in host_of(kernel, root).children() if "dvc_magic.engine.worker" in _words(child)]
    return sorted(workers, key=lambda worker: worker.create_time())


def _words(process: psutil.Process) -> set[str]:
    with suppress(psutil.Error):
        return set(process.cmdline())
    return set()

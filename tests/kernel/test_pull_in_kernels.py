"""Pulls in real kernels: an interrupt and a sudden end leave nothing half-done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.support import http_remote
from tests.support.commands import dvc
from tests.support.digest import changes, project_digest
from tests.support.http_remote import HttpRemote

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

STAGE = "stages:\n  count:\n    cmd: wc -c < big.bin > n.txt\n    deps: [big.bin]\n    outs: [n.txt]\n"


@dataclass
class Kernel:
    """A kernel in a fresh clone whose data is in a remote that falls silent."""

    manager: KernelManager
    client: BlockingKernelClient
    root: Path
    remote: HttpRemote

    def run(self, code: str) -> str:
        """How a cell ends: ``ok``, or the name of its error."""
        reply = self.client.execute_interactive(code, timeout=60, output_hook=lambda _: None)["content"]
        return str(reply.get("ename") or reply["status"])

    def wait_for_pull(self) -> None:
        """Wait until the file has been begun."""
        _eventually(lambda: any(path.name != "lock" for path in self.incoming()))

    def incoming(self) -> list[Path]:
        """What is on its way, or was left behind."""
        return [path for path in self.root.glob(".dvc_magic/dvc/tmp/pull-*/*") if path.exists()]

    def kept(self) -> list[Path]:
        """The objects of the runs' cache."""
        return [path for path in self.root.glob(".dvc_magic/cache/**/*") if path.is_file()]


def _eventually(check: Callable[[], bool], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def kernel(make_project: Callable[..., Path], clone: Callable[..., Path]) -> Iterator[Kernel]:
    """A kernel with the extension loaded."""
    origin = make_project({"dvc.yaml": STAGE, "big.bin": b"x" * 50_000}, name="origin", track=["big.bin"])
    dvc(origin, "remote", "add", "--quiet", "-d", "storage", "../storage")
    dvc(origin, "push", "--quiet")
    root = clone(origin)
    with http_remote.serve(origin.parent / "storage") as remote:
        remote.silent = True
        (root / ".dvc/config").write_text(f"[core]\n    remote = s\n['remote \"s\"']\n    url = {remote.url}\n")
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(root))
        try:
            made = Kernel(manager, client, root, remote)
            assert made.run("%load_ext dvc_magic") == "ok"
            yield made
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_an_interrupt_ends_a_pull_and_the_next_cell_works(kernel: Kernel) -> None:
    before = project_digest(kernel.root)
    message = kernel.client.execute("%dvc_run count")
    kernel.wait_for_pull()

    kernel.manager.interrupt_kernel()
    began = time.monotonic()
    reply = kernel.client.get_shell_msg(timeout=20)

    assert (reply["parent_header"]["msg_id"], reply["content"]["ename"]) == (message, "KeyboardInterrupt")
    assert time.monotonic() - began < 3
    assert kernel.incoming() == kernel.kept() == []
    kernel.remote.silent = False
    assert kernel.run("%dvc_run count") == "ok"
    assert changes(before, project_digest(kernel.root)) == []


def test_a_pull_ends_with_its_kernel(kernel: Kernel) -> None:
    kernel.client.execute("%dvc_run count")
    kernel.wait_for_pull()
    pid = kernel.manager.provisioner.pid  # type: ignore[union-attr]
    workers = psutil.Process(pid).children(recursive=True)

    os.kill(pid, signal.SIGKILL)

    _eventually(lambda: not any(process.is_running() for process in workers))
    assert kernel.incoming() == kernel.kept() == []

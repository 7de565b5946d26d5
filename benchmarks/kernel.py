"""A real IPython kernel, used as a notebook uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from benchmarks.errors import BenchmarkError

_PATIENCE = 120  # seconds


class Kernel:
    """A kernel that is ready; use `started`."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def execute(self, cell: str, outputs: dict[str, Any] | None = None) -> None:
        """Execute a cell, and wait until the kernel is idle again, as a notebook does before the next cell.

        Args:
            cell: its source.
            outputs: takes what a notebook's file would hold of displays: display id -> data and metadata, as they are
                now; of the cell and of those before it.

        Raises:
            BenchmarkError: the cell raised.
        """

        def hook(message: dict[str, Any]) -> None:
            shown = message["header"]["msg_type"] in ("display_data", "update_display_data")
            if outputs is not None and shown:
                content = message["content"]
                kept = {"data": content["data"], "metadata": content["metadata"], "output_type": "display_data"}
                outputs[content.get("transient", {}).get("display_id", "")] = kept

        reply = self._client.execute_interactive(cell, timeout=_PATIENCE, output_hook=hook, allow_stdin=False)
        content = reply["content"]
        if content["status"] != "ok":
            message = f"the cell {cell!r} ended in {content.get('ename')}: {content.get('evalue')}"
            raise BenchmarkError(message)


@contextmanager
def started(folder: Path) -> Iterator[Kernel]:
    """A kernel of this Python in `folder`, with its first, slower cell behind it; it ends with the block."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), extra_arguments=["--log-level=ERROR"])
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=_PATIENCE)
        kernel = Kernel(client)
        kernel.execute("None")
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel()

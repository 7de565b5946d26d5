"""A real IPython kernel, used as a notebook uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from benchmarks.errors import BenchmarkError

_PATIENCE = 120  # seconds
_QUIET = 2.0  # seconds without a message, when all has been said


class Kernel:
    """A kernel that is ready; use `started`."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def execute(self, cell: str) -> None:
        """Execute a cell, and wait until the kernel is idle again, as a notebook does before the next cell.

        Raises:
            BenchmarkError: the cell raised.
        """
        reply = self._client.execute_interactive(cell, timeout=_PATIENCE, output_hook=_ignore, allow_stdin=False)
        content = reply["content"]
        if content["status"] != "ok":
            message = f"the cell {cell!r} ended in {content.get('ename')}: {content.get('evalue')}"
            raise BenchmarkError(message)

    def outputs(self, cell: str, *later: str) -> list[dict[str, Any]]:
        """The outputs of a cell after some further ones, as a page has them that shows updates in place.

        Raises:
            BenchmarkError: a cell raised, or a minute passed without a message.
        """
        shown: dict[str, dict[str, Any]] = {}
        first = ""
        for source in (cell, *later):
            asked = self._client.execute(source, allow_stdin=False)
            first = first or asked
            while not self._take(shown, asked, first):
                pass
        with suppress(Empty):  # the end of a call is shown a moment after it
            while True:
                _show(self._client.get_iopub_msg(timeout=_QUIET), shown, first)
        return list(shown.values())

    def _take(self, shown: dict[str, dict[str, Any]], asked: str, first: str) -> bool:
        """Take a message; whether the cell that was asked for has ended."""
        message = self._client.get_iopub_msg(timeout=_PATIENCE)
        if message["msg_type"] == "error":
            raise BenchmarkError("\n".join(message["content"]["traceback"]))
        _show(message, shown, first)
        is_idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        return bool(is_idle and message["parent_header"].get("msg_id") == asked)


def _show(message: dict[str, Any], shown: dict[str, dict[str, Any]], first: str) -> None:
    content, kind = message["content"], message["msg_type"]
    name = content.get("transient", {}).get("display_id", message["msg_id"])
    is_new = kind in ("display_data", "execute_result", "stream") and message["parent_header"].get("msg_id") == first
    if is_new or (kind == "update_display_data" and name in shown):
        shown[name] = {key: value for key, value in content.items() if key != "transient"}


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


def _ignore(_: dict[str, Any]) -> None:
    """A notebook would show it."""

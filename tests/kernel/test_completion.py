"""Completion as a front end asks for it: a kernel's ``complete_request``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

FILES = {
    "dvc.yaml": "stages:\n  train:\n    cmd: echo\n    params: [train.lr]\n  trim:\n    cmd: echo\n",
    "params.yaml": "train: {lr: 0.5}\n",
}


@pytest.fixture
def client(make_project: Any) -> Iterator[BlockingKernelClient]:
    """A client of a kernel with the extension loaded, in a project."""
    manager, started = start_new_kernel(kernel_name="python3", cwd=str(make_project(FILES)))
    try:
        started.execute_interactive("%load_ext dvc_magic\nstages = %dvc_stages", timeout=60)
        yield started
    finally:
        started.stop_channels()
        manager.shutdown_kernel(now=True)


def _completed(client: BlockingKernelClient, code: str) -> list[str]:
    """The cell as each match would leave it, after its cursor, which ``|`` marks."""
    before, _, after = code.partition("|")
    reply = client.complete(before + after, len(before), reply=True, timeout=30)["content"]
    return [before[: reply["cursor_start"]] + match for match in reply["matches"]]


def test_lines_are_completed_anywhere_in_a_cell(client: BlockingKernelClient) -> None:
    assert _completed(client, "%dvc_run tr|") == ["%dvc_run train", "%dvc_run trim"]
    assert _completed(client, "x = 1\nif x:\n    r = %dvc_run train --l|\nprint(r)") == [
        "x = 1\nif x:\n    r = %dvc_run train --lr",
        "x = 1\nif x:\n    r = %dvc_run train --label",
    ]
    assert _completed(client, "%dvc_run train --upstream=au|") == ["%dvc_run train --upstream=auto"]
    assert "r = %dvc_runs" in _completed(client, "r = %dvc_r|")


def test_matches_carry_types_for_the_front_end(client: BlockingKernelClient) -> None:
    code = "%dvc_run train --"
    reply = client.complete(code, len(code), reply=True, timeout=30)["content"]

    types = {one["text"]: one["type"] for one in reply["metadata"]["_jupyter_types_experimental"]}
    assert types["--train.lr"] == "float = 0.5".replace(" ", "\N{NO-BREAK SPACE}")

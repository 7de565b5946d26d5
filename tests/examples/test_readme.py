"""The session at the top of README.md, cell by cell in a kernel that stands in an empty folder."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

README = Path(__file__).parents[2] / "README.md"


def session() -> list[str]:
    """The lines of the first block of code that loads the extension."""
    blocks = re.findall(r"(?:^    .+\n)+", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (block,) = [block for block in blocks if "%load_ext dvc_magic" in block]
    return [line.removeprefix("    ") for line in block.splitlines()]


def operation() -> str:
    """The cell that is run as an operation."""
    (block,) = re.findall(r"(?m)^    %%dvc_op .*\n(?:    .*\n|\n(?=    ))+", README.read_text(encoding="utf-8"))
    return textwrap.dedent(block)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def shown(client: BlockingKernelClient, cell: str) -> dict[str, Any]:
    """What a cell shows, by MIME type; all of its texts are ``printed``, too. It must not raise."""
    found: dict[str, Any] = {"printed": ""}

    def keep(message: dict[str, Any]) -> None:
        found.update(message["content"].get("data", {}))
        if message["msg_type"] == "stream":
            found["printed"] += message["content"]["text"]
        elif message["msg_type"] in ("display_data", "update_display_data"):
            found["printed"] += message["content"]["data"].get("text/plain", "")

    reply = client.execute_interactive(cell, timeout=120, output_hook=keep)
    assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", [cell]))
    return found


def test_the_session_in_the_readme_goes_from_nothing_to_a_plotted_metric(client: BlockingKernelClient) -> None:
    lines = session()
    assert len(lines) == 11

    results = {line.partition("  ")[0]: shown(client, line) for line in lines}

    assert "pulled 1 file" in results["run = %dvc_run train"]["printed"]
    assert results["run.metrics"]["text/plain"] == "{'loss': 0.4517, 'train_accuracy': 0.8857}"
    assert "image/png" in results['run.plot("loss")']
    assert "image/png" in results['runs.plot.scatter("lr", "accuracy")']
    assert "0.9778" in results["%dvc_runs accuracy > 0.9"]["text/plain"]
    diff = results["%dvc_diff {runs[0]} {runs[2]}"]["text/plain"]
    assert re.search(r"train\.lr +0\.01 +0\.3", diff)
    made = shown(client, operation())
    assert "prepare 1 reused" in made["printed"]
    shown(client, "made = _")
    assert shown(client, "[one.stage for one in made]")["text/plain"] == "['op:explore', 'op:explore']"
    assert shown(client, "[len(one.metrics) for one in made]")["text/plain"] == "[1, 1]"

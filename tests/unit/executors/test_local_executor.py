"""The local workers keep the contract of executors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvc_magic.executors import Executor, Workers
from tests.unit.executors.executor_contract import ExecutorContract

_WORKER = """
import json, os, select, sys
waiting = b""
def line(timeout=None):
    global waiting
    while b"\\n" not in waiting:
        if timeout is not None and not select.select([0], [], [], timeout)[0]:
            return None
        chunk = os.read(0, 65536)
        if not chunk:
            return ""
        waiting += chunk
    first, waiting = waiting.split(b"\\n", 1)
    return first.decode()
while asked := line():
    asked = json.loads(asked)
    if asked["type"] == "stop":
        continue
    request, answer = asked["request"], {"id": asked["id"]}
    do = request["order"]["do"]
    if do == "answer":
        answer["result"] = {name: request[name] for name in ("attempt", "environ", "addresses")}
    elif do == "tell":
        print(json.dumps({"news": 1}), flush=True)
        answer["result"] = 2
    elif do == "sleep":
        steps = 0
        while steps < 3:
            said = line(60)
            if not said:
                answer["result"] = "let go"
                break
            steps += json.loads(said)["steps"]
        else:
            answer["result"] = steps
    elif do == "bug":
        answer["bug"] = "Traceback: oops"
    else:
        os._exit(9)
    print(json.dumps(answer), flush=True)
"""


class TestWorkers(ExecutorContract):
    """Worker processes of this machine."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> Iterator[None]:
        (tmp_path / "toy_worker.py").write_text(_WORKER)
        self._made: list[Workers] = []
        self._place = tmp_path
        yield
        for workers in self._made:
            workers.close(patience=5.0)

    def executor(self) -> Executor:
        """Workers that are a toy."""
        environ = {**os.environ, "PYTHONPATH": str(self._place)}
        made = Workers(module="toy_worker", log=self._place / "workers.log", environ=environ)
        self._made.append(made)
        return made

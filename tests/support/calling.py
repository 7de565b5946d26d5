"""A process that calls one short run after the other, as a kernel does, until it is killed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dvc_magic.model.record import RunRecord
from dvc_magic.store import RunStore
from tests.support.processes import workers_of

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: sh prepare.sh
    deps: [prepare.sh]
    params: [batch]
    outs: [data]
  train:
    cmd: sh train.sh
    deps: [train.sh, data]
    params: [x]
    outs: [model.txt]
    metrics: [m.json: {cache: false}]
""",
    "params.yaml": "x: 0\nbatch: 0\n",
    "prepare.sh": "mkdir data; for i in 1 2 3; do seq $i 4000 > data/$i; cat params.yaml >> data/$i; done\n",
    "train.sh": "cat data/* params.yaml > model.txt; echo '{\"loss\": 1}' > m.json\n",
}
"""A pipeline of two stages; the calls train with another `x` each, and with another `batch` in every fourth."""

_CALLS = """
import sys
from dvc_magic import Project
from dvc_magic.errors import DvcMagicError

acknowledged = open(sys.argv[2], "a", buffering=1)
with Project.open(sys.argv[1]) as project:
    for number in range(int(sys.argv[3]), 10_000_000):
        try:
            run = project.run("train", {"x": number, "batch": number // 4})
        except DvcMagicError as error:
            acknowledged.write(f"! {type(error).__name__}: {error}".splitlines()[0] + "\\n")
        else:
            acknowledged.write(f"{run.id}\\n")
"""


@dataclass
class Calling:
    """Calls in a process of its own.

    Attributes:
        project: where it runs.
        acknowledged: the file in which it notes what its calls returned; not on the disk that is to break.
    """

    project: Path
    acknowledged: Path
    _process: subprocess.Popen[bytes] | None = None
    _next: int = 1

    def start(self) -> None:
        """Start to call, with values that no call before had."""
        arguments = [str(self.project), str(self.acknowledged), str(self._next)]
        self._next += 100_000
        self._process = subprocess.Popen([sys.executable, "-c", _CALLS, *arguments], cwd=self.project)

    @property
    def runs_begun(self) -> int:
        """How many runs the store has."""
        runs = self.project / ".dvc_magic" / "runs"
        return len(list(runs.iterdir())) if runs.exists() else 0

    @property
    def completed(self) -> list[str]:
        """The ids of the runs that calls have returned as completed."""
        return [line for line in self._lines() if not line.startswith("!")]

    @property
    def errors(self) -> list[str]:
        """What calls have raised, one line each."""
        return [line for line in self._lines() if line.startswith("!")]

    def _lines(self) -> list[str]:
        text = self.acknowledged.read_text(encoding="utf-8") if self.acknowledged.exists() else ""
        return [line[:-1] for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def kill(self) -> None:
        """End the process as ``kill -9`` does, and leave those below it to themselves."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def workers(self) -> list[psutil.Process]:
        """The workers that are there now."""
        assert self._process is not None
        return workers_of(psutil.Process(self._process.pid), self.project)

    def taking_part(self) -> dict[str, psutil.Process]:
        """Who takes part in a run: kernel, host, worker, supervisor and stage, as far as they are there."""
        assert self._process is not None
        names = ("kernel", "host", "worker", "supervisor", "stage")
        line = [psutil.Process(self._process.pid)]
        with suppress(psutil.Error):
            while len(line) < len(names) and (children := line[-1].children()):
                line.append(children[0])
        return dict(zip(names, line, strict=False))

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]


def broken_content(store: RunStore, record: RunRecord) -> list[str]:
    """What a run promises by ``completed`` and does not have: outs in its workspace, its ``dvc.lock``."""
    root = store.paths.run(record.id).dvc_root(record.root)
    broken = [path for path, out in record.outs.items() if _hash(root / path) != out.hash]
    lock = root / "dvc.lock"
    text = lock.read_text(encoding="utf-8") if lock.exists() else ""
    return broken if all(out.hash in text for out in record.outs.values()) else [*broken, "dvc.lock"]


def _hash(path: Path) -> str:
    """DVC's hash of a file or a folder, computed without DVC and without dvc_magic."""
    if not path.is_dir():
        return _md5(path.read_bytes()) if path.exists() else "missing"
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = [{"md5": _md5(file.read_bytes()), "relpath": file.relative_to(path).as_posix()} for file in files]
    return _md5(json.dumps(listing).encode()) + ".dir"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

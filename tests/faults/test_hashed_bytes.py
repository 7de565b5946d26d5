"""A hundred runs with a large dependency: what has not changed is never read to be hashed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from dvc_magic.project import Project
from tests.support.io_counters import bytes_read_by_workers

SIZE = 100_000_000  # bytes


def test_a_hundred_runs_hash_nothing_of_an_unchanged_dependency(make_project: Any) -> None:
    files = {
        "dvc.yaml": "stages:\n  s:\n    cmd: wc -c < big > n\n    deps: [big]\n    params: [i]\n    outs: [n]\n",
        "params.yaml": "i: 0\n",
        ".dvc/config": "[cache]\n    type = hardlink\n",
        ".gitignore": "/big\n",
    }
    root: Path = make_project(files)
    (root / "big").write_bytes(os.urandom(SIZE))
    time.sleep(2.1)  # the hash of a younger file is not kept
    with Project.open(root) as project:
        project.run("s")
        before = bytes_read_by_workers()
        runs = project.grid("s", {"i": list(range(100))})

        assert [run.deps["big"].placed for run in runs] == ["hardlink"] * 100
        assert bytes_read_by_workers() - before < SIZE

"""The doctor beside calls that go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dvc_magic.model.record import RunStatus
from dvc_magic.project import Checkup, Project

pytestmark = pytest.mark.integration

FILES = {
    "params.yaml": "n: 1\n",
    "dvc.yaml": "stages:\n"
    "  first:\n    cmd: mkdir d && echo data > d/a && echo ${n} > d/n\n    outs: [d]\n"
    "  second:\n    cmd: sleep 0.1; cat d/n d/a > out.txt\n    deps: [d]\n    outs: [out.txt]\n",
}


def test_repairs_beside_a_grid_disturb_no_run_and_find_nothing(
    make_project: Callable[..., Path], opened: Callable[[Path], Project]
) -> None:
    root = make_project(FILES)
    caller, doctor = opened(root), opened(root)
    checkups: list[Checkup] = []

    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(caller.grid, "second", {"n": [1, 2, 3, 4]}, jobs=2)
        while not call.done():
            checkups.append(doctor.check(repair=True))
            time.sleep(0.05)
    runs = call.result()

    assert [run.status for run in runs] == [RunStatus.COMPLETED] * 4
    assert [repr(checkup) for checkup in checkups if checkup.findings] == []
    assert len(checkups) > 1
    assert doctor.check().aside == {}

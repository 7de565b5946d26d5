"""Grids whose params Hydra composes."""

from __future__ import annotations

import time

import pytest

from dvc_magic.engine import CaptureRequest
from dvc_magic.engine.capture import capture
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.pipeline import ProjectReader
from dvc_magic.store import RunStore
from dvc_magic.workspace import HashCache
from tests.support.projects import write

STAGES = """\
stages:
  prepare:
    cmd: echo ${data.size} > d
    params: [data]
    outs: [d]
  train:
    cmd: cat d > m
    deps: [d]
    params: [train, seed]
    outs: [m]
"""
CONFIG = "seed: 1\ndata: {size: 10}\ntrain: {lr: 0.1, layers: [1, 2]}\n"
GRIDS = [
    {"train.lr": (0.1, 0.5, 1, "fast")},
    {"data.size": (10, 20, 30)},
    {"seed": (1, 1.0, True), "data.size": (10, 11)},
    {"train.layers": ([1, 2], [1], [1, 2, 3])},
]


def points(tmp_path, changes, *, one_by_one):
    """The points of a grid, captured in one call, or each in a call of its own by a reader that knows nothing."""
    asked = RunRequest(
        stages=("train",),
        changes=tuple(Change(file="params.yaml", key=key, values=some) for key, some in changes.items()),
    ).points()
    store = RunStore.open(tmp_path / "store")
    found = []
    for some in [[one] for one in asked] if one_by_one else [asked]:
        reader = ProjectReader(tmp_path / "p", store)
        request = CaptureRequest(
            project=str(reader.root), home=str(store.home), targets=("train",), points=tuple(some), hydra=True
        )
        captured = capture(reader, request, store=store, hashes=HashCache(store.paths.hashes))
        found += [(point.overrides, point.replace, point.pipeline.stages) for point in captured.points]
    return found


@pytest.mark.parametrize("changes", GRIDS)
def test_the_points_of_a_composed_grid_are_those_of_calls_with_one_point(tmp_path, changes):
    config = "[core]\n    no_scm = true\n[hydra]\n    enabled = true\n"
    write(
        tmp_path / "p", {".dvc/config": config, "dvc.yaml": STAGES, "conf/config.yaml": CONFIG, "params.yaml": CONFIG}
    )
    time.sleep(0.03)  # until a change would show in the times of the files, nothing is kept
    together = points(tmp_path, changes, one_by_one=False)
    assert repr(together) == repr(points(tmp_path, changes, one_by_one=True))
    assert len({repr(stages) for _, _, stages in together}) == len(together)

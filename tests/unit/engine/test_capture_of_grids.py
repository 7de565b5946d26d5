"""How much work the capture of a grid is, and how its points cross to the host."""

from __future__ import annotations

import json
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from dvc_magic.engine import Capture, CaptureRequest, HeardPoints
from dvc_magic.engine.capture import capture
from dvc_magic.engine.capture.operation_texts import param_file
from dvc_magic.engine.point_messages import point_messages
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.pipeline import ProjectReader
from dvc_magic.store import RunStore
from dvc_magic.workspace import HashCache
from tests.support.effort import calls, grows_linearly
from tests.support.projects import write

STAGES = """\
stages:
  prepare:
    cmd: python prepare.py
    params: [prepare]
    outs: [data]
  train:
    cmd: python train.py
    deps: [data]
    params: [lr, depth]
    outs: [model]
"""
PARAMS = "prepare: {size: 10}\nlr: 0.1  # how fast\ndepth: 3\n"


class Grids:
    """A project whose grids are captured."""

    def __init__(self, folder: Path) -> None:
        write(folder / "p", {".dvc/config": "[core]\n    no_scm = true\n", "dvc.yaml": STAGES, "params.yaml": PARAMS})
        time.sleep(0.03)  # until a change would show in the times of the files, nothing is kept
        self.store = RunStore.open(folder / "store")
        self.reader = ProjectReader(folder / "p", self.store)
        self.hashes = HashCache(self.store.paths.hashes)

    def capture(self, *, targets: tuple[str, ...] = ("train",), **values: tuple[object, ...]) -> Capture:
        """What a call with a grid of these values of params captures."""
        changes = tuple(Change(file="params.yaml", key=key, values=some) for key, some in values.items())
        request = CaptureRequest(
            project=str(self.reader.root),
            home=str(self.store.home),
            targets=targets,
            points=tuple(RunRequest(stages=targets, changes=changes).points()),
        )
        return capture(self.reader, request, store=self.store, hashes=self.hashes)


@pytest.fixture
def grids(tmp_path: Path) -> Grids:
    return Grids(tmp_path)


def _heard(points: Capture) -> list[object]:
    heard = HeardPoints()
    for message in point_messages(points.points):
        heard.hear(json.loads(json.dumps(message)))
    return list(heard.points)


def test_the_param_file_of_a_grid_is_read_as_often_for_many_points_as_for_two(grids: Grids) -> None:
    read: list[str] = []
    load = YAML.load

    def counted(self: YAML, stream: str) -> object:
        read.append(stream)
        return load(self, stream)

    with patch.object(YAML, "load", counted):
        param_file.cache_clear()
        grids.capture(lr=(0.5, 0.25))
        few = len(read)
        read.clear()
        param_file.cache_clear()
        grids.capture(lr=tuple(number / 1000 for number in range(200, 250)))
    assert 0 < len(read) <= few


def test_a_second_call_does_not_read_a_param_file_that_the_first_one_read(grids: Grids) -> None:
    grids.capture(lr=(0.5, 0.25))
    with patch.object(YAML, "load", None):
        (point,) = grids.capture(lr=(0.125,)).points
    assert "lr: 0.125" in point.replace["params.yaml"]


def test_a_capture_takes_as_much_work_for_each_point_of_a_small_grid_as_of_a_large_one(grids: Grids) -> None:
    def effort(points: int) -> int:
        return calls(lambda: grids.capture(depth=tuple(range(10, 10 + points))))

    assert grows_linearly(effort)


def test_points_cross_to_the_host_as_they_were_captured(grids: Grids) -> None:
    captured = grids.capture(lr=(0.5, float("inf"), "a: b", True), depth=(2**60, 3))
    assert len(captured.points) == 8
    assert _heard(captured) == list(captured.points)


def test_points_of_several_targets_cross_as_they_were_captured(grids: Grids) -> None:
    captured = grids.capture(targets=("prepare", "train"), lr=(0.5, 0.25))
    assert {point.target for point in captured.points} == {"prepare", "train"}
    assert _heard(captured) == list(captured.points)


def test_a_stage_that_the_values_do_not_change_crosses_once(grids: Grids) -> None:
    captured = grids.capture(lr=tuple(range(10)))
    first, *others = [message["point"] for message in point_messages(captured.points)]
    assert "python prepare.py" in first
    assert "python prepare.py" not in "".join(others)
    assert len({id(point.pipeline.stages[0]) for point in _heard(captured)}) == 1  # type: ignore[attr-defined]


def test_a_worker_that_begins_anew_is_heard_from_its_first_point_on(grids: Grids) -> None:
    points = grids.capture(lr=(1, 2, 3)).points
    heard = HeardPoints()
    for message in list(point_messages(points))[:2]:
        heard.hear(message)
    other = [replace(point, target="other") for point in points]
    for message in point_messages(other):
        heard.hear(message)
    assert heard.points == other

"""The points of a capture on their way from a worker to the host: one message each.

Points of a grid have most of their stages in common. Each stage crosses once, with the first point that has it, and
is one object for all points on the other side. So neither side has one long text to write or to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.codec import decode, encode
from dvc_magic.engine.order import Point
from dvc_magic.model.stage import Pipeline, Stage

T = TypeVar("T")

_NAME = "point"


class _PointMessage(Struct, frozen=True, kw_only=True):
    """A point whose stages are named by their numbers, in the order in which they crossed.

    Attributes:
        number: of the message; 0 begins anew.
        point: without stages, operations and param files.
        stages, operations, frame: numbers of the point's own.
        new_stages, new_frames: those that cross with this message; a frame is a point that has what is left out of
            others: `param_files`, and the pipeline but for its stages and operations.
    """

    number: int
    point: Point
    stages: tuple[int, ...]
    operations: tuple[int, ...]
    frame: int
    new_stages: tuple[Stage, ...] = ()
    new_frames: tuple[Point, ...] = ()


class _Numbers:
    """Numbers things as they come."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._kept: list[Any] = []  # an id is another thing's once its own thing is gone

    def of(self, key: Any, thing: T, new: list[T]) -> int:
        """The number of a thing; one that has none yet gets one, and is added to `new`."""
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._kept.append(thing)
            new.append(thing)
        return self._numbers[key]


def point_messages(points: Iterable[Point]) -> Iterator[dict[str, str]]:
    """The messages that bring points across, in their order."""
    stages, frames = _Numbers(), _Numbers()
    for number, point in enumerate(points):
        new_stages: list[Stage] = []
        new_frames: list[Point] = []
        bare = replace(point.pipeline, stages=(), operations=())
        frame = Point(target="", index=0, overrides=(), replace={}, pipeline=bare, param_files=point.param_files)
        message = _PointMessage(
            number=number,
            stages=tuple(stages.of(id(stage), stage, new_stages) for stage in point.pipeline.stages),
            operations=tuple(stages.of(id(stage), stage, new_stages) for stage in point.pipeline.operations),
            frame=frames.of(_key(point), frame, new_frames),
            point=replace(point, pipeline=Pipeline(), param_files=()),
            new_stages=tuple(new_stages),
            new_frames=tuple(new_frames),
        )
        yield {_NAME: encode(message)}


def _key(point: Point) -> Any:
    """What is equal for points with one frame: the parts of a pipeline stay the same objects from point to point."""
    pipeline = point.pipeline
    return (
        id(point.param_files),
        tuple(map(id, pipeline.files)),
        pipeline.tracked,
        pipeline.problems,
        tuple(pipeline.faults.items()),
        pipeline.composition,
    )


class HeardPoints:
    """Puts the points together again on the other side.

    Attributes:
        points: those that have come so far.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._stages: list[Stage] = []
        self._frames: list[Point] = []

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in a message of `point_messages`.

        Raises:
            ValueError: it is none, or came out of turn.
        """
        heard = decode(message[_NAME], _PointMessage)
        if heard.number == 0:  # another worker begins, when the first one died
            self.points, self._stages, self._frames = [], [], []
        if heard.number != len(self.points):
            text = f"point {len(self.points)} was to come, not {heard.number}"
            raise ValueError(text)
        self._stages += heard.new_stages
        self._frames += heard.new_frames
        frame = self._frames[heard.frame]
        pipeline = replace(
            frame.pipeline,
            stages=tuple(self._stages[number] for number in heard.stages),
            operations=tuple(self._stages[number] for number in heard.operations),
        )
        self.points.append(replace(heard.point, pipeline=pipeline, param_files=frame.param_files))

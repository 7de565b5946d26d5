"""The two rules of DVC's graph that a plan cannot do without: one maker for each path, and no circles."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from dvc_magic.errors import PipelineError
from dvc_magic.model.stage import Stage, TrackedData


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


class _Makers:
    def __init__(self, makers: dict[str, str]) -> None:
        self._makers = makers
        self._paths = sorted(makers)

    def of(self, path: str) -> set[str]:
        """Who makes `path`, a directory around it, or something below it."""
        found = {self._makers[part] for part in (path, *_parents(path)) if part in self._makers}
        prefix = f"{path}/"
        for inside in self._paths[bisect_left(self._paths, prefix) :]:
            if not inside.startswith(prefix):
                break
            found.add(self._makers[inside])
        return found


def _made(stages: Sequence[Stage], tracked: Sequence[TrackedData]) -> Iterator[tuple[str, str]]:
    yield from ((out.path, stage.address) for stage in stages for out in stage.outs)
    yield from ((data.path, data.dvcfile) for data in tracked)


def _sole_makers(stages: Sequence[Stage], tracked: Sequence[TrackedData]) -> dict[str, str]:
    makers: dict[str, str] = {}
    for path, maker in _made(stages, tracked):
        if path in makers:
            raise PipelineError(f"{path} is an out of both {makers[path]!r} and {maker!r}: DVC allows one of them only")
        makers[path] = maker
    for path, maker in makers.items():
        around = next((parent for parent in _parents(path) if parent in makers), None)
        if around is not None:
            raise PipelineError(
                f"the out {path} of {maker!r} lies in the out {around} of {makers[around]!r}: outs must not overlap"
            )
    return makers


def check_graph(stages: Sequence[Stage], tracked: Sequence[TrackedData]) -> None:
    """Make sure that the stages can be put in an order.

    Raises:
        PipelineError: two stages make the same path or one inside the other, or stages depend on each other.
    """
    makers = _Makers(_sole_makers(stages, tracked))
    graph = {stage.address: {maker for dep in stage.deps for maker in makers.of(dep.path)} for stage in stages}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise PipelineError(f"the stages depend on each other in a circle: {circle}") from error

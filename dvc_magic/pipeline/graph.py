"""The two rules of DVC's graph that a plan cannot do without: one maker for each path, and no circles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from dvc_magic.errors import PipelineError
from dvc_magic.model.stage import Pipeline, Stage, TrackedData, folders_around


def _made(stages: Sequence[Stage], tracked: Sequence[TrackedData]) -> Iterator[tuple[str, str]]:
    yield from ((out.path, stage.address) for stage in stages for out in stage.outs)
    yield from ((data.path, data.dvcfile) for data in tracked)


def _check_sole_makers(stages: Sequence[Stage], tracked: Sequence[TrackedData]) -> None:
    makers: dict[str, str] = {}
    for path, maker in _made(stages, tracked):
        if path in makers:
            raise PipelineError(f"{path} is an out of both {makers[path]!r} and {maker!r}: DVC allows one of them only")
        makers[path] = maker
    for path, maker in makers.items():
        around = next((parent for parent in folders_around(path) if parent in makers), None)
        if around is not None:
            raise PipelineError(
                f"the out {path} of {maker!r} lies in the out {around} of {makers[around]!r}: outs must not overlap"
            )


def check_graph(stages: Sequence[Stage], tracked: Sequence[TrackedData]) -> None:
    """Make sure that the stages can be put in an order.

    Raises:
        PipelineError: two stages make the same path or one inside the other, or stages depend on each other.
    """
    _check_sole_makers(stages, tracked)
    producers = Pipeline(stages=tuple(stages)).producers
    graph = {stage.address: {made.address for dep in stage.deps for made in producers(dep.path)} for stage in stages}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise PipelineError(f"the stages depend on each other in a circle: {circle}") from error

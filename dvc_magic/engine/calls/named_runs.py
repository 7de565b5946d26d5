"""The runs that a call takes for upstream stages because somebody names them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from dvc_magic.engine.order import Capture
from dvc_magic.errors import RequestError, RunError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.store import RunStore


class NamedRun(Struct, frozen=True):
    """A run, and who names it: ``--use``, or a source of an operation."""

    record: RunRecord
    by: str


def named_runs(capture: Capture, use: Mapping[str, str], store: RunStore) -> dict[str, NamedRun]:
    """The runs by the stages that they stand for: those of the call's ``--use``, then those of sources with a ``run``.

    Args:
        capture: of the call.
        use: stage address -> run (number, id or label as text).
        store: where the runs are.

    Raises:
        RequestError: nothing of the call builds on a stage, or two operations name different runs of one.
        RunError: there is no such run, it is of another stage, or it did not complete.
    """
    above = {other.address for point in capture.points for other in point.pipeline.stages[:-1]}
    found = {stage: _named(stage, name, "--use", above, store) for stage, name in use.items()}
    for stage, (name, operation) in _by_sources(capture, use).items():
        found[stage] = _named(stage, name, f"{operation!r}", above, store)
    return found


def _by_sources(capture: Capture, use: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The runs that operations name, each with the operation, for stages that the call itself says nothing of."""
    named: dict[str, tuple[str, str]] = {}
    asking = (one for point in capture.points for one in point.pipeline.stages)
    for stage, dep in ((one, dep) for one in asking for dep in one.deps):
        if not (dep.maker and dep.run) or dep.maker in use:
            continue
        known, by = named.setdefault(dep.maker, (dep.run, stage.name))
        if known != dep.run:
            message = (
                f"operations of this call take {dep.maker!r} from different runs, {by!r} from {known} and "
                f"{stage.name!r} from {dep.run}; a call has one lineage: say which with --use {dep.maker}=RUN"
            )
            raise RequestError(message)
    return named


def _named(stage: str, name: str, by: str, above: set[str], store: RunStore) -> NamedRun:
    said = f"--use {stage}={name}" if by == "--use" else f"operation {by} takes {stage!r} from run {name}"
    if stage not in above:
        message = f"{said}: what is run does not build on {stage!r}; it builds on " + (
            ", ".join(sorted(above)) or "no stage"
        )
        raise RequestError(message)
    record = store.find(name).record
    if stage not in (record.stage, record.op.serves if record.op is not None else ""):
        message = f"{said}: run {name} is a run of {record.stage!r}, not of {stage!r}"
        raise RunError(message)
    if record.status is not RunStatus.COMPLETED:
        message = f"{said}: that run is {record.status}; only a completed run has outputs to use"
        raise RunError(message)
    return NamedRun(record, by)

"""Requests: what the arguments of a Python call ask for, and all that the host needs to carry it out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from dvc_magic.client import stage_environment
from dvc_magic.errors import RequestError, StageNotFoundError
from dvc_magic.line import (
    Target,
    Wording,
    combinations,
    find_param,
    find_target,
    fit,
    flags_of,
    group_change,
    matching,
)
from dvc_magic.model.operation import Operation
from dvc_magic.model.request import Change, RunRequest, UpstreamPolicy
from dvc_magic.model.stage import Param, Pipeline
from dvc_magic.project.connection import Connection
from dvc_magic.project.handles.run import Run
from dvc_magic.project.options import PlanOptions, RunName, completed
from dvc_magic.project.settings import read_settings
from dvc_magic.project.values_of import asked_groups, groups_of, with_values_of
from dvc_magic.runs import lineage
from dvc_magic.untrusted import abridged
from dvc_magic.wire import CallRequest


def run_name(run: RunName) -> str:
    """What names a run in a request: its id, or what people have called it."""
    return run.id if isinstance(run, Run) else str(run)


def single_values(params: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    """The values of a call with one value of each param."""
    return {key: [value] for key, value in (params or {}).items()}


def read_request(
    stage: str | Sequence[str] | None,
    params: Mapping[str, Sequence[Any]],
    options: PlanOptions,
    connection: Connection,
    *,
    from_run: RunName | None = None,
    jobs: int = 1,
    several: bool = True,
) -> RunRequest:
    """The call that the arguments of `Project.run` and its like ask for, read and checked.

    Args:
        stage, params, from_run, jobs: as there; each param with its values.
        options: as there, those for notes included.
        connection: of the project.
        several: whether more than one run may come of it.

    Side effects: an operation of an earlier kernel that is named is known from then on.

    Raises:
        RequestError: the call makes no sense.
    """
    chosen = completed(options)
    upstream = chosen["upstream"]
    if upstream not in [policy.value for policy in UpstreamPolicy]:
        message = f"upstream={upstream!r} is unknown; it is one of {', '.join(UpstreamPolicy)}"
        raise RequestError(message)
    start = None if from_run is None else run_name(from_run)
    if start is not None:
        stage = stage or connection.store.find(start).record.stage
    if not stage:
        message = "name a stage to run, or a run to start from: project.run(from_run=41)"
        raise RequestError(message)
    targets, pipeline = _targets([stage] if isinstance(stage, str) else stage, connection, hydra=chosen["hydra"])
    if not several and not (isinstance(stage, str) and targets[0].single):
        items = abridged(", ".join(one.address for target in targets for one in target.stages))
        message = f"run() takes one stage, and {stage!r} is several: {items}. To run them: project.grid({stage!r}, "
        raise RequestError(f"{message}{dict(params)!r})")
    return RunRequest(
        stages=tuple(target.address for target in targets),
        changes=tuple(_changes(params, *_flags(targets, pipeline, params, connection))),
        use={name: run_name(run) for name, run in (chosen["use"] or {}).items()},
        upstream=UpstreamPolicy(upstream),
        reuse=chosen["reuse"],
        from_run=start,
        copy_paths=tuple(chosen["copy_paths"]),
        hydra=chosen["hydra"],
        timeout=chosen["timeout"],
        jobs=jobs,
        label=chosen["label"],
        tags=tuple(chosen["tags"]),
    )


def _targets(names: Sequence[str], connection: Connection, *, hydra: bool) -> tuple[list[Target], Pipeline]:
    """What is named, each once, among the stages and operations, those of earlier cells too; and all of these."""
    pipeline = connection.pipeline(hydra=hydra)
    targets: dict[str, Target] = {}
    for name in names:
        try:
            target = find_target(name, pipeline)
        except StageNotFoundError:
            if not connection.recall(name):
                raise
            pipeline = connection.pipeline(hydra=hydra)
            target = find_target(name, pipeline)
        targets.setdefault(target.address, target)
    return list(targets.values()), pipeline


def _flags(
    targets: Sequence[Target], pipeline: Pipeline, params: Mapping[str, Sequence[Any]], connection: Connection
) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
    """The params of the targets and of those above them, as the config groups chosen among `params` give them."""
    own, above = flags_of((one for target in targets for one in target.stages), pipeline)
    groups = [param for param in (*own, *above) if param.group is not None]
    chosen = [(found[0], values) for key, values in params.items() if len(found := matching(key, groups, ())) == 1]
    choices = combinations([group_change(group, [fit(one, group) for one in values]) for group, values in chosen])
    if not choices:
        return own, above
    pipeline = connection.pipeline(choices=choices)
    stages = (pipeline.get(one.address) or one for target in targets for one in target.stages)
    return flags_of(stages, pipeline)


def _changes(params: Mapping[str, Sequence[Any]], own: Sequence[Param], above: Sequence[Param]) -> Iterator[Change]:
    """The values of the call, each as its param takes it."""
    for key, values in params.items():
        if not values:
            message = f"{key!r} has no values; give at least one"
            raise RequestError(message)
        param = find_param(key, own, above, options=(), wording=Wording.API)
        yield group_change(param, [fit(value, param, wording=Wording.API) for value in values])


def complete_call(request: RunRequest, connection: Connection, *, further: tuple[Operation, ...] = ()) -> CallRequest:
    """A request with what the project and this process add to it: values of a run, operations, environment.

    Args:
        request: read and checked.
        connection: of the project.
        further: operations that this call alone knows.
    """
    settings = read_settings(connection.root)  # as it is now: an error may have told to put a line there
    complete = replace(
        _with_values(request, connection),
        copy_paths=tuple(dict.fromkeys([*settings.copy_paths, *request.copy_paths])),
    )
    return CallRequest(
        request=complete,
        environ=stage_environment(os.environ),
        operations=(*connection.operations.all().operations, *further),
        python=sys.executable,
        pull_timeout=settings.pull_timeout,
        kernel=os.getpid(),
    )


def _with_values(request: RunRequest, connection: Connection) -> RunRequest:
    """The call with the values of the run that it starts from, if it does."""
    if request.from_run is None:
        return request
    start = connection.store.find(request.from_run)
    above = [stored.record for stored in lineage(start, connection.store.get)]
    pipeline = connection.pipeline(hydra=request.hydra)
    groups = groups_of(request, start.record, upstream=above, pipeline=pipeline)
    if choices := combinations([*groups, *asked_groups(request, pipeline)]):
        pipeline = connection.pipeline(choices=choices)
    return with_values_of(request, start.record, upstream=above, pipeline=pipeline, groups=groups)

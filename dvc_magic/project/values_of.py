"""Calls that start from the values of an earlier run (``--from``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from dvc_magic.errors import ParamError
from dvc_magic.line import OPTION_NAMES, find_target, flags_of, format_line, group_change, sure_word
from dvc_magic.model.record import Override, RunRecord
from dvc_magic.model.request import Change, ChangeKind, RunRequest
from dvc_magic.model.stage import Param, Pipeline, package_of
from dvc_magic.model.values import Value, keys_overlap, same

_Place = tuple[str, str]  # file, key


def groups_of(
    request: RunRequest, run: RunRecord, *, upstream: Sequence[RunRecord], pipeline: Pipeline
) -> tuple[Change, ...]:
    """The choices of config groups that `run` had, where they are not the config's own and the call says none."""
    values, asked = _values(run, upstream), {(change.file, change.key) for change in request.changes}
    return tuple(
        group_change(flag, [values[place]])
        for place, flag in _groups(pipeline).items()
        if place in values and place not in asked and not same(values[place], flag.value)
    )


def asked_groups(request: RunRequest, pipeline: Pipeline) -> list[Change]:
    """The choices of config groups that a call makes itself."""
    groups = _groups(pipeline)
    return [change for change in request.changes if (change.file, change.key) in groups]


def _groups(pipeline: Pipeline) -> dict[_Place, Param]:
    flags = (flag for stage in pipeline.every for flag in stage.flags)
    return {(flag.file, flag.key): flag for flag in flags if flag.group is not None}


def with_values_of(
    request: RunRequest,
    run: RunRecord,
    *,
    upstream: Sequence[RunRecord],
    pipeline: Pipeline,
    groups: Sequence[Change] = (),
) -> RunRequest:
    """The call with the values of `run` where it says none of its own.

    They are the params as they were written for the run and for the runs whose outputs it used: one call has one set
    of values, so that both are needed to make the same again. What equals the project's value now is left out, and so
    is what only stages take that this call does not reach. Keys outside of all params, which ``-S`` had set, added or
    removed, are treated as they were then.

    Args:
        request: the call; its own changes beat the run's values.
        upstream: the runs above `run`, upstream first.
        pipeline: the project's stages as they are now; their params as `groups` and the call's own choices give them.
        groups: what `groups_of` found.

    Raises:
        ParamError: the run has params that no stage has any more.
        StageNotFoundError: the call's stage is gone.
    """
    targets = [find_target(address, pipeline) for address in request.stages]
    own, above = flags_of((stage for target in targets for stage in target.stages), pipeline)
    now = {(flag.file, flag.key): flag.value for flag in (*above, *own)}
    every = {(flag.file, flag.key) for one in (*pipeline.stages, *pipeline.operations) for flag in one.flags}
    values = _values(run, upstream)
    asked = {(change.file, key) for change in request.changes for key in (change.key, package_of(change.key))}
    taken = [
        Change(file=file, key=key, values=(value,))
        for (file, key), value in values.items()
        if (file, key) in now and not same(value, now[file, key])
    ]
    chosen = {(change.file, change.key) for change in groups}
    again = [
        change for change in [*taken, *_elsewhere(run, values, pipeline)] if (change.file, change.key) not in chosen
    ]
    changes = [*groups, *(change for change in again if not _covers(asked, change.file, change.key))]
    gone = [place for place in values if place not in every and not _covers(asked, *place)]
    if gone:
        raise ParamError(_gone_message(run, gone, replace(request, changes=(*changes, *request.changes)), pipeline))
    return replace(request, from_run=run.id, changes=(*changes, *request.changes))


def _values(run: RunRecord, upstream: Sequence[RunRecord]) -> dict[_Place, Value]:
    """The params of a run and of those above it; where they differ, those of the nearest run.

    What ``-S`` set and no stage declared is set in the same way again, see `_elsewhere`.
    """
    found: dict[_Place, Value] = {}
    for record in (run, *reversed(upstream)):
        undeclared = {(entry.file, entry.key) for entry in record.overrides if not entry.declared}
        for file, flat in record.params.items():
            for key, value in flat.items():
                if not any(file == of and keys_overlap(key, set_key) for of, set_key in undeclared):
                    found.setdefault((file, key), value)
    return found


def _elsewhere(run: RunRecord, values: Iterable[_Place], pipeline: Pipeline) -> list[Change]:
    """What the run's call did to keys that are no params of it: those of the params are in their values."""
    known = set(values)
    return [
        Change(file=entry.file, key=entry.key, values=(entry.value,), kind=_again(entry, pipeline))
        for entry in run.overrides
        if not any(file == entry.file and keys_overlap(key, entry.key) for file, key in known)
    ]


def _again(entry: Override, pipeline: Pipeline) -> ChangeKind:
    """A key that was set or added then is set now, whether or not it has come to be there.

    What Hydra composes begins anew each time, and it knows no such word for config groups.
    """
    if pipeline.composition is not None and entry.file == pipeline.composition.file:
        return ChangeKind(entry.kind)
    return ChangeKind.REMOVE if entry.kind == ChangeKind.REMOVE else ChangeKind.FORCE


def _covers(asked: Iterable[_Place], file: str, key: str) -> bool:
    return any(file == of and keys_overlap(key, set_key) for of, set_key in asked)


def _gone_message(run: RunRecord, gone: Sequence[_Place], rest: RunRequest, pipeline: Pipeline) -> str:
    names = ", ".join(key if file == "params.yaml" else f"{file}:{key}" for file, key in gone)
    addresses = [stage.address for stage in pipeline.stages]
    words = [sure_word(address, addresses) for address in rest.stages]
    line = format_line(words, rest.changes, reserved=OPTION_NAMES)
    return (
        f"--from {run.number}: {run.name} has params that no stage has any more: {names}. "
        f"Without these, its values are\n  {line}"
    )

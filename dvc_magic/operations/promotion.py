"""From a completed run of an operation to the stage that reproduces it; computes, and touches nothing."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from dvc_magic.errors import OperationError, RunError
from dvc_magic.model.operation import Operation, Source, SourceKind, TextFile
from dvc_magic.model.promotion import Promotion
from dvc_magic.model.record import DepRecord, OutRecord, RunRecord, RunStatus
from dvc_magic.model.stage import Pipeline, address_of, lies_in, overlaps
from dvc_magic.operations.promoted_script import check_texts, moved_script, own_scripts

_NAME = r"[\w-]+"
_OF_TOOLS = r"(.*/)?(\.git|\.dvc|\.dvc_magic)(/.*)?|(.*/)?(dvc\.(yaml|lock)|\.dvcignore|\.git\w+|[^/]*\.dvc)"
_OF_OPERATIONS = ("dvc_magic.yaml", "guild.yml")


def promotion(
    record: RunRecord, pipeline: Pipeline, *, texts: Mapping[str, str], name: str = "", script: str = ""
) -> Promotion:
    """The stage that a run of an operation can become.

    Its script has the values that the run had; its deps are the operation's, less what was placed on the chance and
    never read, and the project files that the run was seen to read.

    Args:
        record: of the run.
        pipeline: the project's stages as they are now.
        texts: what the run had at each of `Operation.written`.
        name: of the stage, instead of that which the operation serves, or its own.
        script: where the operation's script goes, instead of where the run had it.

    Raises:
        RunError: the run cannot be promoted: it is of a stage, or did not complete.
        OperationError: a stage cannot have what the operation has.
    """
    operation = _operation(record)
    _check_served(operation, pipeline)
    stage = _stage_name(name or address_of(operation.serves) or operation.name, operation)
    moved = moved_script(record, operation, script, read=_seen(record))
    check_texts(record, operation, texts)
    deps = _deps(record, operation, pipeline)
    for source in operation.requires:
        _check_source(source, record, pipeline)
    _check_renamed_files(operation)
    return Promotion(
        name=stage,
        cmd=moved.command(operation.cmd),
        desc=operation.desc,
        variables=tuple(moved.path(path) for path in operation.variables),
        deps={moved.path(path): md5 for path, md5 in deps.items()},
        taken=tuple(path for path, dep in record.deps.items() if dep.run and path in deps),
        params=tuple(replace(file, path=moved.path(file.path)) for file in operation.params),
        locked={moved.path(path): values for path, values in record.locked.items()},
        outs=dict(record.outs),
        files=tuple(TextFile(path=moved.path(path), text=texts[path]) for path in operation.written),
        notices=tuple(_notices(record, operation, pipeline)),
    )


def _operation(record: RunRecord) -> Operation:
    operation = record.op
    if operation is None or operation.runs:
        stage = operation.runs if operation else record.stage
        raise RunError(
            f"run {record.number} is of {stage!r}, which is a stage already; what can be promoted is the run of an "
            "operation: a %%dvc_op cell, or code that an operations file names"
        )
    if record.status is not RunStatus.COMPLETED:
        raise RunError(
            f"run {record.number} of {operation.name!r} is {record.status}: only a completed run has shown that its "
            "code works as a stage; mend it, run it again, and promote that run"
        )
    return operation


def _stage_name(name: str, operation: Operation) -> str:
    if not re.fullmatch(_NAME, name):
        other = re.sub(r"[^\w-]+", "-", name).strip("-") or operation.name
        raise OperationError(
            f"{name!r} is no name for a stage: DVC takes letters, digits, - and _; give another: --name {other}"
        )
    return name


def _check_served(operation: Operation, pipeline: Pipeline) -> None:
    served = pipeline.named(operation.serves)
    if served is not None:
        raise OperationError(
            f"{operation.name!r} makes what the stage {served.address!r} makes, and DVC allows one maker of a path: "
            f"take that stage away (dvc remove {shlex.quote(served.address)}), or let the operation write elsewhere"
        )


# --- sources ----------------------------------------------------------------------------------------------------------


def _check_source(source: Source, record: RunRecord, pipeline: Pipeline) -> None:
    """Refuse data that lies elsewhere in the project than where the code reads it: a stage has no such thing."""
    for path in _paths(source, pipeline):
        target = source.target(path)
        if target != path and (source.kind is SourceKind.CONFIG or target in record.deps):
            raise OperationError(
                f"the code reads {target}, and the project has it at {path}: a stage has its data where it lies. Let "
                f"the code read {path!r}, take rename and target-path away from the {source.kind} {source.path!r}, run "
                "it again, and promote that run"
            )


def _paths(source: Source, pipeline: Pipeline) -> tuple[str, ...]:
    """The project paths that a source can mean."""
    if source.kind is not SourceKind.DVCSTAGE:
        return (source.path,)
    outs = _outs_of(source, pipeline)
    plain = [posixpath.normpath(pattern.replace("\\.", ".")) for pattern in source.select]
    return (*outs, *(path for path in plain if any(lies_in(path, out) for out in outs)))


def _outs_of(source: Source, pipeline: Pipeline) -> list[str]:
    stage = pipeline.named(source.path)
    return [out.path for out in stage.outs] if stage is not None else []


def _check_renamed_files(operation: Operation) -> None:
    for file in operation.files:
        if file.origin and file.origin != file.path:
            raise OperationError(
                f"the code reads {file.path}, which each run gets from the project's {file.origin}: a stage has its "
                f"config where it lies. Copy it (cp {shlex.quote(file.origin)} {shlex.quote(file.path)}), name "
                f"{file.path} in the operation, run it again, and promote that run"
            )


# --- deps -------------------------------------------------------------------------------------------------------------


def _deps(record: RunRecord, operation: Operation, pipeline: Pipeline) -> dict[str, str]:
    """Path -> md5: what the operation names and did not merely guess, and what else its run was seen to read."""
    known = {path: dep.hash or dep.seen for path, dep in _named(record, operation)}
    for path, dep in _named(record, operation):
        if dep.run is not None and not pipeline.producers(path):
            raise OperationError(
                f"{path} came from run {_short(dep.run)}, and no stage of the project makes it: promote that run first "
                f"(%dvc_promote {_short(dep.run)})"
            )
    for path in _seen(record):
        unit = _tracked_unit(path, pipeline)
        if not any(overlaps(unit, other) for other in known):
            known[unit] = record.read.get(path, "")
    return known


def _short(run: str) -> str:
    return run[:8]


def _named(record: RunRecord, operation: Operation) -> Iterator[tuple[str, DepRecord]]:
    scripts = {*operation.code, *own_scripts(operation)}
    params = {file.path for file in operation.params} - scripts
    for path, dep in record.deps.items():
        if dep.declared and path not in params and not _only_found(path, record):
            yield path, dep


def _only_found(path: str, record: RunRecord) -> bool:
    learned = record.learned
    return learned is not None and path in learned.found and not any(overlaps(path, read) for read in learned.read)


def _seen(record: RunRecord) -> list[str]:
    """The project files beyond its deps that a run was seen to read and that can be deps of a stage."""
    operation = record.op
    assert operation is not None
    others = [file.path for file in operation.files] + [file.path for file in operation.params]
    others += operation.variables
    read = dict.fromkeys([*record.read, *(record.learned.read if record.learned else ())])
    return [
        path
        for path in read
        if path not in others
        and path not in _OF_OPERATIONS
        and not re.fullmatch(_OF_TOOLS, path)
        and not any(overlaps(path, out) for out in record.outs)
    ]


def _tracked_unit(path: str, pipeline: Pipeline) -> str:
    """The directory that DVC tracks as one, for a file in it; the path itself for all others."""
    return next((data.path for data in pipeline.tracked if path.startswith(f"{data.path}/")), path)


# --- notices ----------------------------------------------------------------------------------------------------------


def _notices(record: RunRecord, operation: Operation, pipeline: Pipeline) -> Iterator[str]:
    for source in operation.requires:
        yield from _source_notices(source)
        yield from _selection_notices(source, record, pipeline)
    yield from _made_notices(record, record.outs)
    if record.scalars:
        names = ", ".join(list(record.scalars)[:5])
        yield f"the run has {names} from what it printed, which a stage has not: let the code write a metrics file"
    hidden = sorted(
        {path for path in record.read if re.fullmatch(_OF_TOOLS, path) and not path.endswith((".dvc", "ignore"))}
    )
    if hidden:
        yield f"the code reads {', '.join(hidden)}, which belong to DVC or git and are no deps of the stage"


def _source_notices(source: Source) -> Iterator[str]:
    if source.remote:
        yield (
            f"the run had {source.path} from the remote {source.remote!r}; in a project its .dvc file says so: "
            f"'remote: {source.remote}' in the entry of outs"
        )
    if source.always_pull:
        yield (
            f"the run had {source.path} as DVC has recorded it; dvc repro takes what lies in the workspace, and "
            f"dvc checkout {shlex.quote(source.path)} brings back what is recorded"
        )
    if source.run:
        yield f"the run had outs of {source.path!r} from run {source.run}; the stage takes what {source.path!r} makes"


def _selection_notices(source: Source, record: RunRecord, pipeline: Pipeline) -> Iterator[str]:
    """In a run the outs that are not selected are not there; in the project they are, for code that looks around."""
    if source.kind is not SourceKind.DVCSTAGE or not source.select:
        return
    others = [path for path in _outs_of(source, pipeline) if not any(overlaps(path, dep) for dep in record.deps)]
    if others:
        yield (
            f"the run had only the outs of {source.path!r} that it selects; in the project {', '.join(others[:3])} "
            "lies there as well, and code that lists files sees it"
        )


def _made_notices(record: RunRecord, outs: Mapping[str, OutRecord]) -> Iterator[str]:
    made = record.learned.made if record.learned else ()
    further = [path for path in made if not any(overlaps(path, out) for out in outs)]
    if further:
        yield f"the run wrote {', '.join(further[:5])} as well, which is no out of the stage"

"""From a completed run of an operation to the stage that reproduces it; computes, and touches nothing."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dvc_magic.errors import OperationError, RunError
from dvc_magic.model.operation import Operation, Source, SourceKind, TextFile
from dvc_magic.model.promotion import Promotion
from dvc_magic.model.record import DepRecord, OutRecord, RunRecord, RunStatus
from dvc_magic.model.stage import Pipeline, overlaps
from dvc_magic.operations.expressions import slow_rename

_NAME = re.compile(r"[\w-]+")
_SUFFIX = ".py"
_OF_TOOLS = re.compile(
    r"(.*/)?(\.git|\.dvc|\.dvc_magic)(/.*)?|(.*/)?(dvc\.(yaml|lock)|\.dvcignore|\.git\w+|[^/]*\.dvc)"
)
_OF_OPERATIONS = ("dvc_magic.yaml", "guild.yml")


def written_files(operation: Operation) -> tuple[str, ...]:
    """The paths of the texts that only an operation has: its promotion writes them."""
    return tuple(file.path for file in operation.files if not file.origin)


def promotion(
    record: RunRecord, pipeline: Pipeline, *, texts: Mapping[str, str], name: str = "", script: str = ""
) -> Promotion:
    """The stage that a run of an operation can become.

    Its script has the values that the run had; its deps are the operation's, less what was placed on the chance and
    never read, and the project files that the run was seen to read.

    Args:
        record: of the run.
        pipeline: the project's stages as they are now.
        texts: what the run had at each of `written_files`.
        name: of the stage, instead of that which the operation serves, or its own.
        script: where the operation's script goes, instead of where the run had it.

    Raises:
        RunError: the run cannot be promoted: it is of a stage, or did not complete.
        OperationError: a stage cannot have what the operation has.
    """
    operation = _operation(record)
    _check_served(operation, pipeline)
    stage = _stage_name(name or operation.serves or operation.name, operation)
    moved = _moved(record, operation, script)
    _check_texts(record, operation, texts)
    deps = _deps(record, operation, pipeline)
    for source in operation.requires:
        _check_source(source, record, pipeline)
    _check_renamed_files(operation)
    return Promotion(
        run=record.name.removeprefix("op:"),
        name=stage,
        cmd=moved.command(operation.cmd),
        resolved=_moved_resolved(record.cmd, moved),
        desc=operation.desc,
        variables=tuple(moved.path(path) for path in operation.variables),
        deps={moved.path(path): md5 for path, md5 in deps.items()},
        taken=tuple(path for path, dep in record.deps.items() if dep.run and path in deps),
        params=tuple(replace(file, path=moved.path(file.path)) for file in operation.params),
        locked={moved.path(path): values for path, values in record.locked.items()},
        outs=dict(record.outs),
        files=tuple(TextFile(path=moved.path(path), text=texts[path]) for path in written_files(operation)),
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
    if not _NAME.fullmatch(name):
        other = re.sub(r"[^\w-]+", "-", name).strip("-") or operation.name
        raise OperationError(
            f"{name!r} is no name for a stage: DVC takes letters, digits, - and _; give another: --name {other}"
        )
    return name


def _check_served(operation: Operation, pipeline: Pipeline) -> None:
    if operation.serves and any(operation.serves in (stage.address, stage.name) for stage in pipeline.stages):
        raise OperationError(
            f"{operation.name!r} makes what the stage {operation.serves!r} makes, and DVC allows one maker of a path: "
            f"take that stage away (dvc remove {operation.serves}), or let the operation write elsewhere"
        )


# --- the script -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Moved:
    """The script's way from where the run had it to where the project gets it; the two are equal unless asked."""

    old: str = ""
    new: str = ""

    def path(self, path: str) -> str:
        return self.new if path == self.old else path

    def command(self, cmd: str | tuple[str, ...]) -> str | tuple[str, ...]:
        return self.line(cmd) if isinstance(cmd, str) else tuple(map(self.line, cmd))

    def line(self, line: str) -> str:
        return line if self.old == self.new else self._word.sub(lambda _: shlex.quote(self.new), line)

    @property
    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w./-])(?:\./)?{re.escape(self.old)}(?![\w./-])")

    def within(self, cmd: str | tuple[str, ...]) -> bool:
        return any(self._word.search(line) for line in ([cmd] if isinstance(cmd, str) else cmd))


def _moved_resolved(cmd: str | list[str], moved: _Moved) -> str | list[str]:
    return moved.line(cmd) if isinstance(cmd, str) else [moved.line(line) for line in cmd]


def _moved(record: RunRecord, operation: Operation, script: str) -> _Moved:
    if not script:
        return _Moved()
    scripts = [path for path in written_files(operation) if path.endswith(_SUFFIX)]
    if len(scripts) != 1:
        raise OperationError(f"{operation.name!r} brings no script of its own: leave --script out")
    new = posixpath.normpath(script)
    if posixpath.isabs(new) or new.split("/")[0] == ".." or not new.endswith(_SUFFIX):
        raise OperationError(f"{script!r} is no place for a script: name a .py file inside the project, from its root")
    moved = _Moved(old=scripts[0], new=new)
    if not moved.within(operation.cmd):
        raise OperationError(
            f"the command does not name {moved.old}, so it cannot be told of {new}: leave --script out"
        )
    _check_imports(record, moved)
    return moved


def _check_imports(record: RunRecord, moved: _Moved) -> None:
    """Python looks for modules beside the script: one that moves would no longer find those it had."""
    if posixpath.dirname(moved.old) == posixpath.dirname(moved.new):
        return
    roots = {root for root in record.import_roots if root != "."}
    beside = [path for path in _seen(record) if path.endswith(_SUFFIX) and not _below_any(path, roots)]
    if beside and "." not in record.import_roots:
        raise OperationError(
            f"the code reads {', '.join(beside[:3])}, which Python finds from {moved.old} and would not from "
            f"{moved.new}: leave --script out, or name a place in the same folder"
        )


def _below_any(path: str, folders: set[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def _check_texts(record: RunRecord, operation: Operation, texts: Mapping[str, str]) -> None:
    """Only the text that the run started with is the one that its hash stands for."""
    for path in written_files(operation):
        if path not in texts:
            raise RunError(f"run {record.number} has no {path} any more; run the operation again, and promote that run")
        known = record.deps.get(path, DepRecord(source=SourceKind.FILE))
        altered = (
            bool(known.hash) and hashlib.md5(texts[path].encode(), usedforsecurity=False).hexdigest() != known.hash
        )
        if known.changed or altered:
            raise RunError(
                f"{path} in run {record.number} is not what the run began with: its code, or somebody, changed it; run "
                "the operation again, and promote that run"
            )


# --- sources ----------------------------------------------------------------------------------------------------------


def _check_source(source: Source, record: RunRecord, pipeline: Pipeline) -> None:
    """Refuse data that lies elsewhere in the project than where the code reads it: a stage has no such thing."""
    for path in _paths(source, pipeline):
        if slow_rename(source, path):
            raise OperationError(
                f"the name that {path} has in a run cannot be told soon: take rename away from the {source.kind} "
                f"{source.path!r}, run it again, and promote that run"
            )
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
    return (*outs, *(path for path in plain if any(path.startswith(f"{out}/") for out in outs)))


def _outs_of(source: Source, pipeline: Pipeline) -> list[str]:
    named = [stage for stage in pipeline.stages if source.path in (stage.address, stage.name)]
    return [out.path for stage in named for out in stage.outs]


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
    scripts = {*operation.code, *(path for path in written_files(operation) if path.endswith(_SUFFIX))}
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
        and not _OF_TOOLS.fullmatch(path)
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
    hidden = sorted(
        {path for path in record.read if _OF_TOOLS.fullmatch(path) and not path.endswith((".dvc", "ignore"))}
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

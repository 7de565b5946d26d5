"""Fixing the project's state at the moment of a call, in a worker: snapshot, values, resolved stages, inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dvc_magic.engine.order import Capture, CaptureRequest, Point
from dvc_magic.engine.scripts import notebooks_of, scripts_of
from dvc_magic.errors import MissingInputError, ParamError, ProjectError
from dvc_magic.model.inputs import InputFacts
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.record import Override
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.stage import DepKind, Pipeline, Stage
from dvc_magic.pipeline import ProjectReader
from dvc_magic.workspace import (
    HashCache,
    changed_since_lock,
    environment_folders,
    import_roots,
    imported_modules,
    poetry_environment,
    python_environment,
    take_snapshot,
)
from dvc_magic.workspace.param_files import ValueChange, set_values

_ATTEMPTS = 3


def capture(reader: ProjectReader, request: CaptureRequest, *, hashes: HashCache) -> Capture:
    """The project as it is now, for the targets and values of a call.

    Raises:
        PipelineError: DVC cannot resolve the pipeline with these values.
        MissingInputError: a stage needs a param that its file does not have.

    Side effects: new source contents and the snapshot are kept in the store. The project is only read.
    """
    root, paths = Path(request.project), StorePaths(Path(request.home))
    base, snapshot, notices = _steady_snapshot(reader, request, paths, hashes)
    every_param_file = tuple(dict.fromkeys(file for stage in base.stages for file in stage.param_files))
    points = tuple(
        _point(reader, request, target=target, index=index, snapshot=snapshot, param_files=every_param_file)
        for index, (target, _) in enumerate((target, values) for target in request.targets for values in request.points)
    )
    roots = import_roots(
        request.python, root, {"PYTHONPATH": request.pythonpath}, _environments(root, points, snapshot)
    )
    upstream = {
        stage.address: stage for point in points for stage in point.pipeline.stages if stage.address != point.target
    }
    locked = [stage for stage in upstream.values() if stage.lock]
    return Capture(
        snapshot=snapshot.id,
        points=points,
        commit=snapshot.commit,
        dirty=snapshot.dirty,
        inputs=_inputs(reader, points, hashes),
        environment=python_environment(paths, request.python),
        import_roots=roots,
        copied=snapshot.copied,
        changed_since_lock={
            file: changed_since_lock(root, str(PurePosixPath(file).with_suffix(".lock")), snapshot)
            for file in dict.fromkeys(stage.dvcfile for stage in locked)
        },
        imports={stage.address: _imports(root, stage, snapshot, roots) for stage in locked},
        notices=(*notices, *_gaps(root, points, base)),
    )


def _environments(root: Path, points: Iterable[Point], snapshot: Snapshot) -> list[Path]:
    """The environments of the project, from which stages may start a Python of their own."""
    folders = {stage.wdir for point in points for stage in point.pipeline.stages}
    found = [root / path for wdir in folders for path in environment_folders(root, snapshot.files, wdir=wdir)]
    outside = poetry_environment(root, os.environ) if "poetry.lock" in snapshot.files else None
    return list(dict.fromkeys([*found, *([outside] if outside else [])]))


def _steady_snapshot(
    reader: ProjectReader, request: CaptureRequest, paths: StorePaths, hashes: HashCache
) -> tuple[Pipeline, Snapshot, tuple[str, ...]]:
    """The pipeline and a snapshot of one and the same moment: what defines the pipeline did not change between."""
    root = Path(request.project)
    for _ in range(_ATTEMPTS):
        base = reader.describe()
        snapshot, notices = take_snapshot(
            root,
            paths,
            outs=[*(out.path for stage in base.stages for out in stage.outs), *(data.path for data in base.tracked)],
            named=_named(base),
            copy_paths=request.copy_paths,
            hashes=hashes,
        )
        defining = [
            *(entry.path for entry in base.files),
            *(file for stage in base.stages for file in stage.param_files),
        ]
        if (
            all(
                hashes.md5(root / path).md5 == snapshot.files[path].md5
                for path in dict.fromkeys(defining)
                if path in snapshot.files and snapshot.files[path].link is None and (root / path).is_file()
            )
            and reader.describe() == base
        ):
            return base, snapshot, notices
    message = "dvc.yaml or a param file keeps changing while it is read; run again when the project is at rest"
    raise ProjectError(message)


def _named(pipeline: Pipeline) -> set[str]:
    """Every path that some stage names: never left out of a snapshot for its size or suffix."""
    return {
        *(dep.path for stage in pipeline.stages for dep in stage.deps),
        *(file for stage in pipeline.stages for file in (*stage.param_files, *stage.vars_files)),
        *(path for stage in pipeline.stages for path in notebooks_of(stage)),
    }


def _point(
    reader: ProjectReader,
    request: CaptureRequest,
    *,
    target: str,
    index: int,
    snapshot: Snapshot,
    param_files: tuple[str, ...],
) -> Point:
    overrides = request.points[index % len(request.points)]
    try:
        texts = _written(Path(request.project), StorePaths(Path(request.home)), snapshot, request, overrides)
    except ParamError as error:
        raise ParamError(f"{error}{_elsewhere(reader.describe(), overrides)}") from error
    overlay = {file: text.encode() for file, text in texts.items()}
    pipeline = reader.describe(overlay)
    stage = pipeline.get(target)
    if stage is None:
        message = f"with these values the pipeline has no stage {target!r} any more"
        raise ProjectError(message)
    lineage = pipeline.lineage(stage)
    reader.check_stages([member.address for member in lineage], overlay)
    files = {member.dvcfile for member in lineage}
    return Point(
        target=target,
        index=index,
        overrides=overrides,
        replace=texts,
        pipeline=replace(
            pipeline, stages=lineage, files=tuple(f for f in pipeline.files if f.path in files), tracked=()
        ),
        param_files=param_files,
    )


def _elsewhere(pipeline: Pipeline, overrides: tuple[Override, ...]) -> str:
    """A hint when a key that its file lacks is a param of another file."""
    known = {flag.name: flag for stage in pipeline.stages for flag in stage.flags}.values()
    meant = [
        f"{flag.file}:{flag.key}"
        for override in overrides
        for flag in known
        if flag.key == override.key and flag.file != override.file
    ]
    return f" It is in another file; write -S {meant[0]}=VALUE" if meant else ""


def _written(
    root: Path, paths: StorePaths, snapshot: Snapshot, request: CaptureRequest, overrides: tuple[Override, ...]
) -> dict[str, str]:
    """The texts of the param files with these overrides."""
    kinds = {(change.file, change.key): change.kind for change in request.changes}
    texts = {}
    for file in dict.fromkeys(override.file for override in overrides):
        if file.startswith("../"):
            message = (
                f"{file} lies above the project's root, where a run can read params but not be given other values: "
                "change the file itself, or copy it into the project"
            )
            raise ParamError(message)
        changes = [
            ValueChange(key=entry.key, value=entry.value, kind=kinds.get((file, entry.key), ChangeKind.SET))
            for entry in overrides
            if entry.file == file
        ]
        text = _source_text(root, paths, snapshot, file)
        texts[file] = set_values(text, PurePosixPath(file).suffix.lower(), changes, path=file)
    return texts


def _source_text(root: Path, paths: StorePaths, snapshot: Snapshot, file: str) -> str:
    known = snapshot.files.get(file)
    path = root / file
    if known is not None and known.link is None:
        path = paths.objects / known.md5[:2] / known.md5[2:]
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        message = f"no param file {file!r} in the project; write it, or name another with FILE:KEY"
        raise MissingInputError(message) from None


def _inputs(reader: ProjectReader, points: Iterable[Point], hashes: HashCache) -> dict[str, InputFacts]:
    """What the project has at every path that a stage of the call could take from it."""
    wanted: dict[str, None] = {}
    for point in points:
        for stage in point.pipeline.stages:
            wanted.update(dict.fromkeys(dep.path for dep in stage.deps if dep.kind is not DepKind.URL))
            if stage.address != point.target:
                wanted.update(dict.fromkeys(out.path for out in stage.outs))
            wanted.update(dict.fromkeys(out.path for out in stage.outs if out.persist))

    return reader.inputs(list(wanted), file_hasher(hashes))


def _gaps(root: Path, points: Iterable[Point], base: Pipeline) -> list[str]:
    """What DVC tracks inside a folder that a stage depends on, when the folder is there and the data is not.

    Such a folder is taken as it is, as DVC does: it may lack the data on purpose.
    """
    folders = {dep.path for point in points for stage in point.pipeline.stages for dep in stage.deps}
    return [
        f"{folder!r} is taken without {data.path!r}, which {data.dvcfile} tracks and the project does not have now: "
        "dvc pull it, or make it a dep of its own"
        for data in base.tracked
        for folder in sorted(folders)
        if data.path.startswith(f"{folder}/") and (root / folder).is_dir() and not (root / data.path).exists()
    ]


def file_hasher(hashes: HashCache) -> Callable[[Path], tuple[str, int]]:
    """What tells a project reader the md5 and the size in bytes of a file."""

    def hash_file(file: Path) -> tuple[str, int]:
        found = hashes.md5(file)
        return found.md5, found.size

    return hash_file


def _imports(root: Path, stage: Stage, snapshot: Snapshot, roots: tuple[str, ...]) -> tuple[str, ...]:
    """Undeclared local modules that the stage's scripts import, by a static scan."""
    deps = {dep.path for dep in stage.deps}
    scripts = scripts_of(stage, snapshot.files)
    found = imported_modules(root, scripts, roots)
    return tuple(path for path in {*found, *scripts} if path not in deps and path in snapshot.files)

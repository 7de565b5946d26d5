"""Fixing the project's state at the moment of a call, in a worker: snapshot, values, resolved stages, inputs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.codec import to_data
from dvc_magic.engine.capture.composing import Composing, describe
from dvc_magic.engine.capture.operation_texts import (
    bound,
    changes_of,
    own_files,
    param_file,
    values_for,
    written,
)
from dvc_magic.engine.order import Capture, Point
from dvc_magic.engine.requests import CaptureRequest
from dvc_magic.engine.scripts import notebooks_of, scripts_of
from dvc_magic.engine.source_marks import text_marks
from dvc_magic.engine.surroundings import keep_surroundings
from dvc_magic.errors import (
    DvcMagicError,
    MissingInputError,
    OperationError,
    ParamError,
    PipelineError,
    ProjectError,
)
from dvc_magic.model.inputs import InputFacts, Taking
from dvc_magic.model.operation import Operation
from dvc_magic.model.paths import StorePaths, object_path
from dvc_magic.model.plan import TypeChange
from dvc_magic.model.record import Override
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.stage import DepKind, Pipeline, Stage, folders_around, group_of, lies_in, overlaps
from dvc_magic.model.surroundings import Surroundings
from dvc_magic.model.values import keys_overlap, type_name
from dvc_magic.pipeline import ParamValues, ProjectReader
from dvc_magic.store import RunStore
from dvc_magic.untrusted import abridged
from dvc_magic.workspace import (
    HashCache,
    changed_since_lock,
    environment_folders,
    git_objects,
    import_roots,
    imported_modules,
    poetry_environment,
    python_environment,
    take_snapshot,
)
from dvc_magic.workspace.param_files import ParamFile, WrittenParams, read_values

_ATTEMPTS = 3


def capture(
    reader: ProjectReader,
    request: CaptureRequest,
    *,
    store: RunStore,
    hashes: HashCache,
    environ: Mapping[str, str] | None = None,
) -> Capture:
    """The project as it is now, for the targets and values of a call.

    Args:
        environ: the call's variables, which configs that Hydra composes may ask for.

    Raises:
        PipelineError: DVC cannot resolve the pipeline with these values, or Hydra cannot compose them.
        MissingInputError: a stage needs a param that its file does not have.

    Side effects: new source contents and the snapshot are kept in the store. The project is only read.
    """
    root, paths = Path(request.project), store.paths
    composer = reader.composer if request.hydra else None
    composing = None if composer is None else Composing(composer, environ)
    moment = _steady_moment(reader, request, store, hashes, environ=environ, composing=composing)
    base, snapshot, git = moment.base, moment.snapshot, moment.surroundings.git
    every_param_file = tuple(dict.fromkeys(file for stage in base.stages for file in stage.param_files))
    points = tuple(
        replace(point, index=index, param_files=every_param_file)
        for index, point in enumerate(_points(reader, request, base, snapshot, composing))
    )
    environments = _environments(root, points, snapshot)
    roots = import_roots(
        request.python, root, {"PYTHONPATH": request.pythonpath}, _python_environments(root, environments, snapshot)
    )
    upstream = {
        stage.address: stage for point in points for stage in point.pipeline.stages if stage.address != point.target
    }
    locked = [stage for stage in upstream.values() if stage.lock]
    asked = {(entry.file, entry.key) for point in points for entry in point.overrides}
    return Capture(
        snapshot=snapshot.id,
        points=points,
        commit=snapshot.commit,
        dirty=snapshot.dirty,
        edited=snapshot.edited,
        inputs=_inputs(reader, points, hashes),
        environment=python_environment(paths, request.python),
        import_roots=roots,
        copied=snapshot.copied,
        changed_since_lock={
            file: changed_since_lock(root, str(PurePosixPath(file).with_suffix(".lock")), snapshot)
            for file in dict.fromkeys(stage.dvcfile for stage in locked)
        },
        imports={stage.address: _imports(root, stage, snapshot, roots) for stage in locked},
        file_values={
            flag.name: flag.value for stage in base.every for flag in stage.flags if (flag.file, flag.key) in asked
        },
        composition=None if composing is None else composing.composition,
        surroundings=moment.kept_as,
        git_prefix=git.prefix if git is not None else "",
        git_objects=git_objects(git, root) if git is not None else "",
        environments=environments,
        addresses=reader.addresses(stage for point in points for stage in point.pipeline.stages),
        notices=(*moment.notices, *_gaps(root, points, base), *_of_operations(points, base, snapshot)),
    )


def _environments(root: Path, points: Iterable[Point], snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """The environments of the project that stages may use, by the wdir of the stage."""
    folders = {stage.wdir for point in points for stage in point.pipeline.stages}
    return {wdir: environment_folders(root, snapshot.files, wdir=wdir) for wdir in folders}


def _python_environments(root: Path, environments: Mapping[str, Sequence[str]], snapshot: Snapshot) -> list[Path]:
    """The environments from which stages may start a Python of their own."""
    found = [root / path for paths in environments.values() for path in paths]
    outside = poetry_environment(root, os.environ) if "poetry.lock" in snapshot.files else None
    return list(dict.fromkeys([*found, *([outside] if outside else [])]))


class _Moment(Struct, frozen=True, kw_only=True):
    """A project at one and the same moment: its pipeline, its sources, and all else that its runs will ask of it.

    Attributes:
        kept_as: md5 of the surroundings in the store.
        notices: of the snapshot, for people.
    """

    base: Pipeline
    snapshot: Snapshot
    surroundings: Surroundings
    kept_as: str
    notices: tuple[str, ...]

    @property
    def is_of_one_commit(self) -> bool:
        """Whether git was at the commit that the snapshot has, as far as both know one."""
        git = self.surroundings.git
        return git is None or None in (git.commit, self.snapshot.commit) or git.commit == self.snapshot.commit


def _steady_moment(
    reader: ProjectReader,
    request: CaptureRequest,
    store: RunStore,
    hashes: HashCache,
    *,
    environ: Mapping[str, str] | None,
    composing: Composing | None,
) -> _Moment:
    """The project, captured while what defines its pipeline and its commit did not change.

    The params of all points are composed in that moment, too.
    """
    root = Path(request.project)
    for _ in range(_ATTEMPTS):
        base = describe(reader, request.operations, hydra=request.hydra, environ=environ)
        snapshot, notices = take_snapshot(
            root,
            store,
            outs=[*(out.path for stage in base.stages for out in stage.outs), *(data.path for data in base.tracked)],
            named=_named(base),
            copy_paths=request.copy_paths,
            hashes=hashes,
        )
        kept_as, surroundings = keep_surroundings(reader, snapshot, store=store, python_path=request.pythonpath)
        moment = _Moment(base=base, snapshot=snapshot, surroundings=surroundings, kept_as=kept_as, notices=notices)
        defining = [
            *(entry.path for entry in base.files),
            *(file for stage in base.stages for file in stage.param_files),
        ]
        if (
            (composing is None or composing.compose(request.points))
            and all(
                hashes.md5(root / path).md5 == snapshot.files[path].md5
                for path in dict.fromkeys(defining)
                if path in snapshot.files and snapshot.files[path].link is None and (root / path).is_file()
            )
            and moment.is_of_one_commit
            and describe(reader, request.operations, hydra=request.hydra, environ=environ) == base
        ):
            return moment
    message = (
        "dvc.yaml, a param file or the commit keeps changing while it is read; run again when the project is at rest"
    )
    raise ProjectError(message)


def _named(pipeline: Pipeline) -> set[str]:
    """Every path that some stage names: never left out of a snapshot for its size or suffix."""
    stages = (*pipeline.stages, *pipeline.operations)
    return {
        *(dep.taken for stage in stages for dep in stage.deps),
        *(file for stage in stages for file in (*stage.param_files, *stage.vars_files)),
        *(file.origin for op in pipeline.operations if op.operation for file in op.operation.files if file.origin),
        *(path for stage in stages for path in notebooks_of(stage)),
    }


class _Texts(Struct, frozen=True):
    """The texts of the project's param files under a call's values.

    Attributes:
        source: the text of a file as the project has it. composing: what composes one of them, or None.
        files: the files to write values into, as they were read for an earlier point.
    """

    source: Callable[[str], str]
    composing: Composing | None
    files: dict[str, ParamFile] = field(default_factory=dict)

    def written(self, overrides: Sequence[Override]) -> dict[str, WrittenParams]:
        """The files that differ from the project's, or may."""
        if self.composing is None:
            return self._written(overrides)
        others = [entry for entry in overrides if not self.is_composed(entry.file)]
        composed = _composed(self.composing.text(overrides), self.composing.file)
        return {self.composing.file: composed, **self._written(others)}

    def _written(self, overrides: Sequence[Override]) -> dict[str, WrittenParams]:
        """The project's param files with these overrides."""
        texts = {}
        for file in dict.fromkeys(override.file for override in overrides):
            if file.startswith("../"):
                message = (
                    f"{file} lies above the project's root, where a run can read params but not be given other values: "
                    "change the file itself, or copy it into the project"
                )
                raise ParamError(message)
            if file not in self.files:
                self.files[file] = param_file(self.source(file), file)
            texts[file] = written(self.files[file], changes_of(overrides, file), file=file)
        return texts

    def of(self, file: str, overrides: Sequence[Override]) -> str:
        """The text of one file, composed under a call's values or as the project has it."""
        if self.composing is not None and self.is_composed(file):
            return self.composing.text(overrides)
        return self.source(file)

    def is_composed(self, file: str) -> bool:
        """Whether the text of a file has a call's values already."""
        return self.composing is not None and file == self.composing.file


def _composed(text: str, file: str) -> WrittenParams:
    """A composed text, read once."""
    with contextlib.suppress(PipelineError):  # which DVC tells in its own words
        return WrittenParams(text, read_values(text, PurePosixPath(file).suffix, file))
    return WrittenParams(text)


def _points(
    reader: ProjectReader, request: CaptureRequest, base: Pipeline, snapshot: Snapshot, composing: Composing | None
) -> list[Point]:
    """Each stage that the targets stand for, once for each set of values that differs for it."""
    root, paths = Path(request.project), StorePaths(Path(request.home))
    texts = _Texts(lambda file: _source_text(root, paths, snapshot, file), composing)

    def point(address: str, overrides: tuple[Override, ...]) -> Point:
        return _point(reader, request, base, target=address, overrides=overrides, texts=texts)

    points: dict[str, dict[int, Point]] = {}  # by address, then by the position of the values in the grid
    for target, (position, every_override) in product(request.targets, enumerate(request.points)):
        beside = _own_files_beside(target, request) - snapshot.files.keys()
        overrides = tuple(override for override in every_override if override.file not in beside)
        try:
            for address in _meant(reader, base, target=target, overrides=overrides, texts=texts):
                of_stage = points.setdefault(address, {})
                if position not in of_stage:
                    of_stage[position] = point(address, overrides)
        except ParamError as error:
            raise ParamError(f"{error}{_elsewhere(base, overrides)}") from error
    if len(points) == 1:
        return [one for of_stage in points.values() for one in of_stage.values()]
    first = [next(iter(of_stage.values())) for of_stage in points.values()]
    taken = {(entry.file, entry.key) for one in first for entry in one.overrides if _takes(one, entry)}
    return [narrow for of_stage in points.values() for narrow in _narrowed(of_stage.values(), taken, point)]


def _own_files_beside(target: str, request: CaptureRequest) -> frozenset[str]:
    """The files that only the other targets bring, which are operations: the project has none of them to write to."""
    targets = [operation for operation in request.operations if operation.address in request.targets]
    own = own_files(operation for operation in targets if operation.address == target)
    return own_files(targets) - own


def _meant(
    reader: ProjectReader,
    base: Pipeline,
    *,
    target: str,
    overrides: Sequence[Override],
    texts: _Texts,
) -> list[str]:
    """The addresses of the stages that a target stands for: of a group, the items that these values give it."""
    group = group_of(target) or target
    if base.get(target) is not None or not base.items(group):
        return [target]
    replaced = texts.written(overrides)
    pipeline = reader.describe(_overlay(replaced), params=_params(replaced))
    items = [stage.address for stage in pipeline.meant(target)]
    if not items:
        has = abridged(", ".join(stage.address for stage in pipeline.items(group))) or "no items at all"
        message = f"with these values no stage of the group {group!r} is {target!r}; it has {has}"
        raise ProjectError(message)
    return items


def _narrowed(
    points: Iterable[Point], taken: Collection[tuple[str, str]], point: Callable[[str, tuple[Override, ...]], Point]
) -> Iterator[Point]:
    """The points of one stage of several without the values that only others take, each once.

    So ``%dvc_run prepare train --lr 0.1,0.2`` runs prepare once. A value that makes a difference all the same, such as
    the names of a ``foreach``, stays.

    Args:
        points: of the stage, with all values of the call.
        taken: file and key of the values that some stage of the call takes; what none takes is left to all of them.
        point: resolves the stage under fewer values.
    """
    seen: set[str] = set()
    for whole in points:
        own = tuple(entry for entry in whole.overrides if (entry.file, entry.key) not in taken or _takes(whole, entry))
        narrow = whole
        if own != whole.overrides:
            with contextlib.suppress(DvcMagicError):  # without them the stage is not even there
                narrow = point(whole.target, own)
        if narrow.pipeline.stages != whole.pipeline.stages:
            narrow = whole
        values = json.dumps(to_data(narrow.overrides))
        if values not in seen:
            yield narrow
        seen.add(values)


def _takes(point: Point, override: Override) -> bool:
    """Whether the stage, or one upstream of it, has a param that a value sets, or depends on the whole file."""
    return any(
        any(flag.file == override.file and keys_overlap(flag.key, override.key) for flag in stage.flags)
        or any(not dep.implied and lies_in(override.file, dep.taken) for dep in stage.deps)
        for stage in point.pipeline.stages
    )


def _point(
    reader: ProjectReader,
    request: CaptureRequest,
    base: Pipeline,
    *,
    target: str,
    overrides: tuple[Override, ...],
    texts: _Texts,
) -> Point:
    """One stage under one set of values; the caller gives it its place in the grid."""
    operations = _bound_operations(base, request.operations, target, overrides, texts)
    own = own_files(operations.needed)
    projects = [override for override in overrides if override.file not in own]
    replaced = texts.written(projects)
    overlay, params = _overlay(replaced), _params(replaced)
    pipeline = described = reader.describe(overlay, operations.all, params=params)
    if texts.composing is not None:
        pipeline = texts.composing.with_groups(pipeline, projects)
    stage = pipeline.get(target)
    if stage is None:
        if target in pipeline.faults:
            raise OperationError(pipeline.faults[target])
        message = f"with these values the pipeline has no stage {target!r} any more"
        raise ProjectError(message)
    lineage = pipeline.lineage(stage)
    addresses = [member.address for member in lineage]
    reader.check_stages(addresses, overlay, operations.all, params=params, pipeline=described)
    files = {member.dvcfile for member in lineage}
    return Point(
        target=target,
        index=0,
        overrides=overrides,
        replace={file: one.text for file, one in replaced.items()},
        pipeline=replace(
            pipeline,
            stages=lineage,
            operations=tuple(op for member in lineage for op in pipeline.serving(member.address) if op is not stage),
            files=tuple(f for f in pipeline.files if f.path in files),
            tracked=(),
            faults={},
        ),
        retyped=_retyped(base, target, overrides),
    )


def _overlay(replaced: Mapping[str, WrittenParams]) -> dict[str, bytes]:
    return {file: one.text.encode() for file, one in replaced.items()}


def _params(replaced: Mapping[str, WrittenParams]) -> dict[str, ParamValues]:
    """What is known of the values in texts, so that DVC need not read them."""
    return {
        file: ParamValues(
            one.values,
            changed=None if one.paths is None else frozenset(str(path[0]) for path in one.paths),
            is_read=one.values is not None,
        )
        for file, one in replaced.items()
        if one.values is not None or one.paths is not None
    }


def _retyped(base: Pipeline, target: str, overrides: Iterable[Override]) -> tuple[TypeChange, ...]:
    """The values of another type than the project's files have; null is no type to keep."""
    asked = base.get(target)
    lineage = base.lineage(asked) if asked is not None else ()
    values = {(flag.file, flag.key): flag.value for stage in lineage for flag in stage.flags}
    changes = [
        TypeChange(key=entry.key, before=values[entry.file, entry.key], after=entry.value)
        for entry in overrides
        if (entry.file, entry.key) in values and entry.kind != ChangeKind.REMOVE
    ]
    return tuple(
        change
        for change in changes
        if change.before is not None
        and change.after is not None
        and type_name(change.before) != type_name(change.after)
    )


class _Operations(Struct, frozen=True):
    """The operations of a point with their texts, and those among them whose values the call can set."""

    all: tuple[Operation, ...]
    needed: tuple[Operation, ...]


def _bound_operations(
    base: Pipeline,
    operations: Iterable[Operation],
    target: str,
    overrides: tuple[Override, ...],
    texts: _Texts,
) -> _Operations:
    """The operations under a call's values; what is wrong with one that the target does not need is no matter.

    Raises:
        OperationError: the target, or an operation that it needs, cannot be used.
    """
    asked = base.get(target)
    lineage = {stage.address for stage in base.lineage(asked)} if asked is not None else {target}
    meant = asked.operation if asked is not None else None
    own = own_files([] if meant is None else [meant])
    projects = [entry for entry in overrides if entry.file not in own]
    unwritten = tuple(entry for entry in overrides if entry.file in own or not texts.is_composed(entry.file))
    found: list[Operation] = []
    for operation in operations:
        try:
            values = values_for(operation, meant, unwritten)
            found.append(bound(operation, lambda file: texts.of(file, projects), values))
        except DvcMagicError:
            if operation.address in lineage:
                raise
    return _Operations(tuple(found), tuple(op for op in found if op.address in lineage))


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


def _source_text(root: Path, paths: StorePaths, snapshot: Snapshot, file: str) -> str:
    known = snapshot.files.get(file)
    path = root / file
    if known is not None and known.link is None:
        path = Path(object_path(paths.objects, known.md5))
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        message = f"no param file {file!r} in the project; write it, or name another with FILE:KEY"
        raise MissingInputError(message) from None
    except UnicodeDecodeError as error:
        raise ProjectError(f"the param file {file!r} is no UTF-8 text; save it as UTF-8") from error


def _inputs(reader: ProjectReader, points: Iterable[Point], hashes: HashCache) -> dict[str, InputFacts]:
    """What the project has at every path that a stage of the call could take from it."""
    wanted: dict[str, None] = {}
    takings: dict[str, Taking] = {}
    for point in points:
        for stage in point.pipeline.stages:
            _note_takings(stage, takings)
            if stage.address != point.target:
                wanted.update(dict.fromkeys(out.path for out in stage.outs))
            wanted.update(dict.fromkeys(out.path for out in stage.outs if out.persist))
        for stage in (*point.pipeline.stages, *point.pipeline.operations):
            deps = (dep for dep in stage.deps if dep.kind is not DepKind.URL and dep.path not in stage.texts)
            wanted.update(dict.fromkeys(dep.taken for dep in deps))
    return reader.inputs(list(wanted), file_hasher(hashes), list(takings.values()))


def _note_takings(stage: Stage, takings: dict[str, Taking]) -> None:
    """How a stage wants what it takes from the project; a path has one content in a call.

    Raises:
        OperationError: two sources want the same path in different ways.
    """
    for dep in stage.deps:
        if not (dep.remote or dep.recorded):
            continue
        taking = Taking(path=dep.taken, remote=dep.remote, recorded=dep.recorded)
        if takings.setdefault(dep.taken, taking) != taking:
            message = (
                f"two sources of this call take {dep.taken!r} in different ways (remote, always-pull); one call has "
                "one content of each path: give both the same attributes"
            )
            raise OperationError(message)


def _gaps(root: Path, points: Iterable[Point], base: Pipeline) -> list[str]:
    """What DVC tracks inside a folder that a stage depends on, when the folder is there and the data is not.

    Such a folder is taken as it is, as DVC does: it may lack the data on purpose.
    """
    folders = {dep.taken for point in points for stage in point.pipeline.stages for dep in stage.deps}
    return [
        f"{folder!r} is taken without {data.path!r}, which {data.dvcfile} tracks and the project does not have now: "
        "dvc pull it, or make it a dep of its own"
        for data in base.tracked
        for folder in folders_around(data.path)
        if folder in folders and (root / folder).is_dir() and not (root / data.path).exists()
    ]


def _of_operations(points: Iterable[Point], base: Pipeline, snapshot: Snapshot) -> list[str]:
    """What people should know of the operations of a call: each once."""
    stages = [stage for point in points for stage in point.pipeline.stages]
    said = [
        line
        for stage in stages
        if stage.operation is not None
        for line in (*_hidden_files(stage.operation, snapshot), *_partly_there(stage, stage.operation, base))
    ]
    return list(dict.fromkeys(said))


def _hidden_files(operation: Operation, snapshot: Snapshot) -> Iterator[str]:
    """Files of the project in whose place an operation's own script stands."""
    for file in operation.files:
        known = snapshot.files.get(file.path)
        own = text_marks({file.path: file.text or ""})[file.path]
        if known is not None and file.path in operation.code and own != known.md5:
            yield f"the project's {file.path} is not in this run: the operation's script has its place"


def _partly_there(stage: Stage, operation: Operation, base: Pipeline) -> Iterator[str]:
    """Folders that a learning operation names and of which it is given a part."""
    given = [dep.path for dep in stage.deps]
    for folder in operation.hints if operation.learn else ():
        absent = [
            data.path
            for data in base.tracked
            if data.path.startswith(f"{folder}/") and not any(overlaps(data.path, path) for path in given)
        ]
        if absent and folder not in given:
            yield f"{folder!r} is there without {absent[0]!r}, which the code does not name; -d {folder} gives it all"


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

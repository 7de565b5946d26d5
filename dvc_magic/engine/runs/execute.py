"""The whole life of one run, in a worker.

Files made: the run's folder in the store, with its record, notes, log and workspace, and with ``order.json`` if its
command fails; objects in the runs' cache. The record is written when the run begins and when it ends, and stays so.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.engine.order import WorkOrder
from dvc_magic.engine.runs.deadline import GivenUpError, given_up
from dvc_magic.engine.runs.intact import mend_runs_with
from dvc_magic.engine.runs.keepable import check_keepable, check_own_files
from dvc_magic.engine.runs.outputs import (
    dvc_files,
    few,
    find_made,
    into_dep_warning,
    left_out_warning,
    put_aside,
    stamp,
)
from dvc_magic.engine.runs.prepare import Prepared, prepare
from dvc_magic.engine.runs.reads import undeclared_warning, worth_declaring
from dvc_magic.engine.runs.scalars import FoundScalars, ScalarWatch
from dvc_magic.engine.runs.supervise import Control, Ending, supervise
from dvc_magic.engine.scripts import scripts_of
from dvc_magic.errors import DvcMagicError, PipelineError, ProjectError, StoreError, SupervisorLostError
from dvc_magic.executors import RUN_TOKEN
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.model.record import DepRecord, Learned, Notes, RunRecord, RunStatus, Times
from dvc_magic.model.relative import parent_folders
from dvc_magic.model.stage import OutKind, Stage
from dvc_magic.pipeline import (
    DepHash,
    Finished,
    RunRepo,
    command_environment,
    shell_argv,
    stage_files,
    with_outs,
)
from dvc_magic.runs import metric_files, plot_declarations, read_metrics
from dvc_magic.store import DIR_SUFFIX, RunCache, RunStore, is_full, load_snapshot, nearly_full, room_left, write_noun
from dvc_magic.untrusted import one_line
from dvc_magic.workspace import (
    FolderWatch,
    Tree,
    atime_works,
    imported_modules,
    made_files,
    make_read_only,
    read_files,
    read_tree,
    tool_settings,
)

_DISK_FULL = "disk full"  # the reason of a run
_OPENING = 5.0  # seconds that DVC may take to read a run's files beside the command
_SAVING = 60.0  # seconds that it may at least take afterwards, where a run has a time limit


class _Clock(Struct):
    """UTC for people, monotonic for durations."""

    created: datetime
    began: float

    @classmethod
    def start(cls) -> _Clock:
        return cls(created=datetime.now(UTC), began=time.monotonic())

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began


def execute(
    order: WorkOrder,
    *,
    store: RunStore,
    addresses: Mapping[str, str],
    environ: Mapping[str, str],
    control: Control,
) -> RunRecord:
    """Execute one run from claim to final record.

    Args:
        order: what to execute.
        store: the run store.
        addresses: the URLs of deps that have secrets, see `dvc_magic.engine.order.Capture`.
        environ: the caller's variables, as of the call.
        control: of the worker.

    Returns:
        The final record: a stage that fails is a result here, not an exception.

    Raises:
        ProjectError: the project is gone. DvcMagicError: the run could not be claimed or recorded.
    """
    _check_project(order)
    clock = _Clock.start()
    lock = store.claim(order.record.id)
    try:
        begun = replace(
            order.record,
            status=RunStatus.RUNNING,
            attempts=order.record.attempts + 1,
            times=Times(created=clock.created),
        )
        _begin(store, begun, order.notes)
        ended = _Run(order, begun, store=store, addresses=addresses, clock=clock).live(environ, control)
        if ended.status is RunStatus.FAILED and ended.exit_code:
            _keep_order(store.paths.run(ended.id), order)
        ended = _write_end(store, ended)
    except (StoreError, OSError):
        _check_project(order)  # a store that went with the project cannot be written: say that, and not which file
        raise
    finally:
        lock.release()
    if ended.reason == _DISK_FULL:
        store.sweep()  # DVC leaves a temporary file that is as large as the room was
    return ended


def _check_project(order: WorkOrder) -> None:
    """Refuse to prepare a run for a project that is not where it was at the call: its links would lead nowhere."""
    if not Path(order.project).is_dir():
        message = (
            f"{order.project} is not there any more: the project was moved or removed after the call. Open it where it "
            f"is now with %dvc_project PATH, then run {order.record.stage!r} again"
        )
        raise ProjectError(message)


def _begin(store: RunStore, record: RunRecord, notes: Notes) -> None:
    """Write the first record and the notes; when they cannot be written, nothing stays."""
    try:
        if notes.label or notes.tags:
            store.write_notes(record.id, notes)
        store.write(record, durable=False)
    except BaseException:
        shutil.rmtree(store.paths.run(record.id).folder, ignore_errors=True)
        raise


def _write_end(store: RunStore, record: RunRecord) -> RunRecord:
    """Write the final record; on a full disk, where its reserve is too small for long metrics, one without them."""
    try:
        store.write(record)
    except StoreError as error:
        if not is_full(error):
            raise
        text = f"the run's record could not be written: {error}"
        record = replace(record, status=RunStatus.FAILED, reason=_DISK_FULL, error=text)
        record = replace(record, metrics={}, scalars={}, warnings=())
        store.write(record)
    return record


class _Run:
    """One run under way: what its steps hand to each other."""

    def __init__(
        self,
        order: WorkOrder,
        record: RunRecord,
        *,
        store: RunStore,
        addresses: Mapping[str, str],
        clock: _Clock,
    ) -> None:
        self._order = order
        self._record = record
        self._paths: RunPaths = store.paths.run(record.id)
        self._store = store
        self._store_paths: StorePaths = store.paths
        self._addresses = addresses
        self._clock = clock
        self._repo: RunRepo | None = None
        self._open_error: DvcMagicError | None = None
        self._warnings: list[str] = list(record.warnings)
        self._before: dict[str, tuple[int, ...]] = {}
        self._stage: Stage = order.stage  # with the outs that are known so far
        self._tree = Tree()  # what the command found, of all files or of those in folders that are deps
        self._own: dict[str, tuple[int, ...]] = {}
        self._watch: FolderWatch | None = None
        self._scalars = FoundScalars()
        self._told: set[str] = set()  # deps that the command was said to have written into

    def live(self, environ: Mapping[str, str], control: Control) -> RunRecord:
        """Prepare, execute, finish; returns the final record."""
        try:
            prepared = prepare(self._order, store=self._store)
            self._record = replace(
                self._record, deps=prepared.deps, times=replace(self._record.times, started=datetime.now(UTC))
            )
            ending = self._execute(prepared, environ, control)
            with given_up(lambda taken: "" if ending.stopped else self._asked_to_end(control, taken)):
                return self._end(prepared, ending)
        except GivenUpError as end:
            return self._final(RunStatus.STOPPED, reason=end.reason, error=_SAVING_ENDED[end.reason])
        except (DvcMagicError, OSError) as error:
            return self._final_of(error)

    def _execute(self, prepared: Prepared, environ: Mapping[str, str], control: Control) -> Ending:
        stage = self._order.stage
        self._before = {path: stamp(prepared.root / path) for path in metric_files(prepared.root, self._metric_outs())}
        self._own = {path: stamp(prepared.root / path) for path in dvc_files(stage)}
        everything = ("",) if stage.operation is not None else self._folder_deps()
        self._tree = read_tree(prepared.root, below=everything)
        full = command_variables(self._order, prepared, environ, store=self._store_paths, token=self._record.id)
        self._watch = FolderWatch.start(
            prepared.root,
            [*parent_folders([*prepared.sources, *prepared.deps]), stage.wdir],
            workspace=self._paths.workspace,
            apart=self._folder_deps(),
        )
        scalars = ScalarWatch(stage, self._paths)
        ending = supervise(
            [shell_argv(command, full) for command in stage.commands],
            cwd=prepared.root / stage.wdir,
            environ=full,
            log=self._paths.log,
            stop_file=self._paths.stop,
            control=control,
            timeout=self._order.timeout,
            meanwhile=lambda: self._open(prepared.root),
            now_and_then=scalars.look,
        )
        self._scalars = scalars.finish()
        return ending

    def _asked_to_end(self, control: Control, taken: float) -> str:
        """Why a run whose command has ended is not to be saved any longer, or an empty text."""
        if control.stops() or self._paths.stop.exists():
            return "user"
        limit = self._order.timeout
        return "timeout" if limit and taken > max(limit, _SAVING) else ""

    def _open(self, root: Path) -> None:
        """Open the run's DVC repository while the command already runs: its 15 ms then cost nothing."""
        with contextlib.suppress(GivenUpError), given_up(lambda taken: "slow" if taken > _OPENING else ""):
            self._open_now(root)

    def _open_now(self, root: Path) -> None:
        self._repo = None
        try:
            repo = RunRepo(root, self._store_paths.dvc_site)
            if not self._is_open:
                repo.load(self._stage.dvcfile, self._stage.name, self._addresses)
            self._repo = repo
        except DvcMagicError as error:  # told when the command has ended: its log and metrics are worth keeping
            self._open_error = error

    def _make_sure_of_repo(self, root: Path) -> None:
        """Open the run's DVC repository if that has not been done, and if DVC can."""
        try:
            check_own_files(self._stage, root=root, own=not self._is_open)
        except DvcMagicError as error:
            self._open_error = self._open_error or error
        if self._repo is None and self._open_error is None:
            self._open_now(root)
        lock = dvc_files(self._stage)[1]
        if not self._is_open and stamp(root / lock) != self._own[lock] and not self._reads_lock(lock):
            self._open_error = PipelineError(
                f"the command wrote {lock}, which a run has of its own, and DVC cannot read it: let it write elsewhere"
            )

    def _reads_lock(self, lock: str) -> bool:
        return self._open_error is None and self._repo is not None and self._repo.reads_lock(lock)

    @property
    def _is_open(self) -> bool:
        """Whether the outs are known only when the command has ended."""
        operation = self._order.stage.operation
        return operation is not None and operation.as_written

    def _end(self, prepared: Prepared, ending: Ending) -> RunRecord:
        """The final record after the commands have ended, however they did."""
        self._warnings += self._scalars.warnings
        self._check_links()
        self._note_reads(prepared)
        completed = not (ending.stopped or ending.exit_code)
        if completed:
            self._make_sure_of_repo(prepared.root)
        self._note_made(prepared, completed=completed)
        for path in prepared.passing:
            (prepared.root / path).unlink(missing_ok=True)
        if ending.leftovers:
            self._warnings.append(
                f"{ending.leftovers} process(es) that the command left running were ended with the run"
            )
        self._record = replace(
            self._record,
            exit_code=ending.exit_code,
            metrics=self._metrics(prepared.root),
            scalars=self._scalars.last,
            times=replace(self._record.times, duration=round(ending.duration, 6)),
        )
        if ending.stopped:
            return self._final(RunStatus.STOPPED, reason=ending.stopped, error=_stop_message(ending, self._order))
        if ending.exit_code:
            reason, error = _failure(ending.exit_code)
            if not reason and nearly_full(self._paths.folder):
                reason = _DISK_FULL
                error += f"; the disk is full, {room_left(self._paths.folder)} ({self._paths.folder}): make room first"
            return self._final(RunStatus.FAILED, reason=reason, error=error)
        return self._commit(prepared)

    def _commit(self, prepared: Prepared) -> RunRecord:
        if self._open_error is not None:
            raise self._open_error
        assert self._repo is not None
        check_keepable(self._stage, root=prepared.root, workspace=self._paths.workspace, repo=self._repo)
        if self._is_open:
            text = stage_files(self._stage, self._order.file, self._order.param_files)
            (prepared.root / self._stage.dvcfile).write_text(text, encoding="utf-8")
            self._repo.load(self._stage.dvcfile, self._stage.name, self._addresses)
        finished = self._repo.finish(self._store.cache)
        changed = self._changed_in_folders(prepared.root, finished.deps)
        deps = {
            path: _finished_dep(dep, finished.deps.get(path), in_folder=path in changed)
            for path, dep in self._record.deps.items()
        }
        for path, dep in deps.items():
            if dep.changed and path not in self._told:
                which = f": {few([one_line(file) for file in changed[path]])}" if path in changed else ""
                self._warnings.append(f"the command changed its own dependency {path}{which}")
        self._keep_outs(prepared.root, finished)
        self._warnings.extend(finished.warnings)
        self._record = replace(self._record, deps=deps, outs=finished.outs)
        return self._final(RunStatus.COMPLETED)

    def _changed_in_folders(self, root: Path, hashes: Mapping[str, DepHash]) -> dict[str, list[str]]:
        """The files that the command wrote or removed in folders that are deps, if that has changed their hash.

        Python's own caches, which it writes beside code, are no change.
        """
        records = self._record.deps
        folders = [path for path in self._folder_deps() if path in hashes and hashes[path].hash != records[path].seen]
        after = read_tree(root, below=folders)
        touched = {*made_files(self._tree, after), *(self._tree.files.keys() - after.files.keys())}
        found = {path: sorted(one for one in touched if one.startswith(f"{path}/")) for path in folders}
        return {path: files for path, files in found.items() if files}

    def _keep_outs(self, root: Path, finished: Finished) -> None:
        """Keep the outs that DVC does not cache in the runs' cache as well, for downstream runs; know all as good.

        Raises:
            ProjectError: an out is written still.
        """
        cache = self._store.cache
        for path, out in finished.outs.items():
            if out.cache or not out.hash:
                continue
            listing = finished.listings.get(path, {"": out.hash})
            if changed := cache.put({md5: root / path / name for name, md5 in listing.items()}):
                message = f"{path} changed while it was stored ({changed[0]}); run again when nothing writes it"
                raise ProjectError(message)
            cache.put_listing(listing)
        make_read_only(root)
        files = {
            os.fspath(root / path / name): md5
            for path, out in finished.outs.items()
            for name, md5 in finished.listings.get(path, {"": out.hash}).items()
            if out.hash
        }
        self._store.known.note(files)

    def _check_links(self) -> None:
        """Take objects out of the runs' cache that the command wrote into through a hardlink, and say so."""
        for path in take_spoiled(self._record.deps, self._store):
            self._warnings.append(
                f"the command wrote into its dependency {path}; the copy kept for other runs is removed"
            )
            self._told.add(path)
            changed = replace(self._record.deps[path], changed=True)
            self._record = replace(self._record, deps={**self._record.deps, path: changed})

    def _note_reads(self, prepared: Prepared) -> None:
        looked, watch = self._record.looked, self._watch
        if looked is not None and watch is not None:
            self._record = replace(self._record, looked=replace(looked, folders=watch.listed()))
        read_by = "atime" if atime_works(self._store_paths.runs) else "imports"
        read = self._reads(prepared, read_by)
        self._record = replace(self._record, read={path: prepared.sources[path] for path in read}, read_by=read_by)
        operation = self._order.stage.operation  # its stage will have what it reads among its deps
        news = set(read).difference(self._order.known_reads)
        if news and (operation is None or operation.runs):
            self._hint_at_deps(prepared, news)

    def _hint_at_deps(self, prepared: Prepared, news: Collection[str]) -> None:
        stage, file = self._order.stage, self._order.file
        folder = posixpath.dirname(file.path)
        named = [
            *(entry.path for entry in stage.params),
            *file.metrics,
            *plot_declarations(prepared.root, dvcfile=file.path, wdir=stage.wdir),
            *(posixpath.normpath(posixpath.join(folder, str(path))) for path in file.top.get("params") or ()),
        ]
        snapshot = load_snapshot(self._store_paths, self._record.snapshot)
        replaced = self._order.replace
        if paths := worth_declaring(news, root=prepared.root, snapshot=snapshot, replaced=replaced, named=named):
            self._warnings.append(undeclared_warning(stage, paths))

    def _note_made(self, prepared: Prepared, *, completed: bool) -> None:
        """Note what an operation has written, as outs unless it names them, and what it has read."""
        operation = self._order.stage.operation
        if operation is None:
            return
        read = tuple(sorted({*self._record.read, *self._read_deps(prepared)}))
        repo = self._repo if completed else None
        apart = [*self._record.deps, *(entry.path for entry in self._stage.params)]
        if self._is_open and repo is not None:
            apart += self._put_aside(prepared, repo)
        made = find_made(self._stage, root=prepared.root, before=self._tree, apart=apart, repo=repo)
        if self._is_open:
            self._stage = with_outs(self._stage, made.outs)
            if made.left_out and completed:
                self._warnings.append(left_out_warning(made.left_out))
        if completed:
            self._warnings += [into_dep_warning(operation, dep, paths) for dep, paths in made.into.items()]
            self._told.update(made.into)
        self._record = replace(
            self._record,
            learned=Learned(
                read=read,
                found=tuple(dep.path for dep in self._stage.deps if dep.found),
                made=made.paths,
                read_by=self._record.read_by,
            ),
        )

    def _put_aside(self, prepared: Prepared, repo: RunRepo) -> tuple[str, ...]:
        """Put aside what the command wrote in the place of DVC's files; returns those that are as they were."""

        def original(path: str) -> bytes | None:
            if path in self._order.replace:
                return self._order.replace[path].encode()
            md5 = prepared.sources.get(path, "")
            whole = bool(md5) and not self._store.sources.lacking([md5])
            return Path(self._store.sources.path(md5)).read_bytes() if whole else None

        aside = put_aside(
            self._stage, root=prepared.root, before=self._tree, own=self._own, original=original, repo=repo
        )
        self._warnings.extend(aside.warnings)
        return aside.paths

    def _read_deps(self, prepared: Prepared) -> list[str]:
        """The deps that were read, as far as access times can tell; what is shared with the cache counts as read."""
        paths = [dep.path for dep in self._stage.deps if dep.path not in self._stage.texts]
        if self._record.read_by != "atime":
            return paths
        found = {dep.path for dep in self._stage.deps if dep.found}
        return [path for path in paths if path not in found or self._any_read(prepared.root, path)]

    def _any_read(self, root: Path, path: str) -> bool:
        """Whether a file, or one of those that a folder had, was read since its access time was set to 0."""
        files = [file for file in self._tree.files if file.startswith(f"{path}/")]
        return bool(read_files(root, files if path in self._tree.folders else [path]))

    def _folder_deps(self) -> list[str]:
        return [path for path, dep in self._record.deps.items() if dep.seen.endswith(DIR_SUFFIX)]

    def _reads(self, prepared: Prepared, read_by: str) -> tuple[str, ...]:
        """The undeclared sources that were read; where the mount keeps no access times, those that scripts import."""
        if read_by == "atime":
            return read_files(prepared.root, prepared.undeclared)
        scripts = scripts_of(self._order.stage, prepared.sources)
        imported = {*scripts, *imported_modules(prepared.root, scripts, self._record.import_roots)}
        return tuple(path for path in prepared.undeclared if path in imported)

    def _metrics(self, root: Path) -> dict[str, Any]:
        """The content of every metric file that this run wrote."""

        def is_written(path: str) -> bool:
            return (root / path).is_file() and stamp(root / path) != self._before.get(path)

        contents, warnings = read_metrics(root, self._metric_outs(), is_written=is_written)
        self._warnings += warnings
        return contents

    def _metric_outs(self) -> list[str]:
        outs = self._stage.outs
        named = [*(out.path for out in outs if out.kind is OutKind.METRIC), *self._order.file.metrics]
        return list(dict.fromkeys(named))

    def _final_of(self, error: DvcMagicError | OSError) -> RunRecord:
        """The final record of a run that could not be prepared or saved."""
        if is_full(error):
            room = room_left(self._paths.folder)
            text = f"the disk is full, {room} ({self._paths.folder}): make room, then run the stage again"
            return self._final(RunStatus.FAILED, reason=_DISK_FULL, error=text)
        text = _disk_message(error) if isinstance(error, OSError) else str(error)
        reason = "supervisor gone" if isinstance(error, SupervisorLostError) else "engine"
        return self._final(RunStatus.FAILED, reason=reason, error=text)

    def _final(self, status: RunStatus, *, reason: str = "", error: str = "") -> RunRecord:
        return replace(
            self._record,
            status=status,
            reason=reason,
            error=error,
            warnings=tuple(self._warnings),
            times=replace(self._record.times, finished=datetime.now(UTC), total=round(self._clock.elapsed, 6)),
        )


def command_variables(
    order: WorkOrder, prepared: Prepared, environ: Mapping[str, str], *, store: StorePaths, token: str
) -> dict[str, str]:
    """The whole environment of an order's commands.

    Args:
        order, prepared: the run and its workspace.
        environ: the caller's, as of the call.
        store: the run store.
        token: marks every process of the run.
    """
    full = command_environment(order.stage, prepared.root, environ)
    mapped = [str(prepared.root / folder) for folder in order.record.import_roots]
    if python_path := [*mapped, *prepared.surroundings.python_path]:
        full["PYTHONPATH"] = os.pathsep.join(python_path)
    else:
        full.pop("PYTHONPATH", None)
    full |= tool_settings(
        Path(order.project),
        prepared.environments,
        commands=order.stage.commands,
        environ=full,
        uv_project=prepared.surroundings.uv_project,
    )
    full |= {
        "DVC_SITE_CACHE_DIR": str(store.dvc_site),
        "GIT_OPTIONAL_LOCKS": "0",
        "PYTHONUNBUFFERED": "1",
        RUN_TOKEN: token,
    }
    return full


def take_spoiled(deps: Mapping[str, DepRecord], store: RunStore) -> list[str]:
    """Take objects out of the runs' cache that commands wrote into through a hardlink; mend the runs that share them.

    Args:
        deps: as they were placed.

    Returns:
        The paths of the deps that such objects were placed for.
    """
    spoiled = {
        path: lacking
        for path, dep in deps.items()
        if dep.placed == "hardlink" and dep.seen
        if (lacking := store.cache.lacking(_files(store.cache, dep.seen)))
    }
    if spoiled:
        mend_runs_with({md5 for lacking in spoiled.values() for md5 in lacking}, store)
    return list(spoiled)


def _files(cache: RunCache, hash: str) -> Collection[str]:  # noqa: A002
    try:
        return cache.listing(hash).values()
    except FileNotFoundError:
        return [hash]


def _keep_order(paths: RunPaths, order: WorkOrder) -> None:
    """Keep what a run was to execute whose command failed; on a full disk it cannot be debugged, that is all."""
    with contextlib.suppress(StoreError):
        write_noun(paths.order, order, durable=False)


def _finished_dep(dep: DepRecord, finished: DepHash | None, *, in_folder: bool) -> DepRecord:
    if finished is None:
        return dep
    folder = dep.seen.endswith(DIR_SUFFIX) and finished.hash.endswith(DIR_SUFFIX)
    changed = dep.changed or (in_folder if folder else bool(dep.seen) and finished.hash != dep.seen)
    return replace(dep, hash=finished.hash, size=finished.size, files=finished.files, changed=changed)


_SAVING_ENDED = {
    "user": "stopped on request, after its command had ended and before its outputs were saved",
    "timeout": "stopped, because its outputs could not be saved in time after its command had ended",
}


def _stop_message(ending: Ending, order: WorkOrder) -> str:
    causes = {
        "user": "stopped on request",
        "timeout": f"stopped after its time limit of {order.timeout:g} s" if order.timeout else "stopped",
        "kernel": "stopped, because the notebook's kernel ended, or because its worker was asked to (SIGTERM)",
    }
    return causes[ending.stopped]


def _failure(exit_code: int) -> tuple[str, str]:
    if exit_code < 0:
        hint = ", perhaps for want of memory" if exit_code == -9 else ""  # noqa: PLR2004 - SIGKILL
        return f"signal {-exit_code}", f"the command was ended by signal {-exit_code}{hint}"
    return "", f"the command ended with exit code {exit_code}"


def _disk_message(error: OSError) -> str:
    where = f" at {error.filename}" if error.filename else ""
    return f"the run could not be prepared or recorded: {error.strerror or error}{where}"

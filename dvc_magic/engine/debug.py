"""A failed run executed once more, in a worker: in a copy that has the debugger on its path and does not stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from dvc_magic.debugging import INJECTED, VARIABLE
from dvc_magic.engine.links import project_links
from dvc_magic.engine.order import WorkOrder
from dvc_magic.engine.requests import CopyRequest
from dvc_magic.engine.runs import Control, Ending, Prepared, command_variables, prepare, supervise, take_spoiled
from dvc_magic.engine.surroundings import keep_surroundings
from dvc_magic.errors import MissingInputError
from dvc_magic.model.paths import StorePaths
from dvc_magic.pipeline import ProjectReader, shell_argv
from dvc_magic.store import RunCache, RunLock, RunStore, load_snapshot, read_noun, remove_tree, write_noun
from dvc_magic.wire import CopyEnd
from dvc_magic.workspace import environment_folders


def execute_copy(
    request: CopyRequest,
    *,
    store: RunStore,
    reader: ProjectReader,
    environ: Mapping[str, str],
    control: Control,
) -> CopyEnd:
    """Execute a failed run's commands in a copy of it, each Python of theirs under the debugger.

    Side effects: the copy's folder in the store, with lock and log, which is left to whoever asked unless that one is
    gone; its workspace is removed. No run is recorded, and the run itself is only read.

    Raises:
        FileNotFoundError: the run has kept no order.
        DvcMagicError: an input is gone, or the order is damaged.
    """
    order = read_noun(store.paths.run(request.run).order, WorkOrder)
    order = _present(replace(order, project=request.project, home=request.home), store, reader, environ)
    paths = store.paths.copy(request.copy)
    paths.folder.mkdir(parents=True, mode=0o700)
    lock = RunLock(paths.lock).acquire()
    try:
        _check_inputs(order, store.cache)
        prepared = prepare(order, store=store, paths=paths)
        placed = replace(order.record, deps=prepared.deps)
        write_noun(paths.record, placed, durable=False)  # where the code's own dm.dvcstage looks
        ending = _run(order, prepared, request=request, store=store.paths, environ=environ, control=control)
        spoiled = take_spoiled(prepared.deps, store)
        return CopyEnd(exit_code=ending.exit_code, stopped=ending.stopped, spoiled=tuple(spoiled))
    finally:
        _remove_workspace(paths.workspace, order, store)
        if control.abandoned:
            shutil.rmtree(paths.folder, ignore_errors=True)
        lock.release()


def _present(order: WorkOrder, store: RunStore, reader: ProjectReader, environ: Mapping[str, str]) -> WorkOrder:
    """The order with what earlier versions left out of it, and read from the project when the copy was made."""
    if order.surroundings:
        return order
    snapshot = load_snapshot(store.paths, order.record.snapshot)
    kept_as, _ = keep_surroundings(reader, snapshot, store=store, python_path=environ.get("PYTHONPATH", ""))
    environments = environment_folders(reader.root, snapshot.files, wdir=order.stage.wdir)
    links = project_links(order.stage, environments=environments, secrets=snapshot.linked)
    return replace(order, surroundings=kept_as, links=links)


def _remove_workspace(workspace: Path, order: WorkOrder, store: RunStore) -> None:
    """Remove a copy's workspace, with its links to objects, which changes the ctime of those."""
    cache, hashes = store.cache, [placement.hash for placement in order.placements]
    md5s = {md5 for hash_ in hashes if cache.whole(hash_) for md5 in cache.listing(hash_).values()}
    with store.known.locked(md5s):
        whole = md5s.difference(cache.lacking(md5s))
        remove_tree(workspace)
        store.known.note({cache.path(md5): md5 for md5 in whole})


def _check_inputs(order: WorkOrder, cache: RunCache) -> None:
    """Make sure that what the run was given is still there.

    Raises:
        MissingInputError: it is not.
    """
    gone = [placement.path for placement in order.placements if not cache.whole(placement.hash)]
    if gone:
        record = order.record
        message = (
            f"{record.name} cannot be executed again: its input {gone[0]!r} is gone from the runs' cache. "
            f"%dvc_run --from {record.number} gets it anew, and makes a run that can be debugged"
        )
        raise MissingInputError(message)


def _run(
    order: WorkOrder,
    prepared: Prepared,
    *,
    request: CopyRequest,
    store: StorePaths,
    environ: Mapping[str, str],
    control: Control,
) -> Ending:
    full = command_variables(order, prepared, environ, store=store, token=request.copy)
    full |= debugger_variables(full, request.prompt)
    paths = store.copy(request.copy)
    return supervise(
        [shell_argv(command, full) for command in order.stage.commands],
        cwd=prepared.root / order.stage.wdir,
        environ=full,
        log=paths.log,
        stop_file=paths.stop,
        control=control,
        timeout=None,  # nobody is to be hurried at the prompt
        meanwhile=lambda: None,
    )


def debugger_variables(environ: Mapping[str, str], prompt: str) -> dict[str, str]:
    """What brings the debugger into each Python that is started with `environ`.

    Hydra hides exceptions from its caller and exits instead, unless it is told not to.
    """
    path = [str(INJECTED), *filter(None, [environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(path),
        VARIABLE: prompt,
        "HYDRA_FULL_ERROR": environ.get("HYDRA_FULL_ERROR", "1"),
    }

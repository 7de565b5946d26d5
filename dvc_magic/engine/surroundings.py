"""Keeping what a project was at the moment of a call, in a worker, and reading it for each run."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from dvc_magic import codec
from dvc_magic.errors import StoreError
from dvc_magic.model.snapshot import Snapshot
from dvc_magic.model.surroundings import Surroundings
from dvc_magic.pipeline import ProjectReader, project_cache_types, run_config
from dvc_magic.store import RunStore
from dvc_magic.workspace import read_git_facts, uv_project_above


def keep_surroundings(
    reader: ProjectReader, snapshot: Snapshot, *, store: RunStore, python_path: str
) -> tuple[str, Surroundings]:
    """Keep what the project is now besides its sources; returns its md5 in the store as well.

    Args:
        reader: of the project.
        snapshot: of this moment.
        store: gets it, and a copy of git's index.
        python_path: the call's ``PYTHONPATH``, or an empty text.

    Raises:
        PipelineError: DVC cannot read the project's configuration.
        ProjectError: git keeps writing its index.
    """
    surroundings = Surroundings(
        git=read_git_facts(reader.root, store.sources, sources=snapshot.files.keys()),
        dvc_config=run_config(reader),
        cache_types=project_cache_types(reader),
        uv_project=uv_project_above(reader.root),
        python_path=_outside(reader.root, python_path),
    )
    return store.sources.keep(codec.encode_bytes(surroundings)), surroundings


def _outside(project: Path, python_path: str) -> tuple[str, ...]:
    """The entries that lie outside of the project: those in it are import roots, and mapped into each workspace."""
    root = os.path.realpath(project) + os.sep
    entries = (entry for entry in python_path.split(os.pathsep) if entry)
    return tuple(entry for entry in entries if not (os.path.realpath(entry) + os.sep).startswith(root))


def load_surroundings(md5: str, store: RunStore) -> Surroundings:
    """What `keep_surroundings` kept.

    Raises:
        StoreError: the store no longer has it.
    """
    path = store.sources.path(md5)
    if store.sources.lacking([md5]):
        message = f"the store no longer has what the project was at the call ({path} is gone or was changed): run again"
        raise StoreError(message)
    return _loaded(path)


@lru_cache(maxsize=4)  # one for each call under way: its thousand runs take it apart once
def _loaded(path: str) -> Surroundings:
    return codec.decode(Path(path).read_bytes(), Surroundings)

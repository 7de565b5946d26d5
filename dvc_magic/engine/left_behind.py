"""What runs and copies of runs have left behind whose worker was killed."""

from __future__ import annotations

import time

from dvc_magic.executors import sweep_run
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import RunStatus
from dvc_magic.store import RunStore, held, is_run_id, remove_tree

_STALE = 60.0  # seconds after which a copy that no worker holds is one that nobody will remove


def sweep_lost(store: RunStore) -> None:
    """End the processes that lost runs have left running."""
    for stored in store.all(limit=100):
        if stored.record.status is RunStatus.LOST:
            sweep_run(stored.record.id)


def sweep_copies(store: RunStore) -> None:
    """Remove copies whose worker and kernel were killed, and end what they have left running."""
    if not store.paths.debug.is_dir():
        return
    for folder in store.paths.debug.iterdir():
        old = time.time() - folder.stat().st_mtime > _STALE
        if is_run_id(folder.name) and old and not held(RunPaths(folder).lock):
            sweep_run(folder.name)
            remove_tree(folder)

"""Runs whose records reached the disk before the machine stopped, and whose outputs did not: see `store.boot`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dvc_magic.engine.runs import altered_outs
from dvc_magic.errors import DvcMagicError
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.store import UNSAFE, RunStore


def mend_after_power_cut(store: RunStore, *, boot: str) -> None:
    """Mend or mark the runs that lost what they made when the machine stopped; once after each start of the machine.

    Only sizes are looked at, of the runs that ended in the last minutes before. What has its size is hashed before it
    is used, because `KnownGood` forgets it as well.

    Side effects: those of `altered_outs`; the store's file ``boot``.

    Args:
        store: of whatever age.
        boot: this start of the machine; empty where the system does not tell, and then nothing is done.
    """
    marker = store.paths.boot
    if not boot or not store.paths.runs.is_dir():  # of a project that can only be read, there may be no store
        return
    with suppress(OSError):
        if marker.read_text(encoding="utf-8") == boot:
            return
    # A record is last written when its run ends: a stat says when, at a fraction of what reading 10,000 of them costs.
    ends = {
        run.name: record.stat().st_mtime
        for run in store.paths.runs.iterdir()
        if (record := RunPaths(run).record).exists()
    }
    unsafe = max(ends.values(), default=0) - UNSAFE
    for run_id in [run_id for run_id, end in ends.items() if end > unsafe]:
        with suppress(DvcMagicError, OSError):  # listings name damaged runs; a full disk can still be read
            _mend(store, store.read(run_id))
    with suppress(OSError):
        marker.write_text(boot, encoding="utf-8")


def _mend(store: RunStore, record: RunRecord) -> None:
    if record.status is not RunStatus.COMPLETED:
        return
    root = store.paths.run(record.id).dvc_root(record.root)
    if any(_size(root / path) < out.size for path, out in record.outs.items() if not Path(path).is_absolute()):
        altered_outs(record, store)
    lock = Path(record.dvcfile).with_suffix(".lock")
    if not _size(root / lock):
        store.mark_spoiled(record.id, {lock.as_posix(): "is empty or gone since the machine stopped"})


def _size(path: Path) -> int:
    """The bytes in a file, or in the files below a folder; what is missing has none."""
    below = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sum(file.stat().st_size for file in below or [path] if file.is_file())

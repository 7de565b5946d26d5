"""``kill -9`` of a process that removes, restores and deletes runs: the others keep all that they need."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dvc_magic.model.record import OutRecord
from dvc_magic.store import RunStore, check_store, give_back
from tests.support.records import add_run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

_KILLS = 15
_RUNS = 40
_CODE = """
import sys
from pathlib import Path
from dvc_magic.store import RunStore, purge
store = RunStore.open(Path(sys.argv[1]))
print("ready", flush=True)
for run in store.all()[::2]:
    store.trash.put(run.id)
    store.trash.restore(run.id)
    store.trash.put(run.id)
    purge(store, [run.id])
"""


def _fill(store: RunStore, first: int) -> None:
    """Runs with an out of their own and one that all share, linked from the cache."""
    for number in range(first, first + _RUNS):
        texts = (f"own {number}", "shared")
        outs = {text: OutRecord(hash=store.cache.keep(text.encode()), size=len(text)) for text in texts}
        record = add_run(store, number, outs=outs)
        workspace = store.paths.run(record.id).workspace
        workspace.mkdir()
        for text, out in outs.items():
            os.link(store.cache.path(out.hash), workspace / text)


def _numbers(store: RunStore) -> set[int]:
    return {run.number for run in (*store.all(), *store.trash.runs())}


def test_a_purge_that_is_killed_at_any_moment_leaves_a_sound_store(tmp_path: Path) -> None:
    store, chance = RunStore.open(tmp_path / "store"), random.Random(7)
    for round_ in range(_KILLS):
        _fill(store, round_ * _RUNS + 1)
        before = _numbers(store)
        with subprocess.Popen([sys.executable, "-c", _CODE, str(store.home)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.15))
            process.kill()

        assert check_store(store) == []
        kept = _numbers(store)
        assert kept <= before
        assert len(kept) >= len(before) // 2
        give_back(store)
        assert check_store(store) == []
    assert [path for path in store.paths.trash.iterdir() if path.name.startswith("purged-")] == []

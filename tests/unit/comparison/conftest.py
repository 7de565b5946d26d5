from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dvc_magic import codec
from dvc_magic.model.snapshot import Snapshot, SourceFile, snapshot_id
from dvc_magic.runs import RunRow, run_row
from dvc_magic.store import RunStore, snapshot_file
from tests.support.records import add_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.open(tmp_path / "store")


@pytest.fixture
def keep(store: RunStore) -> Callable[[Mapping[str, str | bytes]], str]:
    """Keeps source files and their snapshot in the store; returns its id."""

    def keep_now(files: Mapping[str, str | bytes]) -> str:
        contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        sources = {
            path: SourceFile(md5=store.sources.keep(content), size=len(content), mtime_ns=0)
            for path, content in contents.items()
        }
        snapshot = Snapshot(id=snapshot_id(sources, ()), files=sources)
        store.paths.snapshots.mkdir(exist_ok=True)
        snapshot_file(store.paths, snapshot.id).write_text(codec.encode(snapshot))
        return snapshot.id

    return keep_now


@pytest.fixture
def make_row(store: RunStore, keep: Callable[..., str]) -> Callable[..., RunRow]:
    """Makes a run with its lineage, of a store that has its `files`."""

    def make(
        number: int = 1, *upstream: RunRow, files: Mapping[str, str | bytes] | None = None, **changes: Any
    ) -> RunRow:
        runs = {run.id: run for row in upstream for run in (*row.upstream, row.run)}
        record = add_run(
            store,
            number,
            **{
                "snapshot": keep(files) if files is not None else "",
                "attempts": 1,
                "exit_code": 0,
                "upstream": {run.record.stage: run.id for run in runs.values()},
                **changes,
            },
        )
        return run_row(store.get(record.id), runs.values())

    return make

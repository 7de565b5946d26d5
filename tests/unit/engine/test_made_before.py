"""The runs that made what no stage makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dvc_magic.engine.calls.made_before import made_before
from dvc_magic.model.record import OutRecord, RunStatus
from dvc_magic.model.stage import OutKind
from dvc_magic.store import RunStore
from tests.support.records import add_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """An empty store."""
    return RunStore.open(tmp_path / "store")


def _add(store: RunStore, number: int, out: str, *files: str, **changes: Any) -> None:
    """A run with an output, of which these files are there."""
    record = add_run(store, number, outs={out: OutRecord(kind=OutKind.OUT, cache=True)}, **changes)
    for file in files:
        place = store.paths.run(record.id).dvc_root(record.root) / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def test_the_newest_runs_are_named_and_python_takes_it_from_the_first(store: RunStore) -> None:
    for number in range(1, 6):
        _add(store, number, "models", "models/a.pkl")

    text = made_before("models/a.pkl", store=store, project=Path("/p"), by_magic=False)

    assert text.splitlines() == [
        "Runs made it: train 5, train 4, train 3 and 2 more. To have it in the project:",
        "  project.runs[5].copy('models/a.pkl', '/p/models/a.pkl')",
    ]


def test_runs_that_failed_that_lack_it_or_whose_output_was_altered_are_not(store: RunStore) -> None:
    _add(store, 1, "a.pkl", "a.pkl", status=RunStatus.FAILED)
    _add(store, 2, "a.pkl")
    _add(store, 3, "a.pkl", "a.pkl", spoiled={"a.pkl": "it was changed"})
    _add(store, 4, "b.pkl", "a.pkl")

    assert made_before("a.pkl", store=store, project=Path("/p"), by_magic=True) == ""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import CallInfo, Notes, RunRecord, RunStatus, Times
from dvc_magic.store import StoredRun, new_run_id


@pytest.fixture
def make_run():
    """Makes stored runs without a store."""

    def make(number=1, *, notes=None, folder="run", **changes):
        fields = {
            "id": new_run_id(),
            "number": number,
            "call": CallInfo(id="ab" * 6),
            "stage": "train",
            "cmd": "python train.py",
            "times": Times(created=datetime(2026, 1, 31, 12, 0, tzinfo=UTC)),
            "status": RunStatus.COMPLETED,
        }
        return StoredRun(
            record=RunRecord(**{**fields, **changes}), notes=notes or Notes(), paths=RunPaths(Path(folder))
        )

    return make

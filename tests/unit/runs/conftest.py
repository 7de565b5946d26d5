from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import Notes
from dvc_magic.store import StoredRun
from tests.support.records import make_record


@pytest.fixture
def make_run():
    """Makes stored runs without a store."""

    def make(number=1, *, notes=None, folder="run", **changes):
        record = make_record(number, **changes)
        return StoredRun(record=record, notes=notes or Notes(), paths=RunPaths(Path(folder)))

    return make

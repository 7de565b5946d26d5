from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dvc_magic.model.record import CallInfo, RunRecord, RunStatus, Times
from dvc_magic.store import RunStore, new_run_id

CREATED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return RunStore.open(tmp_path / "store")


@pytest.fixture
def make_record():
    def make(number=1, **changes):
        fields = {
            "id": new_run_id(),
            "number": number,
            "call": CallInfo(id="ab" * 6),
            "stage": "train",
            "cmd": "python train.py",
            "times": Times(created=CREATED),
            "status": RunStatus.COMPLETED,
        }
        return RunRecord(**{**fields, **changes})

    return make


@pytest.fixture
def add(store, make_record):
    """Puts a finished run into the store."""

    def put(number=1, **changes):
        record = make_record(number, **changes)
        with store.claim(record.id):
            store.write(record, durable=False)
        return record

    return put

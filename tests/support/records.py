"""Records of runs that never were, and stores that hold them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dvc_magic.model.record import CallInfo, RunRecord, RunStatus, Times
from dvc_magic.store import RunStore, new_run_id

CREATED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def make_record(number: int = 1, **changes: Any) -> RunRecord:
    """The record of a completed run of the stage ``train``; `changes` are fields of it."""
    fields: dict[str, Any] = {
        "id": new_run_id(),
        "number": number,
        "call": CallInfo(id="ab" * 6),
        "stage": "train",
        "cmd": "python train.py",
        "times": Times(created=CREATED),
        "status": RunStatus.COMPLETED,
    }
    return RunRecord(**{**fields, **changes})


def add_run(store: RunStore, number: int = 1, **changes: Any) -> RunRecord:
    """Put a run into a store, with `changes` of its record."""
    record = make_record(number, **changes)
    with store.claim(record.id):
        store.write(record, durable=False)
    return record

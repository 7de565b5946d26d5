"""A planned run as people see it before, or instead of, a record of its own."""

from __future__ import annotations

from dvc_magic.model.call import CallRecord, CallStatus, PlannedRun
from dvc_magic.model.record import CallInfo, Override, RunRecord, RunStatus, Times
from dvc_magic.model.values import FlatValues

_STATUS = {
    CallStatus.RUNNING: (RunStatus.PENDING, ""),
    CallStatus.COMPLETED: (RunStatus.STOPPED, "not needed"),
    CallStatus.FAILED: (RunStatus.FAILED, "upstream"),
    CallStatus.STOPPED: (RunStatus.STOPPED, "user"),
    CallStatus.LOST: (RunStatus.LOST, "host gone"),
}


def planned_record(call: CallRecord, row: PlannedRun) -> RunRecord:
    """What is known of a planned run that has not begun: pending while its call goes, else what the call came to."""
    status, reason = _STATUS[call.status]
    overrides = []
    params: dict[str, FlatValues] = {}
    for name, value in row.values.items():
        file, _, key = name.partition(":")
        overrides.append(Override(file=file, key=key, value=value))
        params.setdefault(file, {})[key] = value
    return RunRecord(
        id=row.id,
        number=row.number,
        call=CallInfo(id=call.id, asked=row.index is not None, index=row.index),
        stage=row.stage,
        cmd="",
        times=Times(created=call.created),
        line=call.request.line,
        notebook=call.request.notebook,
        overrides=tuple(overrides),
        params=params,
        status=status,
        reason=reason,
        error="" if status is RunStatus.PENDING else f"it never began: {call.error or f'its call is {call.status}'}",
    )

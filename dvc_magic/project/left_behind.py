"""What the kernels before this one have left: calls that ended with them, and detached ones that go on."""

from __future__ import annotations

import contextlib
import os

from dvc_magic.errors import DvcMagicError
from dvc_magic.model.call import CallRecord, CallStatus
from dvc_magic.project.handles.call import Call, Calls
from dvc_magic.store import RunStore
from dvc_magic.untrusted import one_line
from dvc_magic.views import call_name

_NEWEST = 20  # calls that are looked at
_CELL = "%%"


def left_behind(store: RunStore, *, notebook: str | None) -> str:
    """One line about calls of kernels that are gone: what ended with them, and what still runs; mostly empty.

    A call that has ended is told of once.

    Args:
        store: of the project. notebook: whose kernel this is, if that is known: calls of others are left to these.

    Side effects: marks the calls that it tells of.
    """
    ended: list[Call] = []
    going: list[Call] = []
    for call in Calls((record.id for record in store.calls.newest(_NEWEST)), store):
        record = call.record
        if record.kernel == os.getpid() or not _is_of(notebook, record):
            continue
        if record.status is CallStatus.RUNNING and record.detached:
            going.append(call)
        elif _ended_with_its_kernel(record) and store.calls.mark_told(record.id):  # of several kernels one tells
            ended.append(call)
    with contextlib.suppress(DvcMagicError):  # a folder that is removed meanwhile
        return " ".join(filter(None, [_ended_text(ended), _going_text(going)]))
    return ""


def _is_of(notebook: str | None, record: CallRecord) -> bool:
    return notebook is None or record.request.notebook in (None, notebook)


def _ended_with_its_kernel(record: CallRecord) -> bool:
    return record.status is CallStatus.LOST or (record.status is CallStatus.STOPPED and record.reason == "kernel")


def _ended_text(calls: list[Call]) -> str:
    if not calls:
        return ""
    first, more = calls[0], len(calls) - 1
    line = one_line(first.line)
    further = f" and {more} more (%dvc_calls)" if more else ""
    text = f"With the last kernel ended {line} ({first.row().counts.text()}){further}."
    if line.startswith(_CELL):
        return f"{text} Its cell with --reuse goes on with it."
    if not line.startswith("%"):  # an API call
        return f"{text} The same call with reuse=True goes on with it."
    return f"{text} To go on: {line if '--reuse' in line else f'{line} --reuse'}"


def _going_text(calls: list[Call]) -> str:
    if not calls:
        return ""
    first, more = calls[0], len(calls) - 1
    further = f" and {more} more" if more else ""
    name = call_name(first.id)
    progress = first.row().counts.text()
    return f"Still running, detached: {name} {one_line(first.line)} ({progress}){further}; %dvc_calls, %dvc_stop {name}"

"""The calls that a kernel has left in the background: what the next cell tells of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from dvc_magic.errors import DvcMagicError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Call, Launched
from dvc_magic.untrusted import first_few, message
from dvc_magic.views import call_name, run_line

_NAMED = 5  # runs that one line names


class BackgroundCalls:
    """The calls in the background that go on, or whose end nobody has been told of.

    Args:
        show: prints a text into the cell that runs.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._untold: list[Launched] = []

    def add(self, launched: Launched) -> None:
        """Tell of a call when it has failed."""
        self._untold.append(launched)

    def tell(self) -> None:
        """Print a line about each call that has failed since the last cell."""
        ended = [launched for launched in self._untold if launched.pending.done]
        self._untold = [launched for launched in self._untold if launched not in ended]
        for launched in ended:
            if text := failure_line(launched):
                self._show(f"{message(text)}\n")


def failure_line(launched: Launched) -> str:
    """What a call in the background has come to, if it failed, with what shows more; empty when it did not."""
    try:
        launched.pending.result()
        error = ""
    except DvcMagicError as lost:
        error = str(lost).partition("\n")[0]
    with contextlib.suppress(DvcMagicError):  # the store may be gone
        return _outcome(launched.call, error)
    return f"call:{launched.call.id}: {error}" if error else ""


def _outcome(call: Call, error: str) -> str:
    status = call.status
    if status not in (CallStatus.FAILED, CallStatus.LOST) and not error:
        return ""
    runs = call.runs
    bad = [run for run in runs if run.status not in (RunStatus.COMPLETED, RunStatus.STOPPED)]
    if len(runs) == 1 and bad and not error:
        return f"In the background {run_line(bad[0].record, bad[0].metrics)}; %dvc_show {bad[0].number} shows more"
    more = f"; the call could not go on: {error}" if error else ""
    names = first_few([str(run.number) for run in bad], _NAMED)
    failed = f"{len(bad)} of {len(runs)} runs did not complete: {names}" if bad else "a call has ended"
    return f"In the background {failed}{more}; %dvc_show {call_name(call.id)} shows them"

"""What a foreground call shows while it goes: the plan, the logs as they come, and how each run ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.plan import PointPlan
from dvc_magic.model.record import RunRecord
from dvc_magic.runs import LogTail, metrics_of
from dvc_magic.untrusted import message, one_line
from dvc_magic.views import log_text, plan_text, progress_text, pulled_text, pulling_text, reused_line, run_line

_SLOW, _PAUSE = 2.0, 1.0  # seconds until a pull's progress is worth a line, and between two such lines


class ForegroundDisplay:
    """Prints a call while it goes, as a call's observer; with several runs at once, lines carry the run's name."""

    def __init__(
        self,
        paths: StorePaths,
        *,
        prefix: bool,
        show: Callable[[str], None],
        varying: Collection[tuple[str, str]] | None = None,
    ) -> None:
        self._paths = paths
        self._prefix = prefix
        self._show = show
        self._varying = varying
        self._tails: dict[str, LogTail] = {}
        self._names: dict[str, str] = {}
        self._open_line: dict[str, str] = {}
        self._pull_shown = 0.0  # seconds into the pull
        self._warned: set[str] = set()  # runs that went at the same time warn of the same

    def planned(self, call: str, plan: Sequence[PointPlan]) -> None:  # noqa: ARG002 - an observer
        """Print the plan, the first line of a call's output."""
        self._show(f"{plan_text(tuple(plan))}\n")

    def pulling(self, progress: PullProgress) -> None:
        """Print one line when a pull begins, one when it ends, and few between when it takes its time."""
        if progress.done:
            self._show(f"{pulled_text(progress)}\n")
        elif not progress.seconds:
            self._pull_shown = 0.0
            self._show(f"{pulling_text(progress)}\n")
        elif progress.seconds >= _SLOW and progress.seconds - self._pull_shown >= _PAUSE:
            self._pull_shown = progress.seconds
            self._show(f"  {progress_text(progress)}\n")

    def started(self, record: RunRecord) -> None:
        """Begin to follow a run's log."""
        self._tails[record.id] = LogTail(self._paths.run(record.id).log)
        self._names[record.id] = one_line(record.name)
        self._open_line[record.id] = ""

    def waiting(self) -> None:
        """Print what the running stages have written."""
        for run_id in self._tails:
            self._print(run_id, last=False)

    def finished(self, record: RunRecord) -> None:
        """Print the log's end and the outcome."""
        self._end(record, partial(run_line, varying=self._varying), record.warnings)

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """Print what the run came to, whenever that was, and the log's end if it went until now."""
        self._end(record, partial(reused_line, varying=self._varying), notices)

    def _end(
        self, record: RunRecord, line: Callable[[RunRecord, Mapping[str, Any]], str], further: Sequence[str]
    ) -> None:
        if record.id in self._tails:
            self._print(record.id, last=True)
            del self._tails[record.id]
        self._show(f"{line(record, metrics_of(record, self._paths.run(record.id)))}\n")
        for text in further:
            if text not in self._warned:
                self._show(f"  {message(text)}\n")
                self._warned.add(text)

    def _print(self, run_id: str, *, last: bool) -> None:
        tail = self._tails[run_id]
        text = log_text(tail.read(last=last), kept_in=tail.path)
        if not self._prefix:
            self._open_line[run_id] = text.rsplit("\n", 1)[-1] if "\n" in text else self._open_line[run_id] + text
            if last and self._open_line[run_id]:
                text += "\n"
            if text:
                self._show(text)
            return
        lines = (self._open_line[run_id] + text).split("\n")
        self._open_line[run_id] = "" if last else lines.pop()
        for line in lines:
            if line:
                self._show(f"[{self._names[run_id]}] {line}\n")

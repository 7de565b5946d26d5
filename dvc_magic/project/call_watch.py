"""An observer that makes views of a call while it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.model.plan import PointPlan
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import OutKind
from dvc_magic.project.follow import Silent
from dvc_magic.runs import PointsFile, log_tail, metric_files, metrics_of
from dvc_magic.views import (
    LiveCall,
    LiveRun,
    plan_text,
    progress_text,
    pulled_text,
    pulling_text,
    reused_line,
    run_line,
)

_PAUSE = 0.15  # seconds between two views
_LINES = 30


class _Followed(Struct):
    """A run that goes; what was read of it last, and the signs of the files that it was read from."""

    record: RunRecord
    paths: RunPaths
    printed: PointsFile
    began: float
    tail: tuple[str, ...] = ()
    log_size: int = -1
    metrics: Mapping[str, Any] = field(default_factory=dict)
    metric_signs: tuple[object, ...] = ()

    def look(self) -> None:
        """Read what has changed: the log's end, the metric files, the scalars that it printed."""
        size = _sign(self.paths.log)
        if size != self.log_size:
            self.log_size, self.tail = size, tuple(log_tail(self.paths.log, _LINES))
        root = self.paths.dvc_root(self.record.root)
        outs = [path for path, out in self.record.outs.items() if out.kind is OutKind.METRIC]
        signs = (
            _sign(self.paths.scalars),
            *((path, _sign(root / path)) for path in metric_files(root, outs)),
        )
        if signs != self.metric_signs:
            going = replace(self.record, status=RunStatus.RUNNING, scalars=dict(self.printed.last()))
            found = metrics_of(going, self.paths)
            self.metric_signs = signs
            self.metrics = found or self.metrics  # a file that is being written reads as none

    def view(self, now: float) -> LiveRun:
        """What there is to show."""
        return LiveRun(
            name=self.record.name, seconds=now - self.began, log=self.paths.log, tail=self.tail, metrics=self.metrics
        )


def _sign(path: Path) -> int:
    """What differs when a file has been written again; -1 without one."""
    try:
        facts = path.stat()
    except OSError:
        return -1
    return hash((facts.st_mtime_ns, facts.st_size))


class CallWatch(Silent):
    """Shows a call through `show`, a few times in a second.

    Args:
        paths: of the store. show: gets each view. varying: file and key of the params that name a run.

    Attributes:
        records: those of the runs that have ended, in that order.
    """

    def __init__(
        self, paths: StorePaths, *, show: Callable[[LiveCall], None], varying: Collection[tuple[str, str]] = ()
    ) -> None:
        self._paths = paths
        self._send = show
        self._varying = varying
        self._plan = ""
        self._running: dict[str, _Followed] = {}
        self._pulls: dict[str, str] = {}
        self._ended: list[str] = []
        self._last: _Followed | None = None
        self._shown = 0.0
        self.records: list[RunRecord] = []

    def planned(self, plan: Sequence[PointPlan]) -> None:
        """Show the plan."""
        self._plan = plan_text(tuple(plan))
        self._show()

    def pulling(self, progress: PullProgress) -> None:
        """Show how far a pull has come."""
        said = pulled_text(progress) if progress.done else f"{pulling_text(progress)} {progress_text(progress)}"
        self._pulls[progress.remote] = said
        self._show()

    def started(self, record: RunRecord) -> None:
        """Follow a run."""
        paths = self._paths.run(record.id)
        printed = PointsFile(paths.scalars)
        self._running[record.id] = _Followed(record=record, paths=paths, printed=printed, began=time.monotonic())

    def waiting(self) -> None:
        """Show what is new."""
        if time.monotonic() - self._shown >= _PAUSE:
            self._show()

    def finished(self, record: RunRecord) -> None:
        """Take down how a run ended."""
        line = run_line(record, metrics_of(record, self._paths.run(record.id)), varying=self._varying)
        self._ended += [line, *(f"  {warning}" for warning in record.warnings)]
        self._last = self._running.pop(record.id, self._last)
        self.records.append(record)
        self._show()

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """Take down a run that answers without being one of this call's."""
        line = reused_line(record, metrics_of(record, self._paths.run(record.id)), varying=self._varying)
        self._ended += [line, *(f"  {notice}" for notice in notices)]
        self._last = self._running.pop(record.id, self._last)
        self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        followed = [*self._running.values()]
        for one in followed or ([self._last] if self._last is not None else []):
            one.look()
        self._send(
            LiveCall(
                plan=self._plan,
                ended=(*self._pulls.values(), *self._ended),
                running=tuple(one.view(self._shown) for one in followed),
                log=self._last.paths.log if self._last is not None else None,
                tail=self._last.tail if self._last is not None else (),
            )
        )

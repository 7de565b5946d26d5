"""An observer that makes views of a call while it goes, for panels and cells alike."""

from __future__ import annotations

import threading
import time
from collections import deque
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
from dvc_magic.runs import LiveSeries, LogTail, PointsFile, metric_files, metrics_of
from dvc_magic.untrusted import Screen
from dvc_magic.views import (
    CallCounts,
    Curves,
    LiveCall,
    LiveRun,
    live_curves,
    name_of,
    plan_text,
    progress_text,
    pulled_text,
    pulling_text,
    reused_line,
    run_line,
    time_left,
)

_PAUSE = 0.15  # seconds between two views
_SHARE = 8  # times as long as a view took is waited before the next one: a flood is nobody's to watch closely
_BITE = 4096  # characters of a log that are taken without a break, about 3 ms of a flood
_BREATH = 0.0005  # seconds in which the kernel's other threads run: they would wait 5 ms at each of their steps
_DRAW = 1.0  # seconds between two looks at step series
_CURVES = 8  # runs in one plot
_FAILED = 3  # lines about runs that ended badly, however many runs end after them


class _Followed(Struct):
    """A run that goes; what was read of it last, and the signs of the files that it was read from."""

    record: RunRecord
    paths: RunPaths
    name: str
    log: LogTail
    screen: Screen
    printed: PointsFile
    began: float
    tail: tuple[str, ...] = ()
    skipped: int = 0
    series: LiveSeries | None = None  # once it was looked for: the workspace is not there at the start
    metrics: Mapping[str, Any] = field(default_factory=dict)
    metric_signs: tuple[object, ...] = ()

    def look(self, *, last: bool = False) -> None:
        """Read what has changed: the log, the metric files, the scalars that it printed."""
        part = self.log.read(last=last)
        self.skipped += part.skipped
        if part.text:
            for start in range(0, len(part.text), _BITE):
                if start:
                    time.sleep(_BREATH)
                self.screen.feed(part.text[start : start + _BITE])
            self.tail = tuple(self.screen.lines())
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

    def look_at_series(self) -> bool:
        """Read what has come to its step series; whether any has."""
        if self.series is None:
            self.series = LiveSeries(self.record, self.paths)
        return self.series.look()

    def view(self, now: float) -> LiveRun:
        """What there is to show."""
        return LiveRun(
            name=self.name,
            seconds=now - self.began,
            log=self.paths.log,
            tail=self.tail,
            left_out=self.screen.dropped,
            skipped=self.skipped,
            metrics=self.metrics,
        )


def _sign(path: Path) -> int:
    """What differs when a file has been written again; -1 without one."""
    try:
        facts = path.stat()
    except OSError:
        return -1
    return hash((facts.st_mtime_ns, facts.st_size))


class CallWatch(Silent):
    """Shows a call through `show`, a few times in a second. Any thread may tell it and look at it.

    Args:
        paths: of the store. show: gets each view.
        varying: file and key of the params that name a run; None for all that the call gave values.
        jobs: runs at the same time. lines: of each log that are kept. plots: whether step series are drawn.
    """

    def __init__(
        self,
        paths: StorePaths,
        *,
        show: Callable[[LiveCall], None],
        varying: Collection[tuple[str, str]] | None = (),
        jobs: int = 1,
        lines: int = 30,
        plots: bool = False,
    ) -> None:
        self._lock = threading.RLock()  # events come in the host's reading thread, the cell looks in its own
        self._paths = paths
        self._send = show
        self._varying = varying
        self._jobs = jobs
        self._lines = lines
        self._plots = plots
        self._call = ""
        self._plan = ""
        self._counts = CallCounts(total=0)
        self._began = time.monotonic()
        self._running: dict[str, _Followed] = {}
        self._pulls: dict[str, str] = {}
        self._ended: list[str] = []
        self._failed: list[str] = []
        self._bad: set[str] = set()  # names of runs that ended badly
        self._durations: list[float] = []
        self._warned: set[str] = set()  # runs that went at the same time warn of the same
        self._last: _Followed | None = None
        self._drawn: deque[_Followed] = deque(maxlen=_CURVES)
        self._curves: Curves | None = None
        self._looked = 0.0
        self._shown = 0.0
        self._took = 0.0  # seconds for the last view

    def planned(self, call: str, plan: Sequence[PointPlan]) -> None:
        """Show the plan."""
        with self._lock:
            self._call = call
            self._plan = plan_text(tuple(plan))
            self._counts = CallCounts(total=len(plan))
            self._show()

    def pulling(self, progress: PullProgress) -> None:
        """Show how far a pull has come."""
        with self._lock:
            said = pulled_text(progress) if progress.done else f"{pulling_text(progress)} {progress_text(progress)}"
            self._pulls[progress.remote] = said
            self._show()

    def started(self, record: RunRecord) -> None:
        """Follow a run."""
        with self._lock:
            paths = self._paths.run(record.id)
            followed = self._running[record.id] = _Followed(
                record=record,
                paths=paths,
                name=name_of(record, varying=self._varying),
                log=LogTail(paths.log, raw=True),
                screen=Screen(lines=self._lines),
                printed=PointsFile(paths.scalars),
                began=time.monotonic(),
            )
            self._drawn.append(followed)

    def waiting(self) -> None:
        """Show what is new."""
        with self._lock:
            if time.monotonic() - self._shown >= max(_PAUSE, _SHARE * self._took):
                self._show()

    def finished(self, record: RunRecord) -> None:
        """Take down how a run ended."""
        with self._lock:
            line = run_line(record, metrics_of(record, self._paths.run(record.id)), varying=self._varying)
            self._take_down(record, line, record.warnings)
            if record.call.asked:
                self._count(record)
            self._show()

    def reused(self, record: RunRecord, notices: Sequence[str]) -> None:
        """Take down a run that answers without being one of this call's."""
        with self._lock:
            line = reused_line(record, metrics_of(record, self._paths.run(record.id)), varying=self._varying)
            self._take_down(record, line, notices)
            self._count(record, reused=True)
            self._show()

    def _take_down(self, record: RunRecord, line: str, notes: Sequence[str]) -> None:
        fresh = [note for note in dict.fromkeys(notes) if note not in self._warned]
        self._warned.update(fresh)
        lines = [line, *(f"  {note}" for note in fresh)]
        self._ended += lines
        if record.status is not RunStatus.COMPLETED:
            self._bad.add(name_of(record, varying=self._varying))
            if len(self._failed) < _FAILED:
                self._failed.append(line)
        self._last = self._running.pop(record.id, self._last)
        if self._last is not None:
            self._last.look(last=True)
            if self._counts.total <= _CURVES:  # those of more runs are drawn only while they go
                self._look_at_series()

    def _count(self, record: RunRecord, *, reused: bool = False) -> None:
        """Count a target that is decided."""
        counts, completed = self._counts, record.status is RunStatus.COMPLETED
        stopped = record.status is RunStatus.STOPPED
        self._counts = replace(
            counts,
            ended=counts.ended + 1,
            failed=counts.failed + (not completed and not stopped),
            stopped=counts.stopped + stopped,
            reused=counts.reused + (reused and completed),
        )
        if completed and not reused and record.times.duration is not None:
            self._durations.append(record.times.duration)

    def _look_at_series(self) -> None:
        """Draw what has come, of the series that says how it goes."""
        if not self._plots:
            return
        self._looked = time.monotonic()
        changed = [followed.look_at_series() for followed in self._drawn]
        if any(changed):
            drawn = [(followed.name, followed.series) for followed in self._drawn if followed.series is not None]
            self._curves = live_curves(drawn, failed=self._bad)

    @property
    def view(self) -> LiveCall:
        """The call as it is now."""
        with self._lock:
            now = time.monotonic()
            for one in self._running.values():
                one.look()
            if self._running and now - self._looked >= _DRAW:
                self._look_at_series()
            seconds = now - self._began
            left = time_left(self._counts, self._durations, jobs=self._jobs)
            last = self._last.view(now) if self._last is not None else None
            return LiveCall(
                call=self._call,
                plan=self._plan,
                counts=replace(self._counts, seconds=seconds, left=left),
                ended=(*self._pulls.values(), *self._ended),
                failed=tuple(self._failed),
                running=tuple(one.view(now) for one in self._running.values()),
                last=last,
                curves=self._curves,
            )

    def _show(self) -> None:
        began = time.monotonic()
        self._send(self.view)
        self._shown = time.monotonic()
        self._took = self._shown - began

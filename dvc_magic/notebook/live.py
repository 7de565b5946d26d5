"""A call as its cell shows it: one line that tells, the logs below it, and an end that stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime
from html import escape

from dvc_magic.client import Pending
from dvc_magic.errors import DvcMagicError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.paths import StorePaths
from dvc_magic.notebook.outputs import Bundle, LiveOutput, Outputs
from dvc_magic.project import CallWatch, Project, Run, Runs, tell
from dvc_magic.runs import LogTail
from dvc_magic.untrusted import Screen, one_line
from dvc_magic.views import LiveCall, call_line, log_text, run_line
from dvc_magic.wire import Event

_SOON = 0.3  # seconds that a call may take before its line is shown
_LINES = 200  # of each log
_SHOWN = 20  # runs in a table
_DRAWN = 8  # runs whose curves stay at the end of a call
_ERROR = 300  # characters of an error
_LOOK = 0.1  # seconds between two looks at a log
_AS_TEXT = (  # so that the line does not jump when its plain text gives way to HTML
    "margin: 0; padding-left: 8px; font-size: var(--jp-code-font-size, 13px); "
    "line-height: var(--jp-code-line-height, 1.3)"
)


class LiveDisplay:
    """A call that somebody waits for, in the cell that waits: an observer by `watch`, then `end`.

    The plan and what a short call has to say are printed. After 0.3 s an output is made for the line, and one for the
    logs, each of them updated in place.

    Args:
        paths: of the store. outputs: of the kernel. show: prints into the cell.
        varying: file and key of the params that name a run. jobs: runs at the same time.
        plots: whether step series are drawn.
    """

    def __init__(
        self,
        paths: StorePaths,
        outputs: Outputs,
        *,
        show: Callable[[str], None],
        varying: Collection[tuple[str, str]],
        jobs: int,
        plots: bool,
    ) -> None:
        self._outputs = outputs
        self._print = show
        self._line: LiveOutput | None = None
        self._log: LiveOutput | None = None
        self._has_plan = False
        self.watch = CallWatch(paths, show=self._show, varying=varying, jobs=jobs, lines=_LINES, plots=plots)

    def _show(self, view: LiveCall) -> None:
        if view.plan and not self._has_plan:
            self._has_plan = True
            self._print(f"{view.plan}\n")
        if self._line is not None:
            self._line.update(_going(view))
        elif view.counts.seconds >= _SOON and view.call:
            self._line = self._outputs.show(f"call:{view.call}/line", _going(view))
        if self._line is not None:
            self._show_log(view)

    def _show_log(self, view: LiveCall) -> None:
        text = view.log_text()
        if self._log is not None:
            self._log.update(_text(text))
        elif text:
            self._log = self._outputs.show(f"call:{view.call}/log", _text(text))

    def end(self) -> None:
        """Show how it ended, or how far it came."""
        view = self.watch.view
        if self._line is None:
            self._print("".join(f"{text}\n" for text in (view.log_text(), view.end()) if text))
            return
        self._line.end(_with_curves(view.end(), view), told=view.told())
        if self._log is not None:
            self._log.end(_text(view.log_text()))


class BackgroundDisplay:
    """A call that goes on beside the notebook, in the cell that has begun it.

    Args:
        paths, outputs, varying, jobs, plots: as for `LiveDisplay`.
    """

    def __init__(
        self,
        paths: StorePaths,
        outputs: Outputs,
        *,
        varying: Collection[tuple[str, str]],
        jobs: int,
        plots: bool,
    ) -> None:
        self._outputs = outputs
        self._lock = threading.Lock()
        self._line: LiveOutput | None = None
        self._log: LiveOutput | None = None
        self._runs: Runs | None = None
        self._pending: Pending | None = None
        self._has_ended = False
        self.watch = CallWatch(paths, show=self._show, varying=varying, jobs=jobs, lines=_LINES, plots=plots)

    def heard(self, event: Event | None) -> None:
        """Take an event, or None now and then, in the host's reading thread."""
        if event is not None:
            tell(self.watch, event)
        elif self._pending is not None and self._pending.done:
            self._end()
        else:
            self.watch.waiting()

    def begin(self, runs: Runs, pending: Pending) -> None:
        """Make the outputs, in the cell that runs."""
        view = self.watch.view
        line = self._outputs.show(f"call:{view.call}/line", _going(view))
        log = self._outputs.show(f"call:{view.call}/log", _text(view.log_text()))
        with self._lock:
            self._line, self._log, self._runs, self._pending = line, log, runs, pending
        if pending.done:
            self._end()

    def _show(self, view: LiveCall) -> None:
        with self._lock:
            line, log = (None, None) if self._has_ended else (self._line, self._log)
        if line is not None and log is not None:
            line.update(_going(view))
            log.update(_text(view.log_text()))

    def _end(self) -> None:
        with self._lock:
            if self._has_ended or self._line is None or self._log is None or self._runs is None:
                return
            self._has_ended = True
        view = self.watch.view
        told = view.told()
        error = _error_of(self._pending)
        self._line.end(_ended(view, self._runs, error), told="; ".join(filter(None, [told, error])))
        self._log.end(_text(view.log_text()))


def follow_log(run: Run, outputs: Outputs | None, *, show: Callable[[str], None], lines: int | None) -> None:
    """Show the log of a run that goes, to its end: in an output that is updated, or printed where there is none.

    Args:
        run: that goes. outputs: of the kernel. show: prints into the cell.
        lines: how many of the last lines an output shows.

    Raises:
        KeyboardInterrupt: it was interrupted; the run goes on.
    """
    tail, screen = LogTail(run.log.path, raw=outputs is not None), Screen(lines=lines or _LINES)
    output = outputs.show(f"run:{run.id}/log-{time.time_ns()}", _text("")) if outputs is not None else None
    text, has_ended = "", False
    while not has_ended:
        has_ended = run.status.final  # before the look, or its last words were missed
        part = tail.read(last=has_ended)
        if output is None:
            show(log_text(part, kept_in=run.log.path))
        else:
            if part.text:
                screen.feed(part.text)
                text = "\n".join(screen.lines())
            output.update(_text(text))
        if not has_ended:
            time.sleep(_LOOK)
    if output is not None:
        output.end(_text(text))


def _text(text: str) -> Bundle:
    return {"text/plain": text}


def _with_curves(text: str, view: LiveCall) -> Bundle:
    """A text, and below it the curves where there are any; of many runs `Runs.plot` has them, the file need not."""
    image = view.curve_html() if view.running or view.counts.total <= _DRAWN else ""
    return {"text/plain": text, "text/html": f"{_pre(text)}{image}"} if image else _text(text)


def _pre(text: str) -> str:
    return f'<pre style="{_AS_TEXT}">{escape(text)}</pre>'


def _going(view: LiveCall) -> Bundle:
    lines = [view.outcome(), view.line(now=datetime.now().astimezone())]
    return _with_curves("\n".join(filter(None, lines)), view)


def _error_of(pending: Pending | None) -> str:
    """Why a call could not go on, in one line; empty for one that came to its end, whatever became of its runs."""
    try:
        if pending is not None:
            pending.result()
    except DvcMagicError as error:
        return f"the call could not go on: {one_line(str(error).partition(chr(10))[0], longest=_ERROR)}"
    return ""


def _ended(view: LiveCall, runs: Runs, error: str) -> Bundle:
    """How a call ended that nobody waited for: of one with many runs their table."""
    text = "\n".join(filter(None, [view.end(), error]))
    if view.counts.total == 1:
        return _with_curves(text, view)
    try:
        return _with_table(text, runs, below=view.curve_html() if view.counts.total <= _DRAWN else "")
    except (DvcMagicError, OSError):  # the project was moved or removed
        return _text(text)


def _with_table(text: str, runs: Runs, *, below: str = "") -> Bundle:
    table = runs.table(_SHOWN)
    return {"text/plain": f"{text}\n\n{table.text()}", "text/html": f"{_pre(text)}{table.html()}{below}"}


def recalled(output_id: str, project: Project) -> Bundle | None:
    """What an output of an earlier kernel would show now, by its id; None for one that nothing is known of."""
    name, _, part = output_id.partition("/")
    if not name.startswith("call:"):
        return None
    try:
        call = project.calls[name]
        runs = call.runs
        if part == "log":
            return _text(runs[0].log.tail(_LINES)) if len(runs) == 1 else None
        if call.status is CallStatus.RUNNING:
            return _text(f"{call!r}; %dvc_calls shows how far it is")
        if len(runs) == 1:
            return _text(run_line(runs[0].record, runs[0].metrics))
        return _with_table(call_line(call.row()), runs)
    except DvcMagicError:
        return None

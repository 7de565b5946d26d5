"""A call while it goes: its plan, the runs that have ended, and what the running ones print and measure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from html import escape

from msgspec import Struct

from dvc_magic.runs import LiveSeries
from dvc_magic.untrusted import lines, one_line
from dvc_magic.views.curves import Curves, curve_of
from dvc_magic.views.curves_svg import curves_alt, curves_svg, svg_image
from dvc_magic.views.live_line import CallCounts, end_line, live_line
from dvc_magic.views.live_run import LiveRun, log_html

_ENDED = 8  # lines about runs that have ended
_FIRST = 3  # of a grid in a cell
_LONGEST = 60_000  # characters of the logs in a cell


def live_curves(series: Sequence[tuple[str, LiveSeries]], *, failed: Collection[str] = ()) -> Curves | None:
    """The series of some runs over each other that tells how the last of them goes; None when it has none.

    Args:
        series: name and series of each run. failed: names of those that ended badly.
    """
    name = next((found.default for _, found in reversed(series) if found.default), "")
    drawn = [
        (run, one) for run, found in series for one in found.history.series if one.name == name and len(one.values) > 1
    ]
    if not drawn:
        return None
    curves = tuple(
        curve_of(one, label=run, place=place, good=run not in failed) for place, (run, one) in enumerate(drawn)
    )
    return Curves(name=name, axis=drawn[0][1].axis, curves=curves, total=len(curves))


class LiveCall(Struct, frozen=True, kw_only=True):
    """A call at one moment.

    Attributes:
        call: its id. plan: in one line. counts: how far it is.
        ended: a line about each run that has ended, oldest first. failed: those of the first that ended badly.
        running: the runs that go. last: the run that ended last.
        curves: the step series of these and of a few before them; None without one.
    """

    call: str = ""
    plan: str = ""
    counts: CallCounts = CallCounts(total=1)
    ended: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    running: tuple[LiveRun, ...] = ()
    last: LiveRun | None = None
    curves: Curves | None = None

    def html(self) -> str:
        """Static HTML; everything of the project's in it is escaped."""
        plan = f"<div>{escape(lines(self.plan))}</div>" if self.plan else ""
        hidden = len(self.ended) - _ENDED
        before = [f"<div>... {hidden} before</div>"] if hidden > 0 else []
        ended = [f"<div>{escape(lines(line))}</div>" for line in self.ended[-_ENDED:]]
        running = [run.html() for run in self.running]
        last = [log_html(self.last.tail, self.last.log)] if self.last is not None and not self.running else []
        return f"<div>{''.join([plan, *before, *ended, *running, *last])}</div>"

    # in a cell

    def line(self, *, now: datetime) -> str:
        """The call in one line while it goes."""
        note = self.ended[-1] if self.ended and not self.counts.ended else ""
        return live_line(self.counts, self.running, now=now, note=note)

    def outcome(self) -> str:
        """What has ended: each run of a few, of a grid the first ones and those that ended badly."""
        if self.counts.total == 1:
            return lines("\n".join(self.ended))
        shown = [*self.ended[:_FIRST], *(line for line in self.failed if line not in self.ended[:_FIRST])]
        more = len(self.ended) - len(shown)
        return lines("\n".join([*shown, *([f"... {more} more lines"] if more > 0 else [])]))

    def end(self) -> str:
        """What has ended, and of a grid its sum."""
        sums = [end_line(self.counts)] if self.counts.total > 1 else []
        return "\n".join(filter(None, [self.outcome(), *sums]))

    def curve_html(self) -> str:
        """The curves as an image that any page shows; empty without any."""
        return svg_image(curves_svg(self.curves), alt=curves_alt(self.curves)) if self.curves is not None else ""

    def told(self) -> str:
        """What became of it, in one short line."""
        if self.counts.total > 1:
            return end_line(self.counts)
        return next((line for line in reversed(self.ended) if not line.startswith(" ")), "a call has ended")

    def log_text(self) -> str:
        """The ends of the logs that are of interest now; with several at a time, each line says whose it is."""
        shown = self.running or ((self.last,) if self.last is not None else ())
        if len(shown) == 1:
            text = "\n".join(shown[0].log_lines())
        else:
            text = "\n".join(f"[{one_line(run.name)}] {line}" for run in shown for line in run.log_lines())
        return text if len(text) <= _LONGEST else f"...{text[-_LONGEST:]}"

"""The magics that look at runs which are there already."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import DvcMagicError, RequestError
from dvc_magic.line import Option, Options, Usage, read_runs_line
from dvc_magic.model.record import RunStatus
from dvc_magic.notebook.control import runs_named
from dvc_magic.notebook.forms import CardView, LogView
from dvc_magic.notebook.interrupted import show_alone
from dvc_magic.notebook.live import follow_log
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Run, Runs, RunWords
from dvc_magic.views import Card, Section

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_RUNS = Usage(
    magic="%dvc_runs",
    words=("EXPR",),
    raw=True,
    options=(
        Option(name="--stage", what="TARGET"),
        Option(name="--status", what="STATUS"),
        Option(name="--tag", what="TAG"),
        Option(name="--sort", what="KEY"),
        Option(name="-n", what="N"),
        Option(name="--all", takes=False),
        Option(name="--deleted", takes=False),
        Option(name="--disk", takes=False),
    ),
)
_SHOW = Usage(magic="%dvc_show", words=("RUN",), options=(Option(name="--files", takes=False),))
_LOG = Usage(magic="%dvc_log", words=("RUN",), options=(Option(name="-n", what="N"), Option(name="-f", takes=False)))


@magics_class
class RunsMagics(Magics):
    """Listing runs, and one run's card and log."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_RUNS)
    def dvc_runs(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Runs:
        """List runs, newest first.

        Examples::

            %dvc_runs
            %dvc_runs train
            %dvc_runs failed
            %dvc_runs metrics.loss < 0.1 and stage == 'train'
            %dvc_runs --stage train --status completed --sort -metrics.acc -n 5
            runs = %dvc_runs --all

        Options::

            --stage S     runs of a stage, a group of stages or an operation, as its name alone
            --status S    completed, failed, stopped..., as the word alone
            --tag T       runs with this tag
            --sort KEY    by a param, metric or field; -KEY downwards
            -n N          the first N, all of them shown
            --all         those upstream of them as well
            --deleted     those in the trash, which %dvc_restore takes back
            --disk        with the bytes that each has for itself, and what the store takes in all

        A stage that is named, with ``--stage``, alone or in a query, means all of its runs, those that were made
        upstream of another stage too.

        In a query a name is a param, a metric or a field such as stage, status, number, started, label, tags;
        ``call = c3f2`` are the runs of one call. What comes back is a selection: ``runs[0]`` is its first run.
        """
        names = self._session.names(local_ns)
        return self._selected(read_runs_line(line, _RUNS, namespace=names))

    def _selected(self, options: Options) -> Runs:
        runs = self._session.project.runs
        if "--deleted" in options.switches:
            runs = runs.deleted()
        elif "--all" in options.switches:
            runs = runs.unfolded()
        stage, status, tag = (options.values.get(name) for name in ("--stage", "--status", "--tag"))
        if stage or status or tag or options.positional:
            words = RunWords(self._stages(), folder=self._session.folder)
            # What may name a stage comes first: all its runs are found among those of the store, not in a selection.
            for query in words.queries(options.positional, stage=stage, status=status, tag=tag):
                runs = runs.where(query)
        if "--sort" in options.values:
            key = options.values["--sort"]
            runs = runs.order_by(key.lstrip("-"), descending=key.startswith("-"))
        runs = runs[: _count(options.values["-n"])] if "-n" in options.values else runs[:]
        return runs.with_disk() if "--disk" in options.switches else runs

    def _stages(self) -> list[str]:
        """The stages that the runs are of, and those of the project as far as it can be read."""
        known = dict.fromkeys(self._session.connection.store.stages())
        with contextlib.suppress(DvcMagicError):
            known |= dict.fromkeys(self._session.project.stages)
        return list(known)

    @dvc_line_magic(_SHOW)
    def dvc_show(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run | Runs | CardView:
        """Show a run: status, params, metrics, deps, outs.

        Examples::

            %dvc_show
            %dvc_show 41
            %dvc_show {run}
            %dvc_show call:3f2
            %dvc_show 41 --files

        A run is named by its number, the start of its id, its label, ``last`` or ``{variable}``. Without one it is the
        kernel's last. ``call:`` and the start of an id mean the runs of a call.

        Options::

            --files       the source files that it had, and which of them it read
        """
        options = _SHOW.read(line, namespace=self._session.names(local_ns))
        if "--files" in options.switches:
            run = self._newest() if options.positional is None else self._run_named(options.positional, "%dvc_show")
            return CardView(Card(title=f"run {run.stage} {run.number}", sections=(Section(table=run.source_table()),)))
        if options.positional is None:
            return self._newest().in_full()
        runs = runs_named(options.positional, self._session)
        return runs[0].in_full() if len(runs) == 1 else runs

    @dvc_line_magic(_LOG)
    def dvc_log(self, line: str, local_ns: Mapping[str, Any] | None = None) -> LogView | None:
        """Show what a run printed, as a terminal shows it; without a run named, the kernel's last one.

        Examples::

            %dvc_log
            %dvc_log 41 -n 50
            %dvc_log 41 -f

        Options::

            -n N          the last N lines
            -f            follow a run that goes, to its end; an interrupt ends only the following
        """
        options = _LOG.read(line, namespace=self._session.names(local_ns))
        run = self._newest() if options.positional is None else self._run_named(options.positional, "%dvc_log")
        lines = _count(options.values["-n"]) if "-n" in options.values else None
        if "-f" not in options.switches or run.status.final:
            return LogView(run, lines=lines)
        try:
            outputs = self._session.outputs if self._session.shows_live else None
            follow_log(run, outputs, show=self._session.show, lines=lines)
        except KeyboardInterrupt as interrupt:
            show_alone(interrupt, f"{run.stage} {run.number} goes on; %dvc_stop {run.number} stops it")
            raise
        return None

    def _run_named(self, text: str, magic: str) -> Run:
        runs = runs_named(text, self._session)
        if len(runs) == 1:
            return runs[0]
        going = next((run for run in runs if run.status is RunStatus.RUNNING), runs[0]) if runs else None
        hint = f"; name one of them: {magic} {going.number}" if going is not None else ""
        raise RequestError(f"{magic} is about one run here, and {text!r} means {len(runs)} runs{hint}")

    def _newest(self) -> Run:
        if self._session.last is not None:
            return self._session.last
        return self._session.project.last


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        message = f"-n {text}: expected a whole number from 1 up, such as -n 10"
        raise RequestError(message)
    return int(text)

"""The magics that look at runs which are there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import RequestError
from dvc_magic.line import Option, Options, Usage
from dvc_magic.notebook.forms import LogView
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Run, Runs

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_RUNS = Usage(
    words=("EXPR",),
    raw=True,
    options=(
        Option(name="--stage", what="STAGE"),
        Option(name="--status", what="STATUS"),
        Option(name="--tag", what="TAG"),
        Option(name="--sort", what="KEY"),
        Option(name="-n", what="N"),
        Option(name="--all", takes=False),
    ),
)
_SHOW = Usage(words=("RUN",))
_LOG = Usage(words=("RUN",), options=(Option(name="-n", what="N"),))


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
            %dvc_runs metrics.loss < 0.1 and stage == 'train'
            %dvc_runs --stage train --status completed --sort metrics.loss -n 5
            %dvc_runs --all

        ``--all`` lists upstream runs as well. A sort key with a ``-`` before it sorts downwards.
        """
        return self._selected(_RUNS.read(line, namespace=self._session.names(local_ns)))

    def _selected(self, options: Options) -> Runs:
        runs = self._session.project.runs
        if "--all" in options.switches:
            runs = runs.unfolded()
        for name in ("stage", "status"):
            if f"--{name}" in options.values:
                runs = runs.where(f"{name} == {quoted(options.values[f'--{name}'])}")
        if "--tag" in options.values:
            runs = runs.where(f"tags contains {quoted(options.values['--tag'])}")
        if options.positional:
            runs = runs.where(options.positional)
        if "--sort" in options.values:
            key = options.values["--sort"]
            runs = runs.order_by(key.lstrip("-"), descending=key.startswith("-"))
        return runs[: _count(options.values["-n"])] if "-n" in options.values else runs[:]

    @dvc_line_magic(_SHOW)
    def dvc_show(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run:
        """Show a run: status, params, metrics, deps, outs. Without RUN the kernel's last one.

        Examples::

            %dvc_show
            %dvc_show 41
            %dvc_show {run}
        """
        return self._named_run(_SHOW.read(line, namespace=self._session.names(local_ns)))

    @dvc_line_magic(_LOG)
    def dvc_log(self, line: str, local_ns: Mapping[str, Any] | None = None) -> LogView:
        """Show what a run printed. Without RUN the kernel's last one.

        Examples::

            %dvc_log
            %dvc_log 41 -n 50
        """
        options = _LOG.read(line, namespace=self._session.names(local_ns))
        run = self._named_run(options)
        return LogView(run, lines=_count(options.values["-n"]) if "-n" in options.values else None)

    def _named_run(self, options: Options) -> Run:
        if options.positional is not None:
            return self._session.project.runs[options.positional]
        if self._session.last is not None:
            return self._session.last
        return self._session.project.last


def quoted(text: str) -> str:
    """`text` as a literal of the query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        message = f"-n {text}: expected a whole number from 1 up, such as -n 10"
        raise RequestError(message)
    return int(text)

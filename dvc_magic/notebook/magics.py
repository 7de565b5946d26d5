"""The magics: each reads its line, makes one call on `Project`, and shows the result once."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)
from traitlets import Unicode

from dvc_magic.errors import DvcMagicError, RequestError
from dvc_magic.line import Options, RunLine, read_options, read_run_line
from dvc_magic.notebook.display import ForegroundDisplay
from dvc_magic.notebook.forms import CardView, LogView, stage_help
from dvc_magic.project import Plan, Project, Run, Runs, Stages, StageView

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_RUNS_SHOWN = 20


@magics_class
class DvcMagics(Magics):
    """The magics of dvc_magic and what they remember: the project, and the kernel's last run."""

    home = Unicode(
        "", help="Folder for run stores, instead of .dvc_magic in each project. Takes effect at the next %dvc_project."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._project: Project | None = None
        self._last: Run | None = None

    def warm(self) -> None:
        """Start a worker when the working directory lies in a project; the first magic says what is wrong, if it is."""
        with contextlib.suppress(DvcMagicError, OSError):
            self.project.warm()

    def close(self) -> None:
        """End the workers."""
        if self._project is not None:
            self._project.close()
            self._project = None

    @property
    def project(self) -> Project:
        """The project: found upward from the working directory at the first use, then kept."""
        if self._project is None:
            self._project = Project.open(home=self.home)
        return self._project

    def _names(self, local_ns: Mapping[str, Any] | None) -> dict[str, Any]:
        return {**self._shell.user_global_ns, **self._shell.user_ns, **(local_ns or {})}

    def _show(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_magic
    def dvc_project(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Project:
        """Show the project, or make another one the project.

        Examples::

            %dvc_project
            %dvc_project ../churn-model

        The project is kept until the next ``%dvc_project PATH``, wherever the kernel goes. Its runs are below it in
        ``.dvc_magic``; ``git clean -fdx`` would remove their records.
        """
        options = read_options(line, positional="PATH", namespace=self._names(local_ns))
        if options.positional is not None:
            chosen = Project.open(options.positional, home=self.home)
            self.close()
            self._project = chosen
            self._last = None
            chosen.warm()
        return self.project

    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_magic
    def dvc_stages(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Stages | StageView:
        """List the stages, or show one with its command, deps, outs and flags.

        Examples::

            %dvc_stages
            %dvc_stages train
        """
        options = read_options(line, positional="STAGE", namespace=self._names(local_ns))
        stages = self.project.stages
        return stages if options.positional is None else stages[options.positional]

    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_magic
    def dvc_run(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run | Runs | Plan | CardView | None:
        """Run a stage as an isolated run; stages upstream of it run first where their outputs are missing or stale.

        Examples::

            %dvc_run train
            run = %dvc_run train --lr 0.1 --label "first try"
            runs = %dvc_run train --lr 0.1,0.01,0.001 --jobs 2
            %dvc_run train -S model.layers=[64,64]
            %dvc_run train --use prepare=41 --timeout 10m
            %dvc_run train --dry-run

        Flags are the params of the stage and of those upstream of it: the full key or an unambiguous end.
        ``%dvc_run train --help`` lists them. Several values make a grid.

        Options::

            -S, --set KEY=V      set any key of a param or vars file, in DVC's grammar
            --use STAGE=RUN      take the outputs of this run
            --upstream POLICY    auto (default), latest, project, never
            -C, --copy-path PATH take along a file that git ignores
            --timeout T          seconds, or 30s, 5m, 2h
            -j, --jobs N         runs at the same time
            --label L, --tag T   notes on the run
            --dry-run            show the plan only
            --no-raise           give a failed run back instead of an error
            --into NAME          put the result into a variable
            --all                all final stages
        """
        names = self._names(local_ns)
        pipeline = self.project.pipeline()
        asked = read_run_line(line, namespace=names, pipeline=pipeline)
        if asked.help:
            return CardView(stage_help(asked.request.stages, pipeline))
        if asked.dry_run:
            return self.project.dry_run(asked.request)
        return self._keep(asked, self._run(asked))

    def _run(self, asked: RunLine) -> Runs:
        request = asked.request
        display = ForegroundDisplay(self.project.store.paths, prefix=request.jobs > 1, show=self._show)
        try:
            runs = self.project.start(request, observer=display, raise_errors=asked.raise_errors)
        except BaseException:
            self._remember_last()
            raise
        self._remember_last()
        return runs

    def _remember_last(self) -> None:
        with contextlib.suppress(DvcMagicError):
            self._last = self.project.last

    def _keep(self, asked: RunLine, runs: Runs) -> Run | Runs | None:
        single = len(runs) == 1 and not asked.request.is_grid
        result = runs[0] if single else runs
        if asked.into:
            self._shell.user_ns[asked.into] = result
        return None if asked.silent else result

    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_magic
    def dvc_runs(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Runs:
        """List runs, newest first.

        Examples::

            %dvc_runs
            %dvc_runs metrics.loss < 0.1 and stage == 'train'
            %dvc_runs --stage train --status completed --sort metrics.loss -n 5
            %dvc_runs --all

        ``--all`` lists upstream runs as well. A sort key with a ``-`` before it sorts downwards.
        """
        options = read_options(
            line,
            positional="EXPR",
            raw=True,
            values=("--stage", "--status", "--tag", "--sort", "-n"),
            switches=("--all",),
            namespace=self._names(local_ns),
        )
        return self._selected(options)

    def _selected(self, options: Options) -> Runs:
        runs = self.project.runs
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

    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_magic
    def dvc_show(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run:
        """Show a run: status, params, metrics, deps, outs. Without RUN the kernel's last one.

        Examples::

            %dvc_show
            %dvc_show 41
            %dvc_show {run}
        """
        return self._named_run(read_options(line, positional="RUN", namespace=self._names(local_ns)))

    @output_can_be_silenced
    @no_var_expand
    @needs_local_scope
    @line_magic
    def dvc_log(self, line: str, local_ns: Mapping[str, Any] | None = None) -> LogView:
        """Show what a run printed. Without RUN the kernel's last one.

        Examples::

            %dvc_log
            %dvc_log 41 -n 50
        """
        options = read_options(line, positional="RUN", values=("-n",), namespace=self._names(local_ns))
        run = self._named_run(options)
        return LogView(run, lines=_count(options.values["-n"]) if "-n" in options.values else None)

    def _named_run(self, options: Options) -> Run:
        if options.positional is not None:
            return self.project.runs[options.positional]
        if self._last is not None:
            return self._last
        return self.project.last


def quoted(text: str) -> str:
    """`text` as a literal of the query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        message = f"-n {text}: expected a whole number from 1 up, such as -n 10"
        raise RequestError(message)
    return int(text)

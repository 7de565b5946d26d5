"""`Project`: the public door."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from dvc_magic.debugger import Debugged, ask_here, show_here
from dvc_magic.errors import RequestError
from dvc_magic.model.checkup import CheckProgress
from dvc_magic.project.caller import Caller
from dvc_magic.project.connection import Connection
from dvc_magic.project.example import write_example
from dvc_magic.project.handles.call import Calls
from dvc_magic.project.handles.checkup import Checkup
from dvc_magic.project.handles.operations import Operations
from dvc_magic.project.handles.plan import Plan
from dvc_magic.project.handles.run import Run
from dvc_magic.project.handles.runs import Runs
from dvc_magic.project.handles.stages import Stages
from dvc_magic.project.handles.widgets import Widgets
from dvc_magic.project.options import CallOptions, PlanOptions, takes
from dvc_magic.project.promoting import Promoted
from dvc_magic.project.python_operation import Required, python_operation
from dvc_magic.project.requests import read_request, single_values
from dvc_magic.project.runs_browser import RunsBrowser
from dvc_magic.project.settings import Settings, find_root, read_settings
from dvc_magic.store import RunStore
from dvc_magic.wire import Check, Checking, Event

if TYPE_CHECKING:
    from dvc_magic.project.panel_calls import PanelCalls


class Project:
    """A DVC project whose stages can be run as isolated runs.

    The project's own files are only read; runs are kept in its run store (``.dvc_magic`` unless set otherwise). Use
    `open`; `close` ends the host and its workers, which also end with this process. Any thread may use it.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        """Use `open`.

        Args:
            root: the folder with ``.dvc``. settings: of the user.
        """
        self._connection = Connection(root, settings)
        self._caller = Caller(self._connection)
        self._widgets = Widgets(self._connection.pipeline, self._panel_calls, self._runs_browser)

    @classmethod
    def open(cls, path: str | os.PathLike[str] = ".", *, home: str = "") -> Project:
        """The project that `path` lies in.

        Args:
            path: a folder; the project is the nearest one at or above it that has ``.dvc``.
            home: folder for run stores, instead of ``.dvc_magic`` in the project.

        Raises:
            NotAProjectError: `path` lies in no DVC project.
            ProjectError: ``dvc_magic.yaml`` cannot be read.
        """
        root = find_root(Path(path))
        return cls(root, read_settings(root, home=home))

    @classmethod
    def example(cls, name: str, folder: str | os.PathLike[str] | None = None) -> Project:
        """``Project.example("iris")``: a sample project, made in `folder` (``./iris``), or found there from before.

        Side effects: those of `dvc_magic.project.write_example`; a folder that holds something else is left alone.

        Raises:
            RequestError: no such sample, the folder is taken, or a package that the sample needs is missing.
            ProjectError: git or DVC cannot make it.
        """
        return cls.open(write_example(name, None if folder is None else Path(folder)).root)

    @property
    def root(self) -> Path:
        """The folder with ``.dvc``."""
        return self._connection.root

    @property
    def store(self) -> RunStore:
        """The run store, made at the first need; what is in the trash can be restored there."""
        return self._connection.store

    @property
    def widgets(self) -> Widgets:
        """The widgets: ``project.widgets.panel()``, ``.stage_form("train")``."""
        return self._widgets

    def _panel_calls(self) -> PanelCalls:
        from dvc_magic.project.panel_calls import PanelCalls  # noqa: PLC0415 - ipywidgets take 0.1 s

        return PanelCalls(self._connection, self._caller)

    def _runs_browser(self) -> RunsBrowser:
        return RunsBrowser(self.store, self._caller)

    def close(self) -> None:
        """End the host and its workers; runs that still go are stopped, those of widgets too."""
        self._widgets.close()
        self._connection.close()

    def __enter__(self) -> Self:
        """The project itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def stages(self) -> Stages:
        """The stages by address, as DVC resolves them now."""
        return Stages(self._connection.pipeline())

    @property
    def operations(self) -> Operations:
        """The operations by name: those of ``dvc_magic.yaml`` and ``guild.yml`` as they are now, and of cells."""
        return Operations(self._connection.pipeline())

    @property
    def runs(self) -> Runs:
        """The runs that were asked for, newest first; ``project.runs[41]`` and ``project.runs["3fa"]`` reach all."""
        return Runs(self.store.listing(asked=True), self.store, by_number=True, actions=self._caller)

    @property
    def calls(self) -> Calls:
        """The calls, newest first: ``project.calls[0]``, ``project.calls["3f2"]``, ``project.calls.running``."""
        return Calls(self.store.calls.by_age(), self.store, actions=self._caller)

    @property
    def last(self) -> Run:
        """The newest run that was asked for.

        Raises:
            RunNotFoundError: there is none.
        """
        return Run(self.store.find("last"), self.store, actions=self._caller)

    @takes(CallOptions)
    def run(
        self,
        stage: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        from_run: int | str | Run | None = None,
        **options: Unpack[CallOptions],
    ) -> Run:
        """Run a stage as an isolated run, upstream stages first where their outputs are missing or stale.

        Args:
            stage: address from the root, such as ``train`` or ``sub/dvc.yaml:train@us``, whatever the working directory
                is: ``project.stages`` and ``run.stage`` give such ones. With `from_run`, that of its stage.
            params: key (or an unambiguous end, or ``FILE:KEY``) -> value.
            from_run: a run, its number, id or label: its values hold where `params` say nothing.
            options: those that ``help(dvc_magic.CallOptions)`` explains.

        Returns:
            The finished run; with `reuse`, it may be one of an earlier call. In the background, one that goes on.

        Raises:
            RunFailedError: the stage, or one upstream of it, ended badly.
            RequestError: the call makes no sense. ProjectError: the project cannot be used as it is.
            KeyboardInterrupt: the call was interrupted; the run is kept as ``stopped``.
        """
        values = single_values(params)
        request = read_request(stage, values, options, self._connection, from_run=from_run, several=False)
        return self._caller.carry_out(request, options)[0]

    @takes(CallOptions)
    def grid(
        self,
        stage: str | Sequence[str] | None,
        params: Mapping[str, Sequence[Any]],
        *,
        jobs: int = 1,
        from_run: int | str | Run | None = None,
        **options: Unpack[CallOptions],
    ) -> Runs:
        """Run a stage once for each combination of values; the last param varies fastest.

        ``grid(["train", "evaluate"], {})`` runs several stages in one call, ``grid("fit", {})`` all items of a
        ``foreach`` or ``matrix`` group, ``grid("fit@u*", {})`` those that fit. What one of them makes, the others of
        the call build on.

        Args:
            stage: address of a stage or a group, or ``GROUP@PATTERN``; or several of these.
            params: key -> the values it takes, for each stage that has it.
            jobs: runs at the same time.
            from_run: as in `run`.
            options: those that ``help(dvc_magic.CallOptions)`` explains.

        Returns:
            The runs, stage by stage, each in grid order.

        Raises:
            RunsFailedError: some runs ended badly; all were tried.
        """
        single = [key for key, values in params.items() if isinstance(values, str) or not isinstance(values, Iterable)]
        if single:
            value = params[single[0]]
            message = f"{single[0]!r} needs a list of values here; for one value write [{value!r}], or use run()"
            raise RequestError(message)
        many = {key: list(values) for key, values in params.items()}
        request = read_request(stage, many, options, self._connection, from_run=from_run, jobs=jobs)
        return self._caller.carry_out(request, options)

    @takes(CallOptions)
    def op(
        self,
        name: str,
        code: str,
        params: Mapping[str, Any] | None = None,
        *,
        deps: Sequence[str] = (),
        requires: Sequence[Required] = (),
        outs: Sequence[str | Mapping[str, Any]] = (),
        metrics: Sequence[str | Mapping[str, Any]] = (),
        stage: str = "",
        script: str = "",
        learn: bool = False,
        scalars: bool = False,
        desc: str = "",
        **options: Unpack[CallOptions],
    ) -> Run:
        """``project.op("fit", code, {"lr": 0.2}, requires=["dvcfile:iris.csv"])``: run code that is no stage yet.

        It is known as ``op:fit`` from then on: ``project.run("op:fit")``, ``project.grid("op:fit", {"lr": [1, 2]})``.

        Args:
            name: letters, digits, ``-``, ``_`` and ``.``.
            code: plain Python, which becomes the script ``NAME.py``; constants at its top level are its params.
            params: as in `run`.
            deps: files and folders that it reads.
            requires: sources: ``"dvcstage:prepare:clean.csv"``, ``dm.dvcfile("iris.csv", remote="far")``, or a map as
                in ``dvc_magic.yaml``.
            outs, metrics: what it makes, each a path or ``{path: {"cache": False}}``; without outs, what it writes.
            stage: the stage that its outputs can stand in for.
            script: where the script goes, instead of ``NAME.py``.
            learn: whether the run finds out what the code reads, and is given what it names.
            scalars: whether numbers in printed lines such as ``loss: 0.5`` are metrics and step series.
            desc: one line about it.
            options: those that ``help(dvc_magic.CallOptions)`` explains.

        Raises:
            OperationError: the code is no plain Python or uses names from nowhere, or a source makes no sense.
            RunFailedError: it ended badly, or a stage upstream of it did.
        """
        operation = python_operation(
            name,
            code,
            deps=deps,
            requires=requires,
            outs=outs,
            metrics=metrics,
            stage=stage,
            script=script,
            learn=learn,
            scalars=scalars,
            desc=desc,
        )
        with self._connection.operations.trying(operation):
            request = read_request(operation.address, single_values(params), options, self._connection)
        return self._caller.carry_out(request, options)[0]

    @takes(PlanOptions)
    def plan(
        self,
        stage: str | Sequence[str] | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        from_run: int | str | Run | None = None,
        **options: Unpack[PlanOptions],
    ) -> Plan:
        """``project.plan("train", {"lr": 0.1})``: what `run` would do with the same arguments; nothing is run.

        ``project.plan(["train", "evaluate"])`` and ``project.plan("group")`` tell what `grid` would do.

        Args:
            stage, params, from_run: as in `run`.
            options: as in `run`, but for `timeout`, `label`, `tags` and `raise_errors`.

        Raises:
            RequestError: the call makes no sense. ProjectError: the project cannot be used as it is.
        """
        return self._caller.plan(
            read_request(stage, single_values(params), options, self._connection, from_run=from_run)
        )

    def promote(self, run: int | str | Run, *, name: str = "", script: str = "", dry_run: bool = False) -> Promoted:
        """``project.promote(41)``: the same as `Run.promote`."""
        return self._caller.promote(run, name=name, script=script, dry_run=dry_run)

    def debug(
        self,
        run: int | str | Run | None = None,
        commands: Sequence[str] = (),
        *,
        ask: Callable[[str], str] = ask_here,
        show: Callable[[str], None] = show_here,
    ) -> Debugged:
        """``project.debug(41)``: execute a failed run again in a throw-away copy and open pdb where it fails.

        Args:
            run: number, id or label; without one, the newest failed run. Of a run that was never executed, that
                upstream of it which failed and so is the cause is debugged.
            commands: pdb's commands to give, instead of asking for them: ``["p lr", "w"]``.
            ask: gets the prompt and returns a command; `EOFError` ends the debugger.
            show: gets all text as it comes.

        Side effects: none that stay; see `dvc_magic.debugger.debug`.

        Raises:
            RunError: the run did not fail by its command. DvcMagicError: an input of it is gone.
            KeyboardInterrupt: it was interrupted; the copy is stopped and removed.
        """
        return self._caller.debug(run, commands, ask=ask, show=show)

    def check(self, *, repair: bool = False, watch: Callable[[CheckProgress], None] = lambda _: None) -> Checkup:
        """``project.check()``: whether the run store holds what it promises, by reading all of it.

        Args:
            repair: put right what can be. What is not as it should be is moved into the store's ``quarantine``, never
                removed; calls that are under way are not disturbed.
            watch: is told how far it has come.

        Side effects: none outside of the store.

        Raises:
            StoreError: the store cannot be listed, or another repair of it goes on.
            KeyboardInterrupt: it was interrupted; what was repaired until then stays so.
        """

        def heard(event: Event) -> None:
            if isinstance(event, Checking):
                watch(event.progress)

        return Checkup(self._connection.ask(Check(repair=repair), heard=heard))

    def __repr__(self) -> str:
        """Where it is, and where its runs are."""
        return f"<Project {str(self.root)!r}, runs in {str(self._connection.settings.home)!r}>"


def connection_of(project: Project) -> Connection:
    """What stands behind a project: for magics and widgets, which show what goes on where the public door is silent."""
    return project._connection  # noqa: SLF001 - of its own module

"""`Project`: the public door, which wires what lies below."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.client import Follower, Host, Pending, stage_environment
from dvc_magic.errors import DvcMagicError, RequestError, RunFailedError, RunsFailedError, StageNotFoundError
from dvc_magic.line import (
    Target,
    Wording,
    combinations,
    find_param,
    find_target,
    fit,
    flags_of,
    group_change,
    matching,
)
from dvc_magic.model.checkup import CheckProgress
from dvc_magic.model.operation import Operation, Source
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.plan import PointPlan, Supplied
from dvc_magic.model.promotion import PromotedFiles, Promotion
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.request import RunRequest, UpstreamPolicy
from dvc_magic.model.stage import Param, Pipeline
from dvc_magic.project.checkup import Checkup
from dvc_magic.project.debuggable import last_failed
from dvc_magic.project.debugging import Debugged, ask_here, debug, show_here
from dvc_magic.project.example import write_example
from dvc_magic.project.failures import LOG_TAIL, all_of_them, failure_message
from dvc_magic.project.follow import Observer, follow
from dvc_magic.project.glance import Glance
from dvc_magic.project.operations import KnownOperations, Operations, Required, python_operation
from dvc_magic.project.promoting import Promoted, promote_record
from dvc_magic.project.run import Run
from dvc_magic.project.runs import Runs
from dvc_magic.project.settings import Settings, find_root, read_settings
from dvc_magic.project.stages import Stages
from dvc_magic.project.values_of import asked_groups, groups_of, with_values_of
from dvc_magic.project.widgets import Widgets
from dvc_magic.runs import lineage
from dvc_magic.store import RunStore, this_boot
from dvc_magic.untrusted import abridged
from dvc_magic.views import plan_text
from dvc_magic.wire import (
    AlteredOuts,
    CallEnd,
    CallRequest,
    Check,
    Checking,
    Describe,
    Event,
    Mend,
    Place,
    PlanCall,
    Promote,
    RunCall,
    Supply,
)


class Plan(Struct, frozen=True, kw_only=True):
    """What a call would do: the answer to a dry run."""

    points: tuple[PointPlan, ...]

    def __repr__(self) -> str:
        """The plan in one line."""
        return plan_text(self.points)


class Project:
    """A DVC project whose stages can be run as isolated runs.

    The project's own files are only read; runs are kept in its run store (``.dvc_magic`` unless set otherwise). Use
    `open`; `close` ends the host and its workers, which also end with this process.

    Attributes:
        root: the folder with ``.dvc``.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        """Use `open`.

        Args:
            root: the folder with ``.dvc``. settings: of the user.
        """
        self.root = root
        self.settings = settings
        self._host = Host(project=root, home=settings.home, log=StorePaths(settings.home).workers_log)
        self._store: RunStore | None = None
        self._glance: Glance | None = None
        self._widgets: Widgets | None = None
        self._known = KnownOperations(root)

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
    def store(self) -> RunStore:
        """The run store, made at the first need."""
        if self._store is None:
            self._store = RunStore.open(self.settings.home)
            self._store.sweep()
            if self._needs_mending(self._store):
                self._host.ask(Mend())
        return self._store

    @staticmethod
    def _needs_mending(store: RunStore) -> bool:
        """Whether runs may have left processes behind, or the machine has stopped since the last look."""
        newest = store.all(limit=100)
        if any(stored.record.status is RunStatus.LOST for stored in newest):
            return True
        boot = this_boot()
        with contextlib.suppress(OSError):
            return bool(boot) and store.paths.boot.read_text(encoding="utf-8") != boot
        return bool(boot and newest)

    def warm(self) -> None:
        """Start the host and have it look at the stages, so that the first question finds it ready."""
        self.store  # noqa: B018 - the host's log lies in it
        self._host.warm()
        self.glance(patience=0)

    @property
    def widgets(self) -> Widgets:
        """The widgets: ``project.widgets.panel()``, ``.stage_form("train")``."""
        if self._widgets is None:
            self._widgets = Widgets(self)
        return self._widgets

    def close(self) -> None:
        """End the host and its workers; runs that still go are stopped, those of widgets too."""
        if self._widgets is not None:
            self._widgets.close()
            self._widgets = None
        self._host.close()
        self._glance = None

    def __enter__(self) -> Self:
        """The project itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def pipeline(self, *, hydra: bool = True, choices: Sequence[tuple[str, ...]] = ()) -> Pipeline:
        """All stages as DVC resolves them now, as frozen data.

        Args:
            hydra: False for params as their files have them, where Hydra would compose them.
            choices: sets of overrides for config groups of Hydra: stages have the flags that any of these gives them.

        Raises:
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return self._with_known(self._host.ask(self._describe(hydra=hydra, choices=choices)))

    def _describe(self, *, hydra: bool = True, choices: Sequence[tuple[str, ...]] = ()) -> Describe:
        operations, environ = self._operations(), stage_environment(os.environ)
        return Describe(operations=operations, hydra=hydra, choices=tuple(choices), environ=environ)

    def _operations(self) -> tuple[Operation, ...]:
        self.store  # noqa: B018 - see `warm`
        return self._known.all().operations

    def _with_known(self, pipeline: Pipeline) -> Pipeline:
        """The stages with what is to be said of the operations' files."""
        known = self._known.all()
        problems, faults = (*pipeline.problems, *known.warnings), {**known.faults, **pipeline.faults}
        return replace(pipeline, problems=problems, faults=faults)

    def begin_pipeline(self, follower: Follower) -> Pending:
        """Ask for `pipeline` without waiting; see `dvc_magic.client.Pending`."""
        return self._host.begin(self._describe(), follower)

    def pipeline_of(self, pending: Pending) -> Pipeline:
        """The answer to `begin_pipeline`."""
        return self._with_known(pending.result())

    def register(self, operation: Operation) -> None:
        """Make an operation known under its name, until this object is gone; one of that name before it is replaced."""
        self._known.register(operation)

    def trying(self, operation: Operation) -> AbstractContextManager[None]:
        """``with project.trying(operation): ...``: it stays known, unless the block raises; see `register`.

        So one whose call is refused leaves no trace, and the one of that name before it comes back.
        """
        return self._known.trying(operation)

    def recall(self, name: str) -> str:
        """Make the operation of an earlier cell known again, as it was in its newest run.

        A kernel that has just started knows no cells, but what was run of them.

        Returns:
            A line that says so, for people: the cell may have changed since. Empty when no run is of such an operation.
        """
        return self._known.recall(name, self.store)

    @property
    def operations(self) -> Operations:
        """The operations by name: those of ``dvc_magic.yaml`` and ``guild.yml`` as they are now, and of cells."""
        return Operations(self.pipeline())

    def glance(self, *, patience: float | None = None) -> Pipeline | None:
        """The stages for those who cannot wait: as of now, or as last seen when that takes over `patience` seconds.

        Without `patience` that is 0.3 s, or 1 s when they were never seen. None when they were not seen then either;
        raises no error about the project.
        """
        if self._glance is None:
            self._glance = Glance(lambda: self._host.begin(Describe()))
        return self._glance.look(patience=patience)

    @property
    def stages(self) -> Stages:
        """The stages by address, as DVC resolves them now."""
        return Stages(self.pipeline())

    def _targets(self, names: Sequence[str], *, hydra: bool) -> tuple[list[Target], Pipeline]:
        """What is named, each once, among the stages and operations, those of earlier cells too; and all of these."""
        pipeline = self.pipeline(hydra=hydra)
        targets: dict[str, Target] = {}
        for name in names:
            try:
                target = find_target(name, pipeline)
            except StageNotFoundError:
                if not self.recall(name):
                    raise
                pipeline = self.pipeline(hydra=hydra)
                target = find_target(name, pipeline)
            targets.setdefault(target.address, target)
        return list(targets.values()), pipeline

    @property
    def runs(self) -> Runs:
        """The runs that were asked for, newest first; ``project.runs[41]`` and ``project.runs["3fa"]`` reach all."""
        return Runs(self.store.listing(asked=True), self.store, by_number=True, caller=self)

    def runs_of(self, ids: Iterable[str]) -> Runs:
        """The runs of these ids, in this order.

        Raises:
            RunNotFoundError: there is no such run.
        """
        return Runs([self.store.get(run_id) for run_id in ids], self.store, caller=self)

    @property
    def last(self) -> Run:
        """The newest run that was asked for.

        Raises:
            RunNotFoundError: there is none.
        """
        return Run(self.store.find("last"), self.store, caller=self)

    def run(
        self,
        stage: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        from_run: int | str | Run | None = None,
        reuse: bool = False,
        use: Mapping[str, int | str | Run] | None = None,
        upstream: str = "auto",
        copy_paths: Sequence[str] = (),
        hydra: bool = True,
        timeout: float | None = None,
        label: str = "",
        tags: Sequence[str] = (),
        raise_errors: bool = True,
    ) -> Run:
        """Run a stage as an isolated run, upstream stages first where their outputs are missing or stale.

        Args:
            stage: address from the root, such as ``train`` or ``sub/dvc.yaml:train@us``, whatever the working directory
                is: ``project.stages`` and ``run.stage`` give such ones. With `from_run`, that of its stage.
            params: key (or an unambiguous end, or ``FILE:KEY``) -> value.
            from_run: a run, its number, id or label: its values hold where `params` say nothing.
            reuse: answer with a completed run that is equal in code, data, params, Python and packages, if there is
                one, or with one that still goes once it has ended. `timeout`, `copy_paths` that nothing reads and
                variables of the environment make no difference; `label` and `tags` are not given to such a run.
            use: stage address -> the run whose outputs to take.
            upstream: ``auto``, ``latest``, ``project`` or ``never``.
            copy_paths: files that git ignores and the stage needs.
            hydra: False to run with the params file as it is where DVC's configuration has ``hydra.enabled``, and
                ``params.yaml`` is composed otherwise, as by ``dvc exp run``.
            timeout: seconds that the stage's commands may take.
            label, tags: notes on the run.
            raise_errors: False to get a failed run back instead of an exception.

        Returns:
            The finished run; with `reuse`, it may be one of an earlier call.

        Raises:
            RunFailedError: the stage, or one upstream of it, ended badly.
            RequestError: the call makes no sense. ProjectError: the project cannot be used as it is.
            KeyboardInterrupt: the call was interrupted; the run is kept as ``stopped``.
        """
        single = {key: [value] for key, value in (params or {}).items()}
        request = self._request(
            stage,
            single,
            from_run=from_run,
            reuse=reuse,
            use=use,
            upstream=upstream,
            copy_paths=copy_paths,
            hydra=hydra,
            timeout=timeout,
            label=label,
            tags=tags,
            jobs=1,
            several=False,
        )
        return self.start(request, raise_errors=raise_errors)[0]

    def grid(
        self,
        stage: str | Sequence[str] | None,
        params: Mapping[str, Sequence[Any]],
        *,
        jobs: int = 1,
        from_run: int | str | Run | None = None,
        reuse: bool = False,
        use: Mapping[str, int | str | Run] | None = None,
        upstream: str = "auto",
        copy_paths: Sequence[str] = (),
        hydra: bool = True,
        timeout: float | None = None,
        label: str = "",
        tags: Sequence[str] = (),
        raise_errors: bool = True,
    ) -> Runs:
        """Run a stage once for each combination of values; the last param varies fastest.

        ``grid(["train", "evaluate"], {})`` runs several stages in one call, ``grid("fit", {})`` all items of a
        ``foreach`` or ``matrix`` group, ``grid("fit@u*", {})`` those that fit. What one of them makes, the others of
        the call build on.

        Args:
            stage: address of a stage or a group, or ``GROUP@PATTERN``; or several of these.
            params: key -> the values it takes, for each stage that has it.
            jobs: runs at the same time.

        Returns:
            The runs, stage by stage, each in grid order. The other arguments are those of `run`.

        Raises:
            RunsFailedError: some runs ended badly; all were tried.
        """
        single = [key for key, values in params.items() if isinstance(values, str) or not isinstance(values, Iterable)]
        if single:
            value = params[single[0]]
            message = f"{single[0]!r} needs a list of values here; for one value write [{value!r}], or use run()"
            raise RequestError(message)
        many = {key: list(values) for key, values in params.items()}
        request = self._request(
            stage,
            many,
            from_run=from_run,
            reuse=reuse,
            use=use,
            upstream=upstream,
            copy_paths=copy_paths,
            hydra=hydra,
            timeout=timeout,
            label=label,
            tags=tags,
            jobs=jobs,
        )
        return self.start(request, raise_errors=raise_errors)

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
        reuse: bool = False,
        use: Mapping[str, int | str | Run] | None = None,
        upstream: str = "auto",
        copy_paths: Sequence[str] = (),
        hydra: bool = True,
        timeout: float | None = None,
        label: str = "",
        tags: Sequence[str] = (),
        raise_errors: bool = True,
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
            desc: one line about it. The other arguments are those of `run`.

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
        with self.trying(operation):
            request = self._request(
                operation.address,
                {key: [value] for key, value in (params or {}).items()},
                from_run=None,
                reuse=reuse,
                use=use,
                upstream=upstream,
                copy_paths=copy_paths,
                hydra=hydra,
                timeout=timeout,
                label=label,
                tags=tags,
                jobs=1,
            )
        return self.start(request, raise_errors=raise_errors)[0]

    def plan(
        self,
        stage: str | Sequence[str] | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        from_run: int | str | Run | None = None,
        reuse: bool = False,
        use: Mapping[str, int | str | Run] | None = None,
        upstream: str = "auto",
        copy_paths: Sequence[str] = (),
        hydra: bool = True,
    ) -> Plan:
        """``project.plan("train", {"lr": 0.1})``: what `run` would do with the same arguments; nothing is run.

        ``project.plan(["train", "evaluate"])`` and ``project.plan("group")`` tell what `grid` would do.

        Raises:
            RequestError: the call makes no sense. ProjectError: the project cannot be used as it is.
        """
        single = {key: [value] for key, value in (params or {}).items()}
        request = self._request(
            stage,
            single,
            from_run=from_run,
            reuse=reuse,
            use=use,
            upstream=upstream,
            copy_paths=copy_paths,
            hydra=hydra,
            timeout=None,
            label="",
            tags=(),
            jobs=1,
        )
        return self.preview(request)

    def altered_outs(self, run: Run) -> Mapping[str, str]:
        """The outs of a completed run that something has altered since, as a worker finds them: path -> why.

        Side effects: what has a whole copy in the store is put right, the rest is marked in the run's record.
        """
        altered: dict[str, str] = self._host.ask(AlteredOuts(run=run.id))
        return altered

    def promote(self, run: int | str | Run, *, name: str = "", script: str = "", dry_run: bool = False) -> Promoted:
        """``project.promote(41)``: the same as `Run.promote`."""
        stored = self.store.find(run.id if isinstance(run, Run) else str(run))

        def write(promotion: Promotion, *, dry_run: bool) -> PromotedFiles:
            files: PromotedFiles = self._host.ask(Promote(promotion=promotion, dry_run=dry_run))
            return files

        workspace = stored.paths.dvc_root(stored.record.root)
        return promote_record(
            stored.record, workspace, self.pipeline(), write, name=name, script=script, dry_run=dry_run
        )

    def _request(
        self,
        stage: str | Sequence[str] | None,
        params: Mapping[str, Sequence[Any]],
        *,
        from_run: int | str | Run | None,
        reuse: bool,
        use: Mapping[str, int | str | Run] | None,
        upstream: str,
        copy_paths: Sequence[str],
        hydra: bool,
        timeout: float | None,
        label: str,
        tags: Sequence[str],
        jobs: int,
        several: bool = True,
    ) -> RunRequest:
        if upstream not in [policy.value for policy in UpstreamPolicy]:
            message = f"upstream={upstream!r} is unknown; it is one of {', '.join(UpstreamPolicy)}"
            raise RequestError(message)
        if from_run is not None:
            from_run = from_run.id if isinstance(from_run, Run) else str(from_run)
            stage = stage or self.store.find(from_run).record.stage
        if not stage:
            message = "name a stage to run, or a run to start from: project.run(from_run=41)"
            raise RequestError(message)
        targets, pipeline = self._targets([stage] if isinstance(stage, str) else stage, hydra=hydra)
        if not several and not (isinstance(stage, str) and targets[0].single):
            items = abridged(", ".join(one.address for target in targets for one in target.stages))
            message = f"run() takes one stage, and {stage!r} is several: {items}. To run them: project.grid({stage!r}, "
            raise RequestError(f"{message}{dict(params)!r})")
        own, above = self._flags(targets, pipeline, params)
        changes = []
        for key, values in params.items():
            if not values:
                message = f"{key!r} has no values; give at least one"
                raise RequestError(message)
            param = find_param(key, own, above, options=(), wording=Wording.API)
            changes.append(group_change(param, [fit(value, param, wording=Wording.API) for value in values]))
        return RunRequest(
            stages=tuple(target.address for target in targets),
            changes=tuple(changes),
            use={name: run.id if isinstance(run, Run) else str(run) for name, run in (use or {}).items()},
            upstream=UpstreamPolicy(upstream),
            reuse=reuse,
            from_run=from_run,
            copy_paths=tuple(copy_paths),
            hydra=hydra,
            timeout=timeout,
            jobs=jobs,
            label=label,
            tags=tuple(tags),
        )

    def _flags(
        self, targets: Sequence[Target], pipeline: Pipeline, params: Mapping[str, Sequence[Any]]
    ) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
        """The params of the targets and of those above them, as the config groups chosen among `params` give them."""
        own, above = flags_of((one for target in targets for one in target.stages), pipeline)
        groups = [param for param in (*own, *above) if param.group is not None]
        chosen = [(found[0], values) for key, values in params.items() if len(found := matching(key, groups, ())) == 1]
        choices = combinations([group_change(group, [fit(one, group) for one in values]) for group, values in chosen])
        if not choices:
            return own, above
        pipeline = self.pipeline(choices=choices)
        stages = (pipeline.get(one.address) or one for target in targets for one in target.stages)
        return flags_of(stages, pipeline)

    def start(
        self,
        request: RunRequest,
        *,
        observer: Observer | None = None,
        raise_errors: bool = True,
        tail: int = LOG_TAIL,
    ) -> Runs:
        """Carry out a call to its end, telling `observer` what happens; returns the runs asked for, in grid order.

        Args:
            request: the call.
            observer: is told what happens.
            raise_errors: False to get failed runs back instead of an exception.
            tail: how many lines of a failed run's log its error has.

        Raises:
            RunFailedError: the only run of the call ended badly. RunsFailedError: some of several did.
            KeyboardInterrupt: it was interrupted; its running stages were stopped.
        """
        self.store.check_writable()
        pending = self._host.begin(RunCall(call=self._call(request)))
        end: CallEnd = follow(pending, observer)
        runs = self.runs_of(end.runs)
        if not raise_errors or all(run.status is RunStatus.COMPLETED for run in runs):
            return runs
        pipeline = Pipeline()
        with contextlib.suppress(DvcMagicError):
            pipeline = self.pipeline()
        return self.outcome(end, request, pipeline=pipeline, tail=tail)

    def begin(self, request: RunRequest, follower: Follower, *, pipeline: Pipeline) -> Pending:
        """Begin a call; `follower` gets its events, see `dvc_magic.client.Pending`."""
        self.store.check_writable()
        return self._host.begin(RunCall(call=self._call(request, pipeline=pipeline)), follower)

    def outcome(self, end: CallEnd, request: RunRequest, *, pipeline: Pipeline, tail: int) -> Runs:
        """The runs that a call which has ended was asked for.

        Raises:
            RunFailedError: the only run of the call ended badly. RunsFailedError: some of several did.
        """
        runs = self.runs_of(end.runs)
        failed = [run for run in runs if run.status is not RunStatus.COMPLETED]
        if failed:
            raise self._failure(runs, failed, request, end.call, pipeline=pipeline, tail=tail)
        return runs

    def supply(self, source: Source, *, observer: Observer | None = None) -> Supplied:
        """What a source stands for now, as if an operation required it: in the runs' cache, pulled if need be.

        `observer` is told how a pull goes.

        Raises:
            MissingInputError: it can neither be found nor pulled, or a stage would have to run first.
        """
        asking = Operation(name=f"dm-{source.kind}", origin="api", cmd="true", requires=(source,))
        call = self._call(RunRequest(stages=(asking.address,)), further=(asking,))
        self.store.check_writable()
        supplied: Supplied = follow(self._host.begin(Supply(call=call)), observer)
        return supplied

    def place(self, md5: str, path: str, *, executable: bool) -> Path:
        """Content of the runs' cache as a read-only file or folder of this name, in the store."""
        return Path(self._host.ask(Place(hash=md5, path=path, executable=executable)))

    def preview(self, request: RunRequest) -> Plan:
        """What `start` would do; nothing is run and no number is given out."""
        self.store.check_writable()
        return Plan(points=self._host.ask(PlanCall(call=self._call(request))))

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

        Side effects: none that stay; see `dvc_magic.project.debugging.debug`.

        Raises:
            RunError: the run did not fail by its command. DvcMagicError: an input of it is gone.
            KeyboardInterrupt: it was interrupted; the copy is stopped and removed.
        """
        name = run.id if isinstance(run, Run) else run
        stored = last_failed(self.store) if name is None else self.store.find(name)
        return debug(stored, store=self.store, host=self._host, commands=commands, ask=ask, show=show)

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

        self.store  # noqa: B018 - see `warm`
        return Checkup(self._host.ask(Check(repair=repair), heard=heard))

    def _call(
        self, request: RunRequest, *, further: tuple[Operation, ...] = (), pipeline: Pipeline | None = None
    ) -> CallRequest:
        settings = read_settings(self.root)  # as it is now: an error may have told to put a line there
        complete = replace(
            self._with_values(request, pipeline),
            copy_paths=tuple(dict.fromkeys([*settings.copy_paths, *request.copy_paths])),
        )
        return CallRequest(
            request=complete,
            environ=stage_environment(os.environ),
            operations=(*self._known.all().operations, *further),
            python=sys.executable,
            pull_timeout=settings.pull_timeout,
            kernel=os.getpid(),
        )

    def _with_values(self, request: RunRequest, pipeline: Pipeline | None) -> RunRequest:
        """The call with the values of the run that it starts from, if it does."""
        if request.from_run is None:
            return request
        start = self.store.find(request.from_run)
        above = [stored.record for stored in lineage(start, self.store.get)]
        pipeline = self.pipeline(hydra=request.hydra)
        groups = groups_of(request, start.record, upstream=above, pipeline=pipeline)
        if choices := combinations([*groups, *asked_groups(request, pipeline)]):
            pipeline = self.pipeline(choices=choices)
        return with_values_of(request, start.record, upstream=above, pipeline=pipeline, groups=groups)

    def _failure(
        self, runs: Runs, failed: Sequence[Run], request: RunRequest, call: str, *, pipeline: Pipeline, tail: int
    ) -> RunFailedError | RunsFailedError:
        message = self._message(failed[0], pipeline, tail)
        if len(runs) == 1:
            return RunFailedError(message, run=failed[0])
        numbers = ", ".join(dict.fromkeys(str(run.number) for run in failed))
        every = all_of_them([run.record for run in runs], call, by_magic=request.line is not None)
        summary = (
            f"{len(failed)} of {len(runs)} runs did not complete: {numbers}. {every}. "
            f"The first that did not:\n{message}"
        )
        return RunsFailedError(summary, runs=runs)

    def _message(self, run: Run, pipeline: Pipeline, tail: int) -> str:
        """The message of a failed run; when it was never executed, that of the run above which is the cause."""
        cause = run
        if run.reason == "upstream":
            cause = next(iter(run.upstream.values()), run)
        above: list[RunRecord] = [other.record for other in cause.upstream.values()]
        message = failure_message(
            cause.record, above, self.store.paths.run(cause.id), self.root, pipeline=pipeline, shown=tail
        )
        return message if cause is run else f"{run.stage} {run.number} was not executed: {message}"

    def __repr__(self) -> str:
        """Where it is, and where its runs are."""
        return f"<Project {str(self.root)!r}, runs in {str(self.settings.home)!r}>"

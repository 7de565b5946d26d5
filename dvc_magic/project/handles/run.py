"""`Run`: a handle on one run, which reads what the run left and acts on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from dvc_magic.debugger import Debugged, ask_here, show_here
from dvc_magic.errors import CallNotFoundError, RequestError, RunError, StoreError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import DepRecord, Notes, OutRecord, RunRecord, RunStatus
from dvc_magic.model.stage import overlaps
from dvc_magic.project.handles.content import Paths, ResolvedDep, ResolvedOut, RunLog
from dvc_magic.project.handles.diff import Diff, diff_of
from dvc_magic.project.handles.live import live
from dvc_magic.project.handles.plotting import Plots, read_history
from dvc_magic.project.handles.source_text import source_files, source_text
from dvc_magic.project.options import CallOptions, RunName, takes
from dvc_magic.project.promoting import Promoted
from dvc_magic.project.removing import Removed, remove
from dvc_magic.project.waiting import PATIENCE, wait_until
from dvc_magic.runs import Leaves, history_frame, lineage, metrics_of, params_of, run_row
from dvc_magic.store import RunStore, StoredRun
from dvc_magic.views import Card, Table, run_card, run_line

if TYPE_CHECKING:
    import pandas as pd


class CallHandle(Protocol):
    """A `dvc_magic.Call`, as far as its runs know it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def status(self) -> CallStatus:
        """Where it stands now."""

    @property
    def runs(self) -> Sequence[Run]:
        """The runs that it was asked for."""

    def wait(self, timeout: float | None = None) -> CallHandle:
        """Wait for its end."""

    def stop(self, *, drain: bool = False, timeout: float = 0) -> CallHandle:
        """Stop it."""

    def detach(self) -> CallHandle:
        """Let it go on when the kernel is gone."""


class Actions(Protocol):
    """What a run asks its project for."""

    def again(self, run: Run, params: Mapping[str, Any] | None, options: CallOptions) -> Run:
        """Run its stage again with its values."""

    def promote(self, run: RunName, *, name: str, script: str, dry_run: bool) -> Promoted:
        """Make a stage of the run of an operation."""

    def debug(
        self, run: RunName | None, commands: Sequence[str], *, ask: Callable[[str], str], show: Callable[[str], None]
    ) -> Debugged:
        """Debug a failed run."""

    def call(self, call_id: str) -> CallHandle:
        """The call of this id."""

    def detach(self, call_id: str) -> None:
        """Let a call that this process made outlive it."""

    def altered_outs(self, run: Run) -> Mapping[str, str]:
        """Look at the outs of a completed run: path -> why it is not what the run made any more."""


class Run:
    """One execution of one stage.

    A handle: it holds no copy of the truth for longer than it must. While the run goes, each look at it reads its
    record anew; a finished run is read once. Two handles on the same run are equal.
    """

    def __init__(
        self,
        stored: StoredRun,
        store: RunStore,
        *,
        in_full: bool = False,
        silent: bool = False,
        actions: Actions | None = None,
    ) -> None:
        self._stored = stored
        self._store = store
        self._actions = actions
        self._in_full = in_full
        self._silent = silent  # whether a cell shows nothing of it the first time, as a live output does

    def _read(self) -> StoredRun:
        self._stored = self._store.renewed(self._stored)
        return self._stored

    @property
    def stored(self) -> StoredRun:
        """Record, notes and paths as the store has them now."""
        return self._read()

    @property
    def record(self) -> RunRecord:
        """The engine's record, all of it."""
        return self._read().record

    @property
    def notes(self) -> Notes:
        """The user's label, tags, note and mark, as they are now."""
        return self._store.notes(self.id)

    @property
    def id(self) -> str:
        """12 hex digits, the first a letter."""
        return self._stored.record.id

    @property
    def number(self) -> int:
        """Counts up in the project's store."""
        return self._stored.record.number

    @property
    def stage(self) -> str:
        """The stage's address."""
        return self._stored.record.stage

    @property
    def status(self) -> RunStatus:
        """Where the run stands now."""
        return self.record.status

    @property
    def reason(self) -> str:
        """Why it stands there: ``user``, ``timeout``, ``kernel``, ``upstream``, ``signal 9``... or an empty text."""
        return self.record.reason

    @property
    def error(self) -> str:
        """One line that says what went wrong, or an empty text."""
        return self.record.error

    @property
    def exit_code(self) -> int | None:
        """Of the command that ended the run; negative for a signal; None when none was started."""
        return self.record.exit_code

    @property
    def started(self) -> datetime | None:
        """When its command began, in UTC."""
        return self.record.times.started

    @property
    def duration(self) -> float | None:
        """Seconds that its commands took."""
        return self.record.times.duration

    @property
    def label(self) -> str:
        """The user's label."""
        return self.notes.label

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's tags."""
        return self.notes.tags

    @property
    def note(self) -> str:
        """The user's note."""
        return self.notes.note

    @property
    def snapshot(self) -> str:
        """Id of the snapshot of the project's sources."""
        return self.record.snapshot

    @property
    def git_commit(self) -> str | None:
        """The project's commit at the call, or None without git."""
        return self.record.commit

    @property
    def path(self) -> Path:
        """The run's folder in the store."""
        return self._stored.paths.folder

    @property
    def workspace(self) -> Path:
        """The run's DVC root: a directory that mirrors the project."""
        return self._stored.paths.dvc_root(self._stored.record.root)

    @property
    def log(self) -> RunLog:
        """What the commands printed."""
        return RunLog(self._stored.paths.log)

    @live
    def params(self) -> Leaves:
        """Flat params as they were written for the run, a dict; an unambiguous end of a key will do.

        A stage without params of its own has those of the runs upstream of it; what is shown says so.
        """
        own = params_of(self.record)
        if own or not self.record.upstream:
            return own
        row = run_row(self.stored, lineage(self.stored, self._store.get))
        return Leaves(row.params, origin=[run.record.stage for run in row.upstream if params_of(run.record)])

    @live
    def metrics(self) -> Leaves:
        """Flat metrics that this run wrote, exact; readable while it goes and after a failure.

        Those of an operation are also the scalars that it printed, where its output is read for them: the last value of
        each name that no metric file has.
        """
        return metrics_of(self.record, self._stored.paths)

    def history(self) -> pd.DataFrame:
        """``run.history()["loss"]``: the step series that this run wrote, readable while it goes and after a failure.

        One row per step, indexed by it and sorted; one column per series, named as in its file: a numeric column of a
        CSV, TSV, JSON or YAML file among the stage's plots, or ``train/loss`` from DVCLive; ``FILE:NAME`` when several
        files have the name. Values are exact, ``NaN`` where a series has no such step. The index is named for the
        column that counts, ``step``, ``epoch``..., or ``row`` where none does. Columns with text, and points over
        something that does not count, such as a ROC curve, are no series.

        Side effects: warns once of files that cannot be read or are too large.
        """
        return history_frame(read_history(self.stored).series)

    @property
    def plot(self) -> Plots:
        """``run.plot("loss")``, ``run.plot()`` for all series, ``run.plot.curves``, ``.bar``, ``.scatter``."""
        return Plots(lambda: [self.stored], self._store)

    @live
    def deps(self) -> Mapping[str, ResolvedDep]:
        """Path from the workspace's root -> dependency."""
        return Paths({path: self._dep(path, dep) for path, dep in self.record.deps.items()})

    def _dep(self, path: str, dep: DepRecord) -> ResolvedDep:
        return ResolvedDep(
            path=self.workspace / path,
            source=dep.source,
            origin=dep.origin,
            run=dep.run,
            hash=dep.hash or dep.seen,
            size=dep.size,
            files=dep.files,
            placed=dep.placed,
            differs=dep.differs,
        )

    @live
    def outs(self) -> Mapping[str, ResolvedOut]:
        """Path from the workspace's root -> output, metric files included.

        A file that was touched since the run ended is hashed again. One that was altered is put right, if a whole copy
        is left in the store; else its output says so (`ResolvedOut.altered`).
        """
        altered = self._altered_outs()
        return Paths({path: self._out(path, out, altered.get(path, "")) for path, out in self.record.outs.items()})

    def _out(self, path: str, out: OutRecord, altered: str) -> ResolvedOut:
        place = self.workspace / path
        return ResolvedOut(path=place, kind=out.kind, hash=out.hash, size=out.size, files=out.files, altered=altered)

    def _altered_outs(self) -> Mapping[str, str]:
        record = self.record
        if record.status is not RunStatus.COMPLETED or self._actions is None or not self._store.has_doubts(record):
            return record.spoiled
        altered = self._actions.altered_outs(self)
        self._stored = self._store.get(self.id)
        return altered

    @cached_property
    def upstream(self) -> Mapping[str, Run]:
        """Stage address -> the run whose outputs this one used, directly."""
        return {
            stage: Run(self._store.get(run_id), self._store, actions=self._actions)
            for stage, run_id in self._stored.record.upstream.items()
        }

    @property
    def call(self) -> CallHandle:
        """The call that it is of, with the other runs of it.

        Raises:
            CallNotFoundError: nothing is left of the call; stores of earlier versions have none.
        """
        if self._actions is None:
            message = f"this handle on run {self.number} has no project; use project.calls[{self.record.call.id!r}]"
            raise RequestError(message)
        return self._actions.call(self.record.call.id)

    def wait(self, timeout: float | None = None) -> Run:
        """``run.wait()``: wait for its end; returns the run, whatever came of it.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            KeyboardInterrupt: it was interrupted; the run goes on.
        """
        wait_until(lambda: self.status.final, timeout=timeout)
        return self

    def stop(self, *, timeout: float = PATIENCE) -> Run:
        """``run.stop()``: stop it, whoever has started it; one that has not begun never will.

        Its commands get SIGINT, and SIGTERM 10 s later or at a second stop, SIGKILL at a third.

        Args:
            timeout: seconds to wait for its end.
        """
        if self.status.final:
            return self
        try:
            self._store.calls.ask_to_stop(self.record.call.id, self.id)
        except CallNotFoundError:  # the call's host is gone, or of an earlier version
            self._store.request_stop(self.id)
        return self.wait(timeout)

    def detach(self) -> Run:
        """``run.detach()``: let the whole call that it is of go on when the kernel is gone.

        Raises:
            RequestError: the call is another kernel's.
        """
        self.call.detach()
        return self

    @takes(CallOptions)
    def again(self, params: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]) -> Run:
        """``run.again({"lr": 0.2})``: a new run of the same stage with this one's values, but for those in `params`.

        The values are those of this run and of the runs above it. The code and the data are the project's as they are
        now.

        Args:
            params: as in `Project.run`.
            options: those that ``help(dvc_magic.CallOptions)`` explains.

        Raises:
            ParamError: no stage has some param of this run any more.
            RunFailedError: the stage, or one upstream of it, ended badly.
        """
        if self._actions is None:
            message = f"this handle on run {self.number} has no project; use project.run(from_run={self.number})"
            raise RequestError(message)
        return self._actions.again(self, params, options)

    def diff(self, other: RunName, *, brief: bool = False, full: bool = False) -> Diff:
        """``run.diff(other)``: what differs from this run to another one, most telling first.

        Metrics, params of the run and of those upstream of it, stages' commands, the lines of source files that either
        was seen to read or declares, data, Python and packages, the commit. Runs of different stages are compared by
        what they share.

        Args:
            other: the run, its number, id or label.
            brief: show names and counts alone. full: show everything, however long, and compare the lines of source
                files that no stage was seen to read, too.

        Raises:
            RunNotFoundError: there is no such run.
        """
        found = self._store.find(other) if isinstance(other, int | str) else self._store.get(other.id)
        return diff_of(self.stored, found, self._store, brief=brief, full=full)

    def source(self, path: str) -> str:
        """``run.source("src/train.py")``: the text of a source file, or of a param file, as this run had it.

        Raises:
            RequestError: the run had no such file, or it is no text.
            StoreError: the run's snapshot is gone.
        """
        return source_text(self.stored, path, self._store)

    def promote(self, *, name: str = "", script: str = "", dry_run: bool = False) -> Promoted:
        """``run.promote(dry_run=True)``: the operation of this completed run, as a stage of the project.

        Side effects: without `dry_run`, writes the operation's script with this run's values, a stage that depends on
        what the run was seen to read into ``dvc.yaml``, and ``.gitignore`` entries for its outs; all or nothing.
        Nothing is overwritten: a stage or a script of that name that is there already is an error.

        Args:
            name: of the stage, instead of that which the operation serves, or its own.
            script: where the script goes, from the project's root, instead of where the run had it.
            dry_run: only tell what would be written, to the byte.

        Raises:
            RunError: the run is of a stage, or did not complete.
            OperationError: a stage cannot have what the operation has, or the project has something in its way.
            ProjectError: the project cannot be read or written.
        """
        if self._actions is None:
            message = f"this handle on run {self.number} has no project; use project.promote({self.number})"
            raise RequestError(message)
        return self._actions.promote(self, name=name, script=script, dry_run=dry_run)

    def tag(self, *changes: str, label: str | None = None, note: str | None = None, mark: bool | None = None) -> Run:
        """Change the user's notes: ``run.tag("+good", "-bad", label="first try")``; a bare tag is added.

        Side effects: writes ``notes.json`` of the run.
        """
        notes = self.notes
        tags = list(notes.tags)
        for change in changes:
            name = change.lstrip("+") if not change.startswith("-") else change[1:]
            if not name.strip():
                message = f"{change!r} is no tag; write '+good' to add one and '-good' to take it away"
                raise RequestError(message)
            tags = [tag for tag in tags if tag != name] + ([] if change.startswith("-") else [name])
        self._store.write_notes(
            self.id,
            Notes(
                label=notes.label if label is None else label,
                tags=tuple(tags),
                note=notes.note if note is None else note,
                mark=notes.mark if mark is None else mark,
            ),
        )
        return self

    def rm(self, *, purge: bool = False) -> Removed:
        """``run.rm()``: move it to the trash; ``run.restore()`` takes it back.

        Args:
            purge: delete it for good instead, with the contents that only it needed.

        Raises:
            RunError: it goes, or a call that goes has planned it; says how to stop that.
            StoreError: its folder cannot be moved.

        Side effects: moves or removes the run's folder.
        """
        return remove(self._store, [self._stored], for_good=purge)

    def restore(self) -> Run:
        """``run.restore()``: take it out of the trash.

        Raises:
            RunNotFoundError: it is not there.
        """
        self._store.trash.restore(self.id)
        self._stored = self._store.get(self.id)
        return self

    def debug(
        self,
        commands: Sequence[str] = (),
        *,
        ask: Callable[[str], str] = ask_here,
        show: Callable[[str], None] = show_here,
    ) -> Debugged:
        """``run.debug()``: execute a failed run again in a throw-away copy and open pdb where it fails.

        ``run.debug(["p lr", "w"]).answers`` has what pdb says to these commands, where nobody can be asked. The copy
        has the run's code, params and inputs; nothing is recorded, and this run stays as it is. If this run was never
        executed because one upstream has failed, it is that one.

        Args:
            commands: pdb's commands to give, instead of asking for them.
            ask: gets the prompt and returns a command; `EOFError` ends the debugger.
            show: gets all text as it comes.

        Raises:
            RunError: the run did not fail by its command. DvcMagicError: an input of it is gone.
            KeyboardInterrupt: it was interrupted; the copy is stopped and removed.
        """
        if self._actions is None:
            message = f"this handle on run {self.number} has no project; use project.debug({self.number})"
            raise RequestError(message)
        return self._actions.debug(self, commands, ask=ask, show=show)

    def copy(self, path: str, to: str | os.PathLike[str]) -> Path:
        """Copy a file or folder of the workspace to where it can be changed; returns the new path.

        Side effects: the folders on the way are made.

        Raises:
            RequestError: the run has no such file, or the target exists.
            RunError: it is an output that was altered since the run ended.
        """
        source, target = self.workspace / path, Path(to)
        if ".." in Path(path).parts or not source.exists():
            message = f"run {self.number} has no file {path!r}; it has {', '.join(self._names()) or 'no outs'}"
            raise RequestError(message)
        if target.is_dir() and not source.is_dir():
            target /= source.name
        if target.exists():
            message = f"{str(target)!r} exists already; give another name"
            raise RequestError(message)
        for out, why in self._altered_outs().items():
            if overlaps(out, path):
                message = (
                    f"{out} of run {self.number} is not what the run made any more: {why}. Run {self.stage!r} again, "
                    f"or take it as it is from {source}"
                )
                raise RunError(message)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
        for copied in [target, *target.rglob("*")] if target.is_dir() else [target]:
            copied.chmod(copied.stat().st_mode | 0o200)
        return target

    def _names(self) -> Iterable[str]:
        return [*self.record.outs, *self.record.deps]

    def card(self) -> Card:
        """Everything known of the run, ready to show."""
        upstream = {stage: run.number for stage, run in self.upstream.items()}
        return run_card(
            self.record,
            self.notes,
            metrics=self.metrics,
            upstream=upstream,
            folder=str(self.path),
            values_of=self._values_of(),
        )

    def source_table(self) -> Table:
        """The source files of the run, those that it declares or was seen to read first, ready to show."""
        return source_files(self.stored, self._store)

    def _values_of(self) -> str:
        start = self.record.from_run
        if start is None:
            return ""
        try:
            return self._store.get(start).record.name
        except (RunError, StoreError):  # it is gone
            return start

    def in_full(self) -> Run:
        """The same run, which a terminal shows as its card too, where it shows others as a line."""
        return Run(self._stored, self._store, in_full=True, actions=self._actions)

    def _ipython_display_(self) -> None:
        if not self._silent:
            raise NotImplementedError  # so IPython takes the other forms
        self._silent = False

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001, ARG002 - IPython's protocol
        alone = len(printer.stack) <= 1  # in a list a line is enough
        printer.text(self.card().text() if self._in_full and alone else repr(self))

    def __repr__(self) -> str:
        """One line: stage, number, status, metrics."""
        return f"<Run {run_line(self.record, self.metrics)}>"

    def _repr_html_(self) -> str:
        return self.card().html()

    def __eq__(self, other: object) -> bool:
        """Whether both are handles on the same run of the same store."""
        return isinstance(other, Run) and (other.id, other.path) == (self.id, self.path)

    def __hash__(self) -> int:
        """By the id."""
        return hash(self.id)

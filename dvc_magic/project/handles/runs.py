"""`Runs`: an immutable sequence of runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

from dvc_magic.comparison import marks
from dvc_magic.errors import RequestError, RunNotFoundError
from dvc_magic.model.record import RunStatus
from dvc_magic.project.disk_use import store_size
from dvc_magic.project.handles.diff import Comparison, comparison_of
from dvc_magic.project.handles.plotting import Plots
from dvc_magic.project.handles.run import Actions, Run
from dvc_magic.project.removing import Removed, but_the_best, remove, restored
from dvc_magic.project.waiting import PATIENCE
from dvc_magic.runs import (
    Query,
    RunRow,
    clear_rows,
    frame,
    in_order,
    lineage,
    metrics_of,
    parse_query,
    rows,
    run_row,
    stage_meant,
    with_operations,
)
from dvc_magic.store import Listing, RunStore, StoredRun, size_of
from dvc_magic.views import Table, runs_table

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20
_SEVERAL = 2


class RunPositionError(RunNotFoundError, IndexError):
    """No run at that position, for those who expect an `IndexError` of a sequence."""


class Runs(Sequence[Run]):
    """Runs in an order, newest first unless something else was asked for.

    ::

        project.runs[41]            # the whole store: by the run's number
        project.runs["3fa"]         # by the start of an id, or by a label
        project.runs[:10]           # the newest ten
        runs = project.runs.where("stage = train")
        runs[0]                     # a selection: by position, here the newest
        runs[-1]                    # its oldest

    A number in brackets is a run's number on ``project.runs`` alone, and a position in every selection of it, as in
    any list; the line below a table says which. Slices are positions everywhere. Of a `Listing` only those runs are
    read that are looked at. `project.runs` leaves out the runs upstream of others, until a stage of them is named.
    """

    def __init__(
        self,
        runs: Iterable[StoredRun],
        store: RunStore,
        *,
        by_number: bool = False,
        actions: Actions | None = None,
        shown: int | None = _SHOWN,
        newest: bool = False,
        silent: bool = False,
        disk: bool = False,
    ) -> None:
        """Use `Project.runs`.

        Args:
            runs: in their order. store: where they are. actions: what acts on them.
            by_number: whether these are all runs that were asked for, to be reached by their numbers.
            shown: how many of them the display has; None for all.
            silent: whether a cell shows nothing of them the first time.
            disk: whether their table has the bytes of each.
            newest: whether they are all runs that were asked for, or the newest of them, in the order of the store.
        """
        self._stored: Sequence[StoredRun] = runs if isinstance(runs, Listing) else tuple(runs)
        self._store = store
        self._by_number = by_number
        self._actions = actions
        self._shown = shown
        self._newest = by_number or newest
        self._silent = silent
        self._disk = disk

    def __len__(self) -> int:
        """How many runs."""
        return len(self._stored)

    def __iter__(self) -> Iterator[Run]:
        """The runs in order."""
        return map(self._run, self._stored)

    def __reversed__(self) -> Iterator[Run]:
        """The runs from the last one to the first."""
        return map(self._run, reversed(tuple(self._stored)))

    @overload
    def __getitem__(self, key: int | str) -> Run: ...
    @overload
    def __getitem__(self, key: slice) -> Runs: ...
    def __getitem__(self, key: int | str | slice) -> Run | Runs:
        """One run by position (by number on ``project.runs``), id prefix or label; several by slice.

        Raises:
            RunNotFoundError: there is no such run. `RunPositionError`, also an `IndexError`: no such position.
        """
        if isinstance(key, slice):
            # `runs[:100]` and `runs[-100:]` say how many are wanted: all of them are shown.
            counted = (key.stop or 0) > 0 or (key.start or 0) < 0
            newest = self._newest and not key.start and key.step in (None, 1)
            return self._with(self._stored[key], shown=None if counted else self._shown, newest=newest)
        if isinstance(key, str) or self._by_number:
            if isinstance(key, int) and key < 1:
                raise RunNotFoundError(self._no_number(key))
            found = self._store.find(key)
            if not self._by_number and found.record.id not in {stored.record.id for stored in self._stored}:
                message = f"run {key!r} is not among these {len(self)} runs"
                raise RunNotFoundError(message)
            return self._run(found)
        try:
            return self._run(self._stored[key])
        except IndexError:
            raise RunPositionError(self._no_position(key)) from None

    @staticmethod
    def _no_number(key: int) -> str:
        return (
            f"project.runs[{key}]: project.runs takes the number of a run, from 1 up. project.last is the newest run, "
            f"project.runs[:][{key}] the one at position {key}."
        )

    def _no_position(self, key: int) -> str:
        message = f"there is no position {key} among these {len(self)} runs"
        found = next((index for index, stored in enumerate(self._stored) if stored.record.number == key), None)
        return message if found is None else f"{message}; run number {key} is at position {found}"

    def _with(self, runs: Iterable[StoredRun], *, shown: int | None = _SHOWN, newest: bool = False) -> Runs:
        return Runs(runs, self._store, actions=self._actions, shown=shown, newest=newest)

    def _run(self, stored: StoredRun) -> Run:
        return Run(stored, self._store, actions=self._actions, silent=self._silent)

    def _lineage(self, stored: StoredRun) -> list[StoredRun]:
        return lineage(stored, self._store.get)

    def where(self, query: str | Query) -> Runs:
        """The runs that a query holds for: ``"metrics.loss < 0.1 and stage == 'train'"``.

        A stage that the query names on ``project.runs`` means all of its runs, those upstream of other targets too.
        A value that a run has not is false, and so is one that several stages upstream have instead of the run. A name
        that no run here has, and that is no field, is an error. In a text, ``stage = fit`` is about the operation
        ``fit`` where no run of the store is of a stage with that name.

        Raises:
            QueryError: the query cannot be read, has such a name, or one that means several things for every run.
        """
        stages = self._store.stages()
        wanted = with_operations(parse_query(query), stages) if isinstance(query, str) else query
        candidates = self._and_all_of(wanted.stages_named(stages))
        asked = clear_rows(wanted.names(), rows(candidates, self._store.get))
        return self._with((each.row.run for each in asked if wanted.matches(each)), shown=self._shown)

    def _and_all_of(self, stages: Collection[str]) -> Sequence[StoredRun]:
        """These runs; on ``project.runs``, also the runs of `stages` that were made upstream of others."""
        return self._store.listing(asked=True, stages=stages) if self._by_number and stages else self._stored

    def _rows(self) -> list[RunRow]:
        return rows(list(map(self._store.renewed, self._stored)), self._store.get)

    def order_by(self, name: str, *, descending: bool = False) -> Runs:
        """The runs sorted by a param, metric or field, such as ``metrics.loss``; without it, or NaN, last.

        Raises:
            QueryError: no run here has it.
        """
        rows = in_order(self._rows(), name, descending=descending)
        return self._with((row.run for row in rows), shown=self._shown)

    def best(self, *metrics: str, minimize: str | None = None, maximize: str | None = None) -> Run:
        """``runs.best(minimize="loss")``: the completed run with the smallest or largest value of a metric.

        Args:
            metrics: none; a metric alone does not say which end of it is good, and is answered with both spellings.

        Raises:
            RequestError: not exactly one of `minimize` and `maximize`, or no completed run has the metric.
        """
        name = minimize or maximize
        if metrics or name is None or (minimize and maximize):
            metric = repr(str(metrics[0] if metrics else name or "loss"))
            message = f"best() needs to know which end is good: best(minimize={metric}) or best(maximize={metric})"
            raise RequestError(message)
        now = map(self._store.renewed, self._stored)
        completed = self._with(run for run in now if run.record.status is RunStatus.COMPLETED)
        for run in completed.order_by(name, descending=maximize is not None):
            value = run_row(run.stored, self._lineage(run.stored)).get(name)
            if value is not None and value == value:  # noqa: PLR0124 - NaN is no value to be best
                return run
            break
        message = f"none of the {len(completed)} completed runs has {name!r}"
        raise RequestError(message)

    def latest(self, stage: str | None = None) -> Run:
        """The newest completed run, of a stage if one is given; of the operation of that name, if no stage has it.

        Raises:
            RunNotFoundError: there is none.
        """
        address = None if stage is None else stage_meant(stage, self._store.stages())
        fitting = [
            stored
            for stored in self._and_all_of([address] if address else [])
            if stored.record.status is RunStatus.COMPLETED and address in (None, stored.record.stage)
        ]
        if not fitting:
            message = f"no completed run{f' of stage {stage!r}' if stage else ''} among these {len(self)} runs"
            raise RunNotFoundError(message)
        return self._run(max(fitting, key=lambda stored: stored.record.number))

    def wait(self, timeout: float | None = None) -> Runs:
        """``runs.wait()``: wait for the end of each; returns the runs, whatever came of them.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            KeyboardInterrupt: it was interrupted; the runs go on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        stored = []
        for run in self:
            run.wait(None if until is None else max(until - time.monotonic(), 0.0))
            stored.append(run.stored)
        return self._with(stored, shown=self._shown)

    def stop(self, *, timeout: float = PATIENCE) -> Runs:
        """``runs.stop()``: stop those that go, and let those that have not begun never begin.

        Args:
            timeout: seconds to wait for their end.
        """
        for run in self:
            run.stop(timeout=0)
        return self.wait(timeout)

    def rm(self, *, purge: bool = False, keep_best: int | None = None, metric: str = "") -> Removed:
        """``runs.rm()``: move these runs to the trash; ``runs.rm(keep_best=3, metric="loss")``: all but the best.

        Args:
            purge: delete them for good instead, with the contents that only they needed.
            keep_best: how many of the completed runs stay, and those that are marked or still go.
            metric: the best have the smallest; of ``-accuracy``, the largest.

        Raises:
            RequestError: `keep_best` without `metric`, or the other way round; no run has completed with it.
            RunError: all of them go. StoreError: a folder cannot be moved.

        Side effects: moves or removes the runs' folders.
        """
        if (keep_best is None) != (not metric):
            message = (
                "keep_best=3 goes with metric='loss' (the smallest are the best) or metric='-accuracy' (the largest)"
            )
            raise RequestError(message)
        runs = [self._store.renewed(run) for run in self._stored]
        chosen = runs if keep_best is None else but_the_best(self._store, runs, keep=keep_best, metric=metric)
        return remove(self._store, chosen, for_good=purge)

    def restore(self) -> Runs:
        """``project.runs.deleted().restore()``: take these runs out of the trash.

        Raises:
            RunNotFoundError: one of them is not there.
        """
        return self._with(restored(self._store, [run.id for run in self._stored]), shown=self._shown)

    def deleted(self) -> Runs:
        """``project.runs.deleted()``: the runs in the trash."""
        return self._with(self._store.trash.runs())

    def compare(self) -> Comparison:
        """``runs.compare()``: these runs side by side, with what differs between them as rows.

        Raises:
            RequestError: there are more of them than fit; the message says how many do.
        """
        return comparison_of(map(self._store.renewed, self._stored), self._store)

    def unfolded(self) -> Runs:
        """These runs and those upstream of them, each once, newest first; of the whole store, all that it has."""
        if self._by_number:  # also the runs upstream of a target that was never recorded, or was there already
            return self._with(self._store.listing())
        every = {stored.record.id: stored for row in self._rows() for stored in (row.run, *row.upstream)}
        return self._with(sorted(every.values(), key=lambda stored: -stored.record.number))

    def to_frame(self) -> pd.DataFrame:
        """One row for each run, indexed by id, with ``params.KEY`` and ``metrics.KEY`` of the run and its lineage."""
        return frame(self._rows())

    @property
    def plot(self) -> Plots:
        """``runs.plot("loss")``, ``runs.plot.curves``, ``.scatter("lr", "loss")``, ``.bar("loss")``."""
        return Plots(lambda: [run.stored for run in self], self._store)

    def table(self, limit: int | None = None) -> Table:
        """The runs as a table, ready to show; the first `limit` of them."""
        shown = [
            (stored, run_row(stored, self._lineage(stored)))
            for stored in map(self._store.renewed, self._stored[:limit])
        ]
        rows = [
            (stored.record, stored.notes, row.params, metrics_of(stored.record, stored.paths)) for stored, row in shown
        ]
        stored = len(self) or len(self._store.listing())
        disk = [size_of(run.paths.folder) for run, _ in shown] if self._disk else []
        taken = store_size(self._store) if self._disk else ""
        notes = filter(None, [taken, self._hint(), self._unlisted(), self._unbegun()])
        alike = marks([row for _, row in shown], self._store)
        return runs_table(rows, total=len(self), stored=stored, marks=alike, disk=disk, hint="; ".join(notes))

    def _unlisted(self) -> str:
        """How many runs are missing here because they cannot be read, and why the first cannot."""
        unread = sorted(self._stored.unread) if isinstance(self._stored, Listing) else []
        problems = [problem for run_id in unread if (problem := self._store.problem(run_id))]
        count = f"{len(problems)} run{'s' * (len(problems) > 1)}"
        return f"{count} cannot be read and listed: {problems[0]}" if problems else ""

    def _unbegun(self) -> str:
        """How many runs of stopped calls are left out."""
        count = self._store.unbegun() if self._newest else 0
        return f"{count} never started: %dvc_runs --all" if count else ""

    def _hint(self) -> str:
        """How to see one of them, and what a number in brackets means here, where it could mean two things."""
        if len(self) < _SEVERAL:
            return ""
        first = self._stored[0].record.number
        brackets = f", project.runs[{first}]" if self._by_number else f"; as a list, [0] is run {first}"
        return f"one in full: %dvc_show {first}{brackets}"

    def with_disk(self) -> Runs:
        """The same runs, whose table has the bytes that each has for itself, and those of the store."""
        return Runs(self._stored, self._store, actions=self._actions, shown=self._shown, newest=self._newest, disk=True)

    def shown(self) -> Runs:
        """The same runs, which a cell does not show once more: a live output has them already."""
        return Runs(self._stored, self._store, actions=self._actions, shown=self._shown, silent=True)

    def _ipython_display_(self) -> None:
        if not self._silent:
            raise NotImplementedError  # so IPython takes the other forms
        self._silent = False

    def __repr__(self) -> str:
        """The table as text."""
        return self.table(self._shown).text()

    def _repr_html_(self) -> str:
        return self.table(self._shown).html()

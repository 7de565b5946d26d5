"""The runs of a store, sorted, filtered and paged for a table."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dvc_magic.comparison import marks
from dvc_magic.errors import RequestError
from dvc_magic.project.handles.run import Actions, Run
from dvc_magic.project.handles.runs import Runs
from dvc_magic.project.run_words import RunWords
from dvc_magic.project.shown_columns import keep_columns, kept_columns
from dvc_magic.runs import RunRow, clear_rows, in_order, lineage, run_row
from dvc_magic.store import RunPool, RunStore, StoredRun
from dvc_magic.views import RunsColumns, RunsPage, TableState, columns_of, runs_page

if TYPE_CHECKING:
    from dvc_magic.widgets import Shown


class RunsBrowser:
    """What a table of runs asks its project for (a `dvc_magic.widgets.RunsBackend`). Any thread may use it.

    What was computed of runs that have ended is kept: a click over 10,000 of them costs a look at the index and a sort.

    Args:
        store: where the runs are. actions: what acts on them.
        only: ids of the runs to choose from; None for all that were asked for.
    """

    def __init__(self, store: RunStore, actions: Actions | None, *, only: Sequence[str] | None = None) -> None:
        self._store = store
        self._actions = actions
        self._only = None if only is None else tuple(only)
        self._pool = RunPool(store)
        self._rows: dict[str, RunRow] = {}
        self._selected: tuple[TableState, list[RunRow], RunsColumns] | None = None
        self._lock = threading.Lock()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were chosen for this project last; empty for none."""
        return kept_columns(self._store.paths)

    def keep_columns(self, names: Sequence[str]) -> None:
        """Remember the columns for the next table of this project.

        Side effects: writes ``columns.json`` of the store.
        """
        keep_columns(self._store.paths, names)

    def page(self, state: TableState) -> RunsPage:
        """A page of the runs that a query holds for; the last one where the state is beyond it.

        Raises:
            DvcMagicError: the query cannot be read, or no run has a name in it or the key to sort by.
        """
        with self._lock:
            rows, columns = self._select(state)
            first = max(0, min(state.first, (len(rows) - 1) // state.size * state.size))
            shown = rows[first : first + state.size]
            at = replace(state, first=first)
            stored = len(self._candidates(()))
            return runs_page(at, shown, columns, marks(shown, self._store), total=len(rows), stored=stored)

    def _select(self, state: TableState) -> tuple[list[RunRow], RunsColumns]:
        changed = self._pool.renew()
        before = self._selected
        if changed or before is None or before[0].query != state.query:
            rows = self._matching(state.query)
            columns = columns_of(rows)
        elif (before[0].sort, before[0].descending) == (state.sort, state.descending):
            return before[1], before[2]
        else:
            rows, columns = self._matching(state.query), before[2]
        if state.sort and rows:
            rows = in_order(rows, state.sort, descending=state.descending)
        self._selected = state, rows, columns
        return rows, columns

    def _matching(self, text: str) -> list[RunRow]:
        if not text:
            return [self._row(run) for run in self._candidates(())]
        stages = self._pool.stages()
        query = RunWords(stages).query(text)
        rows = [self._row(run) for run in self._candidates(query.stages_named(stages))]
        return [each.row for each in clear_rows(query.names(), rows) if query.matches(each)]

    def _candidates(self, stages: Iterable[str]) -> list[StoredRun]:
        if self._only is None:
            return self._pool.listed(list(stages))
        return [run for run_id in self._only if (run := self._pool.get(run_id)) is not None]

    def _row(self, run: StoredRun) -> RunRow:
        upstream = tuple(lineage(run, self._pool.get)) if run.record.upstream else ()
        row = self._rows.get(run.id)
        if row is None or row.run is not run or row.upstream != upstream:
            row = self._rows[run.id] = run_row(run, upstream)
        return row

    # runs that were chosen

    def runs(self, ids: Iterable[str]) -> Runs:
        """The runs of these ids, without those that are gone."""
        listed = (self._pool.get(run_id) for run_id in ids)
        return Runs([run for run in listed if run is not None], self._store, actions=self._actions)

    def _each(self, ids: Sequence[str]) -> list[Run]:
        runs = list(self.runs(ids))
        if not runs:
            raise RequestError("no run is chosen, or those that were are gone: tick some of them")
        return runs

    def diff(self, ids: Sequence[str]) -> Shown:
        """What differs between two runs, from the older to the newer one.

        Raises:
            RequestError: not two are chosen.
        """
        runs = sorted(self._each(ids), key=lambda run: run.number)
        if len(runs) != 2:  # noqa: PLR2004
            raise RequestError(f"a diff is of two runs, and {len(runs)} are chosen; compare puts several side by side")
        return runs[0].diff(runs[1])

    def compare(self, ids: Sequence[str]) -> Shown:
        """Runs side by side.

        Raises:
            RequestError: there are more than fit.
        """
        self._each(ids)
        return self.runs(ids).compare()

    def show(self, ids: Sequence[str]) -> Shown:
        """The card of one run, or a table of several."""
        runs = self._each(ids)
        return runs[0] if len(runs) == 1 else self.runs(ids)

    def plot(self, ids: Sequence[str], name: str) -> bytes:
        """A plot of runs, as a PNG: ``loss`` as in ``runs.plot("loss")``; of all series with an empty name.

        Raises:
            DvcMagicError: no run has that.
        """
        self._each(ids)
        axes = self.runs(ids).plot(name) if name else self.runs(ids).plot()
        from dvc_magic.plots import as_png  # noqa: PLC0415 - matplotlib, for those who plot

        return as_png(axes)

    def tag(self, ids: Sequence[str], words: str) -> str:
        """Add and take away tags: ``+good -bad``; returns what was done."""
        changes = words.split()
        if not changes:
            raise RequestError("write tags first: good, or +good -bad")
        runs = self._each(ids)
        for run in runs:
            run.tag(*changes)
        return f"{_counted(runs)}: tags {' '.join(changes)}"

    def label(self, ids: Sequence[str], text: str) -> str:
        """Give runs a label, or take it away by an empty one; returns what was done."""
        runs = self._each(ids)
        for run in runs:
            run.tag(label=text)
        return f"{_counted(runs)}: label {text!r}" if text else f"{_counted(runs)}: no label"

    def mark(self, ids: Sequence[str]) -> str:
        """Mark runs as preferred upstream, or take the marks away where all have one; returns what was done."""
        runs = self._each(ids)
        marked = not all(run.notes.mark for run in runs)
        for run in runs:
            run.tag(mark=marked)
        return f"{_counted(runs)}: {'preferred upstream' if marked else 'no mark'}"

    def remove(self, ids: Sequence[str]) -> str:
        """Move runs to the trash; returns what was done, and what was not.

        Side effects: moves the runs' folders.
        """
        self._each(ids)
        return repr(self.runs(ids).rm())


def _counted(runs: Sequence[Run]) -> str:
    return f"run {runs[0].number}" if len(runs) == 1 else f"{len(runs)} runs"

"""Moving runs to the trash, taking them back, and deleting them for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from dvc_magic.errors import CallNotFoundError, DvcMagicError, RequestError, RunError, RunNotFoundError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.runs import in_order, rows
from dvc_magic.store import RunStore, StoredRun, purge
from dvc_magic.untrusted import first_few, message
from dvc_magic.views import format_bytes

_NAMED = 8


class Removed(Struct, frozen=True, kw_only=True):
    """What came of removing runs.

    Attributes:
        runs: the records of those that are gone. purged: whether for good, or into the trash.
        freed: bytes that deleting them gave back.
        notes: sentences on what was left, and why.
    """

    runs: tuple[RunRecord, ...] = ()
    purged: bool = False
    freed: int = 0
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """What was done, and the line that takes it back."""
        numbers = " ".join(str(record.number) for record in self.runs[:_NAMED])
        several = len(self.runs) != 1
        what = f"{len(self.runs)} runs" if several else f"run {numbers}"
        if self.purged:
            done = f"{what} deleted for good, {format_bytes(self.freed)} given back"
        elif self.runs:
            back = numbers if len(self.runs) <= _NAMED else "and their numbers"
            done = f"{what} moved to the trash: %dvc_restore {back} takes {'them' if several else 'it'} back"
        else:
            done = "no run was removed"
        return "\n".join([done, *map(message, self.notes)])


def remove(store: RunStore, runs: Sequence[StoredRun], *, for_good: bool = False) -> Removed:
    """Move runs to the trash, or delete them for good, those in the trash as well.

    A run that goes, or that a call which goes has planned, stays, and the notes say so. Runs below one that is removed
    keep what they took from it.

    Args:
        store: of the runs. runs: what to remove. for_good: delete them, and the contents that only they needed.

    Raises:
        RunError: none of several could be removed. StoreError: a folder cannot be moved.

    Side effects: moves or removes folders and contents of the store.
    """
    planned = _planned(store)
    gone: list[RunRecord] = []
    problems: list[str] = []
    for run in runs:
        try:
            _check_idle(run, planned)
            _set_aside(store, run, for_good=for_good)
            gone.append(run.record)
        except (RunError, RunNotFoundError) as error:
            problems.append(str(error))
    if problems and not gone:
        raise RunError("\n".join(problems))
    freed = purge(store, [record.id for record in gone]) if for_good else None
    notes = [*problems, *_used_below(store, gone), *([freed.kept] if freed is not None and freed.kept else [])]
    return Removed(runs=tuple(gone), purged=for_good, freed=freed.size if freed is not None else 0, notes=tuple(notes))


def _check_idle(run: StoredRun, planned: Mapping[str, str]) -> None:
    if run.id in planned:
        call = planned[run.id][:6]
        raise RunError(f"Run {run.number} is one of call:{call}, which goes on: %dvc_stop call:{call} stops it")


def _set_aside(store: RunStore, run: StoredRun, *, for_good: bool) -> None:
    if (store.paths.runs / run.id).is_dir():
        store.trash.put(run.id)
    elif not for_good:
        raise RunNotFoundError(f"Run {run.number} is not there any more, or in the trash already.")


def _planned(store: RunStore) -> dict[str, str]:
    """Run id -> id of the call that goes and has planned it, or waits for it."""
    planned: dict[str, str] = {}
    for call_id in store.calls.going():
        try:
            rows_ = store.calls.rows(call_id)
        except (CallNotFoundError, DvcMagicError):
            continue
        planned |= {run_id: call_id for row in rows_.values() for run_id in (row.id, row.by) if run_id}
    return planned


def _used_below(store: RunStore, gone: Sequence[RunRecord]) -> list[str]:
    ids = {record.id for record in gone}
    below = [run.number for run in store.all() if not ids.isdisjoint(run.record.upstream.values())]
    if not below:
        return []
    names = first_few([str(number) for number in below], _NAMED)
    keeps = "keep what they took" if len(below) > 1 else "keeps what it took"
    return [
        f"{'Runs' if len(below) > 1 else 'Run'} {names} used {'these' if len(gone) > 1 else 'it'} upstream and {keeps}."
    ]


def but_the_best(store: RunStore, runs: Sequence[StoredRun], *, keep: int, metric: str) -> list[StoredRun]:
    """The runs without the best ones, those marked, and those that go.

    Args:
        store: of the runs. runs: to choose from.
        keep: how many completed runs to keep.
        metric: they are the first when sorted by this; ``-accuracy`` sorts downwards.

    Raises:
        RequestError: the number makes no sense, or no completed run has the metric.
        QueryError: no run has such a metric.
    """
    if keep < 0:
        raise RequestError(f"--keep-best {keep}: expected a whole number from 0 up, such as --keep-best 3")
    completed = [run for run in runs if run.record.status is RunStatus.COMPLETED]
    name = metric.removeprefix("-")
    ordered = in_order(rows(completed, store.get), name, descending=metric.startswith("-"))
    best = [row.run.id for row in ordered if row.get(name) is not None][:keep]
    if keep and not best:
        raise RequestError(f"none of these {len(runs)} runs has completed with {name!r}, so that all would be removed")
    kept = {*best, *(run.id for run in runs if run.notes.mark or not run.record.status.final)}
    return [run for run in runs if run.id not in kept]


def restored(store: RunStore, names: Iterable[str]) -> list[StoredRun]:
    """Take runs out of the trash, each named by its number, id, start of an id (3 characters) or label.

    Raises:
        RunNotFoundError: one is not in the trash; those before it are back.
        AmbiguousRunError: a name fits several. StoreError: one cannot be moved.
    """
    back = []
    for name in names:
        run = store.trash.find(name)
        store.trash.restore(run.id)
        back.append(store.get(run.id))
    return back

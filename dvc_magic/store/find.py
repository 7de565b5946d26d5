"""Which run people mean: number, id, start of an id, label, or ``last``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from dvc_magic.errors import AmbiguousRunError, RunNotFoundError, close_matches
from dvc_magic.untrusted import first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dvc_magic.store.stored import StoredRun

_PREFIX = 3  # characters
_LISTED = 8  # candidates in a message
_PAGE = 50


class TrashedRuns(Protocol):
    """What `find_run` asks of the trash."""

    def runs(self) -> list[StoredRun]:
        """The runs there."""


class Lookups(Protocol):
    """What `find_run` asks a store."""

    def all(self, *, limit: int | None = None) -> list[StoredRun]:
        """The runs, newest first; the newest `limit` of them."""

    def of_number(self, number: int) -> list[StoredRun]:
        """The runs of this number: one, or none."""

    def of_prefix(self, prefix: str) -> list[StoredRun]:
        """The runs whose id begins so."""

    @property
    def trash(self) -> TrashedRuns:
        """The removed runs."""


def find_run(store: Lookups, text: str | int) -> StoredRun:
    """The run that `text` names.

    A number beats a label of digits, ``last`` and a whole id beat everything; a label and the start of another run's
    id are equals.

    Raises:
        RunNotFoundError: none is named so.
        AmbiguousRunError: several are.
    """
    name = str(text).strip()
    if name == "last":
        return _last(store)
    candidates = store.of_number(int(name)) if _is_number(name) else []
    candidates = candidates or _named(store, name)
    if not candidates:
        raise _not_found(store, name)
    if len(candidates) > 1:
        raise _ambiguous(name, candidates)
    return candidates[0]


def _is_number(name: str) -> bool:
    return re.fullmatch(r"[0-9]{1,18}", name) is not None


def _named(store: Lookups, name: str) -> list[StoredRun]:
    started = store.of_prefix(name.lower()) if re.fullmatch(r"[0-9a-fA-F]{3,12}", name) else []
    if exact := [run for run in started if run.id == name.lower()]:
        return exact
    labelled = [run for run in store.all() if run.notes.label == name] if name else []
    return list({run.id: run for run in [*started, *labelled]}.values())


def _last(store: Lookups) -> StoredRun:
    for limit in (_PAGE, None):
        asked = next((run for run in store.all(limit=limit) if run.record.call.asked and not run.record.unbegun), None)
        if asked is not None:
            return asked
    raise RunNotFoundError("There is no last run: the store has no run that was asked for. Start one with %dvc_run.")


def trash_message(name: str, run_id: str) -> str:
    """The message on a run that is in the trash."""
    return f"Run {name} is in the trash: %dvc_restore {run_id[:6]} takes it back."


def find_trashed(trashed: Sequence[StoredRun], name: str) -> StoredRun:
    """The run in the trash that `name` means: a number, an id, the start of one, or a label.

    Raises:
        RunNotFoundError: there is none. AmbiguousRunError: there are several.
    """
    text = name.strip()
    fits = [run for run in trashed if text in (str(run.number), run.id, run.notes.label)]
    if not fits and len(text) >= _PREFIX:
        fits = [run for run in trashed if run.id.startswith(text.lower())]
    if len(fits) > 1:
        raise _ambiguous(text, fits)
    if not fits:
        numbers = first_few([str(run.number) for run in trashed], _LISTED)
        there = f"has runs {numbers}" if trashed else "is empty"
        raise RunNotFoundError(f"There is no run {text!r} in the trash, which {there}. %dvc_runs --deleted lists them.")
    return fits[0]


def _not_found(store: Lookups, name: str) -> RunNotFoundError:
    trashed = [run for run in store.trash.runs() if name in (str(run.number), run.id)]
    if trashed:
        return RunNotFoundError(trash_message(name, trashed[0].id))
    runs = store.all()
    if not runs:
        return RunNotFoundError(f"There is no run {name!r}: the store has no runs yet. Start one with %dvc_run.")
    return RunNotFoundError(f"There is no run {name!r}.{_hint(name, runs)} %dvc_runs lists them.")


def _hint(name: str, runs: list[StoredRun]) -> str:
    if _is_number(name):
        return f" Numbers go from {runs[-1].number} to {runs[0].number}."
    for address in (name, f"op:{name}"):
        if newest := next((run for run in runs if run.record.stage == address), None):
            what = "an operation" if address.startswith("op:") else "a stage"
            return f" It is {what}; its newest run is {newest.number}."
    if len(name) < _PREFIX and any(run.id.startswith(name) for run in runs):
        return f" Give {_PREFIX} or more characters of an id."
    known = dict.fromkeys([*(run.notes.label for run in runs if run.notes.label), "last", *(run.id for run in runs)])
    return close_matches(name, list(known))


def _ambiguous(name: str, candidates: Iterable[StoredRun]) -> AmbiguousRunError:
    found = sorted(candidates, key=lambda run: -run.number)
    listed = [f"  {run.number}  {run.id}  {run.record.stage}  {run.notes.label}".rstrip() for run in found[:_LISTED]]
    more = [f"  and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    head = f"{name!r} names {len(found)} runs; give the number or more of the id:"
    return AmbiguousRunError("\n".join([head, *listed, *more]))

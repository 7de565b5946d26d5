"""Runs with their lineage: what one row of a table, a frame or a query knows."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from dvc_magic.errors import RunError, StoreError
from dvc_magic.model.values import same
from dvc_magic.runs.metrics import Leaves, metrics_of, params_of
from dvc_magic.runs.query import Id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dvc_magic.store import StoredRun

FIELDS = (
    "number",
    "id",
    "call",
    "stage",
    "status",
    "started",
    "duration",
    "label",
    "tags",
    "reason",
    "exit_code",
    "note",
)
ALIASES = {"run": "number"}  # as tables head that column
_OF_STAGE = re.compile(r"(?P<stage>.+):(?P<kind>params|metrics)\.(?P<key>.+)", re.DOTALL)


def lineage(run: StoredRun, lookup: Callable[[str], StoredRun | None]) -> list[StoredRun]:
    """The runs upstream of `run`, directly or not, each once, upstream first.

    Args:
        run: where to begin; not part of the result.
        lookup: gives the run of an id. One that is gone (None, or a `RunError` or `StoreError`) is left out.
    """
    ordered: dict[str, StoredRun] = {}
    seen = {run.record.id}

    def visit(record_upstream: Mapping[str, str]) -> None:
        for run_id in record_upstream.values():
            if run_id in seen:
                continue
            seen.add(run_id)
            found = _find(run_id, lookup)
            if found is not None:
                visit(found.record.upstream)
                ordered[run_id] = found

    visit(run.record.upstream)
    return list(ordered.values())


def _find(run_id: str, lookup: Callable[[str], StoredRun | None]) -> StoredRun | None:
    with suppress(RunError, StoreError):
        return lookup(run_id)
    return None


class RunRow(Struct, frozen=True, dict=True):
    """A run and the runs upstream of it as one row.

    Attributes:
        run: the run.
        upstream: its lineage, upstream first.
    """

    run: StoredRun
    upstream: tuple[StoredRun, ...] = ()

    @cached_property
    def params(self) -> Leaves:
        """Params of the run and its lineage; ``STAGE:KEY`` where a value of another stage differs."""
        return self._joined("params")

    @cached_property
    def metrics(self) -> Leaves:
        """Metrics of the run and its lineage; ``STAGE:KEY`` where a value of another stage differs."""
        return self._joined("metrics")

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What a run has whatever its stage is; None or an empty text for what it does not have yet."""
        record, notes = self.run.record, self.run.notes
        return {
            "number": record.number,
            "id": record.id,
            "call": record.call.id,
            "stage": record.stage,
            "status": str(record.status),
            "started": record.times.started,
            "duration": record.times.duration,
            "label": notes.label,
            "tags": list(notes.tags),
            "reason": record.reason,
            "exit_code": record.exit_code,
            "note": notes.note,
        }

    def get(self, name: str) -> Any:
        """The value that people call `name`, None when the row has none.

        ``params.KEY`` and ``metrics.KEY`` say where to look, ``STAGE:params.KEY`` also for which stage of the lineage;
        any other name is a field, else a param, else a metric. An unambiguous end of a key will do. ``STAGE:KEY``, as
        the keys of other stages are spelled, is the run's own value where it is of that stage.

        Raises:
            ParamError: the name fits several keys.
        """
        name = self._plain(name)
        if name in ("id", "call"):
            return Id(self.fields[name])
        if name in FIELDS:
            return self.fields[name]
        kind, _, key = name.partition(".")
        if key and kind in ("params", "metrics"):
            return (self.params if kind == "params" else self.metrics).get(key)
        if match := _OF_STAGE.fullmatch(name):
            return self._of_stage(match["stage"], match["kind"]).get(match["key"])
        return next((leaves.get(name) for leaves in (self.params, self.metrics) if leaves.find(name)), None)

    def knows(self, name: str) -> bool:
        """Whether `name` means something here, be it several things; a field always does."""
        name = self._plain(name)
        if name in FIELDS:
            return True
        kind, _, key = name.partition(".")
        if key and kind in ("params", "metrics"):
            return bool((self.params if kind == "params" else self.metrics).find(key))
        if match := _OF_STAGE.fullmatch(name):
            return bool(self._of_stage(match["stage"], match["kind"]).find(match["key"]))
        return bool(self.params.find(name) or self.metrics.find(name))

    def is_vague(self, name: str) -> bool:
        """Whether `name` is only known from upstream, where several stages have it with different values."""
        if not self.upstream:
            return False
        prefix, _, key = name.partition(".")
        leaves = {"params": self.params, "metrics": self.metrics}
        if key and prefix in leaves:
            name, leaves = key, {prefix: leaves[prefix]}
        kind = next((each for each, known in leaves.items() if known.find(name)), "")
        found = leaves[kind].find(name) if kind else ()
        return len(found) > 1 and not any(key in self._parts(kind).own for key in found)

    def _plain(self, name: str) -> str:
        """A name without what it may have around it: an alias, or the run's own stage."""
        if ":" not in name:
            return ALIASES.get(name, name)
        if _OF_STAGE.fullmatch(name) or self.params.find(name) or self.metrics.find(name):
            return name
        return name.removeprefix(f"{self.run.record.stage}:")

    def columns(self) -> dict[str, Any]:
        """The fields, ``params.KEY`` and ``metrics.KEY``, ``STAGE:params.KEY`` where values differ in the lineage."""
        return {**self.fields, **self._parts("params").columns("params"), **self._parts("metrics").columns("metrics")}

    def _of_stage(self, stage: str, kind: str) -> Leaves:
        runs = [run for run in (self.run, *reversed(self.upstream)) if run.record.stage == stage]
        return _values(runs[0], kind) if runs else Leaves({})

    def _joined(self, kind: str) -> Leaves:
        parts = self._parts(kind)
        differing = {f"{stage}:{key}": value for (stage, key), value in parts.differing.items()}
        return Leaves(parts.own, parts.shared | differing)

    def _parts(self, kind: str) -> _Parts:
        if not self.upstream:
            return _Parts(own=dict(_values(self.run, kind)), shared={}, differing={})
        nearest_first = [(run.record.stage, _values(run, kind)) for run in reversed(self.upstream)]
        return _part(dict(_values(self.run, kind)), nearest_first)


class _Parts(Struct, frozen=True, kw_only=True):
    """Values of a lineage: the run's own, those that all upstream stages with the key agree on, and the others."""

    own: dict[str, Any]
    shared: dict[str, Any]
    differing: dict[tuple[str, str], Any]

    def columns(self, kind: str) -> dict[str, Any]:
        plain = {f"{kind}.{key}": value for key, value in (self.own | self.shared).items()}
        return plain | {f"{stage}:{kind}.{key}": value for (stage, key), value in self.differing.items()}


def _part(own: dict[str, Any], upstream: Sequence[tuple[str, Mapping[str, Any]]]) -> _Parts:
    by_key: dict[str, dict[str, Any]] = {}
    for stage, values in upstream:
        for key, value in values.items():
            by_key.setdefault(key, {}).setdefault(stage, value)
    shared: dict[str, Any] = {}
    differing: dict[tuple[str, str], Any] = {}
    for key, by_stage in by_key.items():
        first = own[key] if key in own else next(iter(by_stage.values()))
        others = {stage: value for stage, value in by_stage.items() if not same(value, first)}
        if key not in own and not others:
            shared[key] = first
        elif others:
            named = others if key in own else by_stage
            differing |= {(stage, key): value for stage, value in named.items()}
    return _Parts(own=own, shared=shared, differing=differing)


def _values(run: StoredRun, kind: str) -> Leaves:
    if kind == "params":
        return params_of(run.record)
    return metrics_of(run.record, None if run.record.metrics else run.paths)


def run_row(run: StoredRun, upstream: Iterable[StoredRun] = ()) -> RunRow:
    """One row of a run and its lineage (see `lineage`)."""
    return RunRow(run, tuple(upstream))


def rows(runs: Iterable[StoredRun], lookup: Callable[[str], StoredRun | None]) -> list[RunRow]:
    """One row for each run, in that order; each upstream run is looked up once at most.

    Args:
        runs: they count as looked up already.
        lookup: as in `lineage`.
    """
    chosen = list(runs)
    known: dict[str, StoredRun | None] = {run.record.id: run for run in chosen}

    def find(run_id: str) -> StoredRun | None:
        if run_id not in known:
            known[run_id] = _find(run_id, lookup)
        return known[run_id]

    return [run_row(run, lineage(run, find)) for run in chosen]

"""The runs that other calls have made or are making, as a call sees them."""

from __future__ import annotations

from collections.abc import Mapping

from dvc_magic.engine.calls.plan import Setting
from dvc_magic.engine.order import Capture, Point
from dvc_magic.errors import StoreError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import Stage
from dvc_magic.store import RunStore, StoredRun, read_packages


class ReusableRuns:
    """Runs that could answer for those of a call; its own are none of them, so that equal points each count.

    The store is asked once for each stage, until `look_again`.

    Args:
        store: where they are. capture: of the call. call: its id.
        at_workers: by id, the runs that some worker was just told to make, which may have no record in the store yet.
    """

    def __init__(self, store: RunStore, capture: Capture, *, call: str, at_workers: Mapping[str, RunRecord]) -> None:
        self._store = store
        self._capture = capture
        self._call = call
        self._at_workers = at_workers
        self._known: dict[str, list[StoredRun]] = {}

    def completed(self, stage: Stage) -> list[RunRecord]:
        """Those of a stage that are completed, the marked one first, then newest first."""
        return [run.record for run in self._of(stage) if run.record.status is RunStatus.COMPLETED]

    def going(self, stage: Stage) -> list[RunRecord]:
        """Those of a stage that some worker executes, or is about to."""
        recorded = self._of(stage)
        known = {run.id for run in recorded}
        about_to_be = [
            record
            for record in self._at_workers.values()
            if record.stage == stage.address and record.call.id != self._call and record.id not in known
        ]
        return [*about_to_be, *(run.record for run in recorded if not run.record.status.final)]

    def _of(self, stage: Stage) -> list[StoredRun]:
        if stage.address not in self._known:
            found = self._store.of_stage(stage.address)
            self._known[stage.address] = [run for run in found if run.record.call.id != self._call]
        return self._known[stage.address]

    def look_again(self) -> None:
        """Ask the store anew from now on."""
        self._known.clear()

    def setting(self, point: Point) -> Setting:
        """What they have to be equal in, apart from the stage."""
        return Setting(
            environment=self._capture.environment,
            snapshot=self._capture.snapshot,
            overrides=point.overrides,
            import_roots=self._capture.import_roots,
            packages=self._packages,
        )

    def _packages(self, digest: str) -> Mapping[str, str]:
        try:
            return read_packages(self._store.paths, digest)
        except StoreError:
            return {}

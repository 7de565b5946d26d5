"""The runs that could serve a call: completed ones of its stages, those that it names, and what is known of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from dvc_magic.engine.calls.answered import UnansweredError
from dvc_magic.engine.order import Capture
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import Stage
from dvc_magic.store import RunStore

_RECENT = 30  # runs of a stage whose undeclared reads were reported already, however they ended


class Candidates:
    """Completed runs by stage, as of the first look at each stage in a call.

    Args:
        capture: of the call. store: where the runs are.
        altered_outs: asks a worker which outs of a run something has altered since.
    """

    def __init__(self, capture: Capture, store: RunStore, *, altered_outs: Callable[[str], Awaitable[object]]) -> None:
        self._capture = capture
        self._store = store
        self._altered_outs = altered_outs
        self._completed: dict[str, list[RunRecord]] = {}
        self._before: dict[str, set[str]] = {}  # address -> undeclared reads of runs before this call
        self._intact: dict[str, bool] = {}  # by id of the run
        self._reported: dict[str, set[str]] = {}  # entry of dvc.yaml -> undeclared reads that this call's runs reported

    def completed(self, stage: Stage) -> list[RunRecord]:
        """The completed runs that can stand for a stage, the marked one first, then newest first."""
        if stage.address not in self._completed:
            serving = {op.address for point in self._capture.points for op in point.pipeline.serving(stage.address)}
            runs = [
                stored
                for address in (stage.address, *sorted(serving))
                for stored in self._store.of_stage(address, status=RunStatus.COMPLETED)
            ]
            runs.sort(key=lambda stored: (not stored.notes.mark, -stored.record.number))
            self._completed[stage.address] = [stored.record for stored in runs]
        return self._completed[stage.address]

    def is_intact(self, run: RunRecord) -> bool:
        """Whether the outs of a run are as it made them, or could be mended; asked once in a call.

        Raises:
            UnansweredError: a worker has to look first.
        """
        if run.id not in self._intact:
            raise UnansweredError(partial(self._look_at_outs, run.id))
        return self._intact[run.id]

    async def _look_at_outs(self, run_id: str) -> None:
        self._intact[run_id] = not await self._altered_outs(run_id)

    def report(self, record: RunRecord) -> None:
        """Note that the undeclared reads of a run of this call were reported with its end."""
        self._reported.setdefault(_entry(record.stage), set()).update(record.read)

    def reported_reads(self, stage: Stage) -> tuple[str, ...]:
        """Undeclared files that runs of a stage were seen to read, in this call or before it."""
        if stage.address not in self._before:
            self._before[stage.address] = self._store.reads_of_stage(stage.address, newest=_RECENT)
        return tuple(sorted(self._before[stage.address] | self._reported.get(_entry(stage.address), set())))


def _entry(address: str) -> str:
    """The entry of ``dvc.yaml`` that a stage comes from: items of ``foreach`` and ``matrix`` share one."""
    file, colon, name = address.rpartition(":")
    return f"{file}{colon}{name.partition('@')[0]}"

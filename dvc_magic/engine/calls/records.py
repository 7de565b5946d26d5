"""What a call records of its runs: the record that a run begins with, its order, and that of one never executed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dvc_magic.engine.calls.point import PointState
from dvc_magic.engine.links import project_links
from dvc_magic.engine.order import Capture, WorkOrder
from dvc_magic.errors import DvcMagicError, RunNotFoundError
from dvc_magic.model.call import PlannedRun
from dvc_magic.model.operation import Operation
from dvc_magic.model.record import CallInfo, Looked, Notes, OutRecord, RunRecord, RunStatus, Times
from dvc_magic.model.request import ChangeKind, RunRequest
from dvc_magic.model.stage import DepKind, Stage
from dvc_magic.model.values import flatten
from dvc_magic.store import RunStore, remove_tree

_EDITED = 50  # names in a record: more are no reading matter


class CallRecords:
    """Makes the records of one call's runs.

    Args:
        call: its id. request: what was asked for. capture: the project at that moment.
        linked: files of the snapshot that runs have by link. operations: those that may take part, as they were read.
        looked: what a run notes of the call's sources (`dvc_magic.engine.calls.new_files.NewFiles.digest`).
        project: its root. store: where records go.
    """

    def __init__(
        self,
        call: str,
        request: RunRequest,
        capture: Capture,
        *,
        linked: Sequence[str],
        operations: Sequence[Operation],
        looked: str,
        project: Path,
        store: RunStore,
    ) -> None:
        self._call = call
        self._request = request
        self._capture = capture
        self._linked = linked
        self._operations = {operation.address: operation for operation in operations}
        self._looked = looked
        self._project = project
        self._store = store

    def order(
        self,
        planned: PlannedRun,
        point: PointState,
        stage: Stage,
        *,
        asked: bool,
        reported_reads: tuple[str, ...],
        notices: Sequence[str],
    ) -> WorkOrder:
        """All that a worker needs to execute a stage with the values of a point.

        Args:
            planned: the run. point: its inputs are known, and in the runs' cache.
            asked: whether the user asked for it.
            reported_reads: undeclared reads that need no report.
            notices: lines for people that a run which was asked for carries.
        """
        deps, placements, upstream = point.inputs(stage)
        record = replace(
            self._record(planned, point, stage, asked=asked),
            deps=deps,
            outs={out.path: OutRecord(kind=out.kind, cache=out.cache) for out in stage.outs},
            upstream=upstream,
            warnings=(*self._capture.notices, *notices) if asked else (),
            root=_root_folder(self._project, stage, self._capture.git_prefix),
        )
        return WorkOrder(
            record=record,
            notes=self._notes(asked=asked),
            stage=stage,
            file=point.point.pipeline.file_of(stage),
            project=str(self._project),
            home=str(self._store.home),
            replace={**point.point.replace, **stage.texts},
            placements=placements,
            param_files=tuple(file for file in point.point.param_files if file not in stage.param_files),
            timeout=self._request.timeout,
            known_reads=reported_reads,
            surroundings=self._capture.surroundings,
            links=project_links(
                stage,
                environments=self._capture.environments.get(stage.wdir, ()),
                secrets=self._linked,
                git_objects=self._capture.git_objects,
            ),
        )

    def _record(self, planned: PlannedRun, point: PointState, stage: Stage, *, asked: bool) -> RunRecord:
        params: dict[str, dict[str, Any]] = {}
        for flag in stage.flags:
            if flag.group is None or flag.value is not None:
                params.setdefault(flag.file, {})[flag.key] = flag.value
        for entry in point.overrides if asked else ():
            if not entry.declared and entry.kind != ChangeKind.REMOVE:
                params.setdefault(entry.file, {}).update(flatten({entry.key: entry.value}))
        return RunRecord(
            id=planned.id,
            number=planned.number,
            call=CallInfo(
                id=self._call,
                asked=asked,
                index=point.point.index if asked else None,
                size=len(self._capture.points),
            ),
            stage=stage.address,
            cmd=stage.cmd,
            times=Times(created=datetime.now(UTC)),
            line=self._request.line,
            notebook=self._request.notebook,
            dvcfile=stage.dvcfile,
            wdir=stage.wdir,
            overrides=point.overrides,
            params=params,
            locked=stage.locked,
            op=self._operation(stage),
            from_run=self._request.from_run if asked else None,
            looked=Looked(paths=self._looked),
            import_roots=self._capture.import_roots,
            copied=self._capture.copied,
            snapshot=self._capture.snapshot,
            commit=self._capture.commit,
            dirty=self._capture.dirty,
            edited=self._capture.edited[:_EDITED],
            environment=self._capture.environment,
        )

    def _operation(self, stage: Stage) -> Operation | None:
        """What a stage was compiled from, as it was read: without the values of this call."""
        if stage.operation is None:
            return None
        return replace(self._operations.get(stage.address, stage.operation), serves=stage.operation.serves)

    def _notes(self, *, asked: bool) -> Notes:
        return Notes(label=self._request.label, tags=self._request.tags) if asked else Notes()

    def never_executed(
        self,
        planned: PlannedRun,
        point: PointState,
        *,
        error: str,
        upstream: Mapping[str, str] | None = None,
        status: RunStatus = RunStatus.FAILED,
        reason: str = "upstream",
        unbegun: bool = False,
    ) -> RunRecord:
        """Write the record of a point's target that is never executed, and return it.

        Args:
            unbegun: whether its turn had not come when the call was stopped: one of many, which need not be on the
                disk at once.
        """
        stage = point.stages[-1]
        record = replace(
            self._record(planned, point, stage, asked=True),
            status=status,
            reason=reason,
            error=error,
            upstream=dict(upstream or {}),
            unbegun=unbegun,
        )
        self._write(record, self._notes(asked=True), durable=not unbegun)
        return record

    def forget_unstarted(self, run_id: str) -> bool:
        """Take away what a worker left of a run whose command it had not started; False when it had.

        Side effects: removes the run's folder, in which nothing is but what the next worker makes again.
        """
        with contextlib.suppress(RunNotFoundError):
            if self._store.read(run_id).status is not RunStatus.PENDING:
                return False
        remove_tree(self._store.paths.run(run_id).folder)
        return True

    def of_lost_worker(self, order: WorkOrder, error: str, *, stopped: str = "") -> RunRecord:
        """The record of a run whose worker died: its own, as far as it came, else one that says so.

        Args:
            stopped: why the call was stopped before, if it was; then the worker has only left before it began.
        """
        with contextlib.suppress(DvcMagicError):
            self._store.read(order.record.id)  # not what is planned, which `get` has too
            return self._store.get(order.record.id).record
        status, reason = (RunStatus.STOPPED, stopped) if stopped else (RunStatus.FAILED, "worker gone")
        lost = replace(order.record, status=status, reason=reason, error=error)
        self._write(lost, order.notes)
        return lost

    def _write(self, record: RunRecord, notes: Notes, *, durable: bool = True) -> None:
        """Write the only record of a run that no worker has recorded; one may have made its folder."""
        lock = None if self._store.paths.run(record.id).folder.is_dir() else self._store.claim(record.id)
        try:
            if notes.label or notes.tags:
                self._store.write_notes(record.id, notes)
            self._store.write(record, durable=durable)
        finally:
            if lock is not None:
                lock.release()


def _root_folder(project: Path, stage: Stage, prefix: str) -> str:
    """Where a run's DVC root lies in its workspace: as deep as the stage's deps reach above the project.

    A project in a folder of a git repository lies as deep in the workspace, so that git there finds the same paths.
    """
    paths = [*(dep.path for dep in stage.deps if dep.kind is DepKind.LOCAL), *(out.path for out in stage.outs)]
    above = max((path.split("/").count("..") for path in paths), default=0)
    depth = max(above, len(prefix.split("/")) if prefix else 0)
    return "/".join(project.parts[-depth:]) if depth else "."

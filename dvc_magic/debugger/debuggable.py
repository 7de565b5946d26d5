"""Which run there is something to debug of."""

from __future__ import annotations

from dvc_magic.errors import DvcMagicError, RunError
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.store import RunStore, StoredRun


def last_failed(store: RunStore) -> StoredRun:
    """The newest failed run that was asked for.

    Raises:
        RunError: none has failed.
    """
    for run in store.listing(asked=True):
        if run.record.status is RunStatus.FAILED:
            return run
    message = "no run has failed; %dvc_debug and project.debug() are for runs that did"
    raise RunError(message)


def debuggable(run: StoredRun, store: RunStore) -> StoredRun:
    """The run itself, or that upstream of it which has failed and is why it was never executed.

    Raises:
        RunError: there is nothing to debug of it: it completed, still goes, was stopped...; says what helps.
    """
    failed = _failed_first(run, store)
    record = failed.record
    if problem := _not_failed(record) or _not_executed(record, store) or _not_kept(failed):
        raise RunError(problem)
    return failed


def _failed_first(run: StoredRun, store: RunStore) -> StoredRun:
    cause = _cause_of(run.record, store)
    return cause if cause is not None and cause.record.status is RunStatus.FAILED else run


def _cause_of(record: RunRecord, store: RunStore) -> StoredRun | None:
    """The run upstream because of which a run was never executed, if it is there."""
    for run_id in record.upstream.values() if record.reason == "upstream" else ():
        try:
            return store.get(run_id)
        except DvcMagicError:  # removed
            continue
    return None


def _not_failed(record: RunRecord) -> str:
    if record.status is RunStatus.FAILED:
        return ""
    if record.status is RunStatus.COMPLETED:
        return f"{record.name} completed; %dvc_debug and run.debug() are for runs that failed (%dvc_runs failed)"
    if not record.status.final:
        return f"{record.name} still goes ({record.status}); a run can be debugged once it has failed"
    why = f" ({record.error})" if record.error else ""
    return f"{record.name} is {record.status}{why}, it did not fail by itself; a run can be debugged that has failed"


def _not_executed(record: RunRecord, store: RunStore) -> str:
    if record.reason == "upstream":
        cause = _cause_of(record, store)
        if cause is None:
            return f"{record.name} was never executed: {record.error.removeprefix('not executed: ')}"
        return f"{record.name} was never executed, because {cause.record.name} {cause.record.status}"
    if record.reason in ("engine", "worker gone"):
        return f"{record.name} did not fail in its command, so that there is nothing to debug: {record.error}"
    return ""


def _not_kept(run: StoredRun) -> str:
    if run.paths.order.exists():
        return ""
    again = f"%dvc_run --from {run.number} or run.again()"
    return (
        f"{run.record.name} has no {run.paths.order.name}, which says what it was to execute: an older dvc_magic made "
        f"it, or the disk was full. Make it fail once more ({again}) and debug that run"
    )

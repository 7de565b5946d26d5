"""The error of a call that ended badly, and the message of a run that did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dvc_magic.errors import RunFailedError, RunsFailedError
from dvc_magic.model.paths import RunPaths, StorePaths
from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.handles.runs import Runs
from dvc_magic.project.missing_files import missing_file_hint
from dvc_magic.runs import LOG_TAIL, log_tail
from dvc_magic.untrusted import uncoloured
from dvc_magic.views import format_seconds

_START = 8  # characters of a call's id: with 10,000 calls, one of 160,000 shares its first 8 with another


def call_error(
    runs: Runs,
    call: str,
    *,
    by_magic: bool,
    paths: StorePaths,
    project: Path,
    pipeline: Pipeline,
    tail: int,
) -> RunFailedError | RunsFailedError:
    """The error of a call, some runs of which did not complete.

    Args:
        runs: all that it was asked for. call: its id. by_magic: whether a line asked for it.
        paths: of the store. project, pipeline: as in `failure_message`.
        tail: lines of the log of the first such run.
    """
    failed = [run for run in runs if run.status is not RunStatus.COMPLETED]
    first = failed[0]
    cause = next(iter(first.upstream.values()), first) if first.reason == "upstream" else first
    above = [other.record for other in cause.upstream.values()]
    message = failure_message(cause.record, above, paths.run(cause.id), project, pipeline=pipeline, shown=tail)
    if cause is not first:
        message = f"{first.stage} {first.number} was not executed: {message}"
    if len(runs) == 1:
        return RunFailedError(message, run=first)
    numbers = ", ".join(dict.fromkeys(str(run.number) for run in failed))
    every = all_of_them([run.record for run in runs], call, by_magic=by_magic)
    summary = (
        f"{len(failed)} of {len(runs)} runs did not complete: {numbers}. {every}. The first that did not:\n{message}"
    )
    return RunsFailedError(summary, runs=runs)


def failure_message(
    record: RunRecord,
    upstream: Sequence[RunRecord],
    paths: RunPaths,
    project: Path,
    *,
    pipeline: Pipeline,
    shown: int = LOG_TAIL,
) -> str:
    """What happened, the log's end, a hint where there is one, and the next commands.

    Args:
        record: the run that ended badly. upstream: the runs it used or was to use.
        paths: its files. project: the project's root. pipeline: its stages, as far as DVC can read them.
        shown: lines of the log; one is enough where the log has just been printed.
    """
    chain = " -> ".join([*(f"{run.name} {run.status}" for run in upstream), _outcome(record)])
    lines = [chain]
    tail = log_tail(paths.log)
    if end := tail[-shown:]:
        lines += _log_end([uncoloured(line) for line in end], paths.log)
    if hint := missing_file_hint(record, tail, paths, project, pipeline):
        lines.append(hint)
    lines.append(_next(record))
    return "\n".join(lines)


def all_of_them(records: Sequence[RunRecord], call: str, *, by_magic: bool) -> str:
    """How to see all runs of a call and no others: by a magic after a line, by Python after a call of it.

    Args:
        records: the runs. Where equal ones were reused, some are of other calls, and were perhaps not asked for there.
        call: its id.
        by_magic: whether a line asked for it.
    """
    count = len({record.id for record in records})
    other = sorted({record.number for record in records if record.call.id != call})
    own = [f"call = {call[:_START]}"] if any(record.call.id == call for record in records) else []
    query = " or ".join([*own, *([f"number in {other}"] if other else [])])
    listed = all(record.call.asked for record in records)
    if not listed:  # among the runs that nobody asked for are those upstream of the call's
        query = f"number in {sorted({record.number for record in records})}"
    if by_magic:
        return f"All {count}: %dvc_runs {'' if listed else '--all '}{query}"
    return f"All {count}: the error's .runs, project.runs{'' if listed else '.unfolded()'}.where({query!r})"


def _log_end(lines: Sequence[str], log: Path) -> list[str]:
    if len(lines) == 1:
        return [f"its log ends with: {lines[0].strip()}", f"all of it is in {log}"]
    return [f"--- the log's last {len(lines)} lines ({log}) ---", *lines, "---"]


def _next(record: RunRecord) -> str:
    """The next commands: magics after a line, Python after a call."""
    if record.line is None:
        run = f"project.runs[{record.number}]"
        debug = f", {run}.debug() a debugger" if _failed_by_itself(record) else ""
        return (
            f"{run}.log has the whole log, {run}.card() the run with its files{debug}; "
            "the error's .run is the run asked for"
        )
    debug = f", %dvc_debug {record.number} opens a debugger in it" if _failed_by_itself(record) else ""
    return f"%dvc_log {record.number} shows the whole log, %dvc_show {record.number} the run with its files{debug}"


def _failed_by_itself(record: RunRecord) -> bool:
    """Whether a command of the run has ended it, which can be debugged."""
    return record.status is RunStatus.FAILED and bool(record.exit_code)


def _outcome(record: RunRecord) -> str:
    text = f"{record.name} {record.status}"
    if record.exit_code:
        text += f", exit {record.exit_code}"
    if record.times.duration is not None:
        text += f", {format_seconds(record.times.duration)}"
    plain_exit = record.exit_code and not record.reason
    return text if plain_exit or not record.error else f"{text}: {record.error}"

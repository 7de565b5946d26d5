"""The message of a run that ended badly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import RunRecord
from dvc_magic.views import format_seconds

LOG_TAIL = 20
"""Lines of a log in the error of a failed run."""

_READ = 64 * 1024
_PATHS = re.compile(r"""['"]([^'"\n]{1,300})['"]|(?<![\w./-])((?:[\w.-]+/)*[\w.-]+\.\w{1,8})(?![\w/])""")
_MODULE = re.compile(r"No module named '([\w.]+)'")


def log_tail(log: Path, lines: int = LOG_TAIL) -> list[str]:
    """The last lines of a log, bytes that are no UTF-8 replaced; reads at most 64 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - _READ))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    kept = [line.rsplit("\r", 1)[-1] for line in text.rstrip("\n").split("\n")]
    return kept[-lines:] if text else []


def failure_message(
    record: RunRecord, upstream: Sequence[RunRecord], paths: RunPaths, project: Path, *, shown: int = LOG_TAIL
) -> str:
    """What happened, the log's end, a hint where there is one, and the two next commands.

    Args:
        record: the run that ended badly. upstream: the runs it used or was to use.
        paths: its files. project: the project's root.
        shown: lines of the log; fewer do where it has just been printed.
    """
    chain = " -> ".join([*(f"{run.name} {run.status}" for run in upstream), _outcome(record)])
    lines = [chain]
    tail = log_tail(paths.log)
    if end := tail[-shown:]:
        count = "line" if len(end) == 1 else f"{len(end)} lines"
        lines += [f"--- the log's last {count} ({paths.log}) ---", *end, "---"]
    if hint := missing_file_hint(record, tail, paths, project):
        lines.append(hint)
    lines.append(_next(record))
    return "\n".join(lines)


def _next(record: RunRecord) -> str:
    """The two next commands: magics after a line, Python after a call."""
    if record.line is None:
        run = f"project.runs[{record.number}]"
        return (
            f"{run}.log has the whole log, {run}.card() the run with its files; the error's .run is the run asked for"
        )
    return f"%dvc_log {record.number} shows the whole log, %dvc_show {record.number} the run with its files"


def _outcome(record: RunRecord) -> str:
    text = f"{record.name} {record.status}"
    if record.exit_code:
        text += f", exit {record.exit_code}"
    if record.times.duration is not None:
        text += f", {format_seconds(record.times.duration)}"
    plain_exit = record.exit_code and not record.reason
    return text if plain_exit or not record.error else f"{text}: {record.error}"


def missing_file_hint(record: RunRecord, tail: Sequence[str], paths: RunPaths, project: Path) -> str:
    """The line that helps when the log names a file which the project has and the workspace lacks, or an empty text."""
    workspace = paths.dvc_root(record.root)
    text = "\n".join(tail)
    for name in _named_files(text, workspace):
        for base in dict.fromkeys([record.wdir, "."]):
            path = Path(base) / name
            if ".." in path.parts or not (project / path).exists() or (workspace / path).exists():
                continue
            return (
                f"{path.as_posix()!r} is in the project but not in the run: git ignores it, and no dep of the stage "
                f"names it. %dvc_run {record.stage} -C {path.as_posix()} takes it along; "
                "'copy-paths:' in dvc_magic.yaml always does"
            )
    return ""


def _named_files(text: str, workspace: Path) -> list[str]:
    names = [quoted or bare for quoted, bare in _PATHS.findall(text)]
    for module in _MODULE.findall(text):
        stem = module.replace(".", "/")
        names += [f"{stem}.py", stem.split("/")[0]]
    relative = [name.removeprefix(f"{workspace}/") for name in names]
    return [name for name in dict.fromkeys(relative) if name and not name.startswith("/") and "\0" not in name]

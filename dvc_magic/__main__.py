"""``python -m dvc_magic runs|show|stages``: what there is, for scripts, terminals and agents; nothing is changed."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dvc_magic.errors import DvcMagicError, RunNotFoundError
from dvc_magic.project import Project, Run, RunWords, StageView, connection_of

_SHOWN = 20
_EXAMPLES = """examples:
  python -m dvc_magic runs train --sort loss -n 5
  python -m dvc_magic runs "loss < 0.1 and stage = train" --json
  python -m dvc_magic show 41 --json
  python -m dvc_magic stages train
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one command on standard output; 1 with a line on standard error when it cannot be answered."""
    chosen = _parser().parse_args(arguments)
    try:
        with Project.open(".") as project:
            shown, data = {"runs": _runs, "show": _show, "stages": _stages}[chosen.command](project, chosen)
    except DvcMagicError as error:
        print(f"dvc_magic: {error}", file=sys.stderr)
        return 1
    try:
        print(json.dumps(_plain(data), ensure_ascii=False, indent=2) if chosen.json else shown, flush=True)
    except BrokenPipeError:  # `| head` has what it wants
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dvc_magic",
        description="Look at the runs and stages of the project that the current folder is in.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("runs", help="list runs, newest first")
    runs.add_argument("expr", nargs="?", help="a query, or a stage or a status alone, as in %%dvc_runs")
    runs.add_argument("--stage", help="runs of a stage, also those made upstream of others")
    runs.add_argument("--status", help="completed, failed, stopped...")
    runs.add_argument("--tag", help="runs with this tag")
    runs.add_argument("--sort", metavar="KEY", help="by a param, metric or field; --sort=-KEY downwards")
    runs.add_argument("-n", type=_count, metavar="N", help=f"the first N (a table shows {_SHOWN}, --json all)")
    runs.add_argument("--all", action="store_true", help="those upstream of them as well")
    show = commands.add_parser("show", help="show one run")
    show.add_argument("run", help="its number, the start of its id, its label, or last")
    stages = commands.add_parser("stages", help="list the stages, as DVC resolves them")
    stages.add_argument("stage", nargs="?", help="the stage, group or operation to show")
    for command in (runs, show, stages):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        message = f"expected a whole number from 1 up, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _runs(project: Project, chosen: argparse.Namespace) -> tuple[object, list[dict[str, Any]]]:
    if not connection_of(project).settings.home.is_dir():  # a look makes no store
        return "no runs yet", []
    runs = project.runs.unfolded() if chosen.all else project.runs
    words = RunWords(project.store.stages())
    for query in words.queries(chosen.expr, stage=chosen.stage, status=chosen.status, tag=chosen.tag):
        runs = runs.where(query)
    if chosen.sort:
        runs = runs.order_by(chosen.sort.lstrip("-"), descending=chosen.sort.startswith("-"))
    runs = runs[: chosen.n] if chosen.n else runs[:]
    return runs, [_fields(run) for run in runs] if chosen.json else []


def _show(project: Project, chosen: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    home = connection_of(project).settings.home
    if not home.is_dir():
        message = f"there are no runs yet: {home} does not exist"
        raise RunNotFoundError(message)
    run = project.last if chosen.run == "last" else project.runs[chosen.run]
    record = run.record
    return run.card().text(), {
        **_fields(run),
        "cmd": record.cmd,
        "commit": record.commit,
        "edited": record.edited,
        "error": record.error,
        "folder": str(run.path),
        "upstream": {stage: upstream.number for stage, upstream in run.upstream.items()},
        "deps": {path: {"md5": dep.hash, "size": dep.size, "path": str(dep)} for path, dep in run.deps.items()},
        "outs": {path: {"md5": out.hash, "size": out.size, "path": str(out)} for path, out in run.outs.items()},
    }


def _fields(run: Run) -> dict[str, Any]:
    notes = run.notes
    return {
        "number": run.number,
        "id": run.id,
        "call": run.record.call.id,
        "stage": run.stage,
        "status": str(run.status),
        "reason": run.reason,
        "started": run.started,
        "duration": run.duration,
        "exit_code": run.exit_code,
        "label": notes.label,
        "tags": notes.tags,
        "note": notes.note,
        "params": run.params,
        "metrics": run.metrics,
    }


def _stages(project: Project, chosen: argparse.Namespace) -> tuple[object, object]:
    stages = project.stages
    if chosen.stage is None:
        return stages, [_stage(view) for view in stages.values()]
    meant = stages.meant(chosen.stage)
    if isinstance(meant, StageView):
        return meant, _stage(meant)
    return meant, [_stage(view) for view in meant.values()]


def _stage(view: StageView) -> dict[str, Any]:
    stage = view.stage
    return {
        "stage": stage.address,
        "desc": stage.desc,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": [dep.path for dep in stage.deps],
        "outs": [out.path for out in stage.outs],
        "upstream": view.upstream,
        "params": [{"key": flag.key, "file": flag.file, "value": flag.value} for flag in stage.flags],
    }


def _plain(value: Any) -> Any:
    """What JSON can hold: times as text, in UTC; NaN and infinities, which it has not, as null."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    sys.exit(main())

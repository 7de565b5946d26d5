"""Which runs made a path that no stage makes any more, or that only operations make."""

from __future__ import annotations

from pathlib import Path

from dvc_magic.model.record import RunRecord, RunStatus
from dvc_magic.model.stage import lies_in, overlaps
from dvc_magic.store import RunStore
from dvc_magic.untrusted import first_few, one_line

_LOOKED_AT = 1000  # of the newest runs: reading them takes 0.2 s, for which only an error waits
_NAMED = 3


def made_before(path: str, *, store: RunStore, project: Path, by_magic: bool) -> str:
    """Lines that name the completed runs with such an output, and that take it from the newest; empty without any.

    Args:
        path: from the root. project: that root, where the stage expects it.
        by_magic: whether a magic's line is answered: it knows no `project`.
    """

    def has_it(run: RunRecord) -> bool:
        is_made = run.status is RunStatus.COMPLETED and any(lies_in(path, out) for out in run.outs)
        is_whole = not any(overlaps(path, out) for out in run.spoiled)
        return is_made and is_whole and (store.paths.run(run.id).dvc_root(run.root) / path).exists()

    runs = [stored.record for stored in store.all(limit=_LOOKED_AT) if has_it(stored.record)]
    if not runs:
        return ""
    names = first_few([one_line(run.name) for run in runs], _NAMED)
    number, copy = runs[0].number, f"copy({path!r}, {str(project / path)!r})"
    lines = [f"run = %dvc_show {number}", f"run.{copy}"] if by_magic else [f"project.runs[{number}].{copy}"]
    return "\n  ".join([f"Runs made it: {names}. To have it in the project:", *lines])

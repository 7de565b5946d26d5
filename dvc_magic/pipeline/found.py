"""The data of a project that texts in code name: what an operation that learns is given to read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dvc_magic.model.stage import Pipeline, lies_in, overlaps

RESERVED = (".dvc", ".git", ".dvc_magic", "dvc.yaml", "dvc.lock")
"""What is DVC's, git's or ours at the root, and no data."""


def found_data(hints: Sequence[str], pipeline: Pipeline, *, root: Path, taken: Sequence[str]) -> Iterator[str]:
    """Those of `hints` that name something which the project has, DVC tracks, or a stage makes.

    Of a folder and something in it that are both named, the latter counts: the folder is on the way to it. It is the
    other way round for a folder that DVC has as a whole, which the code may list.

    Args:
        hints: POSIX paths from the root.
        pipeline: of the project.
        root: of the project.
        taken: paths that have a place in the run already; what overlaps with one is left out.
    """
    there = [hint for hint in hints if _is_data(hint, pipeline, root)]
    whole = [hint for hint in there if _is_one_folder(hint, pipeline, root)]
    for hint in there:
        on_the_way = hint not in whole and any(other.startswith(f"{hint}/") for other in there)
        inside = any(hint.startswith(f"{folder}/") for folder in whole)
        if not on_the_way and not inside and not any(overlaps(hint, path) for path in taken):
            yield hint


def _is_data(path: str, pipeline: Pipeline, root: Path) -> bool:
    parts = path.split("/")
    if path in ("", ".") or ".." in parts or path.startswith("/") or parts[0] in RESERVED:
        return False
    return _is_known(path, pipeline) or os.path.lexists(root / path)


def _is_known(path: str, pipeline: Pipeline) -> bool:
    """Whether DVC has a path, or a folder around it, as an out or as tracked data."""
    known = [data.path for data in pipeline.tracked]
    known += [out.path for stage in pipeline.stages for out in stage.outs]
    return any(lies_in(path, one) for one in known)


def _is_one_folder(path: str, pipeline: Pipeline, root: Path) -> bool:
    """Whether a path is a folder that DVC has as a whole, or lies in one; what is not here is told by its name."""
    if not _is_known(path, pipeline):
        return False
    if (root / path).exists():
        return (root / path).is_dir()
    tracked = [data for data in pipeline.tracked if data.path == path]
    return (tracked[0].hash or "").endswith(".dir") if tracked else "." not in path.rpartition("/")[2]

"""What git says in a run: the same of the run's sources as it said of the project's at the call."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from dvc_magic.engine.order import WorkOrder
from dvc_magic.model.paths import object_path
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.model.surroundings import GitFacts
from dvc_magic.store import Objects
from dvc_magic.workspace import write_skeleton_git


def write_git(
    order: WorkOrder,
    facts: GitFacts | None,
    root: Path,
    objects: Objects,
    *,
    sources: Collection[str],
    left_out: Mapping[str, SourceFile | None],
    ignored: Iterable[str],
) -> None:
    """Write the skeleton ``.git`` of a run, at the top of the work tree when the project is a folder in one.

    Args:
        order: of the run.
        facts: of the project's repository at the call.
        root: the run's DVC root, with everything in its place.
        objects: the store's contents of sources.
        sources: the files that the run has for certain.
        left_out: files of the project that the run lacks, has for a while, or has trimmed -> the project's content.
        ignored: links of ours, which git is to overlook.
    """
    below = facts.prefix if facts is not None and f"/{order.record.root}".endswith(f"/{facts.prefix}") else ""
    top = root.parents[below.count("/")] if below else root
    start = f"{below}/" if below else ""
    outs = {out.path for out in order.stage.outs}
    absent = frozenset(facts.absent if facts is not None else ())

    def hidden(path: str, blob: str) -> bool:
        if not path.startswith(start):
            return not os.path.lexists(top / path)
        own = path.removeprefix(start)
        if own in sources:
            return False
        if own in left_out:
            return _as_committed(left_out[own], blob, objects)
        return own not in outs and own not in absent and not os.path.lexists(root / own)

    write_skeleton_git(
        facts,
        top,
        project=Path(order.project),
        objects=objects,
        below=below,
        hidden=hidden,
        rewritten={f"{start}{path}" for path in order.replace},
        ignored=[f"/{start}{path}" for path in ignored],
        settled=not order.record.dirty,
    )


def _as_committed(file: SourceFile | None, blob: str, objects: Objects) -> bool:
    """Whether the project had a file just as git's index has it; what is in no snapshot counts as such."""
    if file is None or file.link is not None:
        return True
    try:
        content = Path(object_path(objects.folder, file.md5)).read_bytes()
    except FileNotFoundError:
        return True
    algorithm = hashlib.sha1 if len(blob) == 40 else hashlib.sha256  # noqa: PLR2004 - hex digits of SHA-1
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == blob

"""What git says in a run: the same of the run's sources as it says of the project's."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dvc_magic.engine.order import WorkOrder
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.workspace import read_git_facts, write_skeleton_git


def write_git(
    order: WorkOrder,
    root: Path,
    store: StorePaths,
    *,
    left_out: Mapping[str, SourceFile | None],
    ignored: Iterable[str],
) -> None:
    """Write the skeleton ``.git`` of a run, at the top of the work tree when the project is a folder in one.

    Args:
        order: of the run.
        root: the run's DVC root, with everything in its place.
        store: the run store.
        left_out: files of the project that the run lacks, has for a while, or has trimmed -> the project's content.
        ignored: links of ours, which git is to overlook.
    """
    facts = read_git_facts(Path(order.project))
    below = facts.prefix if facts is not None and f"/{order.record.root}".endswith(f"/{facts.prefix}") else ""
    top = root.parents[below.count("/")] if below else root
    start = f"{below}/" if below else ""
    outs = {out.path for out in order.stage.outs}

    def hidden(path: str, blob: str) -> bool:
        if not path.startswith(start):
            return not os.path.lexists(top / path)
        own = path.removeprefix(start)
        if own in left_out:
            return _as_committed(left_out[own], blob, store)
        return not os.path.lexists(root / own) and own not in outs and os.path.lexists(f"{order.project}/{own}")

    patterns = [f"/{start}{path}" for path in ignored]
    write_skeleton_git(facts, top, below=below, hidden=hidden, ignored=patterns)
    if not order.record.dirty:
        _settle_index(top)


def _as_committed(file: SourceFile | None, blob: str, store: StorePaths) -> bool:
    """Whether the project has a file just as git's index has it; what is in no snapshot counts as such."""
    if file is None or file.link is not None:
        return True
    try:
        content = (store.objects / file.md5[:2] / file.md5[2:]).read_bytes()
    except FileNotFoundError:
        return True
    algorithm = hashlib.sha1 if len(blob) == 40 else hashlib.sha256  # noqa: PLR2004 - hex digits of SHA-1
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == blob


def _settle_index(top: Path) -> None:
    """Let git trust its index where no tracked file differs from it.

    Git reads a file again that is not older than the index (after a clone, every one), and what a stage's
    ``git status`` reads would count as read by the stage.
    """
    index = top / ".git" / "index"
    if index.exists():
        later = time.time() + 2
        os.utime(index, (later, later))

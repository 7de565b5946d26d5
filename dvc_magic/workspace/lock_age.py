"""Which sources changed since a ``dvc.lock`` was written: what its entries cannot know of."""

from __future__ import annotations

import os
from pathlib import Path

from dvc_magic.model.snapshot import Snapshot
from dvc_magic.workspace.git_command import ask_git, ask_git_at_once

__all__ = ["changed_since_lock"]

# Of the index only. `git diff` would compare the files as well, but rewrites the project's index when one was touched;
# with `diff.autoRefreshIndex=false` it takes each touched file for a changed one. `ls-files --modified` does neither.
_INDEX_DIFFERS = ("diff-index", "--cached", "--no-renames", "--name-only", "--relative", "-z")


def changed_since_lock(project: Path, lock: str, snapshot: Snapshot) -> tuple[str, ...]:
    """The source files that may have changed since `lock` was written.

    With git and a lock that is as committed: those that differ from the lock's last commit, and untracked ones.
    Otherwise, when the lock is newer than any commit or there is no git: those modified after it.

    Args:
        project: the project's root.
        lock: the lock file, from the root.
        snapshot: the sources now.

    Returns:
        Paths from the root; empty when there is no such lock file.
    """
    file = project / lock
    if not file.exists():
        return ()
    changed = _changed_since_commit(project, lock) if snapshot.commit else None
    if changed is None:
        written = file.stat().st_mtime_ns
        return tuple(path for path, source in snapshot.files.items() if source.mtime_ns > written)
    return tuple(path for path in changed if path in snapshot.files)


def _changed_since_commit(project: Path, lock: str) -> list[str] | None:
    """What differs from the lock's last commit, and what git does not track; None when that tells nothing."""
    literal = f":(literal){lock}"
    commit, staged, unstaged = ask_git_at_once(
        project,
        ("rev-list", "-1", "HEAD", "--", literal),
        (*_INDEX_DIFFERS, "HEAD", "--", literal),
        ("ls-files", "-z", "--modified", "--others", "--exclude-standard"),
    )
    if not commit or staged != b"" or unstaged is None or os.fsencode(lock) in unstaged.split(b"\0"):
        return None
    committed = ask_git(project, *_INDEX_DIFFERS, commit.decode().strip())
    if committed is None:
        return None
    return [os.fsdecode(path) for path in dict.fromkeys((committed + unstaged).split(b"\0")) if path]

"""Which sources changed since a ``dvc.lock`` was written: what its entries cannot know of."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dvc_magic.model.snapshot import Snapshot


def changed_since_lock(project: Path, lock: str, snapshot: Snapshot) -> tuple[str, ...]:
    """The source files that may have changed since `lock` was written.

    With git and a lock that is as committed: those that differ from the lock's last commit, and untracked ones.
    Otherwise, when the lock is newer than any commit or there is no git: those modified after it.

    Args:
        project: the project's root. lock: the lock file, from the root.
        snapshot: the sources now.

    Returns:
        Paths from the root; empty when there is no such lock file.
    """
    file = project / lock
    if not file.exists():
        return ()
    commit = _git(project, "log", "-1", "--format=%H", "--", lock) if snapshot.commit else None
    pristine = commit and _git(project, "diff", "--name-only", "HEAD", "--", lock) == ""
    if not commit or not pristine:
        written = file.stat().st_mtime_ns
        return tuple(path for path, source in snapshot.files.items() if source.mtime_ns > written)
    changed = _git(project, "diff", "--name-only", "--relative", "-z", commit) or ""
    untracked = _git(project, "ls-files", "-z", "--others", "--exclude-standard") or ""
    return tuple(path for path in (changed + untracked).split("\0") if path in snapshot.files)


def _git(project: Path, *arguments: str) -> str | None:
    """What git answers, stripped of its last newline; None when it cannot."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments], cwd=project, capture_output=True, check=True, text=True
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n")

"""Asking git about a project without changing anything in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ask_git", "ask_git_at_once", "start_git"]

# What `git rev-parse --local-env-vars` lists and could point git at another repository than the folder's own.
_REDIRECTING = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


def start_git(folder: Path, *arguments: str) -> subprocess.Popen[bytes] | None:
    """Start git in `folder`, unable to write the index or to start its file-system monitor; None without git."""
    # A project's `core.fsmonitor` names a program to start, or starts a daemon that writes into `.git`.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        if not folder.is_dir():
            raise
        return None


def ask_git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints, or None when it is missing or does not succeed."""
    return ask_git_at_once(folder, arguments)[0]


def ask_git_at_once(folder: Path, *questions: Sequence[str]) -> list[bytes | None]:
    """What git prints to each of several questions, asked at the same time: each takes milliseconds."""
    return [_output(process) for process in [start_git(folder, *question) for question in questions]]


def _output(process: subprocess.Popen[bytes] | None) -> bytes | None:
    if process is None:
        return None
    output, _ = process.communicate()
    return output if process.returncode == 0 else None

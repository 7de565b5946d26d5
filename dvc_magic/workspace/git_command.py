"""The one place that starts git: it asks about a project and changes nothing in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ask_git", "ask_git_at_once", "start_git"]

# Our own git gets only these `GIT_*`: others change what it does and prints (GIT_LITERAL_PATHSPECS, GIT_TRACE).
_FOR_OURS = frozenset(
    {
        "GIT_ATTR_NOSYSTEM",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
    }
)
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` would write what it learns into the index
    "GIT_ALLOW_PROTOCOL": "",  # a partial clone would fetch objects that are asked for
    "GIT_NO_LAZY_FETCH": "1",  # the same, since git 2.44
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# The rest that a config can make git start, or write.
_SETTINGS = (
    "core.fsmonitor=false",  # a program, or a daemon that writes into `.git`
    f"core.hooksPath={os.devnull}",
    "diff.autoRefreshIndex=false",  # `git diff` takes no notice of GIT_OPTIONAL_LOCKS when it refreshes the index
    "log.showSignature=false",  # starts gpg
)
_COMMAND = ("git", "--no-pager", *(word for setting in _SETTINGS for word in ("-c", setting)))


def start_git(
    folder: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes] | None:
    """Start git in `folder`, in the repository that lies there, whatever the environment says; None without git.

    A command that only looks (``ls-files``, ``status``, ``diff-index``, ``rev-list``) writes nothing, the index
    included, reaches no network and starts none of the programs that a config names, filters excepted.

    Args:
        folder: where git runs.
        arguments: of git, options before the command included.
        variables: for this command, beside those of this process.
    """
    inherited = {key: value for key, value in os.environ.items() if key in _FOR_OURS or not key.startswith("GIT_")}
    try:
        return subprocess.Popen(
            [*_COMMAND, *arguments],
            cwd=folder,
            env=inherited | _QUIET | dict(variables or {}),
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

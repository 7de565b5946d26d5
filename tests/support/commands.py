"""Run git and DVC as a user would, from another directory, and fail loudly."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.dvc_program import dvc_program


class CommandError(AssertionError):
    """A command that a test needs ended badly."""


def git(folder: Path, *args: str) -> str:
    """The output of ``git ARGS`` in `folder`."""
    return run(folder, "git", *args)


def dvc(folder: Path, *args: str, environ: Mapping[str, str] | None = None) -> str:
    """The output of ``dvc ARGS`` in `folder`; ``python`` in its stages is the Python of the tests.

    Args:
        environ: variables beside those of the tests.

    Raises:
        CommandError: it exited with another code than 0; the message has all it printed.
    """
    done = dvc_program(folder, args, {**os.environ, **(environ or {})})
    if done.code != 0:
        message = f"dvc {shlex.join(args)} in {folder} exited with {done.code}:\n{done.output}{done.errors}"
        raise CommandError(message)
    return done.output


def dvc_status_code(folder: Path) -> int:
    """What ``dvc status -q`` exits with: 0 when the project is up to date, 1 when it is not."""
    return dvc_program(folder, ["status", "-q"], os.environ).code


def run(folder: Path, *command: str) -> str:
    """The standard output of a command.

    Raises:
        CommandError: it exited with another code than 0; the message has all it printed.
    """
    done = _call(folder, *command)
    if done.returncode != 0:
        message = f"{' '.join(command)!r} in {folder} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
        raise CommandError(message)
    return done.stdout


def _call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )

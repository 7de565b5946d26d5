"""Which Python files a stage starts from, as far as its deps and its command tell."""

from __future__ import annotations

import shlex
from collections.abc import Container
from pathlib import PurePosixPath

from dvc_magic.model.stage import Stage


def scripts_of(stage: Stage, sources: Container[str]) -> tuple[str, ...]:
    """The Python files among `sources` that are deps of a stage or words of its command, from the project's root."""
    words = [word for command in stage.commands for word in _words(command)]
    named = [str(PurePosixPath(stage.wdir) / word) for word in words]
    found = dict.fromkeys([*(dep.path for dep in stage.deps), *named])
    return tuple(path for path in found if path.endswith(".py") and path in sources)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a command that only a shell understands
        return command.split()

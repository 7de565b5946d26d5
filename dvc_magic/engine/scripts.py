"""Which scripts and notebooks a stage starts from, as far as its deps and its command tell."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Container

from dvc_magic.model.stage import Stage


def scripts_of(stage: Stage, sources: Container[str]) -> tuple[str, ...]:
    """The Python files among `sources` that are deps of a stage or words of its command, from the project's root."""
    found = dict.fromkeys([*(dep.path for dep in stage.deps), *_named(stage)])
    return tuple(path for path in found if path.endswith(".py") and path in sources)


def notebooks_of(stage: Stage) -> tuple[str, ...]:
    """The notebooks that a stage's command names, from the project's root."""
    return tuple(path for path in dict.fromkeys(_named(stage)) if path.endswith(".ipynb"))


def _named(stage: Stage) -> list[str]:
    """The words of a stage's commands, as paths from the project's root."""
    words = [word for command in stage.commands for word in _words(command)]
    return [posixpath.normpath(posixpath.join(stage.wdir, word)) for word in words]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a command that only a shell understands
        return command.split()

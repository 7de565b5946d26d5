"""Environment variables that must not reach another process."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What `git rev-parse --local-env-vars` lists, and two of servers' hooks. Git sets them for what its hooks and aliases
# start, a kernel included; each of them ties git to one repository, wherever it is called.
_REDIRECTING = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",  # a prefix of all refs, of servers
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",  # of a pre-receive hook: git then updates no ref
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_CONFIG_PAIR = re.compile(r"GIT_CONFIG_(?:KEY|VALUE)_[0-9]+")  # what GIT_CONFIG_COUNT counts


def without_git_redirection(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables less those that send git to another repository than the one that it is called in."""
    return {
        name: value
        for name, value in environ.items()
        if not (name.startswith("GIT_") and (name in _REDIRECTING or _CONFIG_PAIR.fullmatch(name)))
    }

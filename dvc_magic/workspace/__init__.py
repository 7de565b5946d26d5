"""Snapshots of a project's sources, workspaces made from them, and what a run's surroundings are.

`dvc_magic.workspace.param_files`, which rewrites param files, has a door of its own: the kernel, which needs this one,
is spared its parsers.
"""

from __future__ import annotations

from dvc_magic.workspace.env_folders import (
    environment_folders,
    link_environments,
    linkable,
    poetry_environment,
    tool_settings,
    uv_project_above,
)
from dvc_magic.workspace.environment import python_environment
from dvc_magic.workspace.git_command import start_git
from dvc_magic.workspace.git_skeleton import git_objects, write_skeleton_git
from dvc_magic.workspace.git_state import read_git_facts
from dvc_magic.workspace.hash_cache import FileHash, HashCache
from dvc_magic.workspace.import_roots import import_roots
from dvc_magic.workspace.lock_age import changed_since_lock
from dvc_magic.workspace.made import (
    Tree,
    is_metric_name,
    made_below,
    made_files,
    made_others,
    mark,
    read_tree,
    unkeepable,
    whole_paths,
)
from dvc_magic.workspace.materialise import materialise
from dvc_magic.workspace.place import LackingError, LinkPolicy, link_policy, make_read_only, place_file, place_object
from dvc_magic.workspace.read_set import FolderWatch, atime_works, imported_modules, read_files
from dvc_magic.workspace.snapshot import SIZE_LIMIT, take_snapshot
from dvc_magic.workspace.write_file import write_file

__all__ = [
    "SIZE_LIMIT",
    "FileHash",
    "FolderWatch",
    "HashCache",
    "LackingError",
    "LinkPolicy",
    "Tree",
    "atime_works",
    "changed_since_lock",
    "environment_folders",
    "git_objects",
    "import_roots",
    "imported_modules",
    "is_metric_name",
    "link_environments",
    "link_policy",
    "linkable",
    "made_below",
    "made_files",
    "made_others",
    "make_read_only",
    "mark",
    "materialise",
    "place_file",
    "place_object",
    "poetry_environment",
    "python_environment",
    "read_files",
    "read_git_facts",
    "read_tree",
    "start_git",
    "take_snapshot",
    "tool_settings",
    "unkeepable",
    "uv_project_above",
    "whole_paths",
    "write_file",
    "write_skeleton_git",
]

"""Param files: read as DVC reads them, rewritten so that nothing but the asked values changes.

DVC's own writer re-lays a file out and quotes anew; a run's file should differ from the project's by its values alone.
`set_values` therefore replaces the text of single values, then reads the result back with each reader that the
stage may use (PyYAML and ruamel.yaml, tomlkit and tomllib) and refuses a text in which another key has changed.
`ParamFile` does the same for the many points of a grid, and reads the file once.
"""

from __future__ import annotations

from dvc_magic.workspace.param_files.changes import ValueChange
from dvc_magic.workspace.param_files.param_file import ParamFile, WrittenParams
from dvc_magic.workspace.param_files.rewrite import read_values, refuse_lost_map, set_values

__all__ = ["ParamFile", "ValueChange", "WrittenParams", "read_values", "refuse_lost_map", "set_values"]

"""The files of a run that DVC reads, taken apart once for each text: all runs of a stage have the same ones."""

from __future__ import annotations

import os
import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.dvcfile import ProjectFile
from dvc.exceptions import DvcException
from dvc.utils import strictyaml
from dvc.utils.serialize import parse_yaml

from dvc_magic.pipeline.repos import UnseenConfig
from dvc_magic.pipeline.rooted import RootedFileSystem, Version, settled, version

_LOCAL = ".dvc/config.local"
_REPO = ".dvc/config"
_RELATIVE = re.compile(rb'^    dir = "((?:\.\./)+)([^"\\]*)"$', re.MULTILINE)


def merged_config(root: Path) -> Any:
    """DVC's merged configuration of a run; None where it has to be read file by file.

    The same object serves all runs with the same text of ``.dvc/config.local``, as `with_cache` makes it: its one
    relative path is that of the runs' cache, which leads out of the run.

    Args:
        root: the run's DVC root.
    """
    try:
        with RootedFileSystem(root).fs.open(_LOCAL, "rb") as file:
            text = file.read()
    except OSError:
        return None
    paths = _RELATIVE.findall(text)
    if len(paths) != 1 or os.path.lexists(root / _REPO):
        return None
    above, below = map(os.fsdecode, paths[0])
    depth = above.count("../")
    parts = os.path.abspath(root / ".dvc").split(os.sep)
    around = os.sep.join(parts[:-depth]) or os.sep
    users = tuple((place, version(place)) for place in _users_files())
    if not os.path.isabs(around) or depth >= len(parts) or not all(settled(known) for _, known in users):
        return None
    config = _config(text, around, depth, users)
    return config if os.path.abspath(os.path.join(around, below)) == str(config["cache"].get("dir")) else None


def _users_files() -> list[str]:
    return [os.path.join(Config.get_dir(level), Config.CONFIG) for level in Config.SYSTEM_LEVELS]


@lru_cache(maxsize=4)
def _config(text: bytes, around: str, depth: int, _: tuple[tuple[str, Version], ...]) -> Any:
    """The configuration that a text gives `depth` folders below `around`, with the user's files in these versions."""
    root = Path(around, *["_"] * (depth - 1))
    fs = RootedFileSystem(root, overlay={_LOCAL: text})
    folder = os.fspath(root / ".dvc")
    return UnseenConfig(folder, local_dvc_dir=folder, fs=fs)


class RunFile(ProjectFile):  # type: ignore[misc]
    """A run's ``dvc.yaml``, whose text is taken apart once for all runs that have it, after all of DVC's own checks."""

    def _load_yaml(self, **options: Any) -> Any:
        if not options:
            with self.repo.fs.open(self.path, encoding="utf-8") as opened:
                text = opened.read()
            if (contents := _contents(text)) is not None:
                return deepcopy(contents), text
        return super()._load_yaml(**options)  # which says what is wrong with it


@lru_cache(maxsize=16)
def _contents(text: str) -> Any:
    """What a ``dvc.yaml`` means, validated; None where DVC refuses it."""
    try:
        contents = parse_yaml(text, "dvc.yaml")
        strictyaml.validate(contents, ProjectFile.SCHEMA)  # what it returns DVC leaves unused, too
    except DvcException:
        return None
    return contents

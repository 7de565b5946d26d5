"""A sample project, asked of a host: it takes git and DVC to make one."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from msgspec import Struct

from dvc_magic.client import Host
from dvc_magic.errors import RequestError, close_matches
from dvc_magic.model.example import example_names
from dvc_magic.wire import MakeExample

_NEEDED = "sklearn"


class Example(Struct, frozen=True, kw_only=True):
    """A sample project on disk.

    Attributes:
        name: which one it is. root: its folder, absolute. made: False when it was there already.
    """

    name: str
    root: Path
    made: bool


def write_example(name: str, folder: Path | None = None) -> Example:
    """Write a sample project, committed in git, with its data in its DVC remote only.

    Side effects: makes the folder, with `name` in the working directory when `folder` is None. An empty folder is
    filled; one that is this sample already is taken as it is. When something goes wrong, what was made is taken away.

    Args:
        name: of the sample.
        folder: where it goes.

    Raises:
        RequestError: no such sample, the folder holds something else, or a package that it needs is missing.
        ProjectError: git or DVC cannot make it.
    """
    if name not in example_names():
        message = (
            f"no example {name!r}.{close_matches(name, [*example_names()])} Examples: {', '.join(example_names())}"
        )
        raise RequestError(message)
    root = (folder or Path(name)).expanduser().absolute()
    host = Host(project=root, home=root / ".dvc_magic", log=Path(os.devnull))
    try:
        made: bool = host.ask(MakeExample(name=name, has_packages=importlib.util.find_spec(_NEEDED) is not None))
    finally:
        host.close()
    return Example(name=name, root=root, made=made)

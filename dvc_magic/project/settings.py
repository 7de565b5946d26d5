"""Where a project is, where its runs are kept, and what ``dvc_magic.yaml`` at its root says."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from dvc_magic.errors import NotAProjectError, OperationError, ProjectError
from dvc_magic.operations import load_yaml

SETTINGS_FILE = "dvc_magic.yaml"
STORE_FOLDER = ".dvc_magic"
HOME_VARIABLE = "DVC_MAGIC_HOME"
PULL_TIMEOUT = 60.0


class Settings(Struct, frozen=True, kw_only=True):
    """What the user set for a project.

    Attributes:
        home: the run store's folder. copy_paths: ignored files that every run gets.
        pull_timeout: seconds that a pull from a remote may go on without a byte arriving.
    """

    home: Path
    copy_paths: tuple[str, ...] = ()
    pull_timeout: float = PULL_TIMEOUT


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that has a ``.dvc`` folder (DVC's own rule).

    Raises:
        NotAProjectError: there is none, or this is Windows.
    """
    if sys.platform == "win32":
        message = "dvc_magic runs on Linux and macOS; on Windows, use it inside WSL"
        raise NotAProjectError(message)
    folder = start.expanduser().resolve()
    if not folder.is_dir():
        message = f"{str(start)!r} is not a folder; give the folder of a DVC project"
        raise NotAProjectError(message)
    for candidate in (folder, *folder.parents):
        if (candidate / ".dvc").is_dir():
            return candidate
    for link in (candidate / ".dvc" for candidate in (folder, *folder.parents)):
        if link.is_symlink():
            message = (
                f"{str(link)!r} is a link to {str(link.readlink())!r}, which is no folder now; bring that back (is its "
                f"disk mounted?), or make a DVC project there anew: remove the link, then {_init(link.parent)}"
            )
            raise NotAProjectError(message)
    message = (
        f"no DVC project at {str(folder)!r} or above it (there is no .dvc folder); go to one with %dvc_project PATH, "
        f"or make this folder one with: {_init(folder)}"
    )
    raise NotAProjectError(message)


def _init(folder: Path) -> str:
    """What makes a folder a DVC project: DVC takes ``dvc init`` alone only where a git repository begins."""
    if (folder / ".git").exists():
        return "dvc init"
    return "dvc init --subdir" if any((above / ".git").exists() for above in folder.parents) else "dvc init --no-scm"


def read_settings(root: Path, environ: Mapping[str, str] = os.environ, *, home: str = "") -> Settings:
    """The settings of the project at `root`.

    The run store is ``.dvc_magic`` in the project, unless `home`, ``DVC_MAGIC_HOME`` or ``home:`` in
    ``dvc_magic.yaml`` name a folder; below such a folder, which projects may share, each project has a store of its
    own.

    Raises:
        ProjectError: ``dvc_magic.yaml`` cannot be read.
    """
    content = read_file(root / SETTINGS_FILE)
    shared = home or environ.get(HOME_VARIABLE) or content.get("home")
    copy_paths = content.get("copy-paths") or []
    if isinstance(copy_paths, str) or not all(isinstance(path, str) for path in copy_paths):
        message = f"'copy-paths' in {SETTINGS_FILE} has to be a list of paths, such as [.env, data/local.csv]"
        raise ProjectError(message)
    folder = root / STORE_FOLDER
    if shared:
        mark = hashlib.blake2b(str(root).encode(), digest_size=4).hexdigest()
        folder = (root / Path(str(shared)).expanduser()).resolve() / f"{root.name}-{mark}"
    return Settings(home=folder, copy_paths=tuple(copy_paths), pull_timeout=_pull_timeout(content))


def _pull_timeout(content: Mapping[str, Any]) -> float:
    value = content.get("pull-timeout", PULL_TIMEOUT)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        message = (
            f"'pull-timeout' in {SETTINGS_FILE} has to be a number of seconds above 0, such as 120; it is {value!r}"
        )
        raise ProjectError(message)
    return float(value)


def read_file(path: Path) -> dict[str, Any]:
    """What ``dvc_magic.yaml`` says, empty when there is none.

    Raises:
        ProjectError: it cannot be read, or is no map.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        content = load_yaml(data.decode("utf-8"), at=SETTINGS_FILE)
    except OperationError as error:
        raise ProjectError(str(error)) from error
    except UnicodeDecodeError as error:
        message = f"{SETTINGS_FILE} is not valid YAML: {error}"
        raise ProjectError(message) from error
    if content is not None and not isinstance(content, dict):
        message = f"{SETTINGS_FILE} has to be a map, such as 'copy-paths: [.env]'; it is a {type(content).__name__}"
        raise ProjectError(message)
    return content or {}

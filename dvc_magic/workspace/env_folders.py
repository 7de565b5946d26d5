"""Environments inside a project: folders that installers fill, which runs use in place and never copy.

They are no sources. A run's workspace has links to them, so that ``.venv/bin/python train.py`` means the same there.
A copy would be large and, for most of them, broken: their files hold the path of the folder.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dvc_magic.model.relative import in_any, parent_folders

__all__ = [
    "environment_folders",
    "is_environment",
    "link_environments",
    "linkable",
    "poetry_environment",
    "site_folders",
    "tool_settings",
    "uv_project_above",
]

_DESCRIPTIONS = frozenset({"pyproject.toml", "setup.py", "package.json", "pixi.toml", "Pipfile", "environment.yml"})
_LIBRARIES = ("node_modules", "renv/library")
_PIXI = ".pixi/envs"
# A stage that makes or fills an environment gets one of its own, in its workspace.
_INSTALLS = (
    r"\buv\s+(?:sync|venv|add|remove|lock)\b|\b(?:poetry|pixi|pipenv|pdm)\s+(?:install|sync|add|update|upgrade|remove)\b"
    r"|-m\s+venv\b|\bvirtualenv\b|\b(?:conda|mamba|micromamba)\s+(?:env\s+)?create\b|\bnpm\s+(?:ci|install)\b"
)
_UV = r"\buv\b"
_POETRY = r"\bpoetry\b"


def is_environment(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a virtual environment or a conda prefix."""
    return os.path.isfile(f"{os.fspath(folder)}/pyvenv.cfg") or os.path.isdir(f"{os.fspath(folder)}/conda-meta")


def environment_folders(project: Path, sources: Iterable[str] = (), *, wdir: str = ".") -> tuple[str, ...]:
    """The environments of a project, from its root.

    Looked for in the root, in `wdir` and above, and beside what describes an environment (``pyproject.toml``, ...):
    virtual environments and conda prefixes of any name, those of pixi, ``node_modules``, R's ``renv/library``.

    Args:
        project: the root.
        sources: paths of the project's sources.
        wdir: of the stage.
    """
    described = {path.rpartition("/")[0] for path in sources if path.rpartition("/")[2] in _DESCRIPTIONS}
    above = parent_folders([f"{wdir}/x"]) if wdir != "." else []
    folders = sorted({"", *described, *(folder for folder in above if ".." not in folder.split("/"))})
    found = [path for folder in folders for path in _beside(project, folder)]
    return tuple(path for path in dict.fromkeys(found) if not in_any(path.rpartition("/")[0], found))


def _beside(project: Path, folder: str) -> Iterator[str]:
    """The environments directly below a folder of the project."""
    start = f"{folder}/" if folder else ""
    for name in _folders(project / folder):
        if is_environment(project / folder / name):
            yield start + name
    for name in _folders(project / folder / _PIXI):
        if is_environment(project / folder / _PIXI / name):
            yield f"{start}{_PIXI}/{name}"
    yield from (start + name for name in _LIBRARIES if os.path.isdir(project / folder / name))


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []


def site_folders(environment: Path) -> tuple[str, ...]:
    """The site-packages of a Python environment, found without starting its Python."""
    found = sorted(environment.glob("lib/python*/site-packages"))
    return tuple(os.fspath(folder) for folder in found)


def linkable(environments: Iterable[str], *, commands: Sequence[str], outs: Iterable[str]) -> tuple[str, ...]:
    """The environments that a stage's workspace gets links to.

    None when a command installs: what it makes then stays in the run. None where the stage has an output.
    """
    if any(re.search(_INSTALLS, command) for command in commands):
        return ()
    made = tuple(outs)
    return tuple(
        path for path in environments if not in_any(path, made) and not any(in_any(out, [path]) for out in made)
    )


def link_environments(project: Path, target: Path, environments: Iterable[str]) -> tuple[str, ...]:
    """Give a workspace links to environments of the project, but where it has something already.

    Returns:
        The paths linked.

    Side effects: the links, and the folders above them, below `target`.
    """
    return tuple(path for path in environments if _linked(project / path, target, path))


def _linked(source: Path, target: Path, path: str) -> bool:
    link = target / path
    folder = os.path.join(os.path.realpath(target), os.path.dirname(path))
    if os.path.lexists(link) or os.path.realpath(link.parent) != os.path.normpath(folder):
        return False
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(source, target_is_directory=True)
    return True


def tool_settings(
    project: Path, linked: Sequence[str], *, commands: Sequence[str], environ: Mapping[str, str], uv_project: str
) -> dict[str, str]:
    """Variables that make ``uv run``, ``poetry run`` and ``pixi run`` take the project's environment as it is.

    Without them each run would get a new environment, or change the lock. What the user has set stays.

    Args:
        project: the root.
        linked: the environments linked into the workspace.
        commands: of the stage.
        environ: of the stage, so far.
        uv_project: see `uv_project_above`.
    """
    text = "\n".join(commands)
    if re.search(_INSTALLS, text):
        return {}
    found: dict[str, str] = {}
    if linked:
        found |= {"UV_NO_SYNC": "1", "PIXI_FROZEN": "true"}
    elif uv_project and re.search(_UV, text):
        found |= {"UV_NO_SYNC": "1", "UV_PROJECT": uv_project}
    active = environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX")
    if re.search(_POETRY, text) and not active and ".venv" not in linked:
        own = poetry_environment(project, environ)
        found |= {"VIRTUAL_ENV": os.fspath(own)} if own else {}
    return {name: value for name, value in found.items() if name not in environ}


def uv_project_above(project: Path) -> str:
    """The folder above a project without ``pyproject.toml`` that uv would find from there; empty when there is none."""
    if (project / "pyproject.toml").is_file():
        return ""
    folders = (folder for folder in project.parents if (folder / "pyproject.toml").is_file())
    nearest = next(folders, None)
    return os.fspath(nearest) if nearest is not None and is_environment(nearest / ".venv") else ""


def poetry_environment(project: Path, environ: Mapping[str, str]) -> Path | None:
    """The environment that poetry keeps for a project among its own, when there is exactly one.

    Poetry names it after a hash of the project's path, so in a workspace it would make another.
    """
    real = os.path.normcase(os.path.realpath(project)).encode()
    mark = base64.urlsafe_b64encode(hashlib.sha256(real).digest()).decode()[:8]
    found = [path for path in _poetry_folder(environ).glob(f"*-{glob.escape(mark)}-py*") if is_environment(path)]
    return found[0] if len(found) == 1 else None


def _poetry_folder(environ: Mapping[str, str]) -> Path:
    """Where poetry keeps environments, by its own defaults and variables."""
    if named := environ.get("POETRY_VIRTUALENVS_PATH"):
        return Path(named)
    home = Path(environ.get("HOME") or "~").expanduser()
    shared = (
        home / "Library" / "Caches"
        if sys.platform == "darwin"
        else Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    )
    return Path(environ.get("POETRY_CACHE_DIR") or shared / "pypoetry") / "virtualenvs"

"""What another Python would say of itself."""

from __future__ import annotations

import json
import os
import platform
import site
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

__all__ = ["Interpreter", "describe_interpreter", "site_names"]

_QUESTION = """\
import json, platform, site, sys
user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
print(json.dumps([platform.python_version(), sys.prefix, site.getsitepackages() + user]))
"""
_PATIENCE = 30  # seconds
UNSETTLED_NS = 2_000_000_000  # file systems stamp folders up to two seconds apart


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python.

    Attributes:
        version: such as ``3.12.4``; empty when it does not start.
        prefix: the folder of its environment.
        site_folders: its site-packages folders, in the order of its path.
    """

    version: str
    prefix: str
    site_folders: tuple[str, ...]


def describe_interpreter(python: str) -> Interpreter:
    """The Python with this path, empty for the one that runs this; another one is started once and remembered."""
    if not python or os.path.abspath(python) == os.path.abspath(sys.executable):
        user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
        folders = (*site.getsitepackages(), *user)
        return Interpreter(version=platform.python_version(), prefix=sys.prefix, site_folders=folders)
    try:
        facts = os.stat(python)
    except OSError:
        return Interpreter(version="", prefix="", site_folders=())
    return _asked(os.path.abspath(python), facts.st_mtime_ns)


@lru_cache(maxsize=16)
def _asked(python: str, _: int) -> Interpreter:
    """Start it once for each mtime of its file: 20 ms."""
    try:
        done = subprocess.run(
            [python, "-c", _QUESTION],
            cwd="/",
            env=_quiet(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        )
        version, prefix, folders = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return Interpreter(version="", prefix="", site_folders=())
    return Interpreter(version=version, prefix=prefix, site_folders=tuple(folders))


def _quiet(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment less what would change the path or print at the start."""
    return {name: value for name, value in environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")}


def site_names(folder: str) -> tuple[str, ...]:
    """The sorted names in a site-packages folder, kept while its mtime stays: each comes or goes with an entry there.

    Empty when it cannot be listed. Of a folder that changed just now nothing is kept: a second change may bear the same
    time.
    """
    try:
        mtime_ns = os.stat(folder).st_mtime_ns
        if time.time_ns() - mtime_ns < UNSETTLED_NS:
            return tuple(sorted(os.listdir(folder)))
        return _names(folder, mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=32)
def _names(folder: str, _: int) -> tuple[str, ...]:
    return tuple(sorted(os.listdir(folder)))

"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil


def machine_line(folder: Path) -> str:
    """Cores, Python, DVC, platform, and the file system on which the projects lie, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores, Python {platform.python_version()}, DVC {version('dvc')}, "
        f"{platform.system()} {platform.machine()}, files on {_file_system(folder)}"
    )


def load_line() -> str:
    """How busy the machine is with everything that runs on it, these benchmarks included."""
    return f"load of the last minute: {os.getloadavg()[0]:.1f}"


def _file_system(folder: Path) -> str:
    """The type of the mount that a folder lies on; what a sync costs depends on it."""
    places = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    above = [str(place) for place in (folder.resolve(), *folder.resolve().parents)]
    return next((places[place] for place in above if place in places), "an unknown file system")

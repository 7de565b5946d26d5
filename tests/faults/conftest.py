"""Tools that break things: failing system calls, full and read-only disks, power cuts. ``make faults`` runs them.

A test that needs a program which is missing is skipped, and fails where ``CI=true``; where the kernel refuses (no root,
no mounts, no loop devices, no ptrace) it is skipped everywhere, and says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.faults import BOOT_ID, Disk, FailingCalls, Strace, mount, refused_mounts, unmount
from tests.support.tools import do_without


@pytest.fixture(scope="session")
def _preloaded() -> Iterator[str]:
    """What is preloaded here; processes that tests start are without it."""
    with pytest.MonkeyPatch.context() as patch:
        preloaded = os.environ.get("LD_PRELOAD", "")
        patch.delenv("LD_PRELOAD", raising=False)
        yield preloaded


@pytest.fixture(autouse=True)
def _nothing_preloaded_below(_preloaded: str) -> None:
    """Every test starts its processes without what is preloaded here."""


@pytest.fixture(autouse=True)
def _nothing_forked(started_hosts: None) -> None:
    """Every test starts its hosts: what breaks on the way is what breaks for users."""


@pytest.fixture(scope="session")
def failing_calls(_preloaded: str) -> FailingCalls:
    """Makes the n-th call of an operation in this process fail: see `FailingCalls.each`."""
    if "fiu_posix_preload" not in _preloaded:
        do_without("libfiu is not preloaded: run make faults, after apt-get install fiu-utils")
    return FailingCalls()


@pytest.fixture
def strace(tmp_path: Path) -> Strace:
    """Makes the n-th call of a script fail, or kills it there: see `Strace.each`."""
    program = _program("strace", package="strace")
    tried = subprocess.run([program, "-qq", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this system refuses ptrace: {tried.stderr.strip()}")
    return Strace(program, tmp_path)


@pytest.fixture(scope="session")
def _private_mounts() -> None:
    _program("mount", package="mount")
    if os.geteuid():
        pytest.skip("only root may mount")
    if refusal := refused_mounts():
        pytest.skip(refusal)


@pytest.fixture
def mounted(tmp_path: Path, _private_mounts: None) -> Iterator[Callable[..., Path]]:
    """A factory of mounted file systems, such as ``mounted("disk", "tmpfs", "none", "size=4m")``; see `mount`.

    Their folders lie below the test's own. This process sees them, and so do those that it starts.
    """
    folders: list[Path] = []

    def make(name: str, kind: str, source: str | Path = "none", *options: str) -> Path:
        folder = tmp_path / name
        mount(folder, kind, source, *options)
        folders.append(folder)
        return folder

    yield make
    for folder in reversed(folders):
        unmount(folder)


@pytest.fixture
def disk(tmp_path: Path, _private_mounts: None) -> Iterator[Disk]:
    """An ext4 of 200 MB on a file, mounted at ``disk`` below the test's folder; it can lose its power: see `Disk`."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(200 << 20)
    program = _program("mkfs.ext4", package="e2fsprogs")
    subprocess.run([program, "-q", "-F", str(image)], check=True, capture_output=True, timeout=60)
    disk = Disk(tmp_path / "disk", image)
    mount(disk.folder, "ext4", image, "loop", "commit=30")
    yield disk
    unmount(disk.folder)
    for _ in range(disk.boots):
        unmount(BOOT_ID)


def _program(name: str, *, package: str) -> str:
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return shutil.which(name, path=search) or do_without(f"{name} is not on PATH: apt-get install {package}")

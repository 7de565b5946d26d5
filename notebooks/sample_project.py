"""The notebooks' sample project: a copy of `flowers/` as a git and DVC repository of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_SOURCE = Path(__file__).parent / "flowers"
_GIT = ("git", "-c", "user.name=Sample", "-c", "user.email=sample@example.com", "-c", "commit.gpgsign=false")
_DVC = (sys.executable, "-m", "dvc")


def create() -> Path:
    """The sample project, in a new temporary folder, or at the path that the variable ``SAMPLE_PROJECT`` names.

    What is at that path already is taken as it is.

    Side effects: the folder gets the pipeline's files, ``.git`` with one commit, ``.dvc`` with the data in its cache.
    """
    named = os.environ.get("SAMPLE_PROJECT")
    target = Path(named).absolute() if named else Path(tempfile.mkdtemp(prefix="sample-")) / "flowers"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _build(Path(scratch) / "flowers").rename(target)
    return target


def _build(folder: Path) -> Path:
    shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for command in (
        (*_GIT, "init", "--quiet", "--initial-branch=main"),
        (*_DVC, "init", "--quiet"),
        (*_DVC, "add", "--quiet", "data/flowers.csv"),
        (*_GIT, "add", "--all"),
        (*_GIT, "commit", "--quiet", "--message", "Three stages from flowers to a score"),
    ):
        quiet = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}"
            raise RuntimeError(message)
    return folder

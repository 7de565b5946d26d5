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
    """Make the project in a new temporary folder, or in the folder that ``SAMPLE_PROJECT`` names, and return it.

    Side effects: the folder gets the pipeline's files, ``.git`` with one commit, ``.dvc`` with the data in its cache.

    Raises:
        FileExistsError: ``SAMPLE_PROJECT`` names something that is there already.
    """
    named = os.environ.get("SAMPLE_PROJECT")
    folder = Path(named) if named else Path(tempfile.mkdtemp(prefix="flowers-")) / "flowers"
    shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for command in (
        (*_GIT, "init", "--quiet", "--initial-branch=main"),
        (*_DVC, "init", "--quiet"),
        (*_DVC, "add", "--quiet", "data/flowers.csv"),
        (*_GIT, "add", "--all"),
        (*_GIT, "commit", "--quiet", "--message", "Three stages from flowers to a score"),
    ):
        subprocess.run(command, cwd=folder, check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})
    return folder

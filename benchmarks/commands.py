"""Running other programs, in surroundings that the user's own settings do not reach."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError

DVC = (sys.executable, "-m", "dvc")

_FOREIGN = ("DVC_", "GIT_", "GUILD_")  # settings of whoever calls, which would be measured too
_GIT_CONFIG = """\
[user]
    name = Bench
    email = bench@example.com
[init]
    defaultBranch = main
"""
_TOLD_LINES = 15  # of a failed command's output


def seal_environment(folder: Path) -> None:
    """Give this process, and all that it starts, settings of its own below `folder`.

    Side effects: changes ``os.environ``; writes `folder`, which has to exist. This Python's folder comes first on
    ``PATH``, so that Guild AI finds the very ``dvc`` and ``python`` that the other ways use.
    """
    git_config = folder / "gitconfig"
    git_config.write_text(_GIT_CONFIG, encoding="utf-8")
    guild_home = folder / "guild-home"
    guild_home.mkdir()
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    os.environ |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "GIT_CONFIG_GLOBAL": str(git_config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(folder / "dvc-global"),
        "DVC_SYSTEM_CONFIG_DIR": str(folder / "dvc-system"),
        "DVC_SITE_CACHE_DIR": str(folder / "dvc-site"),
        "GUILD_HOME": str(guild_home),
    }


def call(command: Sequence[str], folder: Path) -> None:
    """Run a command in `folder` to its end, its output going to a file that is looked at only when it fails.

    A file and no pipe: a process that the command leaves behind would hold a pipe open, and count.

    Raises:
        BenchmarkError: it failed; with the end of its output.
    """
    with tempfile.TemporaryFile() as output:
        code = subprocess.run(
            command, cwd=folder, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ).returncode
        if code:
            output.seek(0)
            told = output.read().decode(errors="replace").splitlines()[-_TOLD_LINES:]
            raise BenchmarkError("\n".join([f"{' '.join(command)} ended with exit code {code} in {folder}", *told]))

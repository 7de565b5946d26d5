"""The environment that stages get: the caller's, as of the call, less what only concerns a notebook's kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_KERNEL_ONLY = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "PYDEVD_USE_FRAME_EVAL", "JPY_INTERRUPT_EVENT")


def stage_environment(environ: Mapping[str, str], *, python: str = sys.executable) -> dict[str, str]:
    """The environment for stages: `python`'s folder first on ``PATH``, the kernel's own variables left out.

    ``MPLBACKEND`` of a kernel names a backend that draws into the notebook; in a script it would fail or show nothing.
    """
    kept = {key: value for key, value in environ.items() if key not in _KERNEL_ONLY}
    if kept.get("MPLBACKEND", "").startswith("module://"):
        del kept["MPLBACKEND"]
    folder = str(Path(python).parent)
    rest = [entry for entry in kept.get("PATH", os.defpath).split(os.pathsep) if entry != folder]
    kept["PATH"] = os.pathsep.join([folder, *rest])
    return kept

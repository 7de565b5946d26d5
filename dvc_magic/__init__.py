"""Run DVC pipelines from Jupyter: isolated runs with lineage, metrics and plots.

    %load_ext dvc_magic
    run = %dvc_run train --lr 0.1

or, without IPython::

    import dvc_magic as dm
    project = dm.Project.open(".")
    run = project.run("train", {"lr": 0.1})
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dvc_magic.errors import DvcMagicError, RunFailedError, RunsFailedError
    from dvc_magic.project import (
        Call,
        CallOptions,
        Calls,
        Plan,
        PlanOptions,
        Project,
        Run,
        Runs,
        Stages,
        config,
        dvcfile,
        dvcstage,
        file,
    )

__all__ = [
    "Call",
    "CallOptions",
    "Calls",
    "DvcMagicError",
    "Plan",
    "PlanOptions",
    "Project",
    "Run",
    "RunFailedError",
    "Runs",
    "RunsFailedError",
    "Stages",
    "config",
    "dvcfile",
    "dvcstage",
    "file",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_HOMES = {
    "Call": "dvc_magic.project",
    "CallOptions": "dvc_magic.project",
    "Calls": "dvc_magic.project",
    "DvcMagicError": "dvc_magic.errors",
    "Plan": "dvc_magic.project",
    "PlanOptions": "dvc_magic.project",
    "Project": "dvc_magic.project",
    "Run": "dvc_magic.project",
    "RunFailedError": "dvc_magic.errors",
    "Runs": "dvc_magic.project",
    "RunsFailedError": "dvc_magic.errors",
    "Stages": "dvc_magic.project",
}
_SOURCES = ("config", "dvcfile", "dvcstage", "file")


def __getattr__(name: str) -> Any:
    """The public names, each imported at its first use: importing the package costs next to nothing."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _SOURCES:  # in a notebook, of its project
        home = "dvc_magic.notebook.sources" if "IPython" in sys.modules else "dvc_magic.project"
        return getattr(importlib.import_module(home), name)
    message = f"module 'dvc_magic' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext dvc_magic`` calls: registers the magics."""
    from dvc_magic.notebook import load  # noqa: PLC0415 - IPython is imported by its one fence

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%unload_ext dvc_magic`` calls: takes the magics away and ends the workers."""
    from dvc_magic.notebook import unload  # noqa: PLC0415

    unload(shell)

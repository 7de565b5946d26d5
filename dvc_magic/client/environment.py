"""What stages and workers get of this process's environment, in which a notebook's kernel has put things of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

from dvc_magic.model.variables import without_git_redirection

# What a kernel sets over what it was started with: ipykernel 7.4 in ZMQInteractiveShell.init_environment and
# IPKernelApp.init_gui_pylab, to the letter. A script that is told to colour does so into files as well.
_SET_BY_KERNELS = {
    "CLICOLOR": "1",
    "CLICOLOR_FORCE": "1",
    "FORCE_COLOR": "1",
    "GIT_PAGER": "cat",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PAGER": "cat",
    "TERM": "xterm-color",
}
# What jupyter_client, jupyter_server and debugpy tell a kernel alone.
_FOR_KERNELS = (
    "DEBUGPY_",
    "IPYKERNEL_",
    "IPY_INTERRUPT_EVENT",
    "JPY_INTERRUPT_EVENT",
    "JPY_PARENT_PID",
    "JPY_SESSION_NAME",
    "PYDEVD_",
)
_NOTEBOOK_BACKENDS = ("module://ipykernel.", "module://matplotlib_inline.")  # of Matplotlib; VS Code and Colab set them

# By these this process's Python has found its modules. Others can break a worker: PYTHONWARNINGS=error, PYTHONOPTIMIZE.
_LOCATING = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONPATH",
    "PYTHONPLATLIBDIR",
    "PYTHONPYCACHEPREFIX",
    "PYTHONUSERBASE",
)


def stage_environment(
    environ: Mapping[str, str], *, started_with: Mapping[str, str] | None = None, python: str = sys.executable
) -> dict[str, str]:
    """The environment for stages: that of ``dvc repro`` in the terminal that the kernel was started from.

    A variable with just the value that kernels give it gets back the value that this process began with, or goes; with
    another value it was set by the user, and stays. Nothing that ties git to a repository stays.

    Args:
        environ: the variables as of the call. started_with: those that this process began with, looked up by default.
        python: its folder comes first on ``PATH``.
    """
    started_with = starting_environment() if started_with is None else started_with
    set_by_kernel = {name for name, value in _SET_BY_KERNELS.items() if environ.get(name) == value}
    kept = {name: value for name, value in environ.items() if name not in set_by_kernel}
    kept |= {name: started_with[name] for name in set_by_kernel & started_with.keys()}
    kept = {name: value for name, value in kept.items() if not name.startswith(_FOR_KERNELS)}
    kept = without_git_redirection(kept)
    if kept.get("MPLBACKEND", "").startswith(_NOTEBOOK_BACKENDS):
        del kept["MPLBACKEND"]
    folder = str(Path(python).parent)
    rest = [entry for entry in kept.get("PATH", os.defpath).split(os.pathsep) if entry != folder]
    kept["PATH"] = os.pathsep.join([folder, *rest])
    return kept


def worker_environment(environ: Mapping[str, str], *, started_with: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for workers, which run this process's Python and ask git and DVC about projects.

    The variables of Python are those that this process began with: what is set later is meant for stages.
    """
    started_with = starting_environment() if started_with is None else started_with
    plain = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    return without_git_redirection(plain | {name: started_with[name] for name in _LOCATING if name in started_with})


def starting_environment() -> dict[str, str]:
    """The environment variables that this process was started with, whatever has been set since; 0.1 ms.

    Empty where the system does not say.
    """
    try:
        block = os.fsdecode(Path("/proc/self/environ").read_bytes())
    except OSError:
        return _as_psutil_reads_it()
    variables = takewhile(bool, block.split("\0"))  # behind an empty one is what a new title of the process left there
    return {name: value for name, equals, value in (text.partition("=") for text in variables) if name and equals}


def _as_psutil_reads_it() -> dict[str, str]:
    import psutil  # noqa: PLC0415 - 11 ms of each `%load_ext` in a project, where Linux has a file to read

    try:
        return dict(psutil.Process().environ())
    except (psutil.Error, OSError):
        return {}

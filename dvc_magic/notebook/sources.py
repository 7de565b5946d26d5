"""``dm.dvcfile`` and its like in a notebook: their project is the one that the magics have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper

from IPython.core.getipython import get_ipython

from dvc_magic.notebook.magics import DvcMagics
from dvc_magic.project import Project, SourcePath
from dvc_magic.project import config as project_config
from dvc_magic.project import dvcfile as project_dvcfile
from dvc_magic.project import dvcstage as project_dvcstage
from dvc_magic.project import file as project_file

__all__ = ["config", "dvcfile", "dvcstage", "file"]


def notebook_project() -> Project:
    """The project of the magics, or that around the working directory when the extension is not loaded."""
    shell = get_ipython()
    magics = shell.magics_manager.registry.get(DvcMagics.__name__) if shell is not None else None
    return magics.session.project if isinstance(magics, DvcMagics) else Project.open()


def _here(source: Callable[..., SourcePath]) -> Callable[..., SourcePath]:
    return update_wrapper(partial(source, find=notebook_project), source)


config = _here(project_config)
dvcfile = _here(project_dvcfile)
dvcstage = _here(project_dvcstage)
file = _here(project_file)

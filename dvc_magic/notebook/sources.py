"""``dm.dvcfile`` and its like in a notebook: their project is the one that the magics have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper

from IPython.core.getipython import get_ipython

from dvc_magic.notebook.display import ForegroundDisplay
from dvc_magic.notebook.magics import DvcMagics
from dvc_magic.project import Project, SourcePath, Supplies, connection_of
from dvc_magic.project import config as project_config
from dvc_magic.project import dvcfile as project_dvcfile
from dvc_magic.project import dvcstage as project_dvcstage
from dvc_magic.project import file as project_file

__all__ = ["config", "dvcfile", "dvcstage", "file"]


def _supplies() -> Supplies:
    """Of the project of the magics, which then tell in the cell what is pulled; or of that around the cwd, quietly."""
    shell = get_ipython()
    magics = shell.magics_manager.registry.get(DvcMagics.__name__) if shell is not None else None
    if not isinstance(magics, DvcMagics):
        project = Project.open()
        return Supplies(connection_of(project), end=project.close)
    connection, show = magics.session.connection, magics.session.show
    return Supplies(connection, observer=ForegroundDisplay(connection.store.paths, prefix=False, show=show))


def _here(source: Callable[..., SourcePath]) -> Callable[..., SourcePath]:
    return update_wrapper(partial(source, find=_supplies), source)


config = _here(project_config)
dvcfile = _here(project_dvcfile)
dvcstage = _here(project_dvcstage)
file = _here(project_file)

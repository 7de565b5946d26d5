"""``dm.dvcfile`` and its like in a notebook: their project is the one that the magics have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from pathlib import Path

from IPython.core.getipython import get_ipython

from dvc_magic.model.operation import Source
from dvc_magic.model.plan import Supplied
from dvc_magic.notebook.display import ForegroundDisplay
from dvc_magic.notebook.magics import DvcMagics
from dvc_magic.project import Project, SourcePath
from dvc_magic.project import config as project_config
from dvc_magic.project import dvcfile as project_dvcfile
from dvc_magic.project import dvcstage as project_dvcstage
from dvc_magic.project import file as project_file
from dvc_magic.store import RunStore

__all__ = ["config", "dvcfile", "dvcstage", "file"]


class NotebookProject:
    """The project of the magics, or that around the working directory when the extension is not loaded.

    What it pulls it tells of in the cell.
    """

    def __init__(self) -> None:
        shell = get_ipython()
        magics = shell.magics_manager.registry.get(DvcMagics.__name__) if shell is not None else None
        self._session = magics.session if isinstance(magics, DvcMagics) else None
        self._project = self._session.project if self._session is not None else Project.open()

    @property
    def root(self) -> Path:
        """The project's root."""
        return self._project.root

    @property
    def store(self) -> RunStore:
        """Its run store."""
        return self._project.store

    def supply(self, source: Source) -> Supplied:
        """What a source stands for now; see `dvc_magic.Project.supply`."""
        if self._session is None:
            return self._project.supply(source)
        display = ForegroundDisplay(self.store.paths, prefix=False, show=self._session.show)
        return self._project.supply(source, observer=display)

    def place(self, md5: str, path: str, *, executable: bool) -> Path:
        """Content of the runs' cache as a read-only file or folder."""
        return self._project.place(md5, path, executable=executable)

    def close(self) -> None:
        """End the host of a project that was opened for one source; that of the magics stays."""
        if self._session is None:
            self._project.close()


def _here(source: Callable[..., SourcePath]) -> Callable[..., SourcePath]:
    return update_wrapper(partial(source, find=NotebookProject), source)


config = _here(project_config)
dvcfile = _here(project_dvcfile)
dvcstage = _here(project_dvcstage)
file = _here(project_file)

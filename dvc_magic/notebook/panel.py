"""The magic that shows the panel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.line import Usage
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dvc_magic.widgets import Panel

_USAGE = Usage(magic="%dvc_ui", words=("STAGE",))
_NO_FRONT_END = """\
%dvc_ui shows controls, for which a notebook is needed: JupyterLab, Jupyter Notebook, VS Code. Here, these do the same:
  %dvc_stages STAGE             the stage's flags
  %dvc_run STAGE --FLAG VALUE   run it
"""


@magics_class
class PanelMagics(Magics):
    """The panel."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_USAGE)
    def dvc_ui(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Panel | None:
        """Show a panel: pick a stage, set its flags, run it, watch its log and metrics.

        Examples::

            %dvc_ui
            %dvc_ui train
            panel = %dvc_ui train

        Below the flags stands the ``%dvc_run`` line that does the same. Runs of a panel are in the background: cells
        can be executed meanwhile. ``panel.run`` is its last run, ``panel.wait()`` waits for it.
        """
        options = _USAGE.read(line, namespace=self._session.names(local_ns))
        if getattr(self._session.shell, "kernel", None) is None:
            self._session.show(_NO_FRONT_END)
            return None
        stage = None if options.positional is None else self._session.stage_here(options.positional)
        return self._session.project.widgets.panel(
            stage, on_end=self._session.remember_last, refresh=partial(self._session.outputs.send, update=True)
        )

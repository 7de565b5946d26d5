"""The magic that opens a debugger where a run failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.line import Option, Usage
from dvc_magic.model.record import RunStatus
from dvc_magic.notebook.interrupted import show_alone
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_DEBUG = Usage(
    magic="%dvc_debug", words=("RUN",), options=(Option(name="--command", short="-c", what="COMMAND", repeats=True),)
)


@magics_class
class DebugMagics(Magics):
    """Looking into a run that failed."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_DEBUG)
    def dvc_debug(self, line: str, local_ns: Mapping[str, Any] | None = None) -> None:
        """Open a debugger where a run failed.

        Examples::

            %dvc_debug
            %dvc_debug 41
            %dvc_debug 41 -c "p lr" -c "w"

        The run is executed once more in a throw-away copy: same code, params and inputs, nothing upstream runs, nothing
        is recorded. Where Python ends with an exception, pdb opens with its prompt here, in the project's code nearest
        to the exception: p NAME prints, u and d go up and down the stack, l lists the code, q ends it all. Without RUN
        it is the last run that failed. In single quotes braces are Python's: -c 'p {1: 2}'.

        Options::

            -c, --command COMMAND  give pdb this command instead of asking; several are given in order
        """
        options = _DEBUG.read(line, namespace=self._session.names(local_ns))
        project = self._session.project
        last = self._session.last
        run: Run | str | None = options.positional
        if run is None and last is not None and last.status is RunStatus.FAILED:
            run = last
        try:
            project.debug(run, options.several.get("--command", ()), show=self._session.show)
        except KeyboardInterrupt as interrupt:
            show_alone(interrupt, "the debugger was interrupted; its copy of the run is stopped and removed")
            raise

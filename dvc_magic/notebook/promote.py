"""The magic that makes a stage of an operation's run; it writes into the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import LineError
from dvc_magic.line import Option, Usage
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Promoted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PROMOTE = Usage(
    magic="%dvc_promote",
    words=("RUN",),
    options=(
        Option(name="--name", what="STAGE"),
        Option(name="--script", what="PATH"),
        Option(name="--dry-run", takes=False),
    ),
)


@magics_class
class PromoteMagics(Magics):
    """From a cell to a stage."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_PROMOTE)
    def dvc_promote(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Promoted:
        """Write the operation of a completed run into the project, as a script and a stage of dvc.yaml.

        Examples::

            %dvc_promote 41 --dry-run
            %dvc_promote 41
            %dvc_promote {run} --name train --script src/train.py

        Options::

            --name STAGE    of the stage, instead of the operation's name
            --script PATH   where the script goes, instead of NAME.py
            --dry-run       show what would be written, and write nothing

        The script has the values of the run; the stage depends on what the run was seen to read. Nothing is
        overwritten: a stage or a script that is there already is an error. dvc.lock comes with the first dvc repro.
        """
        options = _PROMOTE.read(line, namespace=self._session.names(local_ns))
        if options.positional is None:
            message = "Name the run of an operation to promote: %dvc_promote 41. %dvc_runs lists the runs."
            raise LineError(message)
        return self._session.project.runs[options.positional].promote(
            name=options.values.get("--name", ""),
            script=options.values.get("--script", ""),
            dry_run="--dry-run" in options.switches,
        )

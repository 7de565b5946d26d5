"""The magic that looks after the run store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.line import Option, Usage
from dvc_magic.model.checkup import CheckProgress
from dvc_magic.notebook.interrupted import show_alone
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Checkup
from dvc_magic.views import progress_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_DOCTOR = Usage(magic="%dvc_doctor", options=(Option(name="--repair", takes=False),))
_PATIENCE = 2.0  # seconds until a check is slow enough for a word about it


@magics_class
class DoctorMagics(Magics):
    """Checking the run store."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_DOCTOR)
    def dvc_doctor(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Checkup:
        """Check that the run store holds what it promises, and repair what can be.

        Examples::

            %dvc_doctor
            %dvc_doctor --repair

        All of the store is read: records, notes, snapshots, sources, the runs' cache, the outputs in workspaces, the
        index, locks, and what killed processes left. Without --repair nothing is changed but the index.

        A repair takes lost or altered content from wherever it is still whole: another workspace, the project, its DVC
        cache. What it replaces is moved into the quarantine folder of the store, and never removed. A run whose output
        cannot be brought back is marked, so that it is neither reused nor used upstream. Runs may go on meanwhile.

        Options::

            --repair      put right what can be, and say what was done
        """
        options = _DOCTOR.read(line, namespace=self._session.names(local_ns))
        shown = ProgressLine(self._session.show)
        try:
            return self._session.project.check(repair="--repair" in options.switches, watch=shown.draw)
        except KeyboardInterrupt as interrupt:
            show_alone(interrupt, "the check was interrupted; what was repaired until then stays so")
            raise
        finally:
            shown.erase()


class ProgressLine:
    """One line of progress, drawn anew each time."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._width = 0

    def draw(self, progress: CheckProgress) -> None:
        """Draw it, once the check has taken a while."""
        if progress.seconds >= _PATIENCE:
            text = f"checking the run store: {progress_line(progress)}"
            self._show(f"\r{text.ljust(self._width)}")
            self._width = len(text)

    def erase(self) -> None:
        """Leave nothing of it."""
        if self._width:
            self._show(f"\r{' ' * self._width}\r")

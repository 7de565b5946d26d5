"""What the magics of one kernel share: the project, the kernel's last run, and where their text goes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvc_magic.errors import DvcMagicError
from dvc_magic.line import StageWords
from dvc_magic.notebook.background import BackgroundCalls
from dvc_magic.notebook.live import recalled
from dvc_magic.notebook.outputs import Outputs
from dvc_magic.project import Caller, Connection, Project, Run, connection_of, left_behind
from dvc_magic.untrusted import message

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Session:
    """The magics' memory.

    Attributes:
        shell: the IPython shell that they are registered with.
        last: the run that the kernel has asked for last, whatever its status.
        background: the calls that go on beside it, of which the next cell tells.
        outputs: of its cells, those that are updated in place.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        *,
        home: Callable[[], str],
        reuse: Callable[[], bool],
        max_jobs: Callable[[], int],
        display: Callable[[], str],
        plot: Callable[[], bool],
    ) -> None:
        self.shell = shell
        self.last: Run | None = None
        self.background = BackgroundCalls(self.show)
        self.outputs = Outputs(shell, recall=lambda output_id: recalled(output_id, self.project))
        self._display = display
        self._plot = plot
        self._home = home
        self._reuse = reuse
        self._max_jobs = max_jobs
        self._project: Project | None = None

    @property
    def reuse(self) -> bool:
        """Whether calls are answered with equal runs where their line does not say."""
        return self._reuse()

    @property
    def shows_live(self) -> bool:
        """Whether calls are shown in outputs that are updated in place, and not printed."""
        return self.outputs.is_live and self._display() != "text"

    @property
    def plots(self) -> bool:
        """Whether a call draws curves while it goes, where its line does not say."""
        return self._plot()

    def tell(self, *_: object) -> None:
        """Print what has to be told of calls before the next cell's own output; for IPython's ``pre_run_cell``."""
        self.outputs.tell_lost(self.show)
        self.background.tell()

    @property
    def project(self) -> Project:
        """The project: found upward from the working directory at the first use, then kept."""
        if self._project is None:
            self._project = Project.open(home=self._home())
        return self._project

    @property
    def connection(self) -> Connection:
        """What stands behind the project."""
        return connection_of(self.project)

    @property
    def caller(self) -> Caller:
        """Makes the calls of lines on the project."""
        return Caller(self.connection, max_jobs=self._max_jobs())

    def open(self, path: str) -> Project:
        """Make another project the project; the one before stays when this one cannot be opened."""
        chosen = Project.open(path, home=self._home())
        self.close()
        self._project, self.last = chosen, None
        connection_of(chosen).warm()
        return chosen

    def warm(self) -> None:
        """Start a worker when the working directory lies in a project; the first magic says what is wrong, if it is."""
        with contextlib.suppress(DvcMagicError, OSError):
            self.connection.warm()

    def tell_left_behind(self) -> None:
        """Print what the kernels before this one have left, in one line."""
        with contextlib.suppress(DvcMagicError, OSError):
            if text := left_behind(self.connection.store, notebook=self.notebook):
                self.show(f"{message(text)}\n")

    def close(self) -> None:
        """End the workers."""
        if self._project is not None:
            self._project.close()
            self._project = None

    def remember_last(self) -> None:
        """Note the newest run as the kernel's last."""
        with contextlib.suppress(DvcMagicError):
            self.last = self.project.last

    @property
    def folder(self) -> str:
        """The working directory, from the project's root; empty for the root itself, and outside of any project."""
        with contextlib.suppress(DvcMagicError, OSError, ValueError):
            return "/".join(Path.cwd().relative_to(self.project.root).parts)
        return ""

    def stage_here(self, word: str) -> str:
        """The address of the stage that a word means in the working directory; the word itself in the root.

        Raises:
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return StageWords(self.project.stages, self.folder).address(word) if self.folder else word

    @property
    def notebook(self) -> str | None:
        """The notebook that the kernel was started for, as its front end says, from the project's root.

        Jupyter's server tells the kernel by `JPY_SESSION_NAME`, and VS Code by a name in its namespace. One outside of
        the project is named without its folders; None when nobody tells.
        """
        told = str(self.shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or "")
        if not told.endswith(".ipynb"):
            return None
        path = Path(told)
        with contextlib.suppress(ValueError):
            return path.resolve().relative_to(self.project.root).as_posix()
        return path.name

    def names(self, local_ns: Mapping[str, Any] | None) -> dict[str, Any]:
        """The names that a line may use: the function's that it stands in, the notebook's, the shell's."""
        return {**self.shell.user_global_ns, **self.shell.user_ns, **(local_ns or {})}

    def show(self, text: str) -> None:
        """Print now."""
        sys.stdout.write(text)
        sys.stdout.flush()

"""``%dvc``: the project, the magics and the last runs on one screen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import DvcMagicError, LineError, close_matches
from dvc_magic.line import Usage
from dvc_magic.notebook.forms import CardView
from dvc_magic.notebook.usage import dvc_line_magic, explained, sign_of
from dvc_magic.views import Card, Section, Table

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dvc_magic.notebook.session import Session

_OVERVIEW = Usage(magic="%dvc")
_LAST_RUNS = 5
_COMMANDS = {
    "status": "%dvc_run --dry-run --all",
    "repro": "%dvc_run",
    "exp run": "%dvc_run",
    "exp": "%dvc_runs",
    "metrics": "%dvc_runs",
    "params": "%dvc_runs",
    "stage": "%dvc_stages",
    "dag": "%dvc_stages",
}  # of DVC, and what answers to them here
_BEGIN = (
    ("%dvc_example iris", "makes a sample project to try things on"),
    ("%dvc_project PATH", "goes to a project of yours, a folder with .dvc"),
)


@magics_class
class OverviewMagics(Magics):
    """Where one begins."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_OVERVIEW)
    def dvc(self, line: str, local_ns: Mapping[str, Any] | None = None) -> CardView:
        """Show the project, the magics and the last runs.

        Examples::

            %dvc
            %dvc_run --help
        """
        self._check(line)
        _OVERVIEW.read(line, namespace=self._session.names(local_ns))
        return CardView(Card(title="dvc_magic", sections=(*self._about(), self._magics(), *self._runs())))

    def _check(self, line: str) -> None:
        """Answer ``%dvc run train`` and ``%dvc status``, which are DVC's way to say it, with the line that is meant."""
        words = line.split()
        if not words or words[0].startswith("-"):
            return
        names = [name.removeprefix("dvc_") for name in self._names()]
        if words[0] in names:
            raise LineError(f"%dvc takes nothing. Did you mean %dvc_{' '.join(words)}?")
        command = next((name for name in _COMMANDS if words[: len(name.split())] == name.split()), "")
        ours = _COMMANDS.get(command, "")
        if ours == "%dvc_run":
            ours = " ".join([ours, *(word for word in words[len(command.split()) :] if not word.startswith("-"))])
        near = re.sub(r"'(\w+)'", r"%dvc_\1", close_matches(words[0], names))
        here = f" Here {ours} answers to 'dvc {command}'." if ours else near
        raise LineError(f"%dvc takes nothing.{here} DVC's own command is !dvc {' '.join(words)}")

    def _names(self) -> dict[str, Any]:
        """The magics of dvc_magic but this one."""
        assert self.shell is not None
        return {
            name: magic
            for name, magic in self.shell.magics_manager.magics["line"].items()
            if name.startswith("dvc_") and type(getattr(magic, "__self__", None)).__module__.startswith("dvc_magic.")
        }

    def _about(self) -> tuple[Section, ...]:
        """The project as far as it can be read, or how to come to one."""
        try:
            return (Section(title="project", pairs=tuple(_facts(self._session))),)
        except DvcMagicError as error:
            return (Section(title="no project", block=str(error)), Section(title="to begin", pairs=_BEGIN))

    def _magics(self) -> Section:
        found = {f"{sign_of(magic)}{name}": explained(magic.__doc__) for name, magic in self._names().items()}
        rows = tuple((name, said.summary, _example(name, said.examples)) for name, said in found.items())
        note = "each of them explains itself: %dvc_run --help"
        headers = ("magic", "what it does", "example")
        return Section(title="magics", table=Table(headers=headers, rows=rows, wrapped=frozenset({1, 2}), note=note))

    def _runs(self) -> tuple[Section, ...]:
        try:
            runs = self._session.project.runs
        except DvcMagicError:
            return ()
        return (Section(title="last runs", table=runs.table(_LAST_RUNS)),)


def _example(name: str, examples: Sequence[str]) -> str:
    """The first example that says more than the magic's name."""
    return next((example for example in examples if example.strip() != name), name)


def _facts(session: Session) -> list[tuple[str, str]]:
    project, connection = session.project, session.connection
    facts = [("folder", str(project.root)), ("runs", f"{len(project.runs)} in {connection.store.home}")]
    try:
        final = [stage.address for stage in connection.pipeline().final_stages()]
    except DvcMagicError as error:
        return [*facts, ("stages", str(error))]
    return [*facts, ("final stages", ", ".join(final) or "none: there are no stages yet")]

"""The magics that say what differs between runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import RequestError
from dvc_magic.line import Option, Usage
from dvc_magic.notebook.control import runs_named
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Comparison, Diff, Run, Runs

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_DIFF = Usage(
    magic="%dvc_diff",
    words=("RUN",),
    repeats=True,
    options=(Option(name="--stat", takes=False), Option(name="--all", takes=False)),
)
_COMPARE = Usage(magic="%dvc_compare", words=("RUN",), repeats=True)
_NEWEST = 10
_TWO = 2


@magics_class
class ComparingMagics(Magics):
    """What differs between two runs, and between several."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_DIFF)
    def dvc_diff(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Diff:
        """Show what differs from one run to another: results, params, code, data, environment.

        Examples::

            %dvc_diff 41 42
            %dvc_diff 41
            %dvc_diff {a} {b} --stat
            %dvc_diff 41 42 --all

        With one run named, it is compared with the kernel's last one. The params, code and data of the runs upstream
        count as well. Of the code, those files show their lines that a stage declares or was seen to read; the other
        files that differ are named. What comes back has all of it as data: ``diff.metrics["loss"].delta``.

        Options::

            --stat        names and counts alone
            --all         everything, however long; the lines of files too that no stage was seen to read
        """
        options = _DIFF.read(line, namespace=self._session.names(local_ns))
        runs = self._runs(options.words)
        if len(options.words) == 1 and len(runs) == 1:
            runs.append(self._newest())
        if len(runs) != _TWO:
            message = f"%dvc_diff compares two runs, and this names {len(runs)}: %dvc_diff 41 42"
            more = "; %dvc_compare puts several side by side" if len(runs) > _TWO else ""
            raise RequestError(f"{message}{more}")
        brief = "--stat" in options.switches
        if brief and "--all" in options.switches:
            raise RequestError("--stat shows less and --all shows more; leave one of them out")
        return runs[0].diff(runs[1], brief=brief, full="--all" in options.switches)

    @dvc_line_magic(_COMPARE)
    def dvc_compare(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Comparison:
        """Put runs side by side: a column for each, a row for each thing in which they differ.

        Examples::

            %dvc_compare
            %dvc_compare 41 42 45
            %dvc_compare {runs}
            %dvc_compare call:3f2

        Without a run named, they are the newest ten. Files of code and data have letters: runs with the same letter
        have the same content.
        """
        options = _COMPARE.read(line, namespace=self._session.names(local_ns))
        if not options.words:
            return self._session.project.runs[:_NEWEST].compare()
        chosen: Runs = self._session.caller.runs_of([run.id for run in self._runs(options.words)])
        return chosen.compare()

    def _runs(self, words: Sequence[str]) -> list[Run]:
        """The runs that words name, each once."""
        named = [run for word in words for run in runs_named(word, self._session)]
        return list(dict.fromkeys(named))

    def _newest(self) -> Run:
        return self._session.last if self._session.last is not None else self._session.project.last

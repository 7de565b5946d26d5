"""The magics that keep the store tidy: notes on runs, the trash, and what comes back from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import RequestError, RunNotFoundError
from dvc_magic.line import Option, Options, Usage
from dvc_magic.notebook.control import runs_named
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import Removed, Run, Runs

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dvc_magic.store import StoredRun

_TAG = Usage(
    magic="%dvc_tag",
    words=("RUN", "TAG"),
    repeats=True,
    signed=True,
    options=(
        Option(name="--label", what="TEXT"),
        Option(name="--note", what="TEXT"),
        Option(name="--mark", takes=False),
        Option(name="--no-mark", takes=False),
    ),
)
_RM = Usage(
    magic="%dvc_rm",
    words=("RUN",),
    repeats=True,
    options=(
        Option(name="--purge", takes=False),
        Option(name="--keep-best", what="N"),
        Option(name="--metric", what="KEY"),
    ),
)
_RESTORE = Usage(magic="%dvc_restore", words=("TRASHED",), repeats=True)


@magics_class
class TidyingMagics(Magics):
    """Tags, labels and notes; removing runs and taking them back."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_TAG)
    def dvc_tag(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run | Runs:
        """Say something of a run: tags, a label, a note, a mark.

        Examples::

            %dvc_tag 41 +good -bad
            %dvc_tag last good
            %dvc_tag {runs} paper --note "table 2"
            %dvc_tag 41 --label "first try" --mark

        The first word names the run, or several by ``{runs}`` or ``call:3f2``. ``+good`` and ``good`` add a tag,
        ``-good`` takes it away. ``%dvc_runs --tag good`` lists the runs that have one.

        Options::

            --label L     names the run from now on; "" takes the label away
            --note T      any text; "" takes it away
            --mark        prefer it to newer runs as upstream; --no-mark: no longer
        """
        options = _TAG.read(line, namespace=self._session.names(local_ns))
        if not options.words:
            raise RequestError("%dvc_tag takes a run first: %dvc_tag 41 +good, or %dvc_tag last --label base")
        runs = runs_named(options.words[0], self._session)
        notes = _notes(options)
        for run in runs:
            run.tag(*options.words[1:], **notes)
        return runs[0] if len(runs) == 1 else runs

    @dvc_line_magic(_RM)
    def dvc_rm(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Removed:
        """Move runs to the trash, from which %dvc_restore takes them back, or delete them for good.

        Examples::

            %dvc_rm 41
            %dvc_rm 41 42 {run}
            %dvc_rm call:3f2
            %dvc_rm {runs} --keep-best 3 --metric loss
            %dvc_rm 41 --purge
            %dvc_rm --purge

        A run that goes is not removed; runs that used it upstream keep what they took from it. ``--purge`` deletes runs
        for good, also those in the trash, and gives back the sources and data that no other run needs; alone it empties
        the trash. Numbers are never given again.

        Options::

            --purge         delete for good
            --keep-best N   all but the best N of the completed ones, those marked, and those that go
            --metric KEY    by which the best are the smallest; -KEY: the largest
        """
        options = _RM.read(line, namespace=self._session.names(local_ns))
        purge = "--purge" in options.switches
        best = _best(options)
        if not options.words:
            if not purge or best:
                raise RequestError(
                    "%dvc_rm takes runs: %dvc_rm 41 42, %dvc_rm {runs}; %dvc_rm --purge empties the trash"
                )
            return self._session.project.runs.deleted().rm(purge=True)
        return self._named(options.words, trashed=purge).rm(purge=purge, **best)

    def _named(self, words: Sequence[str], *, trashed: bool) -> Runs:
        """The runs that words name, each once; where asked for, those in the trash too."""
        runs: dict[str, StoredRun] = {}
        for word in words:
            try:
                runs |= {run.id: run.stored for run in runs_named(word, self._session)}
            except RunNotFoundError:
                if not trashed:
                    raise
                run = self._session.caller.trashed(word)
                runs[run.id] = run
        return self._session.caller.selection(runs.values())

    @dvc_line_magic(_RESTORE)
    def dvc_restore(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Run | Runs:
        """Take runs out of the trash.

        Examples::

            %dvc_restore 41
            %dvc_restore 41 42

        A run is named by its number, the start of its id or its label. ``%dvc_runs --deleted`` lists them.
        """
        options = _RESTORE.read(line, namespace=self._session.names(local_ns))
        if not options.words:
            raise RequestError(
                "%dvc_restore takes runs: %dvc_restore 41 42. %dvc_runs --deleted lists those in the trash"
            )
        names = [name for word in options.words for name in word.split(",")]
        runs = self._session.caller.restore(names)
        return runs[0] if len(runs) == 1 else runs


def _notes(options: Options) -> dict[str, Any]:
    """What a line says of a run besides its tags.

    Raises:
        RequestError: it says nothing, or both ``--mark`` and ``--no-mark``.
    """
    notes: dict[str, Any] = {
        name: options.values[f"--{name}"] for name in ("label", "note") if f"--{name}" in options.values
    }
    marks = options.switches & {"--mark", "--no-mark"}
    if len(marks) > 1:
        raise RequestError("--mark and --no-mark contradict each other; leave one of them out")
    if marks:
        notes["mark"] = "--mark" in marks
    if not notes and len(options.words) == 1:
        run = options.words[0]
        raise RequestError(f"nothing to say of it: %dvc_tag {run} +good, %dvc_tag {run} --label base")
    return notes


def _best(options: Options) -> dict[str, Any]:
    """How many of the best stay, and by what.

    Raises:
        RequestError: one of the two options is missing, or no number.
    """
    count, metric = options.values.get("--keep-best"), options.values.get("--metric")
    if count is None and metric is None:
        return {}
    if count is None or metric is None:
        raise RequestError(
            "--keep-best N and --metric KEY go together: --keep-best 3 --metric loss, or --metric -accuracy"
        )
    if not count.isdigit():
        raise RequestError(f"--keep-best {count}: expected a whole number, such as --keep-best 3")
    return {"keep_best": int(count), "metric": metric}

"""The magics that look at calls which go on, stop them and let go of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class

from dvc_magic.errors import RequestError
from dvc_magic.line import Option, Usage
from dvc_magic.notebook.session import Session
from dvc_magic.notebook.usage import dvc_line_magic
from dvc_magic.project import PATIENCE, Call, Calls, Run, Runs
from dvc_magic.views import Place

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_CALLS = Usage(magic="%dvc_calls")
_STOP = Usage(
    magic="%dvc_stop",
    words=("RUN",),
    options=(Option(name="--drain", takes=False), Option(name="--all", takes=False)),
)
_DETACH = Usage(magic="%dvc_detach", words=("RUN",))


@magics_class
class CallMagics(Magics):
    """Calls that go on beside the notebook."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @dvc_line_magic(_CALLS)
    def dvc_calls(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Calls:
        """List the calls that go on, in this kernel and elsewhere, and the last ones.

        Examples::

            %dvc_calls
            calls = %dvc_calls
        """
        _CALLS.read(line, namespace=self._session.names(local_ns))
        return self._session.project.calls

    @dvc_line_magic(_STOP)
    def dvc_stop(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Call | Calls | Run | Runs:
        """Stop a run or a call, whoever has started it.

        Examples::

            %dvc_stop
            %dvc_stop 41
            %dvc_stop {run}
            %dvc_stop call:3f2
            %dvc_stop call:3f2 --drain
            %dvc_stop --all

        Alone it stops this kernel's newest call that goes on. A run is named by its number, the start of its id, its
        label or ``{variable}``; a call by ``call:`` and the start of its id, which ``%dvc_calls`` shows.

        The commands get SIGINT, so that a script can save what it has, and SIGTERM 10 s later or when stopped a second
        time, SIGKILL when stopped a third time. A run that has not begun never will.

        Options::

            --drain       begin nothing more, and let what runs end by itself
            --all         all calls of this kernel, and the detached ones
        """
        options = _STOP.read(line, namespace=self._session.names(local_ns))
        drain = "--drain" in options.switches
        if "--all" in options.switches:
            return self._stop_all(options.positional, drain=drain)
        chosen = self._chosen(options.positional, to="stop")
        if isinstance(chosen, Call):
            return chosen.stop(drain=drain)
        if not drain:
            return chosen.stop()
        raise RequestError(f"--drain is for a call, not for one run: %dvc_stop call:{_call_of(chosen)} --drain")

    def _stop_all(self, named: str | None, *, drain: bool) -> Calls:
        if named is not None:
            raise RequestError(f"--all stops all calls, and {named!r} names one; leave one of them out")
        calls = self._session.project.calls
        own = [call for call in calls.running if call.place is not Place.ELSEWHERE]
        for call in own:
            call.stop(drain=drain, timeout=0)
        if not drain:
            for call in own:
                call.wait(PATIENCE)
        return calls.only(own)

    @dvc_line_magic(_DETACH)
    def dvc_detach(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Call:
        """Let a call go on when the kernel is restarted or ends.

        Examples::

            %dvc_detach
            %dvc_detach 41
            %dvc_detach call:3f2

        Alone it is about this kernel's newest call that goes on; with a run, about the whole call that the run is of.
        Any later kernel finds it by ``%dvc_calls`` and can stop it. It ends with the machine, the container or the
        login session.
        """
        options = _DETACH.read(line, namespace=self._session.names(local_ns))
        chosen = self._chosen(options.positional, to="detach")
        call = chosen if isinstance(chosen, Call) else self._session.project.calls[_call_of(chosen)]
        return call.detach()

    def _chosen(self, named: str | None, *, to: str) -> Call | Run | Runs:
        """What a line names; without a name this kernel's newest call that goes on."""
        project = self._session.project
        if named is not None:
            return call_or_runs(named, self._session)
        running = project.calls.running
        own = next((call for call in running if call.place is not Place.ELSEWHERE), None)
        if own is None:
            others = f" Elsewhere {running[0]!r} goes on: %dvc_{to} call:{running[0].id}" if running else ""
            raise RequestError(f"Nothing to {to}: no call of this kernel goes on.{others}")
        return own


def call_or_runs(named: str, session: Session) -> Call | Run | Runs:
    """What a word names in the place of RUN: ``call:3f2``, a run, or the ids of several as ``{runs}`` gives them.

    Raises:
        RunNotFoundError, CallNotFoundError: there is none. AmbiguousRunError: there are several.
    """
    project = session.project
    if named.startswith("call:"):
        return project.calls[named]
    ids = named.split(",")
    return project.runs[named] if len(ids) == 1 else session.caller.runs_of(ids)


def _call_of(chosen: Run | Runs) -> str:
    runs = [chosen] if isinstance(chosen, Run) else list(chosen)
    calls = list(dict.fromkeys(run.record.call.id for run in runs))
    if len(calls) > 1:
        raise RequestError(f"these {len(runs)} runs are of {len(calls)} calls; name one of them: call:{calls[0]}")
    return calls[0]


def runs_named(named: str, session: Session) -> Runs:
    """The runs that a word means in the place of RUN; of a call, those that it was asked for.

    Raises: as `call_or_runs`.
    """
    chosen = call_or_runs(named, session)
    if isinstance(chosen, Run):
        return session.caller.runs_of([chosen.id])
    return chosen.runs if isinstance(chosen, Call) else chosen

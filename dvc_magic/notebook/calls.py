"""Carrying out what a magic's line asks for: runs with their log in the cell, and what becomes of them."""

from __future__ import annotations

from msgspec.structs import replace

from dvc_magic.errors import RunFailedError, RunsFailedError
from dvc_magic.line import RunLine
from dvc_magic.notebook.assigned import assigned_name
from dvc_magic.notebook.display import ForegroundDisplay
from dvc_magic.notebook.interrupted import show_alone
from dvc_magic.notebook.live import BackgroundDisplay, LiveDisplay
from dvc_magic.notebook.session import Session
from dvc_magic.project import Launched, Observer, Plan, Run, Runs
from dvc_magic.views import call_name, plan_text

_TAIL_AFTER_LOG = 1  # lines of a log in an error below the log itself, which need not be read twice
_STOPPED = "the stages that were running have been stopped"


def carry_out(asked: RunLine, session: Session) -> Run | Runs | Plan | None:
    """Run what a line asks for, or show its plan; returns what its cell shows.

    Side effects: prints the plan and the log as they come; the newest run becomes the kernel's last, and the line's
    variable gets what came back. When runs fail, it gets them too, and so does the one that the cell assigns to.
    """
    if asked.dry_run:
        plan = session.caller.plan(asked.request)
        return None if asked.silent else plan
    try:
        runs = _launch(asked, session) if asked.background else _run(asked, session)
    except (RunFailedError, RunsFailedError) as error:
        kept = error.run if isinstance(error, RunFailedError) else error.runs
        names = {asked.into, assigned_name(session.shell)} - {None}
        session.shell.user_ns.update(dict.fromkeys(names, kept))  # else they would hold what was there before
        raise
    result = runs[0] if asked.single else runs
    if asked.into:
        session.shell.user_ns[asked.into] = result
    return None if asked.silent else result


def _launch(asked: RunLine, session: Session) -> Runs:
    """Begin a call that goes on beside the notebook."""
    request = replace(asked.request, notebook=session.notebook)
    if not session.shows_live:
        launched = session.caller.launch(request, detach=asked.detach)
        session.background.add(launched)
        session.show(f"{plan_text(launched.plan)}\n{_goes_on(launched, detached=asked.detach)}\n")
        session.last = launched.runs[-1]
        return launched.runs
    display = BackgroundDisplay(
        session.connection.store.paths,
        session.outputs,
        varying=request.varying,
        jobs=request.jobs,
        plots=asked.plot and session.plots,
    )
    launched = session.caller.launch(request, detach=asked.detach, told=display.heard)
    session.show(f"{plan_text(launched.plan)}\n")
    display.begin(launched.runs, launched.pending)
    session.last = launched.runs[-1]
    return launched.runs.shown()


def _goes_on(launched: Launched, *, detached: bool) -> str:
    how = "detached, also without this kernel" if detached else "in the background"
    return f"it goes on {how}: %dvc_calls shows how far it is, %dvc_stop {call_name(launched.call.id)} stops it"


def _run(asked: RunLine, session: Session) -> Runs:
    request = replace(asked.request, notebook=session.notebook)
    paths = session.connection.store.paths
    live = None
    observer: Observer
    if session.shows_live:
        live = LiveDisplay(
            paths,
            session.outputs,
            show=session.show,
            varying=request.varying,
            jobs=request.jobs,
            plots=asked.plot and session.plots,
        )
        observer = live.watch
    else:
        observer = ForegroundDisplay(paths, prefix=request.jobs > 1, show=session.show, varying=request.varying)
    try:
        runs = session.caller.run(request, observer=observer, raise_errors=asked.raise_errors, tail=_TAIL_AFTER_LOG)
    except KeyboardInterrupt as interrupt:
        show_alone(interrupt, f"the call was interrupted; {str(interrupt) or _STOPPED}")
        raise
    finally:
        if live is not None:
            live.end()
        session.remember_last()
    if request.reuse:  # what answers may be older than the newest run
        session.last = runs[-1]
    return runs

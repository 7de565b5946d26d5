"""A failed run once more, in a throw-away copy, with a debugger where an exception ends it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from select import select

from msgspec import Struct

from dvc_magic.client import Host, Pending, stage_environment
from dvc_magic.debugger.debuggable import debuggable
from dvc_magic.debugger.prompt import Prompt
from dvc_magic.runs import LogTail, log_tail
from dvc_magic.store import RunStore, StoredRun, remove_tree
from dvc_magic.untrusted import message
from dvc_magic.views import log_text
from dvc_magic.wire import CopyEnd, Debug

_TICK = 0.05  # seconds between looks at the log
_GRACE = 1.0  # seconds for a program to end by itself once its debugger was told to quit
_PATIENCE = 12.0  # seconds for a worker to stop a copy; SIGKILL comes 5 seconds after SIGTERM
_KILL = 4  # steps of a stop that end the worker itself
_LINES = 400  # of a log, looked through for a traceback
_TRACEBACK = "Traceback (most recent call last)"
_SHELL_SIGNAL = 128  # what a shell adds to the number of the signal that has ended a command
_LAST_SIGNAL = 64


class Debugged(Struct, frozen=True, kw_only=True):
    """What has come of debugging a run.

    Attributes:
        error: the exception that the debugger was opened at, in one line; empty when it was not.
        answers: what pdb has printed for each command that was given beforehand.
        exit_code: of the copy's command, negative for a signal; after a debugger it says little.
        said: what happened, in a sentence.
    """

    error: str
    answers: tuple[str, ...]
    exit_code: int | None
    said: str

    def __repr__(self) -> str:
        """What happened."""
        return message(f"<Debugged {self.said}>")


def ask_here(prompt: str) -> str:
    """Ask whoever sits at this process, in a notebook through its front end.

    Raises:
        EOFError: nobody will answer. NotImplementedError: the front end cannot ask.
    """
    return input(prompt)  # looked up at each call: a kernel exchanges it while a cell runs


def show_here(text: str) -> None:
    """Print now."""
    sys.stdout.write(text)
    sys.stdout.flush()


def debug(
    run: StoredRun,
    *,
    store: RunStore,
    host: Host,
    commands: Sequence[str] = (),
    ask: Callable[[str], str] = ask_here,
    show: Callable[[str], None] = show_here,
) -> Debugged:
    """Execute a failed run again in a copy, and serve the debugger that opens at an uncaught exception of Python.

    Args:
        run: the one that failed, or one that was never executed because of it. store, host: where it belongs.
        commands: pdb's commands to give, instead of asking for them.
        ask: gets the prompt and returns a command; see `dvc_magic.debugger.prompt.Prompt`.
        show: gets the copy's output and the debugger's, as they come.

    Side effects: a copy in the store's ``debug`` folder, removed at the end; copies there that a process which was
    killed has left are removed as well. No run is recorded, and the run itself is as it was.

    Raises:
        RunError: the run did not fail by its command, or what it was to execute was not kept.
        DvcMagicError: the copy cannot be made: an input is gone.
        KeyboardInterrupt: again, after the copy was stopped and removed.
    """
    failed = debuggable(run, store)
    return _Copy(failed, store=store, host=host, commands=commands, ask=ask, show=show).follow()


class _Copy:
    """One copy under way."""

    def __init__(
        self,
        run: StoredRun,
        *,
        store: RunStore,
        host: Host,
        commands: Sequence[str],
        ask: Callable[[str], str],
        show: Callable[[str], None],
    ) -> None:
        self._record = run.record
        self._host = host
        self._show = show
        self._id = store.new_id()
        self._paths = store.paths.copy(self._id)
        self._tail = LogTail(self._paths.log)
        self._open_line = False
        self._prompt = Prompt(
            workspace=self._paths.workspace,
            root=self._paths.dvc_root(run.record.root),
            name=run.record.name,
            commands=commands,
            ask=ask,
            show=show,
            meanwhile=self._show_log,
        )

    def follow(self) -> Debugged:
        """Execute the copy to its end; it is removed however that is."""
        self._show(f"{self._record.name} once more, in a copy: the same code, params and inputs\n")
        try:
            with self._prompt:
                return self._outcome(self._ended())
        finally:
            remove_tree(self._paths.folder)

    def _ended(self) -> CopyEnd:
        """How the copy ended, after serving who asked for the debugger meanwhile."""
        question = Debug(
            run=self._record.id,
            copy=self._id,
            prompt=str(self._prompt.folder),
            environ=stage_environment(os.environ),
        )
        pending = self._host.begin(question)
        try:
            self._wait(pending)
        except BaseException:
            self._give_up(pending)
            raise
        end: CopyEnd = pending.result()
        return end

    def _wait(self, pending: Pending) -> None:
        hurry = 0.0
        while True:
            is_over = pending.done
            if not is_over:
                self._serve(pending)
            if not self._prompt.quitting:
                self._show_log(last=is_over)
            if is_over:
                return
            if self._prompt.quitting:
                hurry = hurry or time.monotonic() + _GRACE
                if time.monotonic() > hurry:
                    pending.stop(2)
                    hurry = float("inf")

    def _serve(self, pending: Pending) -> None:
        """Wait a little, and serve a program that wants it."""
        if not self._prompt.listening:
            pending.wait(_TICK)
        elif select(self._prompt.listening, [], [], _TICK)[0]:
            self._prompt.serve()

    def _give_up(self, pending: Pending) -> None:
        """Stop the copy at once, because nobody will look at it."""
        self._prompt.close()
        with suppress(KeyboardInterrupt):  # once more: at once, then
            pending.stop(2)
            pending.wait(_PATIENCE)
        if not pending.done:
            pending.stop(_KILL)

    def _show_log(self, *, last: bool = False) -> None:
        text = log_text(self._tail.read(last=last))
        self._open_line = not text.endswith("\n") if text else self._open_line
        if last and self._open_line:
            text += "\n"
        if text:
            self._show(text)

    def _outcome(self, end: CopyEnd) -> Debugged:
        said = self._said(end)
        self._show(f"{said}\n")
        for path in end.spoiled:
            self._show(f"  the command wrote into its dependency {path}; the copy kept for other runs is removed\n")
        prompt = self._prompt
        error = prompt.errors[-1] if prompt.errors else ""
        return Debugged(error=error, answers=tuple(prompt.answers), exit_code=end.exit_code, said=said)

    def _said(self, end: CopyEnd) -> str:
        name, number = self._record.name, self._record.number
        if self._prompt.silent:
            return (
                "This front end cannot ask for commands; give them along: "
                f'%dvc_debug {number} -c "p NAME" -c w, or run.debug(["p NAME", "w"])'
            )
        if self._prompt.errors:
            return f"{name}: the copy is removed, the run itself is as it was"
        if end.exit_code == 0:
            return (
                f"{name} did not fail this time, though it did before ({self._record.error}): code, params and inputs "
                "are the same, so that it depends on something else: a seed, the clock, the network, installed packages"
            )
        return f"{name} {self._without_exception(end)}"

    def _without_exception(self, end: CopyEnd) -> str:
        """How a copy ended that no exception has ended, as far as one can tell."""
        code = end.exit_code
        if code is None:
            return f"was not executed again: {end.stopped or 'it has no command'}"
        if number := _signal_of(code):
            return f"was ended by {_signal_name(number)}: no Python exception, so that there is nothing to look at"
        said = f"ended with exit code {code} and no uncaught exception that the debugger could see: "
        printed = _TRACEBACK in "\n".join(log_tail(self._paths.log, _LINES))
        if not self._prompt.seen and printed:
            return (
                said + "the Python that has printed the traceback ignores PYTHONPATH (python -I, -E, -S) or has lost it"
            )
        if not self._prompt.seen:
            return said + "its command starts no Python, or one that ignores PYTHONPATH (python -I, -E, -S)"
        if printed:
            return said + "the program catches the exception, prints it and exits"
        return said + "sys.exit, argparse, os._exit or the shell itself"


def _signal_of(code: int) -> int:
    """The signal that an exit code speaks of, or 0."""
    number = -code if code < 0 else code - _SHELL_SIGNAL
    return number if 0 < number <= _LAST_SIGNAL else 0


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"

"""The debugger inside a program that has ended with an exception: pdb, with its prompt at the other end of a socket."""

from __future__ import annotations

import io
import json
import os
import pdb  # noqa: T100 - a debugger is what this is
import reprlib
import socket
import sys
import time
import traceback
from types import FrameType, FunctionType, ModuleType, TracebackType
from typing import Any, Dict, List, Optional, Tuple

_PACKAGES = ("site-packages", "dist-packages")
_LIMIT = 200_000  # characters shown for one command
_LOCALS = 40
_PAUSE = 0.2  # seconds between two pieces of what a command prints
_WHOLE_ERROR = (3, 13)  # the Python from which on pdb knows chains of exceptions


class Wire(io.TextIOBase):
    """pdb's terminal: what it prints goes to the prompt as it comes, what it reads comes from there."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile("r", encoding="utf-8", newline="\n")
        self._lines: List[str] = []
        self._open_line = ""
        self._left = _LIMIT
        self._sent = 0.0
        self.wants_look = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """For those who ask a terminal for it."""
        return "utf-8"

    @property
    def has_open_line(self) -> bool:
        """Whether what was written last did not end its line."""
        return bool(self._open_line)

    def writable(self) -> bool:
        """It is."""
        return True

    def send(self, **message: Any) -> None:
        """Send one message, after what was written before."""
        self.flush()
        self._send(message)

    def _send(self, message: Dict[str, Any]) -> None:
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> Dict[str, Any]:
        """The other side's next message; an empty one when it is gone."""
        line = self._answers.readline()
        found: Dict[str, Any] = json.loads(line) if line.endswith("\n") else {}
        return found

    def write(self, text: str) -> int:
        """Show the complete lines; the rest may be a prompt."""
        *lines, self._open_line = (self._open_line + text).split("\n")
        self._lines += lines
        if self._lines and time.monotonic() - self._sent > _PAUSE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Show the complete lines now: a notebook keeps what comes at once as one piece."""
        text = "".join(line + "\n" for line in self._lines)
        self._lines, self._sent = [], time.monotonic()
        if text and self._left > 0:
            cut = len(text) > self._left
            rest = f"\n... {_LIMIT} characters are shown, no more\n" if cut else ""
            self._send({"text": text[: self._left] + rest})
            self._left -= len(text)

    def readline(self, size: Optional[int] = -1) -> str:  # type: ignore[override]  # noqa: ARG002
        """The next command; an empty text ends the debugger."""
        prompt, self._open_line = self._open_line, ""
        self.send(ask=prompt[-1000:])
        self._left = _LIMIT
        answer = self.receive()
        self.wants_look = bool(answer.get("look"))
        line = answer.get("line")
        return line + "\n" if isinstance(line, str) else ""


class Debugger(pdb.Pdb):
    """pdb over a wire. It begins in the project's own code, as deep as that goes; ``down`` leads into libraries.

    Args:
        wire: the terminal.
        workspace: folder with the project's code. root: what file names are shown from.
    """

    def __init__(self, wire: Wire, *, workspace: str, root: str) -> None:
        super().__init__(stdin=wire, stdout=wire, nosigint=True)  # type: ignore[arg-type]
        self.use_rawinput = False
        self._wire = wire
        self._workspace = os.path.realpath(workspace)
        self._roots = tuple({os.path.abspath(root) + os.sep, os.path.realpath(root) + os.sep})

    def get_stack(
        self,
        f: Optional[FrameType],
        t: Optional[TracebackType],
    ) -> Tuple[List[Tuple[FrameType, int]], int]:
        """The frames, and the one to begin in."""
        stack, index = super().get_stack(f, t)
        own = [number for number, (frame, _) in enumerate(stack) if self._is_own(frame)]
        return stack, own[-1] if own else index

    def _is_own(self, frame: FrameType) -> bool:
        name = frame.f_code.co_filename
        if name.startswith("<"):  # python -c
            return frame.f_globals.get("__name__") == "__main__"
        path = os.path.realpath(name)
        return path.startswith(self._workspace + os.sep) and not set(_PACKAGES).intersection(path.split(os.sep))

    def format_stack_entry(self, frame_lineno: Tuple[FrameType, int], lprefix: str = ": ") -> str:
        """As pdb does, file names from the workspace."""
        text = super().format_stack_entry(frame_lineno, lprefix)
        for root in self._roots:
            text = text.replace(root, "")
        return text

    def do_run(self, arg: str) -> Any:  # noqa: ARG002
        """Say what does instead: there is no program here that could be started again."""
        self.message("run and restart do nothing here; %dvc_debug executes the run once more")

    do_restart = do_run

    def do_EOF(self, arg: str) -> Any:  # noqa: N802 - pdb's name
        """End the debugger, after a look at the locals when nobody can ask for more."""
        if self._wire.wants_look:
            self._wire.wants_look = False
            self._look()
        return super().do_EOF(arg)

    def _look(self) -> None:
        frame = self.curframe
        if frame is None:
            return
        names = [name for name, value in frame.f_locals.items() if _tells(name, value)]
        self.message(f"\nlocals of {frame.f_code.co_name}:" if names else "\nthere are no locals")
        short = _short()
        for name in names[:_LOCALS]:
            self.message(f"    {name} = {' '.join(short.repr(frame.f_locals[name]).split())}")
        if len(names) > _LOCALS:
            self.message(f"    ... and {len(names) - _LOCALS} more")


def _in_a_line(error: BaseException) -> str:
    """``ValueError: it is 7``, as tracebacks say it; that of a syntax error comes last there, after its place."""
    said = traceback.format_exception_only(type(error), error)
    text = said[-1] if isinstance(error, SyntaxError) else said[0]
    return text.strip().split("\n")[0][:1000]


def _tells(name: str, value: object) -> bool:
    """Whether a local is worth a line: those of a script are its imports and functions as well."""
    return not name.startswith("__") and not isinstance(value, (ModuleType, FunctionType, type))


def _short() -> reprlib.Repr:
    short = reprlib.Repr()
    short.maxstring = short.maxother = 160
    short.maxlist = short.maxtuple = short.maxset = short.maxdict = 8
    short.maxlevel = 3
    return short


def post_mortem(folder: str, error: BaseException, trace: Optional[TracebackType], thread: str) -> None:
    """Offer an exception to the prompt and serve it until it lets go; does nothing where nobody listens (any more)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(None)  # whatever the program has made the default
        try:
            connection.connect(os.path.join(folder, "socket"))
        except OSError:
            return
        wire = Wire(connection)
        wire.send(error=_in_a_line(error), frames=trace is not None, thread=thread)
        begin = wire.receive()
        if not begin or trace is None:
            return
        debugger = Debugger(wire, workspace=begin["workspace"], root=begin["root"])
        debugger.reset()
        whole = sys.version_info >= _WHOLE_ERROR and error.__traceback__ is trace
        debugger.interaction(None, error if whole else trace)  # type: ignore[arg-type]
        wire.write("\n" * wire.has_open_line)
        wire.send(end="quit" if debugger.quitting else "on")

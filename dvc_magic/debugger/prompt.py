"""The debugger's prompt: this side of the socket that `dvc_magic.debugging` describes."""

from __future__ import annotations

import contextlib
import json
import select
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from dvc_magic.debugging import SEEN, SOCKET
from dvc_magic.untrusted import coloured

_TICK = 0.05  # seconds between looks at the log while a program has nothing to say
_LONGEST = 90  # characters; a socket's path must not be longer than 103 on some systems
_READ = 1 << 16


class Prompt:
    """Serves the programs of a copy, one at a time, until one of them is told to quit.

    Args:
        workspace, root: the copy's folder and the DVC root in it.
        name: what is debugged.
        commands: pdb's commands to give, instead of asking for them.
        ask: gets the prompt and returns a command. It may raise `EOFError`, which ends the debugger, or
            `NotImplementedError` where nobody can be asked: then the locals are shown instead.
        show: gets text as it comes.
        meanwhile: called now and then while a program computes.

    Attributes:
        folder: private, with the socket. errors: the exceptions that were looked at, in one line each.
        answers: what was printed after each of the `commands`. quitting: whether the copy is to end.
        silent: whether nobody could be asked.

    Side effects: the folder, below that for temporary files, until the block that the prompt is used in ends.
    """

    def __init__(
        self,
        *,
        workspace: Path,
        root: Path,
        name: str,
        commands: Sequence[str],
        ask: Callable[[str], str],
        show: Callable[[str], None],
        meanwhile: Callable[[], None],
    ) -> None:
        self._begin = {"workspace": str(workspace), "root": str(root)}
        self._name = name
        self._given = bool(commands)
        self._commands = list(commands)
        self._ask, self._show, self._meanwhile = ask, show, meanwhile
        self._said: list[str] | None = None
        self._listener: socket.socket | None = None
        self.folder = Path()
        self.errors: list[str] = []
        self.answers: list[str] = []
        self.quitting = False
        self.silent = False

    def __enter__(self) -> Self:
        """Begin to listen."""
        self.folder = _private_folder()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / SOCKET))
        self._listener.listen(16)
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody is served any more."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def listening(self) -> list[socket.socket]:
        """What becomes readable when a program wants to be served."""
        return [self._listener] if self._listener is not None else []

    @property
    def seen(self) -> bool:
        """Whether any Python has started that could have been debugged."""
        return (self.folder / SEEN).exists()

    def close(self) -> None:
        """Listen no longer: programs that fail from now on end as they do without a debugger."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def serve(self) -> None:
        """Serve the next program to its last word."""
        assert self._listener is not None
        connection, _ = self._listener.accept()
        with connection:
            self._talk(connection)
        if self.quitting:
            self.close()

    def _talk(self, connection: socket.socket) -> None:
        messages = self._messages(connection)
        first = next(messages, None)
        if first is None:
            return
        self._meanwhile()  # the traceback comes first
        self.errors.append(_clean(first["error"]))
        self._show(self._heading(first))
        _send(connection, self._begin)
        for message in messages:
            if "text" in message:
                self._print(_clean(message["text"]))
            elif "ask" in message:
                _send(connection, self._answer(_clean(message["ask"])))
            elif message.get("end") == "quit":
                self.quitting = True

    def _heading(self, first: dict[str, Any]) -> str:
        if not first["frames"]:
            return f"{self.errors[-1]}: nothing of the program was executed, so that there is nothing to look at\n"
        thread = f", thread {_clean(first['thread'])}" if first["thread"] else ""
        keys = "" if self._given else ": q ends it, c lets the program go on, h lists what there is"
        return f"--- debugger in a copy of {self._name}{thread}{keys} ---\n"

    def _messages(self, connection: socket.socket) -> Iterator[dict[str, Any]]:
        rest = b""
        while True:
            if not select.select([connection], [], [], _TICK)[0]:
                self._meanwhile()
                continue
            try:
                chunk = connection.recv(_READ)
                *lines, rest = (rest + chunk).split(b"\n")
                found = [json.loads(line) for line in lines]
            except (OSError, ValueError):  # it has died, or is no debugger of ours
                return
            yield from found
            if not chunk:
                return

    def _print(self, text: str) -> None:
        if self._said is not None:
            self._said.append(text)
        self._show(text)

    def _answer(self, prompt: str) -> dict[str, Any]:
        if self._said is not None:
            self.answers.append("".join(self._said).rstrip("\n"))
            self._said = None
        if not self._given:
            return self._asked(prompt)
        if not self._commands:
            return {"line": None}
        command = self._commands.pop(0)
        self._show(f"{prompt}{command}\n")
        self._said = []
        return {"line": command}

    def _asked(self, prompt: str) -> dict[str, Any]:
        try:
            return {"line": self._ask(prompt)}
        except EOFError:
            return {"line": None}
        except NotImplementedError:
            self.silent = True
            return {"look": True}


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dvc-magic-"))
    if len(str(folder)) <= _LONGEST:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="dvc-magic-", dir="/tmp"))


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # that the program has died shows when it is read from
        connection.sendall(json.dumps(message).encode() + b"\n")


def _clean(text: str) -> str:
    """Text that any output takes: a program may print halves of characters, and what moves a cursor."""
    return coloured(text)

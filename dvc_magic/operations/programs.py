"""What an operation executes: a command, and the Python file that it starts."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator

from msgspec import Struct

from dvc_magic.operations.fields import is_within, read_path, read_text, refusal, seen, shown

_FIRST_WORD = re.compile(r"""\s*("[^"]*"|'[^']*'|\S+)\s*(.*)""", re.DOTALL)
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_PYTHON = re.compile(r"python[\d.]*")


class Program(Struct, frozen=True, kw_only=True):
    """A command as ``dvc.yaml`` has it, and the Python file of the project that it starts, with its text.

    Attributes:
        script: a path from the project's root, or an empty text where none is seen.
    """

    cmd: str | tuple[str, ...] = ""
    script: str = ""
    text: str = ""


class ProjectFiles(Struct, frozen=True, kw_only=True):
    """The project's files, as far as a reader has to look at them; paths are from the project's root."""

    exists: Callable[[str], bool]
    read_text: Callable[[str], str | None]

    def has(self, path: str) -> bool:
        """Whether there is a file of this path, which may be any text."""
        try:
            return is_within(path) and self.exists(path)
        except (OSError, ValueError):  # too long a name, or one with a null byte
            return False

    def text(self, path: str) -> str:
        """Its text; empty where there is none, or none that is text."""
        return (self.read_text(path) or "") if path else ""


def read_main(value: object, *, at: str, files: ProjectFiles) -> Program:
    """The program of a ``main``: ``src/fit.py ARGS``, or a module, ``fit ARGS`` or ``package.fit ARGS``.

    Raises:
        OperationError: it is no such text, or the project has no such file.
    """
    text = read_text(value, "main", at=at)
    word, rest = split_main(text)
    if _PYTHON.fullmatch(word):
        raise refusal(at, f"'main' takes the script itself: write 'main: {rest or 'fit.py'}' or 'cmd: {text}'")
    if word.endswith(".py"):
        script = read_path(word, "main", at=at)
        if not files.has(script):
            raise refusal(at, f"the project has no file {script!r}, which is its main")
        return _program(f"python {shlex.quote(script)}", rest, script, files)
    if word.endswith(".ipynb"):
        raise refusal(at, f"{word!r} is a notebook, which cannot be run as an operation; put its code into a script")
    script = module_file(word, files)
    if not script:
        raise refusal(at, f"'main' is {shown(word)}: {_no_module(word, files)}")
    return _program(f"python -m {word}", rest, script, files)


def read_cmd(value: object, *, at: str, files: ProjectFiles) -> Program:
    """The program of a ``cmd``: a shell command, or a list of them, as in ``dvc.yaml``.

    Raises:
        OperationError: it is something else.
    """
    if isinstance(value, list):
        cmd: str | tuple[str, ...] = tuple(read_text(command, "cmd", at=at) for command in value)
        if not cmd:
            raise refusal(at, "'cmd' is an empty list; give the commands to run")
    elif isinstance(value, str):
        cmd = read_text(value, "cmd", at=at)
    else:
        raise refusal(at, f"'cmd' has to be a shell command or a list of them; {seen(value)}")
    script = next((script for command in commands(cmd) if (script := started_by(command, files))), "")
    return Program(cmd=cmd, script=script, text=files.text(script))


def commands(cmd: str | tuple[str, ...]) -> tuple[str, ...]:
    """The commands as a tuple, one or several."""
    return (cmd,) if isinstance(cmd, str) else cmd


def split_main(text: str) -> tuple[str, str]:
    """The first word of a ``main``, without its quotes, and the rest as it is."""
    found = _FIRST_WORD.fullmatch(text)
    word, rest = found.groups() if found else (text, "")
    return (word[1:-1] if word[0] in "\"'" and len(word) > 1 else word), rest.strip()


def module_file(module: str, files: ProjectFiles) -> str:
    """The project's file of a module or of a package that can be run, or an empty text."""
    if not _MODULE.fullmatch(module):
        return ""
    path = module.replace(".", "/")
    return next((file for file in (f"{path}.py", f"{path}/__main__.py") if files.has(file)), "")


def started_by(command: str, files: ProjectFiles) -> str:
    """The project's Python file that a shell command starts, or an empty text."""
    try:
        words = iter(shlex.split(command))
    except ValueError:
        return ""
    for word in words:
        if _PYTHON.fullmatch(posixpath.basename(word)):
            return _script_of(words, files)
    return ""


def _script_of(words: Iterator[str], files: ProjectFiles) -> str:
    """The file that the words after ``python`` name."""
    for word in words:
        if word == "-m":
            return module_file(next(words, ""), files)
        if word == "-c":
            return ""
        if word in {"-W", "-X"}:
            next(words, "")
        elif not word.startswith("-"):
            path = posixpath.normpath(word)
            return path if word.endswith(".py") and files.has(path) else ""
    return ""


def _program(start: str, rest: str, script: str, files: ProjectFiles) -> Program:
    return Program(cmd=f"{start} {rest}".rstrip(), script=script, text=files.text(script))


def _no_module(word: str, files: ProjectFiles) -> str:
    if files.has(f"{word}.py"):
        return f"write 'main: {word}.py'"
    file = f"{word.replace('.', '/')}.py" if _MODULE.fullmatch(word) else f"{word}.py"
    return (
        f"the project has no file {shown(file)}. 'main' takes a Python file, such as src/fit.py, or a module of the "
        "project; any other command goes into 'cmd'"
    )

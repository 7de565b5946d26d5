"""Where DVC's exceptions become ours, their messages made short."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.utils.serialize import ParseError, parse_yaml_for_update
from dvc.utils.strictyaml import YAMLSyntaxError, YAMLValidationError, determine_linecol
from dvc_data.hashfile.build import IgnoreInCollectedDirError
from dvc_objects.errors import ObjectDBError
from tomlkit.exceptions import ParseError as TomlError

from dvc_magic.errors import PipelineError
from dvc_magic.untrusted import hidden, one_line

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What DVC lets through unwrapped for values and shapes that it does not expect.
_BROKEN = (TypeError, ValueError, AttributeError, AssertionError, LookupError, OSError, ImportError)
_TOO_DEEP = (RecursionError, MemoryError)  # Python's own parser runs out of its stack with the second
_SPOKEN = (DvcException, IgnoreInCollectedDirError, ObjectDBError)


def slip(cause: Any, file: Path) -> str:
    """What a parser stumbled over, after the line and the column where it did.

    Args:
        cause: what the parser raised.
        file: what it read.
    """
    if isinstance(cause, TomlError):
        # tomlkit counts a line too many for a table that is there twice, and has no word for a file that ends early.
        try:
            tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            reason, _, place = str(error).removesuffix(")").rpartition(" (at ")
            return f"{place}: {reason}"
        except (OSError, ValueError, RecursionError):
            pass
        return f"line {cause.line}: {str(cause).rpartition(' at line ')[0]}"
    if isinstance(cause, UnicodeDecodeError):
        line = cause.object.count(b"\n", 0, cause.start) + 1
        return f"line {line}: byte 0x{cause.object[cause.start]:02x} is no UTF-8; save the file as UTF-8"
    mark = getattr(cause, "problem_mark", None) or getattr(cause, "context_mark", None)
    if mark is not None:
        line, column, reason = mark.line + 1, mark.column + 1, cause.problem or cause.context
        reason = f"{cause.context}, {reason}" if reason.startswith("but ") else reason
    else:  # of JSON and of Python
        line, column = getattr(cause, "lineno", 0), getattr(cause, "colno", 0) or getattr(cause, "offset", 0)
        reason = getattr(cause, "msg", "") or str(cause or "its structure is broken")
    return f"line {line}, column {column}: {reason}" if line else str(reason)


def _read_file(error: ParseError, *, root: Path, path: str) -> str:
    """The file that could not be parsed, from the root: `path`, or one that it names."""
    if os.path.basename(error.path) == os.path.basename(path):
        return path
    # DVC reads what `vars` names from the root, and tells its path from the working directory.
    place = root / error.path if (root / error.path).is_file() else os.path.abspath(error.path)
    return Path(os.path.relpath(place, root)).as_posix()


def _is_of_dvc_1(lock: Any) -> bool:
    """Whether a ``dvc.lock`` has the stages at its top level, as before there was a ``schema``."""
    if not isinstance(lock, dict) or not lock or "schema" in lock:
        return False
    return all(isinstance(entry, dict) and "cmd" in entry for entry in lock.values())


def _validation(error: Any, path: str) -> str:
    data = parse_yaml_for_update(error.text, path)
    if path.endswith(".lock") and _is_of_dvc_1(data):
        return (
            f"{path} was written by DVC 1, whose format DVC no longer reads: `rm {shlex.quote(path)}`, then "
            "`dvc commit -f` to lock the files that are there, or `dvc repro` to make them anew"
        )
    lines = []
    for problem in error.exc.errors:
        line = determine_linecol(data, problem.path)[0] if isinstance(data, dict) else None
        place = f" line {line}:" if line else ""
        where = f" at {'.'.join(str(part) for part in problem.path)}" if problem.path else ""
        lines.append(f"{path}:{place} {problem.error_message}{where}")
    return "\n".join(dict.fromkeys(lines))


def message(error: BaseException, *, root: Path, path: str) -> str:
    """What DVC says, in short: the file, the line where there is one, and what is wrong.

    Args:
        error: what was raised.
        root: the project's root.
        path: the file that was being read, from the root.
    """
    if isinstance(error, ParseError):
        file = _read_file(error, root=root, path=path)
        cause = error.exc.__cause__ if isinstance(error, YAMLSyntaxError) else error.__cause__
        return f"{file}: {one_line(slip(cause, root / file))}{getattr(error, 'hint', '')}"
    if isinstance(error, YAMLValidationError):
        return _validation(error, path)
    if isinstance(error, _TOO_DEEP):
        return f"{path}: it, or a file that it names, has values nested too deep to be read; make it flatter"
    text = _COLOUR.sub("", str(error) or type(error).__name__).strip()
    if not isinstance(error, _SPOKEN):
        text = f"DVC cannot read it ({type(error).__name__}: {text})"
    text = text.replace(os.path.relpath(root / path), path).replace(f"{root}{os.sep}", "")
    text = hidden(text)
    return text if path in text else f"{path}: {text}"


@contextmanager
def translated(*, root: Path, path: str) -> Iterator[None]:
    """Raise what DVC raises inside the block as a `PipelineError`, with the original as its cause."""
    try:
        yield
    except PipelineError:
        raise
    except (*_SPOKEN, *_BROKEN, *_TOO_DEEP) as error:
        raise PipelineError(message(error, root=root, path=path)) from error

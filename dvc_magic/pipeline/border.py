"""Where DVC's exceptions become ours, their messages made short."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.utils.serialize import parse_yaml_for_update
from dvc.utils.strictyaml import YAMLSyntaxError, YAMLValidationError, determine_linecol
from dvc_data.hashfile.build import IgnoreInCollectedDirError
from dvc_objects.errors import ObjectDBError

from dvc_magic.errors import PipelineError
from dvc_magic.untrusted import hidden

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What DVC lets through unwrapped for values and shapes that it does not expect.
_BROKEN = (TypeError, ValueError, AttributeError, AssertionError, LookupError, OSError, ImportError)
_TOO_DEEP = (RecursionError, MemoryError)  # Python's own parser runs out of its stack with the second
_SPOKEN = (DvcException, IgnoreInCollectedDirError, ObjectDBError)


def _syntax(error: Any, path: str) -> str:
    cause = error.exc.__cause__
    mark = getattr(cause, "problem_mark", None) or getattr(cause, "context_mark", None)
    place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
    what = getattr(cause, "problem", None) or "the YAML structure is broken"
    return f"{path}:{place} {what}{error.hint}"


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
    if isinstance(error, YAMLSyntaxError):
        return _syntax(error, path)
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

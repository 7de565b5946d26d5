"""What people wrote in an entry of an operation file, checked while it is read.

`at` says in every message whose field it is: ``operation 'fit' in dvc_magic.yaml``.
"""

from __future__ import annotations

import posixpath
import re
import reprlib
from collections.abc import Collection, Mapping
from typing import Any

from dvc_magic.errors import OperationError, close_matches
from dvc_magic.model.values import type_name

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 60


def refusal(at: str, problem: str) -> OperationError:
    """The error that refuses what was read at `at`."""
    return OperationError(f"{at}: {problem}")


def shown(value: object) -> str:
    """A value as a message quotes it, not too long of it."""
    written = _quoted().repr(value)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}.."


def _quoted() -> reprlib.Repr:
    """Writes no more of a value than is shown: by aliases of YAML, a small file can hold a value without bound."""
    quoted = reprlib.Repr()
    quoted.maxlevel = 3
    quoted.maxlist = quoted.maxdict = quoted.maxset = quoted.maxfrozenset = quoted.maxtuple = 20
    quoted.maxstring = quoted.maxlong = quoted.maxother = 3 * _SHOWN  # what is left out is then past what is shown
    return quoted


def abridged(value: object) -> str:
    """The same without quotes around a text."""
    return value if isinstance(value, str) and len(value) <= _SHOWN else shown(value)


def seen(value: object) -> str:
    """What was found in the place of something else: ``it is an int, 3``."""
    kind = type_name(value)
    if value is None:
        return "it is empty"
    return f"it is {'an' if kind[0] in 'aeiou' else 'a'} {kind}, {shown(value)}"


def listed(names: Collection[str]) -> str:
    """Names as a message lists them, sorted."""
    return ", ".join(sorted(names))


def read_map(value: object, *, at: str, such_as: str) -> Mapping[str, Any]:
    """A map whose keys are text.

    Raises:
        OperationError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise refusal(at, f"it has to be a map, such as {such_as}; {seen(value)}")
    wrong = next((key for key in value if not isinstance(key, str)), None)
    if wrong is not None or None in value:
        raise refusal(at, f"the key {shown(wrong)} has to be text; put it in quotes")
    return value


def check_key(key: str, known: Collection[str], *, at: str, of: str) -> None:
    """See that an entry may have `key`; `of` says what has these keys: ``an operation``.

    Raises:
        OperationError: it may not; the message has the right spelling, or what is near.
    """
    if key in known:
        return
    hyphened = key.strip().lower().replace("_", "-")
    if hyphened in known:
        raise refusal(at, f"{key!r} is spelled {hyphened!r}")
    raise refusal(at, f"{of} has no {shown(key)}.{close_matches(hyphened, list(known))} It has: {listed(known)}")


def read_text(value: object, key: str, *, at: str) -> str:
    """A text that is not empty.

    Raises:
        OperationError: it is something else.
    """
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
        raise refusal(at, f"{key!r} has to be text; {seen(value)}{hint}")
    if not value.strip():
        raise refusal(at, f"{key!r} is empty; leave it out or say what it is")
    return value.strip()


def read_texts(value: object, key: str, *, at: str) -> tuple[str, ...]:
    """A text or a list of them.

    Raises:
        OperationError: it is something else.
    """
    if isinstance(value, str):
        return (read_text(value, key, at=at),)
    if not isinstance(value, list | tuple):
        raise refusal(at, f"{key!r} has to be text or a list of texts; {seen(value)}")
    return tuple(read_text(item, key, at=at) for item in value)


def read_bool(value: object, key: str, *, at: str) -> bool:
    """A ``true`` or ``false``.

    Raises:
        OperationError: it is something else.
    """
    if not isinstance(value, bool):
        raise refusal(at, f"{key!r} has to be true or false; {seen(value)}")
    return value


def read_path(value: object, key: str, *, at: str, url: str = "") -> str:
    """A path below the project's root, normalised; ``.`` is the root itself.

    `url` says what to do with a url instead.

    Raises:
        OperationError: it is no text, is empty, absolute, a url, or leads out of the project.
    """
    text = read_text(value, key, at=at)
    if _URL.match(text):
        raise refusal(at, f"{shown(text)} is a url, and {key!r} takes a path in the project{f'; {url}' if url else ''}")
    if _CONTROL.search(text):
        raise refusal(at, f"{shown(text)} holds a character that no path should have")
    if text.startswith(("/", "~/")):
        raise refusal(at, f"{shown(text)} is an absolute path, and {key!r} takes one from the project's root")
    path = posixpath.normpath(text)
    if leads_out(path):
        raise refusal(at, f"{shown(text)} leads out of the project, and {key!r} takes a path in it, from its root")
    return path


def leads_out(path: str) -> bool:
    """Whether a normalised path leaves the folder that it starts from."""
    return path == ".." or path.startswith(("/", "../"))


def is_within(text: str) -> bool:
    """Whether any text is a path of something below the project's root."""
    path = posixpath.normpath(text)
    return bool(text) and path != "." and not leads_out(path) and not _CONTROL.search(text)

"""``-S [FILE:]KEY=V``: changes in the grammar of ``dvc exp run -S``, for any key of any param or vars file."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from dvc_magic.errors import LineError, ParamError
from dvc_magic.line.formatting import format_value, in_words
from dvc_magic.line.spaces import Space
from dvc_magic.line.values import explained
from dvc_magic.model.request import Change, ChangeKind
from dvc_magic.untrusted import abridged

if TYPE_CHECKING:
    from dvc_magic.line.grammar import GrammarError

DEFAULT_FILE = "params.yaml"


def read_override(text: str, *, packages: bool = False) -> Change:
    """Read one override. Types are not checked, as DVC does not.

    A key that is removed has the one value None; ``~key=v`` has ``v``, which DVC compares before it removes.

    Args:
        text: ``lr=0.1``, ``conf.json:+new=[1,2]``, ``~old``; a file is what precedes the key's first colon.
        packages: whether a config group may have a package: ``db@source=mysql``.

    Raises:
        LineError: outside the grammar, or a range to search, which only sweeps can use.
    """
    from dvc_magic.line.grammar import GrammarError, parse_override  # noqa: PLC0415 (Hydra takes 0.1 s)

    file, override = _without_file(text)
    try:
        parsed = parse_override(override, aliases=False, packages=packages)
    except GrammarError as error:
        raise LineError(_explained(text, override, error)) from error
    except LineError as error:
        raise LineError(f"-S {text}: {error}") from error
    if not parsed.key:
        raise LineError(f"-S {text}: there is no key before the =.")
    if isinstance(parsed.value, Space):
        raise LineError(f"-S {text}: a range to search has no place here. Values to try are written a,b,c.")
    return Change(file=file, key=parsed.key, values=parsed.value.values, kind=parsed.kind)


def override_text(key: str, value: object, kind: ChangeKind) -> str:
    """A change as Hydra's own parser reads it: ``model.depth=3``, ``+new=[1,2]``, ``~old``; see `read_override`.

    Raises:
        ParamError: Hydra's grammar has no words for the value.
    """
    prefix = {ChangeKind.SET: "", ChangeKind.ADD: "+", ChangeKind.FORCE: "++", ChangeKind.REMOVE: "~"}[kind]
    if kind is ChangeKind.REMOVE and value is None:
        return f"{prefix}{key}"
    try:
        text = format_value(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise ParamError(f"{key}: {error}") from error
    if not in_words(value):
        raise ParamError(
            f"{key}: Hydra's overrides have no words for a map with such keys: {abridged(text)}. Set its values one by "
            "one, or write it into a config."
        )
    return f"{prefix}{key}={text}"


def _without_file(text: str) -> tuple[str, str]:
    """The file and the override without it, as ``dvc.utils.cli_parse.to_path_overrides`` parts them."""
    if ":" not in text.partition("=")[0]:
        return DEFAULT_FILE, text
    file, _, override = text.partition(":")
    if file.startswith(("+", "~")):
        sign = re.match(r"[+~]+", file)
        assert sign is not None
        raise LineError(f"-S {text}: the file comes first. Write {file[sign.end() :]}:{sign[0]}{override}")
    return posixpath.normpath(file), override


def _explained(text: str, override: str, error: GrammarError) -> str:
    hint = _hint(override)
    if error.column is None or hint:
        return f"-S {text} cannot be read. {hint or error}"
    return explained("-S", text, error=error, shift=len(text) - len(override))


def _hint(override: str) -> str:
    key, equals, value = override.partition("=")
    if re.search(r"\[-?\d+\]", key):
        dotted = re.sub(r"\[(-?\d+)\]", r".\1", key)
        return f"Items of a list are numbered with dots: {dotted}=.."
    if not equals and not key.startswith("~"):
        return "Expected KEY=VALUE; ~KEY removes a key."
    if re.match(r"(?:uniform|loguniform|linspace|logspace|json)\(", value):
        return "DVC's grammar does not have that function; the flags (--KEY VALUE) do."
    return ""

"""YAML that people write for us, read without more work than its length is worth."""

from __future__ import annotations

from collections.abc import Iterator

from dvc_magic.errors import OperationError
from dvc_magic.operations.fields import refusal
from dvc_magic.untrusted import UnreadableError, check_yaml

_LONGEST = 2**20  # characters; the reader takes a few seconds for it
_BITS = 3_300  # of a number: 1,000 digits; Python refuses to write out one of 4,300


def load_yaml(text: str, *, at: str) -> object:
    """What a YAML text says; None where it says nothing.

        >>> load_yaml("fit: {main: fit.py}", at="guild.yml")

    `at` says in messages whose text it is.

    Raises:
        OperationError: it is not YAML, or its aliases repeat more than it could mean.
    """
    import yaml  # noqa: PLC0415 - 10 ms that loading the extension need not take

    check_text(text, at=at)
    try:
        content: object = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # the last five are PyYAML's own, for dates, numbers and tags that are none
        message = f"{at} is not valid YAML: {(str(error) or type(error).__name__).splitlines()[0]}"
        raise OperationError(message) from error
    check_numbers(content, at=at)
    return content


def check_text(text: str, *, at: str) -> None:
    """Refuse a text that is too long, nested too deep, or whose aliases repeat too much, before it is parsed.

    Raises:
        OperationError: it is.
    """
    if len(text) > _LONGEST:
        raise refusal(at, f"it has {len(text):,} characters, more than the {_LONGEST:,} that are read")
    try:
        check_yaml(text)
    except UnreadableError as error:
        raise refusal(at, str(error)) from error


def check_numbers(content: object, *, at: str) -> None:
    """Refuse a number that is too long to be written out.

    Raises:
        OperationError: there is one.
    """
    if any(isinstance(leaf, int) and leaf.bit_length() > _BITS for leaf in _leaves(content)):
        raise refusal(at, "a number is longer than 1,000 digits; put it in quotes")


def _leaves(content: object) -> Iterator[object]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _leaves(value)
    elif isinstance(content, list | tuple | set):
        for item in content:
            yield from _leaves(item)
    else:
        yield content

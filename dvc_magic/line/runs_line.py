"""The line of ``%dvc_runs``."""

from __future__ import annotations

from collections.abc import Mapping

from dvc_magic.errors import LineError
from dvc_magic.line.options import Options
from dvc_magic.line.usage import Usage


def read_runs_line(line: str, usage: Usage, *, namespace: Mapping[str, object]) -> Options:
    """Read the line of ``%dvc_runs``; a filter of ``guild runs`` is answered with ours.

        >>> read_runs_line("--stage train -n 5", usage, namespace={})

    Args:
        line: what follows the magic's name.
        usage: the magic's.
        namespace: the names that ``{name}`` can mean.

    Raises:
        LineError: an unknown option, one given twice or without its value.
    """
    try:
        return usage.read(line, namespace=namespace)
    except LineError as error:
        from dvc_magic.line.guild_words import answer_runs_line  # noqa: PLC0415 - only a line that fails pays for it

        raise answer_runs_line(line, error, usage.every_option) from error

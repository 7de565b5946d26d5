"""What a magic's line may hold, as data: read by it, completed from it, shown by its help."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from dvc_magic.errors import LineError
from dvc_magic.line.options import HELP, Option, Options, read_known
from dvc_magic.line.tokens import read_line


class Usage(Struct, frozen=True, kw_only=True):
    """The usage of a magic.

    Attributes:
        magic: its name, with the percent sign.
        words: what its words are, in order: ``STAGE``, ``RUN``, ``EXPR``, ``FOLDER``...
        options: its options; ``--help`` comes by itself.
        repeats: whether there may be more words of the last kind.
        raw: whether its words are one query, quotes kept.
        signed: whether a word may begin with one dash, as ``-TAG``.
        flags: whether flags of a stage may be given.
    """

    magic: str
    words: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    repeats: bool = False
    raw: bool = False
    signed: bool = False
    flags: bool = False

    @property
    def every_option(self) -> tuple[Option, ...]:
        """The options, ``--help`` among them."""
        return self.options if any(option.name == HELP.name for option in self.options) else (*self.options, HELP)

    def read(self, line: str, *, namespace: Mapping[str, object]) -> Options:
        """What a line says.

        Raises:
            LineError: an unknown option, one given twice or without its value, or a word too many.
        """
        word = self.words[0] if self.words else ""
        return read_known(
            line,
            magic=self.magic,
            known=self.options,
            namespace=namespace,
            positional=word,
            raw=self.raw,
            many=self.repeats,
            signed=self.signed,
        )


def asks_for_help(line: str, *, alone: bool = False) -> bool:
    """Whether ``--help`` or ``-h`` stands in a line.

    Args:
        line: what follows a magic's name.
        alone: count it only in a line that has nothing but options.
    """
    try:
        words = [token.raw for token in read_line(line).tokens]
    except LineError:
        return False
    return not {HELP.name, HELP.short}.isdisjoint(words) and not (
        alone and any(not word.startswith("-") for word in words)
    )

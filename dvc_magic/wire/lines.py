"""Messages as lines of bytes."""

from __future__ import annotations

from typing import Any

from dvc_magic import codec


def write_line(message: Any) -> bytes:
    """A message as one line."""
    # Lone surrogates, which names of files may have, must survive: json spells them as ASCII.
    return codec.encode_bytes(message) + b"\n"


def read_line(line: bytes, kind: Any) -> Any:
    """The message of type `kind` in a line.

    Raises:
        ValueError: the line is no message of that type.
    """
    return codec.decode(line, kind)


class Lines:
    """Cuts what a pipe brings into whole lines."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # joined only when a line is whole: a line of 20 MB comes in 300 pieces

    def cut(self, chunk: bytes) -> list[bytes]:
        """The lines that are whole with this chunk."""
        first, *others = chunk.split(b"\n")
        self._rest.append(first)
        if not others:
            return []
        lines = [b"".join(self._rest), *others[:-1]]
        self._rest = [others[-1]]
        return [line for line in lines if line]

"""What a run took, made and printed: `ResolvedDep`, `ResolvedOut`, `RunLog`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from dvc_magic.errors import RequestError, close_matches
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.stage import OutKind
from dvc_magic.runs import log_tail
from dvc_magic.sources import Content
from dvc_magic.untrusted import coloured, one_line
from dvc_magic.views import format_bytes

T = TypeVar("T")


class ResolvedDep(Content, Struct, frozen=True, kw_only=True):
    """One dependency of a run, as it was resolved; usable wherever a path is.

    Attributes:
        path: absolute path of the content in the run's workspace.
        source: ``file``, ``dvcfile``, ``dvcstage`` or ``config``.
        origin: project path, ``.dvc`` file, or stage that it came from.
        run: id of the upstream run that made it, or None.
        hash: md5 as in ``dvc.lock``. size: bytes. files: number of files.
        placed: ``copy``, ``hardlink``, ``reflink`` or ``in place``.
        differs: whether the project's file differed from its ``.dvc`` file.
    """

    path: Path
    source: SourceKind
    origin: str
    run: str | None
    hash: str
    size: int
    files: int
    placed: str
    differs: bool

    def __repr__(self) -> str:
        """Where it came from, its hash and its size."""
        if not self.hash:
            return one_line(f"<{self.source} {self.origin}>")
        return one_line(f"<{self.source} {self.origin}, md5 {self.hash[:10]}, {format_bytes(self.size)}>")


class ResolvedOut(Content, Struct, frozen=True, kw_only=True):
    """One output of a run; usable wherever a path is.

    Attributes:
        path: absolute path in the run's workspace. kind: ``out``, ``metric`` or ``plot``.
        hash: md5 as in ``dvc.lock``. size: bytes. files: number of files.
        altered: why it is not what the run made any more, in words; empty when it is.
    """

    path: Path
    kind: OutKind
    hash: str
    size: int
    files: int
    altered: str = ""

    def __repr__(self) -> str:
        """What kind of output it is, its hash and its size."""
        altered = ", altered since the run" if self.altered else ""
        return one_line(f"<{self.kind}, md5 {self.hash[:10]}, {format_bytes(self.size)}{altered}>")


class Paths(Mapping[str, T]):
    """Deps or outs by their path from the workspace's root; a wrong path is answered with those that there are."""

    def __init__(self, found: dict[str, T]) -> None:
        self._found = found

    def __getitem__(self, path: str) -> T:
        """What is at a path.

        Raises:
            RequestError: nothing is.
        """
        if path not in self._found:
            known = list(self._found)
            hint = close_matches(path, known)
            message = f"there is nothing at {path!r}.{hint} There is: {', '.join(known) or 'nothing'}"
            raise RequestError(message)
        return self._found[path]

    def __contains__(self, path: object) -> bool:
        """Whether there is something at a path."""
        return path in self._found

    def __iter__(self) -> Iterator[str]:
        """The paths."""
        return iter(self._found)

    def __len__(self) -> int:
        """How many."""
        return len(self._found)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._found)

    def __repr__(self) -> str:
        """One line for each path."""
        return "\n".join(f"{one_line(path)}: {item!r}" for path, item in self._found.items()) or "none"


class RunLog(Struct, frozen=True):
    """What the commands of a run printed, both streams, as it came.

    Attributes:
        path: the file.
    """

    path: Path

    def text(self) -> str:
        """The whole log; bytes that are no UTF-8 are replaced."""
        # Not as a text file, in which Python takes the carriage returns of bars for line ends.
        return self.path.read_bytes().decode("utf-8", errors="replace") if self.path.exists() else ""

    def tail(self, lines: int = 20) -> str:
        """The last lines."""
        return "\n".join(log_tail(self.path, lines))

    def __repr__(self) -> str:
        """The last lines, which is what one looks for."""
        return coloured(self.tail()) or "<empty log>"

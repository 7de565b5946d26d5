"""`Content`: something on disk that is used wherever a path is."""

from __future__ import annotations

from pathlib import Path


class Content:
    """A file or folder of a run: ``json.loads(run.outs["model.json"].read_text())``, ``run.outs["plots"] / "a.png"``.

    Usable wherever a path is (``open``, ``pandas.read_csv``); `path` has everything else that a path can do.
    `os.PathLike` takes it for one by `__fspath__`; as a base it would bring a metaclass that structs cannot have.
    """

    __slots__ = ()
    path: Path

    def __fspath__(self) -> str:
        """The path as text."""
        return str(self.path)

    def __str__(self) -> str:
        """The path as text."""
        return str(self.path)

    def __truediv__(self, name: str) -> Path:
        """The path of something in the folder."""
        return self.path / name

    def read_text(self) -> str:
        """The file's text, which is UTF-8."""
        return self.path.read_text(encoding="utf-8")

    def read_bytes(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()

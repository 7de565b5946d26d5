"""What the project holds at a path that a stage depends on, at the moment of a call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """The content at one path of the project.

    Attributes:
        path: POSIX path from the project's root (or absolute, or a URL), as in `dvc_magic.model.stage.Dep`.
        present: whether there is content, in the workspace or in the project's DVC cache.
        hash: md5 as DVC computes it, ``.dir`` at the end for a directory; empty when absent.
        size: bytes. files: number of files.
        origin: ``project`` (workspace), ``cache`` (the project's DVC cache) or empty when absent.
        dvcfile: the ``.dvc`` file that tracks it, if one does.
        differs: True when the workspace content is not what that ``.dvc`` file says.
    """

    path: str
    present: bool = False
    hash: str = ""
    size: int = 0
    files: int = 0
    origin: str = ""
    dvcfile: str | None = None
    differs: bool = False

"""What the project holds at a path that a stage depends on, at the moment of a call, and the way to what it lacks."""

from __future__ import annotations

from msgspec import Struct


class Taking(Struct, frozen=True, kw_only=True):
    """How one path of the project is to be taken, where the usual order (workspace, cache, remote) is not all.

    Attributes:
        path: as in `InputFacts`; nothing is said of what lies below or above it.
        remote: the name of the remote to pull from, instead of the one that DVC would ask; empty for that one.
        recorded: whether what DVC has recorded is taken, whatever the workspace holds: from a cache that has those
            bytes, else from the remote.
    """

    path: str
    remote: str = ""
    recorded: bool = False


class RemoteData(Struct, frozen=True, kw_only=True):
    """Content that DVC has recorded by hash and that no disk here holds whole.

    Attributes:
        path: where it belongs: POSIX path from the project's root.
        hash: what `file` says: md5 of a file, or of a directory's listing with ``.dir`` at the end.
        file: the ``.dvc`` file or ``dvc.lock`` that says so.
        remote: the name of the remote that is asked for it.
        part: the file or folder of that directory which is meant; empty for the whole.
        legacy: whether DVC 2 hashed it: texts as if with Unix line ends.
        size: bytes of the whole, 0 when the file does not say.
        imported: where ``dvc import`` had it from, without credentials; empty when it was not imported.
        recorded: whether it is wanted whatever the workspace holds (see `Taking`).
    """

    path: str
    hash: str
    file: str
    remote: str
    part: str = ""
    legacy: bool = False
    size: int = 0
    imported: str = ""
    recorded: bool = False


class InputFacts(Struct, frozen=True, kw_only=True):
    """The content at one path of the project.

    Attributes:
        path: POSIX path from the project's root (or absolute, or a URL), as in `dvc_magic.model.stage.Dep`.
        present: whether there is content, in the workspace, in a DVC cache or, as far as one can tell without asking
            it, in a remote.
        hash: md5 as DVC computes it, ``.dir`` at the end for a directory. Empty when absent, and when only the remote
            can tell: for a part of a directory whose listing is not here.
        size: bytes. files: number of files.
        origin: ``project`` (workspace), ``cache`` (the project's DVC cache or the runs' own), ``remote``, or empty
            when absent.
        dvcfile: the ``.dvc`` file that tracks it, if one does.
        executable: whether a file has execute bits.
        differs: True when the workspace content is not what that ``.dvc`` file says.
        remote: what has to be pulled for it. When it is `RemoteData.legacy`, `hash` is a guess until then.
        problem: why content that DVC has recorded cannot be had, in words.
        taking: how it was looked for, and has to be taken later, when that was said.
    """

    path: str
    present: bool = False
    hash: str = ""
    size: int = 0
    files: int = 0
    origin: str = ""
    dvcfile: str | None = None
    executable: bool = False
    differs: bool = False
    remote: RemoteData | None = None
    problem: str = ""
    taking: Taking | None = None


class PullProgress(Struct, frozen=True, kw_only=True):
    """How far a pull from one remote has come.

    Attributes:
        paths: what is pulled, POSIX paths from the project's root.
        remote: the remote's name.
        files, total_files: files that have arrived and were verified, of how many.
        size, total_size: bytes that have arrived, of how many; `total_size` is 0 when nobody knows.
        seconds: since it began.
        done: whether this was the last of it.
    """

    paths: tuple[str, ...]
    remote: str
    files: int
    total_files: int
    size: int = 0
    total_size: int = 0
    seconds: float = 0.0
    done: bool = False

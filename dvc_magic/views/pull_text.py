"""A pull from a remote, in a line."""

from __future__ import annotations

from dvc_magic.model.inputs import PullProgress
from dvc_magic.untrusted import first_few, one_line
from dvc_magic.views.format import format_bytes, format_seconds

_NAMED = 3  # paths named of a pull


def pulling_text(progress: PullProgress) -> str:
    """What begins: ``pulling data/iris.csv from remote 'storage' ...``."""
    names = first_few([*map(one_line, progress.paths)], _NAMED)
    return f"pulling {names} from remote {one_line(repr(progress.remote))} ..."


def progress_text(progress: PullProgress) -> str:
    """How far it has come: ``12 of 100 files, 3.4 MB of 10.0 MB, 5 s``."""
    whole = f" of {format_bytes(progress.total_size)}" if progress.total_size else ""
    files = f"{progress.files} of {progress.total_files} files, " if progress.total_files > 1 else ""
    return f"{files}{format_bytes(progress.size)}{whole}, {progress.seconds:.0f} s"


def pulled_text(progress: PullProgress) -> str:
    """What came: ``pulled 2 files, 4.2 kB, in 0.31 s``."""
    files = "1 file" if progress.total_files == 1 else f"{progress.total_files} files"
    return f"pulled {files}, {format_bytes(progress.size)}, in {format_seconds(progress.seconds)}"

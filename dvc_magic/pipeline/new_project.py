"""A new DVC project whose data is in its remotes only, made as a user would make it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dvc.config_schema import RelPath
from dvc.repo import Repo

from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.quiet import silence

_OUTSIDE = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SITE_CACHE_DIR", "DVC_SYSTEM_CONFIG_DIR")  # where DVC looks and writes


def make_dvc_project(root: Path, *, tracked: Mapping[str, Sequence[str]]) -> None:
    """Turn a git repository's folder into a DVC project: init, add remotes, add files, push them, drop them.

    Side effects: writes ``.dvc``, ``.dvcignore``, a ``.dvc`` file and a ``.gitignore`` entry for each tracked file, and
    the remotes' folders; takes the tracked files, DVC's cache and its temporary files away. What was made of ``.dvc``
    before is replaced. Nothing is staged in git.

    Args:
        root: the folder, with ``.git``.
        tracked: name of a remote and of its folder, below `root` -> paths from `root` of the files to track and to keep
            there. The configuration has the folders as relative paths; the first remote is the default.

    Raises:
        PipelineError: DVC refuses.
    """
    silence()
    with translated(root=root, path=".dvc"), _alone():
        repo = Repo.init(os.fspath(root), force=True)
        try:
            with repo.config.edit() as config:
                for remote in tracked:
                    config["remote"][remote] = {"url": RelPath(root / remote)}  # written relative to .dvc
                config["core"]["remote"] = next(iter(tracked))
            for remote, files in tracked.items():
                paths = [os.fspath(root / path) for path in files]
                repo.add(paths)
                repo.push(paths, remote=remote)
        finally:
            repo.close()
    for path in (path for files in tracked.values() for path in files):
        (root / path).unlink()
    for leftover in ("cache", "tmp"):
        shutil.rmtree(root / ".dvc" / leftover, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[None]:
    """DVC without the user's settings, such as a shared cache; what it keeps aside goes away, too."""
    before = {name: os.environ.get(name) for name in _OUTSIDE}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(dict.fromkeys(_OUTSIDE, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

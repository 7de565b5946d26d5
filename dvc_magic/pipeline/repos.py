"""DVC repositories opened with our own rules: no hash state, no site cache of DVC's, nothing written on opening."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.repo import Repo
from dvc.utils.objects import cached_property
from dvc_objects.fs.utils import as_atomic

from dvc_magic.pipeline.known_state import KnownState
from dvc_magic.pipeline.quiet import silence
from dvc_magic.pipeline.rooted import RootedFileSystem
from dvc_magic.store import KnownGood


class UnseenConfig(Config):  # type: ignore[misc]
    """DVC's configuration, read without a trace in access times.

    DVC's own class reads ``config.local`` by another file system than the repository's. In a run, that this file was
    read tells that the command called DVC.
    """

    def _get_fs(self, level: str) -> Any:
        return self.fs

    @classmethod
    def _load_paths(cls, conf: Any, filename: str) -> Any:
        # DVC compiles a schema for each level, 0.2 ms, and most of the four have no file.
        return super()._load_paths(conf, filename) if conf else conf


class StillRepo(Repo):  # type: ignore[misc]
    """A DVC repository whose opening writes nothing at all.

    DVC's own opening makes ``.dvc/tmp/btime``, a site cache, a sqlite state and entries in ``.gitignore``, and sets
    the umask for a moment. All of that hangs on one branch of its constructor, which a repository without a
    ``.dvc`` directory does not take: so it is told of that directory after it was made.

    Args:
        root: the DVC root.
        tmp: where DVC may put temporary files, if it must.
        site: the same for its site cache.
        fs: the file system to read with, which knows the root.
        config: what DVC is to take for its configuration, when that has been read already.
        scm: DVC's handle on git, when one is open already.
    """

    def __init__(
        self,
        *,
        root: Path,
        tmp: Path,
        site: Path,
        fs: RootedFileSystem | None = None,
        config: Any = None,
        scm: Any = None,
    ) -> None:
        silence()
        if config is not None:
            self.__dict__["config"] = config  # in place of the property below
        self._root = os.path.abspath(root)
        self._tmp = os.fspath(tmp)
        self._site = os.fspath(site)
        super().__init__(root_dir=self._root, fs=fs or RootedFileSystem(root), scm=scm)
        self.dvc_dir = self.local_dvc_dir

    def trust(self, known: KnownGood) -> None:
        """Hash no file whose content is known."""
        self.state = self.cache.local.state = KnownState(self._root, known)

    def clone_whole(self) -> None:
        """Have objects that are clones appear whole.

        DVC makes the object, empty, before it clones the file into it, and where nothing can be cloned removes it
        again: a kill between leaves an empty object.
        """
        objects: Any = self.cache.local.fs
        clone = objects.reflink

        def reflink(source: str, target: str) -> None:
            with as_atomic(objects, target) as aside:
                clone(source, aside)

        objects.reflink = reflink

    def _get_repo_dirs(self, *args: Any, **kwargs: Any) -> tuple[str, str | None]:
        return self._root, None

    @cached_property  # type: ignore[untyped-decorator]
    def config(self) -> Any:
        """DVC's merged configuration."""
        return UnseenConfig(self.local_dvc_dir, local_dvc_dir=self.local_dvc_dir, fs=self.fs)

    @property
    def local_dvc_dir(self) -> str:
        """The ``.dvc`` directory."""
        return os.path.join(self._root, self.DVC_DIR)

    @property
    def tmp_dir(self) -> str:
        """In place of ``.dvc/tmp``."""
        return self._tmp

    @property
    def site_cache_dir(self) -> str:
        """In place of a folder below ``/var/tmp``; DVC's own property changes the umask."""
        return self._site

    @property
    def _btime(self) -> None:
        return None

    def _ignore(self) -> None:
        """DVC would write ``.dvc/.gitignore`` here."""

"""Runs that were removed: they lie beside the others with all that they have, until they are restored or purged."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from dvc_magic.errors import RunError, RunNotFoundError, StoreError
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import Notes, RunRecord
from dvc_magic.store.find import find_trashed
from dvc_magic.store.ids import is_run_id
from dvc_magic.store.lock import held
from dvc_magic.store.record_file import read_noun
from dvc_magic.store.stored import StoredRun
from dvc_magic.store.whole_files import cannot, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from dvc_magic.model.paths import StorePaths
    from dvc_magic.store.index import Index


class Trash:
    """The trash of one store.

    Args:
        paths: of the store. index: of its runs.
    """

    def __init__(self, paths: StorePaths, index: Index) -> None:
        self._paths = paths
        self._index = index

    def __contains__(self, run_id: str) -> bool:
        """Whether a run is there."""
        return is_run_id(run_id) and (self._paths.trash / run_id).is_dir()

    def put(self, run_id: str) -> None:
        """Move a run there.

        Raises:
            RunNotFoundError: there is no such run.
            RunError: it is still going.
            StoreError: it cannot be moved.
        """
        paths = self._paths.run(run_id)
        if not is_run_id(run_id) or not paths.folder.is_dir():
            raise RunNotFoundError(f"There is no run {run_id} in {self._paths.home}. %dvc_runs lists them.")
        if held(paths.lock):
            number = self._number(paths) or run_id[:6]
            raise RunError(f"Run {number} is still going: %dvc_stop {number} stops it, and then it can be removed.")
        self._move(paths.folder, self._paths.trash / run_id)
        self._index.drop(run_id)

    @staticmethod
    def _number(paths: RunPaths) -> str:
        try:
            return str(read_noun(paths.record, RunRecord).number)
        except (OSError, StoreError):
            return ""

    def restore(self, run_id: str) -> None:
        """Take a run out of it.

        Raises:
            RunNotFoundError: it is not there.
            StoreError: it cannot be moved.
        """
        if run_id not in self:
            raise RunNotFoundError(f"There is no run {run_id} in the trash. %dvc_runs --deleted lists what is there.")
        self._move(self._paths.trash / run_id, self._paths.runs / run_id)
        self._index.put(run_id)

    def _move(self, source: Path, target: Path) -> None:
        try:
            if target.exists():  # rename would replace an empty folder
                raise StoreError(f"Cannot move {source} to {target}: that exists already; remove one of them.")
            source.rename(target)
            sync_folder(source.parent)
            sync_folder(target.parent)
        except OSError as error:
            raise cannot(f"move {source} to {target}", error, at=self._paths.home) from error

    def runs(self) -> list[StoredRun]:
        """The runs there that can be read, newest number first; their files lie there, too."""
        runs = []
        for folder in self._folders():
            paths, notes = RunPaths(folder), Notes()
            with suppress(OSError, StoreError):
                record = read_noun(paths.record, RunRecord)
                with suppress(OSError, StoreError):
                    notes = read_noun(paths.notes, Notes)
                runs.append(StoredRun(record=record, notes=notes, paths=paths))
        return sorted(runs, key=lambda run: -run.number)

    def _folders(self) -> list[Path]:
        try:
            return [folder for folder in self._paths.trash.iterdir() if is_run_id(folder.name)]
        except FileNotFoundError:
            return []

    def find(self, name: str) -> StoredRun:
        """The run there of this number, id, start of an id (3 characters) or label.

        Raises:
            RunNotFoundError: there is none. AmbiguousRunError: there are several.
        """
        return find_trashed(self.runs(), name)

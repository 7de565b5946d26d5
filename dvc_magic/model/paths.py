"""The only speller of file names in the run store."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class RunPaths(Struct, frozen=True):
    """The files of one run: ``<store>/runs/<id>/``."""

    folder: Path

    @property
    def record(self) -> Path:
        """The engine's record, written by the run's worker alone."""
        return self.folder / "run.json"

    @property
    def notes(self) -> Path:
        """The user's label, tags, note and mark."""
        return self.folder / "notes.json"

    @property
    def lock(self) -> Path:
        """Held with ``flock`` by the worker while the run lives."""
        return self.folder / "lock"

    @property
    def reserve(self) -> Path:
        """Disk space for the last record of a run that goes, should its disk be full by then."""
        return self.folder / "reserve"

    @property
    def stop(self) -> Path:
        """Created by whoever asks the run to stop."""
        return self.folder / "stop"

    @property
    def log(self) -> Path:
        """What the commands print, both streams, as it comes."""
        return self.folder / "output.log"

    @property
    def scalars(self) -> Path:
        """The step series of numbers in the log, of operations whose output is read for them: lines of JSON."""
        return self.folder / "scalars.jsonl"

    @property
    def order(self) -> Path:
        """What a run was to execute whose command failed, for a debugger; other runs keep none."""
        return self.folder / "order.json"

    @property
    def workspace(self) -> Path:
        """The folder that nothing of the run leaves; the DVC root lies in it at the record's ``root``."""
        return self.folder / "workspace"

    def dvc_root(self, root: str) -> Path:
        """The run's DVC root, given the record's ``root``."""
        return self.workspace if root == "." else self.workspace / root


class CallPaths(Struct, frozen=True):
    """The files of one call: ``<store>/calls/<id>/``."""

    folder: Path

    @property
    def record(self) -> Path:
        """What was asked for, and how it ended; written by the call's host alone."""
        return self.folder / "call.json"

    @property
    def plan(self) -> Path:
        """One row for each planned run."""
        return self.folder / "plan.json"

    @property
    def events(self) -> Path:
        """Changes of state as they come, a line of JSON each."""
        return self.folder / "events.jsonl"

    @property
    def lock(self) -> Path:
        """Held with ``flock`` by the host while the call lives."""
        return self.folder / "lock"

    @property
    def stop(self) -> Path:
        """Has a file for each run that is asked to stop, or one named ``all``; its content is the step."""
        return self.folder / "stop"


def object_path(folder: Path | str, md5: str) -> str:
    """Where a folder of objects has the one of this md5; for what DVC 2 made, that folder is its cache itself."""
    return f"{folder}/{md5[:2]}/{md5[2:]}"


def objects_of(cache: Path) -> Path:
    """The folder of objects in a DVC cache, the project's or the runs': ``ab/cdef...``, a listing ends in ``.dir``."""
    return cache / "files" / "md5"


class StorePaths(Struct, frozen=True):
    """The run store's folders: ``<project>/.dvc_magic`` unless the user put it elsewhere."""

    home: Path

    @property
    def runs(self) -> Path:
        """One folder for each run."""
        return self.home / "runs"

    @property
    def calls(self) -> Path:
        """One folder for each call that has planned something."""
        return self.home / "calls"

    @property
    def trash(self) -> Path:
        """Removed runs, until they are purged."""
        return self.home / "trash"

    @property
    def snapshots(self) -> Path:
        """Snapshots of project sources (`.objects` and one JSON file per snapshot) and environment lists."""
        return self.home / "snapshots"

    @property
    def objects(self) -> Path:
        """Contents of source files, by md5: ``ab/cdef...``."""
        return self.snapshots / "objects"

    @property
    def environments(self) -> Path:
        """Lists of installed distributions, by digest."""
        return self.snapshots / "environments"

    @property
    def cache(self) -> Path:
        """The runs' own DVC cache: ``files/md5/ab/cdef...``."""
        return self.home / "cache"

    @property
    def cache_objects(self) -> Path:
        """The objects of that cache."""
        return objects_of(self.cache)

    @property
    def quarantine(self) -> Path:
        """Objects and outs that were found to be other than their hash, kept aside."""
        return self.home / "quarantine"

    @property
    def locks(self) -> Path:
        """Files that are locked while an object is linked or unlinked."""
        return self.home / "locks"

    @property
    def sources(self) -> Path:
        """Data that notebooks use as it is (``dm.dvcfile``), by content; delete it and it comes back."""
        return self.home / "sources"

    @property
    def sweeps(self) -> Path:
        """One folder for each sweep."""
        return self.home / "sweeps"

    @property
    def debug(self) -> Path:
        """One folder for each copy of a run that is under a debugger now, laid out as a run's."""
        return self.home / "debug"

    @property
    def index(self) -> Path:
        """SQLite cache of all records; delete it and it comes back."""
        return self.home / "index.sqlite"

    @property
    def hashes(self) -> Path:
        """SQLite cache of file hashes by stat; delete it and it comes back."""
        return self.home / "hashes.sqlite"

    @property
    def dvc_site(self) -> Path:
        """DVC's own site cache and temporary files for this store (`DVC_SITE_CACHE_DIR`)."""
        return self.home / "dvc"

    @property
    def use_lock(self) -> Path:
        """Held shared by calls that go, and alone by who gives back what no run needs."""
        return self.home / "use.lock"

    @property
    def columns(self) -> Path:
        """Names of the columns that the table of runs had last."""
        return self.home / "columns.json"

    @property
    def boot(self) -> Path:
        """At which start of the machine the store was last looked through for what a power cut took."""
        return self.home / "boot"

    @property
    def counter(self) -> Path:
        """The last run number that was given out."""
        return self.home / "counter"

    @property
    def swept(self) -> Path:
        """An empty file whose time tells when the store was last swept of what killed writers left."""
        return self.home / "swept"

    @property
    def workers_log(self) -> Path:
        """What worker processes print."""
        return self.home / "workers.log"

    def run(self, run_id: str) -> RunPaths:
        """The files of the run with this id."""
        return RunPaths(self.runs / run_id)

    def call(self, call_id: str) -> CallPaths:
        """The files of the call with this id."""
        return CallPaths(self.calls / call_id)

    def copy(self, copy_id: str) -> RunPaths:
        """The files of the copy with this id, which a debugger looks at."""
        return RunPaths(self.debug / copy_id)

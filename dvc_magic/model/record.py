"""What the store keeps of a run: the engine's record and the user's notes (schema version 1).

A record is written by one process alone, the worker that executes the run, and changes only by
`msgspec.structs.replace` and a new write of the whole file. Paths are POSIX text, from the workspace's DVC root unless
said otherwise; nothing in a record that matters is an absolute path, so that a store can be moved.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from dvc_magic.model.operation import Operation, SourceKind
from dvc_magic.model.stage import OutKind
from dvc_magic.model.values import FlatValues, Value

SCHEMA = 1


class RunStatus(StrEnum):
    """Where a run stands.

    `LOST` is never written: readers derive it from a record that says pending or running while nothing holds the run's
    lock.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    PRUNED = "pruned"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether a run stays in this status for ever."""
        return self not in (RunStatus.PENDING, RunStatus.RUNNING)

    def can_become(self, other: RunStatus) -> bool:
        """Whether a record may go from this status to `other`; states never go backwards."""
        if self is RunStatus.PENDING:
            return other is not RunStatus.PENDING
        return self is RunStatus.RUNNING and other.final


class Override(Struct, frozen=True, kw_only=True, gc=False):
    """A param value that the call asked for, as given; holds for every run of the call.

    Attributes:
        kind: what it did to the key, a `dvc_magic.model.request.ChangeKind` as text.
        declared: False when ``-S`` set a key that is a param of no stage of the call.
    """

    file: str
    key: str
    value: Value
    kind: str = "set"
    declared: bool = True


class CallInfo(Struct, frozen=True, kw_only=True):
    """The magic or API call that a run belongs to.

    Attributes:
        id: 12 hex digits, shared by the runs of the call.
        asked: True for a run that the call asked for, False for one upstream of it.
        index: position in the grid, from 0; None for an upstream run.
        size: how many runs the call asked for.
    """

    id: str
    asked: bool = True
    index: int | None = 0
    size: int = 1


class DepRecord(Struct, frozen=True, kw_only=True):
    """How one dependency was resolved.

    Attributes:
        source: the kind of source.
        name: what people call it, when it has a name.
        origin: what it came from, as text: a project path, ``dvc.yaml:prepare`` of a run, a remote's name.
        run: the id of the upstream run that made it, if one did.
        hash: md5 as in ``dvc.lock`` (``.dir`` at the end for a directory); empty where DVC keeps none.
        size: bytes. files: number of files.
        placed: ``copy``, ``hardlink``, ``reflink`` or ``in place`` (absolute paths).
        seen: md5 of what was placed, before the command ran; a run matches later inputs by it.
        declared: False for what is no dep in ``dvc.yaml``: a param file that had to be placed, what an out starts from.
        differs: True when the project's file differed from the hash in its ``.dvc`` file.
        changed: True when the command altered it.
    """

    source: SourceKind
    name: str = ""
    origin: str = ""
    run: str | None = None
    hash: str = ""
    size: int = 0
    files: int = 1
    placed: str = "copy"
    seen: str = ""
    declared: bool = True
    differs: bool = False
    changed: bool = False


class Learned(Struct, frozen=True, kw_only=True):
    """What a run of an operation found out about its code.

    Attributes:
        read: project files that the code opened, deps and sources, without the operation's own script.
        found: deps that no one named: they are named by texts in the code, and were placed on the chance.
        made: files and folders that it wrote.
        read_by: how `read` was found: ``atime``, or ``imports`` where the mount keeps no access times.
    """

    read: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    read_by: str = ""


class Looked(Struct, frozen=True, kw_only=True):
    """Where a run's command could have met a file that the project did not have then.

    Attributes:
        paths: digest of the paths of all sources of the call.
        folders: those of sources that the command listed, from the DVC root, which is ``.``; None where that cannot be
            told.
    """

    paths: str
    folders: tuple[str, ...] | None = None


class OutRecord(Struct, frozen=True, kw_only=True):
    """One output that the run made: md5 as in ``dvc.lock``, bytes, number of files, whether a file has execute bits."""

    kind: OutKind = OutKind.OUT
    cache: bool = True
    hash: str = ""
    size: int = 0
    files: int = 1
    executable: bool = False


class Times(Struct, frozen=True, kw_only=True):
    """When things happened, in UTC, and for how long, by a monotonic clock.

    Attributes:
        duration: seconds the commands ran. total: seconds from creation to the end of the run.
    """

    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    total: float | None = None


class Environment(Struct, frozen=True, kw_only=True):
    """What the run executed in.

    Attributes:
        python: version, such as ``3.12.4``.
        packages: digest of the installed distributions, a file below ``snapshots/environments`` of the store.
        platform: ``linux`` or ``darwin``.
    """

    python: str = ""
    packages: str = ""
    platform: str = ""


class RunRecord(Struct, frozen=True, kw_only=True):
    """The engine's record of a run (``run.json``).

    Attributes:
        id: 12 hex digits, the first a letter. number: counts up per store.
        line: the magic's line as typed, or None for an API call. notebook: path of the notebook, or None.
        stage: the address. cmd, wdir, dvcfile: as in `dvc_magic.model.stage.Stage`.
        op: the operation that the stage was compiled from, as it was read, or None.
        learned: what the run found out about it, or None.
        overrides: the values asked for. params: file -> flat values of what the stage tracks or uses, as written,
            and of what the call set for it besides.
        locked: the params entry of the run's ``dvc.lock``: declared file -> key -> value.
        from_run: id of the run whose values this one started from.
        reuse_of: reserved for a run that answers for an equal one.
        deps, outs: by path.
        read: undeclared project files that the command was seen to read: path -> md5.
        read_by: how they were found: ``atime``, ``imports`` or empty when nothing could tell.
        looked: where they looked for others, or None in records from before that was noted.
        import_roots: folders of the project on the Python path, from the project's root.
        copied: ignored project files that were placed because the user named them.
        snapshot: id of the snapshot. commit: git commit of the project, dirty: whether files differed from it.
        edited: the first of those files, from the project's root; empty in records from before that was noted.
        root: from the run's ``workspace`` folder to its DVC root, ``.`` when they are the same.
        upstream: stage address -> run id, the runs whose outs were used.
        metrics: declared file -> its content, written by this run.
        scalars: numbers that the commands printed and that are metrics (of operations that say so), the last of each
            name.
        spoiled: outs and inputs in the workspace that something has altered since the run ended, path -> why in words.
            A run with a spoiled out neither answers for another nor serves upstream.
        status, reason: `reason` says why (``user``, ``timeout``, ``kernel``, ``upstream``, ``signal 9``...).
        exit_code: of the command that ended the run, or None.
        error: one line for people, when the run did not complete.
        warnings: lines for people.
        attempts: how often execution was begun.
        unbegun: whether its call was stopped before it was its turn; then there is nothing of it but this record.
    """

    id: str
    number: int
    call: CallInfo
    stage: str
    cmd: str | list[str]
    times: Times
    schema: int = SCHEMA
    line: str | None = None
    notebook: str | None = None
    dvcfile: str = "dvc.yaml"
    wdir: str = "."
    op: Operation | None = None
    learned: Learned | None = None
    overrides: tuple[Override, ...] = ()
    params: dict[str, FlatValues] = field(default_factory=dict)
    locked: dict[str, FlatValues] = field(default_factory=dict)
    from_run: str | None = None
    reuse_of: str | None = None
    deps: dict[str, DepRecord] = field(default_factory=dict)
    outs: dict[str, OutRecord] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    read_by: str = ""
    looked: Looked | None = None
    import_roots: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    snapshot: str = ""
    commit: str | None = None
    dirty: bool = False
    edited: tuple[str, ...] = ()
    environment: Environment = field(default_factory=Environment)
    root: str = "."
    upstream: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    scalars: dict[str, int | float] = field(default_factory=dict)
    spoiled: dict[str, str] = field(default_factory=dict)
    status: RunStatus = RunStatus.PENDING
    reason: str = ""
    exit_code: int | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()
    attempts: int = 0
    unbegun: bool = False

    @property
    def name(self) -> str:
        """What people call it: ``train 42``."""
        return f"{self.stage} {self.number}"


class Notes(Struct, frozen=True, kw_only=True):
    """What the user says of a run (``notes.json``), apart from the engine's record."""

    label: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    mark: bool = False

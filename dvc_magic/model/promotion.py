"""What a run of an operation becomes in the project: a stage, and the files that are written for it."""

from __future__ import annotations

from msgspec import Struct, field

from dvc_magic.model.operation import OperationParams, TextFile
from dvc_magic.model.record import OutRecord
from dvc_magic.model.values import FlatValues


class Promotion(Struct, frozen=True, kw_only=True):
    """The stage that reproduces a completed run of an operation. All paths are from the project's root.

    Attributes:
        name: of the stage, in the ``dvc.yaml`` of the root. desc: one line for people.
        cmd: as ``dvc.yaml`` is to have it, templates and all. variables: param files that fill its templates.
        deps: path -> md5 of what the run had there (``.dir`` at the end for a directory), empty where nobody knows.
        taken: those of `deps` that the run had from a run of a stage.
        params: the param files with the keys that count.
        locked: the values that the run had: param file -> key -> value.
        outs: what it made.
        files: texts that the stage needs and the project may lack.
        notices: for people: what the stage does not do as the run did.
    """

    name: str
    cmd: str | tuple[str, ...]
    desc: str = ""
    variables: tuple[str, ...] = ()
    deps: dict[str, str] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    params: tuple[OperationParams, ...] = ()
    locked: dict[str, FlatValues] = field(default_factory=dict)
    outs: dict[str, OutRecord] = field(default_factory=dict)
    files: tuple[TextFile, ...] = ()
    notices: tuple[str, ...] = ()


class FileChange(Struct, frozen=True, kw_only=True):
    """A file of the project that is written: its path from the root, its text, and that before, None without one."""

    path: str
    after: str
    before: str | None = None


class PromotedFiles(Struct, frozen=True, kw_only=True):
    """What promoting a run writes, or has written.

    Attributes:
        stage: name of the stage. entry: its YAML, as it stands in ``dvc.yaml``.
        changes: the files, with all of their text.
        commit: the files that git has to be given.
        notices: for people.
        written: False for a dry run.
    """

    stage: str
    entry: str
    changes: tuple[FileChange, ...] = ()
    commit: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    written: bool = False

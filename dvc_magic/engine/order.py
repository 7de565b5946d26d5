"""What crosses between the process that plans and the workers: all JSON, no secret of the environment in it.

The environment of a run and the secrets in its addresses travel beside its `WorkOrder`, never in it: a work order may
be kept or shown.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from dvc_magic.model.inputs import InputFacts
from dvc_magic.model.plan import Placement, TypeChange
from dvc_magic.model.record import Environment, Notes, Override, RunRecord
from dvc_magic.model.stage import Composition, Pipeline, PipelineFile, Stage
from dvc_magic.model.surroundings import ProjectLinks


class Point(Struct, frozen=True, kw_only=True):
    """One target with one set of values.

    Attributes:
        target: stage address. index: position in the grid.
        replace: param file -> its whole text with this point's values; files without a change are not in it.
        pipeline: the lineage of the target, resolved with these values (every stage that makes something is in it); its
            operations are those that serve a stage of the lineage.
        param_files: all param files of the project, for the top-level list in a run's ``dvc.yaml``.
        retyped: the values that change the type of a param.
    """

    target: str
    index: int
    overrides: tuple[Override, ...]
    replace: dict[str, str]
    pipeline: Pipeline
    param_files: tuple[str, ...] = ()
    retyped: tuple[TypeChange, ...] = ()


class Capture(Struct, frozen=True, kw_only=True):
    """The project at the moment of a call.

    Attributes:
        snapshot: id of the snapshot. commit, dirty: of git. edited: tracked files that differ from the commit.
        points: of the grid, in its order; they cross before the rest, see `dvc_magic.engine.point_messages`.
        inputs: path -> what the project holds there, for every dep that no stage makes and every out that a stage
            upstream makes.
        changed_since_lock: ``dvc.yaml`` path -> source files that changed since its ``dvc.lock`` was committed.
        imports: stage address -> undeclared local modules that its scripts import (a static scan).
        file_values: ``FILE:KEY`` -> what the project's file has, of each param that a point sets.
        surroundings: md5 of `dvc_magic.model.surroundings.Surroundings` in the store.
        git_prefix: the project's path from the top of git's work tree; empty for the top, and without git.
        git_objects: the absolute path of the project's git objects, empty without git.
        environments: wdir of a stage -> the environments in the project that it may use, from the root.
        addresses: the URLs of deps that have secrets, by what they are called here. Each run gets them beside its
            order; they are never written, shown or logged.
        composition: how the points' params were composed, None when they were not.
        notices: lines for people.
    """

    snapshot: str
    points: tuple[Point, ...]
    commit: str | None = None
    dirty: bool = False
    edited: tuple[str, ...] = ()
    inputs: dict[str, InputFacts] = field(default_factory=dict)
    environment: Environment = field(default_factory=Environment)
    import_roots: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    changed_since_lock: dict[str, tuple[str, ...]] = field(default_factory=dict)
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    file_values: dict[str, Any] = field(default_factory=dict)
    surroundings: str = ""
    git_prefix: str = ""
    git_objects: str = ""
    environments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    composition: Composition | None = None
    notices: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Which it is, without the addresses, which have secrets."""
        return f"Capture(snapshot={self.snapshot!r}, {len(self.points)} points)"


class WorkOrder(Struct, frozen=True, kw_only=True):
    """One run to execute.

    Attributes:
        record: the run's record as it stands before execution, status pending.
        notes: the label and tags that the call gave.
        stage, file: what to execute, and its ``dvc.yaml``.
        project, home: folders of the project and the store, for the worker on this machine.
        replace: param file -> text.
        placements: deps that are not sources.
        param_files: other stages' param files, listed at the top of the run's ``dvc.yaml``.
        timeout: seconds that the commands may take.
        known_reads: undeclared files that an earlier run of the stage was seen to read, and so were told of.
        surroundings: md5 of `dvc_magic.model.surroundings.Surroundings` in the store; empty in orders of earlier
            versions.
        links: what the stage reaches of the live project; with any, the order cannot travel to another machine.
    """

    record: RunRecord
    stage: Stage
    file: PipelineFile
    project: str
    home: str
    notes: Notes = field(default_factory=Notes)
    replace: dict[str, str] = field(default_factory=dict)
    placements: tuple[Placement, ...] = ()
    param_files: tuple[str, ...] = ()
    timeout: float | None = None
    known_reads: tuple[str, ...] = ()
    surroundings: str = ""
    links: ProjectLinks = field(default_factory=ProjectLinks)

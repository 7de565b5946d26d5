"""What a user asks for: one call."""

from __future__ import annotations

from enum import StrEnum
from itertools import product

from msgspec import Struct, field

from dvc_magic.model.record import Override


class UpstreamPolicy(StrEnum):
    """Which output of an upstream stage a run takes.

    ``auto``: the newest run of it that matches the project now, else the project's own output if it is current, else
    that stage runs first. ``latest``: the newest completed run, stale or not (Guild AI's rule). ``project``: what
    lies in the project. ``never``: as ``auto``, but an upstream stage is never run.
    """

    AUTO = "auto"
    LATEST = "latest"
    PROJECT = "project"
    NEVER = "never"


class ChangeKind(StrEnum):
    """What ``-S`` does to a key: set it, add it (``+key=v``), set or add it (``++key=v``), remove it (``~key``)."""

    SET = "set"
    ADD = "add"
    FORCE = "force"
    REMOVE = "remove"


class Change(Struct, frozen=True, kw_only=True):
    """A param of the call with the values it takes: one value, or several for a grid."""

    file: str
    key: str
    values: tuple[object, ...]
    kind: ChangeKind = ChangeKind.SET


class RunRequest(Struct, frozen=True, kw_only=True):
    """One call of ``%dvc_run`` or ``project.run``, read and checked.

    Attributes:
        stages: what was asked for: addresses of stages and operations, of groups, or ``group@pattern``. A group has
            the items that `changes` give it.
        changes: values for the call, in the order given; several values make a grid, the last one varies fastest.
        use: stage address -> run (number, id or label as text), which beats `upstream`.
        reuse: whether a run that is equal to what would be executed answers in its place.
        from_run: run (number, id or label as text) whose values hold where `changes` say nothing.
        copy_paths: ignored project files to place, from the project's root.
        hydra: False to run with the params file as it stands where Hydra would compose it.
        timeout: seconds for each run, None for no limit.
        jobs: runs at the same time.
        line, notebook: provenance for the record.
    """

    stages: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    use: dict[str, str] = field(default_factory=dict)
    upstream: UpstreamPolicy = UpstreamPolicy.AUTO
    reuse: bool = False
    from_run: str | None = None
    copy_paths: tuple[str, ...] = ()
    hydra: bool = True
    timeout: float | None = None
    jobs: int = 1
    label: str = ""
    tags: tuple[str, ...] = ()
    line: str | None = None
    notebook: str | None = None

    @property
    def is_grid(self) -> bool:
        """Whether some param takes several values."""
        return bool(self.varying)

    @property
    def varying(self) -> frozenset[tuple[str, str]]:
        """File and key of each param that takes several values."""
        return frozenset((change.file, change.key) for change in self.changes if len(change.values) != 1)

    def points(self) -> list[tuple[Override, ...]]:
        """The grid: one tuple of overrides for each combination of values."""
        named = [[(change, value) for value in change.values] for change in self.changes]
        return [
            tuple(
                Override(file=change.file, key=change.key, value=value, kind=change.kind.value)  # type: ignore[arg-type]
                for change, value in combination
            )
            for combination in product(*named)
        ]

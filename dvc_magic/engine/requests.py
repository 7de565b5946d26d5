"""What a host asks its workers, and what the answer to each request is.

To add a request: a class here, its answer in `_ANSWERS`, its handler in `dvc_magic.engine.service`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from dvc_magic.engine.order import Capture, WorkOrder
from dvc_magic.model.checkup import StoreCheckup
from dvc_magic.model.inputs import InputFacts, RemoteData, Taking
from dvc_magic.model.operation import Operation
from dvc_magic.model.promotion import PromotedFiles, Promotion
from dvc_magic.model.record import Override, RunRecord
from dvc_magic.model.stage import Pipeline
from dvc_magic.wire import CopyEnd


class InProject(Struct, frozen=True, kw_only=True, tag_field="do"):
    """A request about a project.

    Attributes:
        project: its root. home: its run store's folder.
    """

    project: str
    home: str


class CaptureRequest(InProject, frozen=True, kw_only=True, tag="capture"):
    """Fix the project's state at the moment of a call -> `Capture` without its points, which are said before.

    Attributes:
        targets: what was asked for: addresses of stages and operations, of groups, or ``group@pattern``.
        points: one tuple of overrides for each point of the grid.
        operations: those that may take part, as they were read.
        copy_paths: ignored files to take along.
        hydra: whether params are composed where the project's configuration says so.
        python: the Python that stages will find first. pythonpath: `PYTHONPATH` of the call, or an empty text.
        environ: variables of the call, for composing; None for those of the worker.
    """

    targets: tuple[str, ...]
    points: tuple[tuple[Override, ...], ...]
    operations: tuple[Operation, ...] = ()
    copy_paths: tuple[str, ...] = ()
    hydra: bool = True
    python: str = ""
    pythonpath: str = ""
    environ: dict[str, str] | None = None

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"CaptureRequest(targets={self.targets!r}, {len(self.points)} points)"


class DescribeRequest(InProject, frozen=True, kw_only=True, tag="describe"):
    """See `dvc_magic.wire.Describe` -> `Pipeline`."""

    operations: tuple[Operation, ...] = ()
    hydra: bool = True
    choices: tuple[tuple[str, ...], ...] = ()
    environ: dict[str, str] | None = None

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"DescribeRequest(project={self.project!r})"


class IngestRequest(InProject, frozen=True, kw_only=True, tag="ingest"):
    """Keep what the project has at some paths in the runs' cache -> `InputFacts` of each.

    Attributes:
        takings: how paths are taken that are not taken as they are.
    """

    paths: tuple[str, ...]
    takings: tuple[Taking, ...] = ()


class RemoteRequest(InProject, frozen=True, kw_only=True):
    """A request about data in remotes, on which the worker says how it goes.

    Attributes:
        wanted: the data. incoming: folder for what comes, made and removed.
        deadline: seconds without a sign of life. environ: variables of the call, for credentials.
    """

    wanted: tuple[RemoteData, ...]
    incoming: str
    deadline: float
    environ: dict[str, str]

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"{type(self).__name__}(project={self.project!r}, {len(self.wanted)} wanted)"


class LookRequest(RemoteRequest, frozen=True, kw_only=True, tag="look"):
    """Fetch listings, then look at some paths again -> `InputFacts` of each; see `IngestRequest`."""

    paths: tuple[str, ...]
    takings: tuple[Taking, ...] = ()


class MissingRequest(RemoteRequest, frozen=True, kw_only=True, tag="missing"):
    """What remotes do not have -> path -> why that cannot be told, or an empty text."""


class PullRequest(RemoteRequest, frozen=True, kw_only=True, tag="pull"):
    """Bring data into the runs' cache, verified -> `InputFacts` of each."""


class ExecuteRequest(Struct, frozen=True, kw_only=True, tag_field="do", tag="execute"):
    """Execute a run -> its last record. `dvc_magic.executors.Executor.submit` has what the attributes are."""

    order: WorkOrder
    attempt: int
    environ: dict[str, str]
    addresses: dict[str, str]

    def __repr__(self) -> str:
        """Without the variables and addresses, which hold secrets."""
        return f"ExecuteRequest(run={self.order.record.id!r}, attempt={self.attempt})"


class CopyRequest(InProject, frozen=True, kw_only=True, tag="debug"):
    """Execute a failed run once more -> `CopyEnd`. The run may be older than the place of project and store.

    Attributes:
        run: id of the run. copy: id of the copy, in the shape of a run's.
        prompt: the private folder that `dvc_magic.debugging.VARIABLE` names. environ: variables of its command.
    """

    run: str
    copy: str
    prompt: str
    environ: dict[str, str]

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"CopyRequest(run={self.run!r}, copy={self.copy!r})"


class SweepCopiesRequest(InProject, frozen=True, kw_only=True, tag="sweep copies"):
    """Take away copies of runs that nobody looks at any more -> None."""


class AlteredOutsRequest(InProject, frozen=True, kw_only=True, tag="altered outs"):
    """The outs of a completed run that something altered and no copy mends -> path -> why."""

    run: str


class MendRequest(InProject, frozen=True, kw_only=True, tag="mend"):
    """End what lost runs have left running, and mend or mark what a stop of the machine has cost -> None."""


class PlaceRequest(InProject, frozen=True, kw_only=True, tag="place"):
    """See `dvc_magic.wire.Place` -> the path, as text."""

    hash: str
    path: str
    executable: bool = False


class PromoteRequest(InProject, frozen=True, kw_only=True, tag="promote"):
    """Write an operation's stage into the project, unless it is a dry run -> `PromotedFiles`."""

    promotion: Promotion
    dry_run: bool


class CheckRequest(InProject, frozen=True, kw_only=True, tag="check"):
    """Check the run store, saying how far it has come, and repair it if asked to -> `StoreCheckup`."""

    repair: bool = False


class MakeExampleRequest(InProject, frozen=True, kw_only=True, tag="make example"):
    """See `dvc_magic.wire.MakeExample` -> whether the sample project was not there already."""

    name: str
    has_packages: bool


Request: TypeAlias = (
    CaptureRequest
    | DescribeRequest
    | IngestRequest
    | LookRequest
    | MissingRequest
    | PullRequest
    | ExecuteRequest
    | CopyRequest
    | SweepCopiesRequest
    | AlteredOutsRequest
    | MendRequest
    | PlaceRequest
    | PromoteRequest
    | CheckRequest
    | MakeExampleRequest
)

_ANSWERS: dict[type[Struct], Any] = {
    CaptureRequest: Capture,
    DescribeRequest: Pipeline,
    IngestRequest: tuple[InputFacts, ...],
    LookRequest: tuple[InputFacts, ...],
    MissingRequest: dict[str, str],
    PullRequest: tuple[InputFacts, ...],
    ExecuteRequest: RunRecord,
    CopyRequest: CopyEnd,
    SweepCopiesRequest: None,
    AlteredOutsRequest: dict[str, str],
    MendRequest: None,
    PlaceRequest: str,
    PromoteRequest: PromotedFiles,
    CheckRequest: StoreCheckup,
    MakeExampleRequest: bool,
}


def answer_type(request: Request) -> Any:
    """The type of the answer to a request."""
    return _ANSWERS[type(request)]


class Asked(Struct, frozen=True, kw_only=True, tag="asked"):
    """A request with its number, as a worker reads it."""

    id: int
    request: Request


class Stop(Struct, frozen=True, kw_only=True, tag="stop"):
    """Stop what is being executed; each step climbs the ladder of SIGINT, SIGTERM, SIGKILL."""

    steps: int = 1


ToWorker: TypeAlias = Asked | Stop

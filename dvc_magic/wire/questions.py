"""What a kernel can ask its host, and what the answer to each question is.

To add a question: a class here, its answer in `_ANSWERS`, its handler in `dvc_magic.host.questions`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from dvc_magic.model.checkup import StoreCheckup
from dvc_magic.model.operation import Operation
from dvc_magic.model.plan import PointPlan, Supplied
from dvc_magic.model.promotion import PromotedFiles, Promotion
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline


class Describe(Struct, frozen=True, kw_only=True, tag_field="ask", tag="describe"):
    """The project's stages and operations as they are now -> `Pipeline`.

    Attributes:
        hydra: False for params as their files have them, where Hydra would compose them.
        choices: sets of overrides for config groups of Hydra: stages have the flags that any of these gives them.
        environ: the variables for composing, None for those of the worker.
    """

    operations: tuple[Operation, ...] = ()
    hydra: bool = True
    choices: tuple[tuple[str, ...], ...] = ()
    environ: dict[str, str] | None = None

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"Describe(hydra={self.hydra!r}, choices={self.choices!r})"


class CallRequest(Struct, frozen=True, kw_only=True):
    """One call with all that the host needs to carry it out.

    Attributes:
        request: what the user asked for.
        operations: those that may take part, as they were read.
        environ: the variables for the call's stages, credentials among them; they go over the pipe only.
        python: the Python that stages will find first.
        pull_timeout: seconds that a pull may stay without a sign of life.
        kernel: process id of who makes it.
    """

    request: RunRequest
    environ: dict[str, str]
    operations: tuple[Operation, ...] = ()
    python: str = ""
    pull_timeout: float = 60.0
    kernel: int = 0

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"CallRequest({self.request!r})"


class PlanCall(Struct, frozen=True, kw_only=True, tag_field="ask", tag="plan"):
    """What a call would do; nothing is run or pulled -> a `PointPlan` for each point."""

    call: CallRequest


class RunCall(Struct, frozen=True, kw_only=True, tag_field="ask", tag="run"):
    """Carry out a call to its end, with events on the way -> `CallEnd`.

    Attributes:
        background: whether its commands share the slots of all calls in the background.
        max_jobs: how many those are, from now on; None for no bound.
        detached: whether it goes on when the kernel is gone.
    """

    call: CallRequest
    background: bool = False
    max_jobs: int | None = None
    detached: bool = False


class CallEnd(Struct, frozen=True, kw_only=True):
    """What became of a call.

    Attributes:
        call: its id. runs: ids of the runs that it was asked for, in grid order; those that it made, when stopped.
        stopped: whether it was stopped. left: names of other calls' runs that it had waited for and that go on.
    """

    call: str
    runs: tuple[str, ...] = ()
    stopped: bool = False
    left: tuple[str, ...] = ()


class Supply(Struct, frozen=True, kw_only=True, tag_field="ask", tag="supply"):
    """What the deps of a call's target are, kept or pulled, without running anything -> `Supplied`."""

    call: CallRequest


class Place(Struct, frozen=True, kw_only=True, tag_field="ask", tag="place"):
    """Put content of the runs' cache at a path of its own, read-only, once -> that path, as text.

    Attributes:
        hash: md5, ``.dir`` at the end for a directory. path: its name, POSIX, from the project's root.
    """

    hash: str
    path: str
    executable: bool = False


class AlteredOuts(Struct, frozen=True, kw_only=True, tag_field="ask", tag="altered outs"):
    """The outs of a completed run that something altered and no copy mends -> path -> why."""

    run: str


class Promote(Struct, frozen=True, kw_only=True, tag_field="ask", tag="promote"):
    """Write an operation's stage into the project, unless it is a dry run -> `PromotedFiles`."""

    promotion: Promotion
    dry_run: bool


class Check(Struct, frozen=True, kw_only=True, tag_field="ask", tag="check"):
    """Check the run store, with `Checking` events on the way, and repair it if asked to -> `StoreCheckup`."""

    repair: bool


class MakeExample(Struct, frozen=True, kw_only=True, tag_field="ask", tag="make example"):
    """Make a sample project of the host's folder -> whether it was not there already.

    Attributes:
        name: of the sample. has_packages: whether the kernel's Python can import what its stages import.
    """

    name: str
    has_packages: bool


class Mend(Struct, frozen=True, kw_only=True, tag_field="ask", tag="mend"):
    """End what lost runs have left running, and mend or mark what a stop of the machine has cost -> None."""


class Debug(Struct, frozen=True, kw_only=True, tag_field="ask", tag="debug"):
    """Execute a failed run once more, in a copy -> `CopyEnd`.

    Attributes:
        run: its id. copy: id of the copy, in the shape of a run's.
        prompt: the private folder that `dvc_magic.debugging.VARIABLE` names.
        environ: the variables for its command.
    """

    run: str
    copy: str
    prompt: str
    environ: dict[str, str]

    def __repr__(self) -> str:
        """Without the variables, which hold secrets."""
        return f"Debug(run={self.run!r}, copy={self.copy!r})"


class CopyEnd(Struct, frozen=True, kw_only=True):
    """How a copy ended.

    Attributes:
        exit_code: of the last command, negative for a signal; None when none was started.
        stopped: why it was stopped, or an empty text.
        spoiled: deps that its commands wrote into, kept for other runs no longer.
    """

    exit_code: int | None
    stopped: str = ""
    spoiled: tuple[str, ...] = ()


Question: TypeAlias = (
    Describe | PlanCall | RunCall | Supply | Place | AlteredOuts | Promote | Check | MakeExample | Mend | Debug
)

_ANSWERS: dict[type[Struct], Any] = {
    Describe: Pipeline,
    PlanCall: tuple[PointPlan, ...],
    RunCall: CallEnd,
    Supply: Supplied,
    Place: str,
    AlteredOuts: dict[str, str],
    Promote: PromotedFiles,
    Check: StoreCheckup,
    MakeExample: bool,
    Mend: None,
    Debug: CopyEnd,
}


def answer_type(question: Question) -> Any:
    """The type of the answer to a question."""
    return _ANSWERS[type(question)]

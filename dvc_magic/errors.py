"""Every error of dvc_magic, one tree.

    DvcMagicError
    ├── ProjectError            the project cannot be used as it is
    │   ├── NotAProjectError        no ``.dvc`` directory at or above the folder
    │   ├── PipelineError           DVC cannot read or resolve the pipeline
    │   ├── StageNotFoundError      no stage of that address
    │   └── MissingInputError       a dependency or param file that nothing can supply
    ├── RequestError            what was asked for makes no sense
    │   ├── LineError               a magic's line cannot be read
    │   ├── ParamError              unknown or ambiguous flag, value of a wrong type
    │   ├── OperationError          an operation's definition or code cannot be used
    │   └── QueryError              a run query cannot be read
    ├── RunError                something is the matter with a run
    │   ├── RunFailedError          a stage ended badly; carries ``.run``
    │   ├── RunsFailedError         some runs of a grid did; carries ``.runs``
    │   ├── RunNotFoundError        no run of that name
    │   └── AmbiguousRunError       several runs of that name
    ├── StoreError              the run store cannot be read or written
    │   ├── RecordDamagedError      a record that is torn or altered
    │   └── RecordVersionError      a record of a newer dvc_magic
    └── WorkerError             a worker process could not do what it was told
        ├── WorkerLostError         it died
        └── SupervisorLostError     the process that supervised its command died

A message says what was seen, what was expected and what to do next. In IPython each error shows as that
message alone, through ``_render_traceback_``, and is a real ``error`` output (a ``UsageError`` is not:
tools that run notebooks would take the cell for a good one). Bugs are not in this tree: they keep their
traceback. Errors cross processes by their class name and message (`to_wire`, `from_wire`).
"""

from __future__ import annotations

import difflib
from typing import Any

from dvc_magic.untrusted import LONGEST, message

__all__ = [
    "AmbiguousRunError",
    "DvcMagicError",
    "LineError",
    "MissingInputError",
    "NotAProjectError",
    "OperationError",
    "ParamError",
    "PipelineError",
    "ProjectError",
    "QueryError",
    "RecordDamagedError",
    "RecordVersionError",
    "RequestError",
    "RunError",
    "RunFailedError",
    "RunNotFoundError",
    "RunsFailedError",
    "StageNotFoundError",
    "StoreError",
    "SupervisorLostError",
    "WorkerError",
    "WorkerLostError",
    "close_matches",
    "from_wire",
    "to_wire",
]


class DvcMagicError(Exception):
    """The base of every error that dvc_magic raises on purpose."""

    def __str__(self) -> str:
        """The message, fit to be shown: it may quote names and values that are long or would move a cursor."""
        return message(super().__str__())

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback (its protocol for exceptions that render themselves)."""
        first, *rest = str(self).split("\n")
        return [f"{type(self).__name__}: {first}", *rest]


class ProjectError(DvcMagicError):
    """The project cannot be used as it is."""


class NotAProjectError(ProjectError):
    """No ``.dvc`` directory at or above the folder."""


class PipelineError(ProjectError):
    """DVC cannot read or resolve the pipeline."""


class StageNotFoundError(ProjectError):
    """No stage of that address.

    Attributes:
        name: what was asked for, as it was written; empty when that is not known.
    """

    def __init__(self, text: str, *, name: str = "") -> None:
        super().__init__(text)
        self.name = name


class MissingInputError(ProjectError):
    """A dependency or a param file that nothing can supply."""


class RequestError(DvcMagicError):
    """What was asked for makes no sense."""


class LineError(RequestError):
    """A magic's line cannot be read."""


class ParamError(RequestError):
    """An unknown or ambiguous flag, or a value of a wrong type."""


class OperationError(RequestError):
    """An operation's definition or code cannot be used."""


class QueryError(RequestError):
    """A run query cannot be read."""


class RunError(DvcMagicError):
    """Something is the matter with a run."""


class RunFailedError(RunError):
    """A stage ended badly.

    Attributes:
        run: the run that failed (a `dvc_magic.Run`), with its log, metrics and partial outs.
    """

    def __init__(self, text: str, *, run: Any = None) -> None:
        super().__init__(text)
        self.run = run


class RunsFailedError(RunError):
    """Some runs of a grid ended badly; all were tried.

    Attributes:
        runs: all runs of the call (a `dvc_magic.Runs`), in grid order.
    """

    def __init__(self, text: str, *, runs: Any = None) -> None:
        super().__init__(text)
        self.runs = runs


class RunNotFoundError(RunError):
    """No run of that name."""


class CallNotFoundError(RunError):
    """No call of that id."""


class AmbiguousRunError(RunError):
    """Several runs of that name."""


class StoreError(DvcMagicError):
    """The run store cannot be read or written."""


class RecordDamagedError(StoreError):
    """A record that is torn or altered."""


class RecordVersionError(StoreError):
    """A record of a newer dvc_magic."""


class WorkerError(DvcMagicError):
    """A worker process could not do what it was told."""


class WorkerLostError(WorkerError):
    """A worker process died."""


class SupervisorLostError(WorkerError):
    """The process that supervised a worker's command died; nothing is left of the command."""


def close_matches(word: str, known: list[str], *, limit: int = 3) -> str:
    """A hint for an unknown name: `` Did you mean 'train'?``, or an empty text when nothing is near."""
    short = [name for name in known if len(name) <= LONGEST]  # the search takes minutes for texts of a megabyte
    near = difflib.get_close_matches(word[:LONGEST], short, n=limit, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


def _subclasses(root: type[DvcMagicError]) -> dict[str, type[DvcMagicError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found |= _subclasses(child)
    return found


def to_wire(error: DvcMagicError) -> dict[str, str]:
    """The plain data that carries `error` to another process."""
    return {"error": type(error).__name__, "message": str(error)}


def from_wire(data: dict[str, str]) -> DvcMagicError:
    """The error that `to_wire` took apart; a class that this version does not know becomes the base class."""
    return _subclasses(DvcMagicError).get(data["error"], DvcMagicError)(data["message"])

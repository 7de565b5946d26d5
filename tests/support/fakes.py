"""Stand-ins for workers: a pool whose runs are executed by a function, in an order of the test's choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from dvc_magic.codec import from_data, to_data
from dvc_magic.engine.order import WorkOrder
from dvc_magic.model.inputs import InputFacts
from dvc_magic.model.record import RunRecord

Execute = Callable[[WorkOrder], RunRecord]
"""What a run does: from its order to its final record."""


@dataclass(frozen=True, slots=True)
class FakeMessage:
    """An answer."""

    data: Any
    is_answer: bool = True
    lost: bool = False

    def result(self) -> Any:
        """The data."""
        return self.data


@dataclass(slots=True, eq=False)
class FakeWorker:
    """A worker that keeps its order until the pool lets it answer."""

    order: WorkOrder | None = None

    def request(self, do: str, **arguments: Any) -> None:
        """Take an order."""
        assert do == "execute"
        self.order = from_data(arguments["order"], WorkOrder)


@dataclass(slots=True)
class FakePool:
    """A pool that executes nothing: `execute` says what a run comes to.

    Attributes:
        inputs: what the project has, by path, for requests to ingest it.
        random: chooses which of the running runs ends next.
        orders: every order in which runs were begun.
        meanwhile: called whenever the driver asks for news: what happens outside of the call.
    """

    execute: Execute
    inputs: dict[str, InputFacts]
    random: Random
    orders: list[WorkOrder] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def idle(self) -> FakeWorker:
        """A new worker."""
        return FakeWorker()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Answer a request to ingest, or whether outputs were altered: they never are."""
        if do == "altered_outs":
            return {}
        assert do == "ingest"
        return to_data([self.inputs[path] for path in arguments["paths"]])

    def until_ready(self, workers: list[FakeWorker], *, timeout: float) -> None:
        """Wait for nothing."""

    def wait(self, workers: list[FakeWorker], *, timeout: float | None) -> list[tuple[FakeWorker, FakeMessage]]:  # noqa: ARG002
        """Let one of the running runs end, if there is one."""
        self.meanwhile()
        if not workers:
            return []
        worker = self.random.choice(workers)
        assert worker.order is not None
        self.orders.append(worker.order)
        return [(worker, FakeMessage(to_data(self.execute(worker.order))))]

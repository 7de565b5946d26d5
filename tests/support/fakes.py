"""Stand-ins for workers: runs are executed by a function, and end in an order of the test's choice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from msgspec.structs import replace

from dvc_magic.codec import to_data
from dvc_magic.engine import AlteredOutsRequest, CaptureRequest, IngestRequest, Request
from dvc_magic.engine.order import Capture, WorkOrder
from dvc_magic.engine.point_messages import point_messages
from dvc_magic.executors import Message
from dvc_magic.model.record import RunRecord

_TURNS = 20  # of the event loop until a run ends

Execute = Callable[[WorkOrder], RunRecord | Message]
"""What a run does: from its order to its final record, or to what its worker says instead."""


@dataclass(slots=True, eq=False)
class FakeTask:
    """An order that some worker has.

    Attributes:
        stops: the steps of each stop that was asked for.
    """

    order: WorkOrder
    answer: asyncio.Future[Message]
    stops: list[int] = field(default_factory=list)

    def stop(self, steps: int = 1) -> None:
        """Take note of a stop."""
        self.stops.append(steps)

    def kill(self) -> None:
        """Nothing: there is no process."""

    def let_go(self) -> None:
        """Nothing: there is no process."""


@dataclass(slots=True)
class FakeWorkers:
    """Workers that execute nothing: `execute` says what a run comes to.

    Attributes:
        capture: what they answer when a call is captured.
        random: chooses which of the running runs ends next.
        tasks: all that runs.
        orders: every order, as the runs ended.
        meanwhile: called before each end: what happens outside of the call.
        held: whether runs go on until `release`.
    """

    capture: Capture
    execute: Execute
    random: Random
    tasks: list[FakeTask] = field(default_factory=list)
    orders: list[WorkOrder] = field(default_factory=list)
    most: int = 0
    meanwhile: Callable[[], None] = lambda: None
    held: bool = False

    def warm(self, count: int = 1) -> None:
        """Nothing: they are."""

    async def ask(self, request: Request, *, heard: Any = None, survives: bool = False) -> Any:  # noqa: ARG002
        """Answer a request to capture, to ingest, or whether outputs were altered: they never are."""
        await asyncio.sleep(0)
        self.meanwhile()
        if isinstance(request, CaptureRequest):
            for message in point_messages(self.capture.points):
                heard(json.loads(json.dumps(message)))
                await asyncio.sleep(0)
            return to_data(replace(self.capture, points=()))
        if isinstance(request, AlteredOutsRequest):
            return {}
        assert isinstance(request, IngestRequest)
        return to_data([self.capture.inputs[path] for path in request.paths])

    def submit(self, order: WorkOrder, attempt: int, **_: Any) -> FakeTask:
        """Take an order; some time later one that runs ends."""
        assert attempt in (1, 2)
        loop = asyncio.get_running_loop()
        task = FakeTask(order, loop.create_future())
        self.tasks.append(task)
        self.most = max(self.most, len(self.tasks))
        if not self.held:
            loop.call_soon(self._end_one, _TURNS)
        return task

    def release(self) -> None:
        """End all that runs, one after the other."""
        for _ in self.tasks:
            asyncio.get_running_loop().call_soon(self._end_one, _TURNS)

    def _end_one(self, turns: int) -> None:
        if turns:  # not before the call has had the time to begin others
            asyncio.get_running_loop().call_soon(self._end_one, turns - 1)
            return
        self.meanwhile()
        task = self.random.choice(self.tasks)
        self.tasks.remove(task)
        self.orders.append(task.order)
        end = self.execute(task.order)
        message = end if isinstance(end, Message) else Message(data={"id": 1, "result": to_data(end)})
        task.answer.set_result(message)

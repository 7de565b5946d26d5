"""How each question of the kernel is answered; those about DVC and the store's content by a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from dvc_magic.codec import from_data, to_data
from dvc_magic.engine import (
    AlteredOutsRequest,
    CheckRequest,
    CopyRequest,
    DescribeRequest,
    MakeExampleRequest,
    MendRequest,
    PlaceRequest,
    PromoteRequest,
    Request,
    SweepCopiesRequest,
)
from dvc_magic.errors import WorkerLostError
from dvc_magic.executors import Task, Workers, sweep_run
from dvc_magic.host.call import Call
from dvc_magic.host.running_call import KILL_STEP, StoppedError
from dvc_magic.host.slots import Slots
from dvc_magic.model.checkup import CheckProgress
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.record import RunRecord
from dvc_magic.store import RunStore, StoreUse, begin_use
from dvc_magic.wire import (
    AlteredOuts,
    CallEnd,
    CallRequest,
    Check,
    Checking,
    Debug,
    Describe,
    Event,
    MakeExample,
    Mend,
    Place,
    PlanCall,
    Promote,
    Question,
    RunCall,
    Supply,
)

Tell = Callable[[Event], None]

_PAUSE = 0.02  # seconds between looks whether somebody still gives back content

# Questions that are a request to a worker as they stand, field for field.
_REQUESTS: dict[type[Struct], Callable[..., Request]] = {
    Describe: DescribeRequest,
    Place: PlaceRequest,
    AlteredOuts: AlteredOutsRequest,
    Promote: PromoteRequest,
    MakeExample: MakeExampleRequest,
    Mend: MendRequest,
}


class Answering:
    """One question while it is answered.

    Args:
        tell: gets the events on the way.
    """

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.call: Call | None = None
        self.task: Task | None = None

    def stop(self, steps: int) -> bool:
        """Stop what the question has started; False when there is nothing but the question itself."""
        if self.call is not None:
            self.call.stop(steps)
        elif self.task is not None:
            self.task.stop(steps)
            if steps > KILL_STEP:
                self.task.kill()
        return self.call is not None or self.task is not None

    def detach(self, call_id: str) -> None:
        """Let the call outlive its kernel, if it is the one of this id."""
        if self.call is not None and self.call.id == call_id:
            self.call.detach()

    def end_with_kernel(self) -> bool:
        """Stop what the question has started because its kernel is gone; False when there is nothing but itself."""
        if self.call is not None:
            self.call.end_with_kernel()
        elif self.task is not None:
            self.task.let_go()
        return self.call is not None or self.task is not None


class Questions:
    """The handlers, one for each question.

    Args:
        project: root of the project. home: folder of its run store. workers: of the host.
    """

    def __init__(self, *, project: Path, home: Path, workers: Workers) -> None:
        self._project = project
        self._home = home
        self._workers = workers
        self._store: RunStore | None = None
        self._at_workers: dict[str, RunRecord] = {}  # what workers have for the calls
        self._background = Slots()  # of all calls in the background
        self._handlers: dict[type, Callable[[Any, Answering], Awaitable[Any]]] = {
            PlanCall: self._plan,
            RunCall: self._run,
            Supply: self._supply,
            Check: self._check,
            Debug: self._debug,
            **dict.fromkeys(_REQUESTS, self._forward),
        }

    async def answer(self, question: Question, answering: Answering) -> Any:
        """The answer to a question, as plain data.

        Raises:
            DvcMagicError: the question cannot be answered.
        """
        use = await self._begin_use()
        try:
            return await self._handlers[type(question)](question, answering)
        finally:
            use.end()

    async def _begin_use(self) -> StoreUse:
        """Hold what the store has: until the answer, nobody gives back content that no run has a record of yet."""
        paths = StorePaths(self._home)
        while (use := begin_use(paths)) is None:  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(_PAUSE)
        return use

    @property
    def _where(self) -> dict[str, Any]:
        return {"project": str(self._project), "home": str(self._home)}

    async def _call(self, asked: CallRequest, answering: Answering, *, slots: Slots | None = None) -> Call:
        if self._store is None:
            await self._workers.ask(MendRequest(**self._where))
            self._store = RunStore.open(self._home)
        answering.call = Call(
            asked,
            project=self._project,
            store=self._store,
            workers=self._workers,
            tell=answering.tell,
            slots=slots,
            at_workers=self._at_workers,
        )
        return answering.call

    async def _run(self, question: RunCall, answering: Answering) -> Any:
        if question.background:
            self._background.limit = question.max_jobs
        call = await self._call(question.call, answering, slots=self._background if question.background else None)
        if question.detached:
            call.detach()
        try:
            await call.open()
            await call.plan()
            return to_data(await call.run(background=question.background))
        except StoppedError:
            return to_data(CallEnd(call=call.id, stopped=True))

    async def _plan(self, question: PlanCall, answering: Answering) -> Any:
        call = await self._call(question.call, answering)
        await call.open()
        plans = []
        for plan in await call.plan():  # not all at once: a thousand take 0.1 s
            plans.append(to_data(plan))
            await asyncio.sleep(0)
        return plans

    async def _supply(self, question: Supply, answering: Answering) -> Any:
        call = await self._call(question.call, answering)
        await call.open()
        await call.plan()
        return to_data(await call.supply())

    async def _forward(self, question: Struct, _: Answering) -> Any:
        """The answer of a worker to the request that a question amounts to."""
        return await self._workers.ask(_REQUESTS[type(question)](**self._where, **asdict(question)))

    async def _check(self, question: Check, answering: Answering) -> Any:
        def heard(message: Mapping[str, Any]) -> None:
            answering.tell(Checking(progress=from_data(message["checking"], CheckProgress)))

        return await self._workers.ask(CheckRequest(**self._where, repair=question.repair), heard=heard)

    async def _debug(self, question: Debug, answering: Answering) -> Any:
        await self._workers.ask(SweepCopiesRequest(**self._where))
        request = CopyRequest(
            **self._where,
            run=question.run,
            copy=question.copy,
            prompt=question.prompt,
            environ=question.environ,
        )
        answering.task = self._workers.begin(request)
        message = await answering.task.answer
        try:
            return message.result()
        except WorkerLostError:
            sweep_run(question.copy)
            raise

"""What every executor has to keep: a class of tests, to be inherited by those of one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import pytest

from dvc_magic.errors import WorkerError, WorkerLostError
from dvc_magic.executors import Executor, Submitted

_PATIENCE = 30.0  # seconds


class ExecutorContract(ABC):
    """Tests of an executor whose runs do what their order says.

    An order is ``{"do": .., "answer": ..}``: ``answer`` answers at once with the attempt, the variables and the
    addresses; ``tell`` says ``{"news": 1}`` first; ``sleep`` goes on for a minute, or until it is stopped, and answers
    with the steps it was asked for; ``die`` ends whoever executes it; ``bug`` fails in a way that it should not.
    """

    @abstractmethod
    def executor(self) -> Executor:
        """One that is ready, and is closed after the test."""

    @pytest.fixture
    def loop(self) -> asyncio.Runner:
        """Runs what a test awaits."""
        with asyncio.Runner() as runner:
            yield runner

    @staticmethod
    async def _ended(submitted: Submitted) -> Any:
        async with asyncio.timeout(_PATIENCE):
            return (await submitted.answer).result()

    @staticmethod
    def _submit(executor: Executor, do: str, attempt: int = 1, **more: Any) -> Submitted:
        return executor.submit({"do": do}, attempt, environ={"A": "1"}, addresses={"u": "s3://me:pw@x"}, **more)

    def test_an_order_is_executed_with_the_attempt_variables_and_addresses_it_came_with(
        self, loop: asyncio.Runner
    ) -> None:
        async def carry_out() -> Any:
            return await self._ended(self._submit(self.executor(), "answer", attempt=2))

        assert loop.run(carry_out()) == {"attempt": 2, "environ": {"A": "1"}, "addresses": {"u": "s3://me:pw@x"}}

    def test_what_is_said_of_a_run_is_heard_before_its_end(self, loop: asyncio.Runner) -> None:
        heard: list[Mapping[str, Any]] = []

        async def carry_out() -> Any:
            return await self._ended(self._submit(self.executor(), "tell", events=heard.append))

        assert (loop.run(carry_out()), heard) == (2, [{"news": 1}])

    def test_submitting_never_waits_and_runs_go_on_side_by_side(self, loop: asyncio.Runner) -> None:
        async def carry_out() -> list[Any]:
            executor = self.executor()
            slow = self._submit(executor, "sleep")
            quick = [await self._ended(self._submit(executor, "tell")) for _ in range(2)]
            assert not slow.answer.done()
            slow.kill()
            return quick

        assert loop.run(carry_out()) == [2, 2]

    def test_each_step_of_a_stop_reaches_the_run(self, loop: asyncio.Runner) -> None:
        async def carry_out() -> Any:
            submitted = self._submit(self.executor(), "sleep")
            submitted.stop()
            submitted.stop(2)
            return await self._ended(submitted)

        assert loop.run(carry_out()) == 3

    @pytest.mark.parametrize("kill", [True, False], ids=["killed", "died"])
    def test_a_run_whose_executor_is_gone_is_lost_once_and_others_are_not(
        self, loop: asyncio.Runner, *, kill: bool
    ) -> None:
        async def carry_out() -> Any:
            executor = self.executor()
            submitted = self._submit(executor, "sleep" if kill else "die")
            if kill:
                submitted.kill()
            with pytest.raises(WorkerLostError):
                await self._ended(submitted)
            return await self._ended(self._submit(executor, "tell"))

        assert loop.run(carry_out()) == 2

    def test_one_that_is_let_go_of_answers_still(self, loop: asyncio.Runner) -> None:
        async def carry_out() -> Any:
            submitted = self._submit(self.executor(), "sleep")
            submitted.let_go()
            return await self._ended(submitted)

        assert loop.run(carry_out()) == "let go"

    def test_a_bug_arrives_with_its_traceback(self, loop: asyncio.Runner) -> None:
        async def carry_out() -> Any:
            return await self._ended(self._submit(self.executor(), "bug"))

        with pytest.raises(WorkerError, match="oops"):
            loop.run(carry_out())

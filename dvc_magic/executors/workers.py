"""The host's workers, for its event loop: warm processes that answer questions and execute runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dvc_magic.executors.local import Message, Worker

Heard = Callable[[Mapping[str, Any]], None]


class Task:
    """Something that a worker has been given to do.

    Attributes:
        answer: its answer, once it is there; one that says `lost` when the worker died.
        let_go: has the worker stop its run as when its host is gone, answer, and end.
    """

    def __init__(
        self,
        worker: Worker,
        heard: Heard | None,
        *,
        stop: Callable[[int], None],
        hang_up: Callable[[], None],
    ) -> None:
        self.worker = worker
        self.heard = heard
        self._stop = stop
        self.let_go = hang_up
        self.answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def stop(self, steps: int = 1) -> None:
        """Ask the worker to stop its run; each step climbs the ladder of SIGINT, SIGTERM, SIGKILL."""
        self._stop(steps)

    def kill(self) -> None:
        """End the worker at once; the answer says that it is lost."""
        self.worker.kill()


class Workers:
    """Warm workers, started at need. To be used in the event loop's thread alone.

    Args:
        module: what a worker is, as ``python -m`` takes it.
        log: gets what they print.
        environ: the variables that they start with.

    Side effects: starts processes; appends to `log`.
    """

    def __init__(self, *, module: str, log: Path, environ: Mapping[str, str]) -> None:
        self._module = module
        self._log = log
        self._environ = environ
        self._idle: list[Worker] = []
        self._tasks: dict[Worker, Task] = {}

    def warm(self, count: int = 1) -> None:
        """Start workers until `count` are idle; does not wait until they are ready."""
        while len(self._idle) < count:
            self._idle.append(self._new())

    def _new(self) -> Worker:
        return Worker(module=self._module, log=self._log, environ=self._environ)

    def submit(
        self,
        order: Any,
        attempt: int,
        *,
        environ: Mapping[str, str],
        addresses: Mapping[str, str],
        events: Heard | None = None,
    ) -> Task:
        """Have a run executed; see `dvc_magic.executors.contract.Executor`, which this class is."""
        execute = {"do": "execute", "order": order, "attempt": attempt, "environ": environ, "addresses": addresses}
        return self.begin(execute, heard=events)

    def begin(self, request: Any, *, heard: Heard | None = None) -> Task:
        """Give an idle worker, or a new one, something to do; `heard` gets what it says before its answer."""
        worker = self._take()
        task = self._tasks[worker] = Task(
            worker, heard, stop=partial(self._stop, worker), hang_up=partial(self._hang_up, worker)
        )
        asyncio.get_running_loop().add_reader(worker.fileno(), self._read, worker)
        worker.request(request)
        self._write(worker)
        return task

    def _stop(self, worker: Worker, steps: int) -> None:
        worker.stop(steps)
        self._write(worker)

    def _write(self, worker: Worker) -> None:
        """Send what a worker's pipe takes, the rest when it takes more."""
        if worker.outgoing is None:
            return
        if worker.flush():
            self._write_no_more(worker)
        else:
            asyncio.get_running_loop().add_writer(worker.outgoing, self._write, worker)

    @staticmethod
    def _write_no_more(worker: Worker) -> None:
        if worker.outgoing is not None:
            asyncio.get_running_loop().remove_writer(worker.outgoing)

    def _hang_up(self, worker: Worker) -> None:
        self._write_no_more(worker)
        worker.hang_up()

    def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop(0)
            if worker.alive:
                return worker
            self._end(worker)
        return self._new()

    def _read(self, worker: Worker) -> None:
        task = self._tasks[worker]
        for message in worker.receive():
            if not message.is_answer:
                if task.heard is not None:
                    task.heard(message.data)
                continue
            self._forget(worker)
            if message.lost:
                self._end(worker)
            else:
                self._idle.insert(0, worker)  # the one that is warmest comes first
            if not task.answer.done():
                task.answer.set_result(message)

    def _forget(self, worker: Worker) -> None:
        del self._tasks[worker]
        asyncio.get_running_loop().remove_reader(worker.fileno())
        self._write_no_more(worker)

    @staticmethod
    def _end(worker: Worker) -> None:
        worker.kill()
        worker.close()

    async def ask(self, request: Any, *, heard: Heard | None = None, survives: bool = False) -> Any:
        """The answer to one question.

        Args:
            request: the question.
            heard: gets what the worker says meanwhile; from the start once more when it died and another one is asked.
            survives: whether the worker is kept when a question that is `heard` ends badly. Threads of the worker may
                outlive one that goes on beside its answer, as a pull does: then the worker is ended as well.

        Raises:
            DvcMagicError: what the worker answered with.
            WorkerLostError: it died twice in a row.
            CancelledError: the worker was ended, as its answer would come to nobody.
        """
        for attempt in (1, 2):
            task = self.begin(request, heard=heard)
            try:
                message = await task.answer
            except asyncio.CancelledError:
                self._give_up(task)
                raise
            if heard is not None and not survives and not (message.good or message.lost):
                self._idle.remove(task.worker)
                self._end(task.worker)
            if message.lost and attempt == 1:
                continue
            return message.result()
        raise AssertionError

    def _give_up(self, task: Task) -> None:
        if self._tasks.get(task.worker) is task:
            self._forget(task.worker)
            self._end(task.worker)

    def close(self, *, patience: float) -> None:
        """Let go of all workers: they end when their pipes close, those with a run once it is stopped.

        Blocks until they have ended, or were killed after `patience` seconds: the last thing that a host does.
        """
        busy = list(self._tasks)
        for worker in busy:
            self._forget(worker)
        for worker in (*self._idle, *busy):
            worker.let_go()
        for worker in (*self._idle, *busy):
            worker.close(patience=patience)
        self._idle.clear()

"""The host process: ``python -m dvc_magic.host --parent PID --project ROOT --home STORE``.

It reads questions of its kernel from standard input and answers on standard output, one JSON line each. It ends when
the kernel does, or closes the pipe, and with it all calls that are not detached.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import traceback
from pathlib import Path

from dvc_magic.errors import DvcMagicError, to_wire
from dvc_magic.executors import Lifeline, Workers
from dvc_magic.host.questions import Answering, Questions
from dvc_magic.host.running_call import StoppedError
from dvc_magic.wire import (
    Answer,
    Asked,
    Bug,
    Detach,
    Happened,
    Lines,
    Refused,
    ToHost,
    ToKernel,
    read_line,
    write_line,
)

_WORKER = "dvc_magic.engine.worker"
_READ_SIZE = 1 << 20
_POLL = 0.5  # seconds between looks at the kernel where no descriptor tells of its end
_PATIENCE = 15.0  # seconds for a worker to stop its run


class Host:
    """The kernel's end of the pipe, and the questions that are being answered.

    Args:
        incoming, outgoing: descriptors of the pipe.
        questions: answers them. workers: ended when the kernel is gone.
    """

    def __init__(self, *, incoming: int, outgoing: int, questions: Questions) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._questions = questions
        self._lines = Lines()
        self._unsent = bytearray()
        self._answering: dict[int, tuple[Answering, asyncio.Task[None]]] = {}
        self._gone = asyncio.Event()

    async def serve(self, lifeline: Lifeline) -> None:
        """Answer questions until the kernel is gone."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self._outgoing, False)  # a kernel that is busy must not hold up its calls
        loop.add_reader(self._incoming, self._read)
        if lifeline.fd is not None:
            loop.add_reader(lifeline.fd, self._gone.set)
        while not (self._gone.is_set() or lifeline.broken):
            try:
                async with asyncio.timeout(_POLL):
                    await self._gone.wait()
            except TimeoutError:
                continue
        loop.remove_reader(self._incoming)
        if lifeline.fd is not None:
            loop.remove_reader(lifeline.fd)

    def _read(self) -> None:
        chunk = os.read(self._incoming, _READ_SIZE)
        if not chunk:
            self._gone.set()
        for line in self._lines.cut(chunk):
            self._take(read_line(line, ToHost))

    def _take(self, message: ToHost) -> None:
        if isinstance(message, Asked):
            answering = Answering(lambda event: self._send(Happened(id=message.id, event=event)))
            task = asyncio.create_task(self._answer(message, answering))
            self._answering[message.id] = (answering, task)
        elif isinstance(message, Detach):
            for answering, _ in self._answering.values():
                answering.detach(message.call)
        elif message.id in self._answering:
            answering, task = self._answering[message.id]
            if not answering.stop(message.steps):
                task.cancel()

    async def finish(self) -> None:
        """Let the calls end that the kernel has left, as it wants them to: detached ones by themselves."""
        for answering, task in list(self._answering.values()):
            if not answering.end_with_kernel():
                task.cancel()
        if self._answering:
            await asyncio.wait([task for _, task in self._answering.values()])

    async def _answer(self, asked: Asked, answering: Answering) -> None:
        try:
            self._send(Answer(id=asked.id, data=await self._questions.answer(asked.question, answering)))
        except DvcMagicError as error:
            self._send(Refused(id=asked.id, **to_wire(error)))
        except (asyncio.CancelledError, StoppedError):
            self._send(Refused(id=asked.id, error="RequestError", message="the question was withdrawn"))
        except Exception:  # noqa: BLE001 - a bug in one question must reach the notebook with its traceback
            self._send(Bug(id=asked.id, traceback=traceback.format_exc()))
        finally:
            del self._answering[asked.id]

    def _send(self, message: ToKernel) -> None:
        waits = bool(self._unsent)
        self._unsent += write_line(message)
        if not waits:
            self._write()

    def _write(self) -> None:
        """Send what the pipe takes; the rest when it takes more."""
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                del self._unsent[: os.write(self._outgoing, self._unsent)]
        except BlockingIOError:
            loop.add_writer(self._outgoing, self._write)
            return
        except BrokenPipeError:
            self._unsent.clear()
            self._gone.set()
        loop.remove_writer(self._outgoing)


async def serve(lifeline: Lifeline, *, project: Path, home: Path, log: Path, incoming: int, outgoing: int) -> None:
    """Serve one kernel to its end; what it left running is stopped then, but for detached calls."""
    workers = Workers(module=_WORKER, log=log, environ=os.environ)
    workers.warm()
    questions = Questions(project=project, home=home, workers=workers)
    try:
        host = Host(incoming=incoming, outgoing=outgoing, questions=questions)
        await host.serve(lifeline)
        await host.finish()
    finally:
        workers.close(patience=_PATIENCE)


def main() -> None:
    """Serve the kernel that started this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    # The real descriptors move away, so that a stray print cannot get between two answers.
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the stages' commands would inherit
    gc.freeze()  # each full collection holds up all calls, for 5 ms alone to look at what was imported
    asyncio.run(
        serve(
            Lifeline(options.parent),
            project=options.project,
            home=options.home,
            log=options.log,
            incoming=incoming,
            outgoing=outgoing,
        )
    )
    os._exit(0)  # nothing here has files to remove at its end, and Python's own end takes 50 ms


if __name__ == "__main__":
    main()

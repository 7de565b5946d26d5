"""The ``dvc`` program, forked from a process that has imported it: a call takes its work, not half a second more."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["dvc.cli", "dvc.repo.reproduce", "dvc.commands.repro", "dvc.commands.status"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended: its exit code, and all that it printed."""

    code: int
    output: str


def dvc_program(folder: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> Done:
    """What ``dvc ARGUMENTS`` does in `folder`; ``python`` in its stages is the Python of the tests.

    Args:
        environ: all of the command's environment.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    with tempfile.TemporaryDirectory(prefix="dvc-program-") as scratch:
        log = Path(scratch) / "output.log"
        process = _CONTEXT.Process(target=_main, args=(str(folder), list(arguments), {**environ, "PATH": path}, log))
        process.start()
        process.join()
        assert process.exitcode is not None
        return Done(code=process.exitcode, output=log.read_text(encoding="utf-8", errors="replace"))


def _main(folder: str, arguments: list[str], environ: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.stdout.flush()
    with log.open("wb") as stream, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    from dvc.cli import main  # late: DVC adds log handlers, which the tests' process must not get

    sys.exit(main(arguments))

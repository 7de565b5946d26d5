"""The ways to execute one stage that are measured against each other, each in a copy of the project of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import DVC, call
from benchmarks.errors import UnavailableError
from benchmarks.guild import guild_run
from benchmarks.kernel import started
from benchmarks.rounds import Way
from benchmarks.sample import COMMAND, FILE_SEED, STAGE, copy_sample
from dvc_magic import Project

BARE = "bare command"
OURS = f"Project.run({STAGE!r}, {{'seed': N}})"

_GUILD = f"guild run dvc.yaml:{STAGE} seed=N"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What can be measured, and by name why something cannot."""

    ready: tuple[Way, ...]
    missing: dict[str, str]


@contextmanager
def all_ways(sample: Path, folder: Path) -> Iterator[Ways]:
    """Every way, ready to run until the block ends; their copies of `sample` lie in `folder`."""
    missing: dict[str, str] = {}
    with ExitStack() as stack:

        def copy(name: str) -> Path:
            return copy_sample(sample, folder / name)

        ways = [
            Way(name=BARE, run=_bare(copy("bare")), seed=FILE_SEED),
            *_ours(copy("ours"), stack),
            _in_kernel(copy("kernel"), stack),
            _repro(copy("repro")),
            _experiment(copy("experiment")),
        ]
        try:
            ways.append(Way(name=_GUILD, run=guild_run(copy("guild"))))
        except UnavailableError as error:
            missing[_GUILD] = str(error)
        yield Ways(ready=tuple(ways), missing=missing)


def _bare(project: Path) -> Callable[[int], None]:
    """The stage's command by a shell, which is how DVC starts it too."""
    return lambda _: call(("sh", "-c", COMMAND), project)


def _ours(root: Path, stack: ExitStack) -> tuple[Way, Way]:
    project = stack.enter_context(Project.open(root))
    return (
        Way(name=f"Project.run({STAGE!r})", run=lambda _: project.run(STAGE), seed=FILE_SEED),
        Way(name=OURS, run=lambda seed: project.run(STAGE, {"seed": seed})),
    )


def _in_kernel(project: Path, stack: ExitStack) -> Way:
    kernel = stack.enter_context(started(project))
    kernel.execute("%load_ext dvc_magic")
    return Way(
        name=f"%dvc_run {STAGE} --seed N",
        run=lambda seed: kernel.execute(f"run = %dvc_run {STAGE} --seed {seed}"),
    )


def _repro(project: Path) -> Way:
    command = (*DVC, "repro", "--quiet", "-s", "-f", STAGE)
    return Way(name=f"dvc repro -s -f {STAGE}", run=lambda _: call(command, project), seed=FILE_SEED)


def _experiment(project: Path) -> Way:
    command = (*DVC, "exp", "run", "--temp", "--quiet")
    return Way(
        name=f"dvc exp run --temp -S seed=N {STAGE}",
        run=lambda seed: call((*command, "-S", f"seed={seed}", STAGE), project),
    )

"""The params file as Hydra composes it, where DVC's configuration says ``hydra.enabled``: what ``dvc exp run`` makes.

Config modules, plugins and resolvers are code of the project. It runs in a process of its own for each call, forked
from this one: it leaves no modules, no paths and no ``__pycache__`` behind, and ends by a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency
from msgspec import Struct, field
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, PipelineError, from_wire
from dvc_magic.model.stage import Composition, ConfigGroup, Param, Pipeline, Stage, package_of
from dvc_magic.model.values import keys_overlap
from dvc_magic.pipeline.hydra_settings import HydraSettings
from dvc_magic.pipeline.rooted import Version, settled, unchanged

COMPOSED_FILE: str = ParamsDependency.DEFAULT_PARAMS_FILE
"""The file that ``dvc exp run`` writes what it composes to, whatever the project's params are."""

MISSING = "???"
"""Hydra's value for a key that has to be given."""

_DEADLINE = 30.0  # seconds for one composition; an ordinary one takes 0.1
_KEPT = 64  # compositions
_READ_SIZE = 1 << 16


class Composed(Struct, frozen=True, kw_only=True):
    """What one set of overrides gives.

    Attributes:
        text: of the params file.
        choices: config group, as it is overridden -> what was chosen. keys: those at the top of the text.
        problem: why there is no text, or None.
    """

    text: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    problem: DvcMagicError | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    """What one process found.

    Attributes:
        groups: config group -> its choices.
        composed: one for each set of overrides.
        seen: the files and folders that were read, in the version that they had before.
    """

    groups: Mapping[str, tuple[str, ...]]
    composed: tuple[Composed, ...]
    seen: Mapping[str, Version]


class Composer:
    """Composes the params file of a project.

    Args:
        root: of the project. settings: of its DVC configuration.

    Attributes:
        groups: config group -> its choices, as they were seen last.
    """

    file = COMPOSED_FILE

    def __init__(self, root: Path, settings: HydraSettings) -> None:
        self.settings = settings
        self._root = root
        self._memory: dict[tuple[str, ...], Composed] = {}
        self._environ: Mapping[str, str] = {}
        self._seen: dict[str, Version] = {}
        self.groups: Mapping[str, tuple[str, ...]] = {}

    @property
    def remembered(self) -> Composed | None:
        """What the config without overrides gave, if that is known and nothing has changed since."""
        composed = self._memory.get(())
        return composed if composed is not None and composed.problem is None and unchanged(self._seen) else None

    def composed(self, overrides: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> Composed:
        """What these overrides give, from memory while nothing that was read for it has changed.

        Args:
            overrides: in Hydra's grammar. environ: the variables, those of the last composition unless given.
        """
        environ = (self._environ or os.environ) if environ is None else environ
        if dict(environ) != self._environ or not unchanged(self._seen) or len(self._memory) >= _KEPT:
            self._memory, self._seen, self._environ = {}, {}, dict(environ)
        if overrides not in self._memory:
            answer = self._ask([overrides], environ)
            if not answer.seen or not all(map(settled, answer.seen.values())):
                return answer.composed[0]
            self._seen.update(answer.seen)
            self._memory[overrides] = answer.composed[0]
        return self._memory[overrides]

    def anew(
        self, overrides: Sequence[tuple[str, ...]], environ: Mapping[str, str] | None
    ) -> tuple[dict[tuple[str, ...], Composed], bool]:
        """What each of several sets of overrides gives now, and whether all that was read stayed as it was meanwhile.

        A resolver may give something else each time, such as the time of the day: every call composes for itself.
        """
        distinct = list(dict.fromkeys(overrides))
        answer = self._ask(distinct, os.environ if environ is None else environ)
        return dict(zip(distinct, answer.composed, strict=True)), unchanged(answer.seen)

    def composition(self, problem: str = "") -> Composition:
        """What to say of it."""
        return Composition(file=self.file, source=self.settings.source, problem=problem)

    def with_groups(self, pipeline: Pipeline, composed: Composed, base: Composed) -> Pipeline:
        """The pipeline with the config groups among the flags of the stages whose params they can change.

        Args:
            pipeline: resolved with the composed params.
            composed: what it was resolved with. base: the same without any override.
        """
        groups = [
            (group, package_of(group.key) if package_of(group.key).partition(".")[0] in composed.keys else "")
            for group in _groups(self.groups, composed, base)
        ]
        return replace(
            pipeline,
            stages=tuple(self._with_groups(stage, groups) for stage in pipeline.stages),
            operations=tuple(self._with_groups(stage, groups) for stage in pipeline.operations),
            composition=self.composition(),
        )

    def _with_groups(self, stage: Stage, groups: Sequence[tuple[Param, str]]) -> Stage:
        """One with the groups that can change its params; not so an operation that brings a text of its own instead.

        Args:
            groups: each with where in the params its choice stands; empty where that is not known, so that it may be
                anywhere (``# @package _global_``).
        """
        entries = [entry for entry in stage.params if entry.path == self.file]
        keys = [flag.key for flag in stage.flags if flag.file == self.file]
        keys += [key for entry in entries for key in entry.keys]
        whole = any(not entry.keys for entry in entries)
        files = stage.operation.files if stage.operation is not None else ()
        brings_own = any(file.path == self.file != file.origin for file in files)
        if brings_own or not (keys or whole):
            return stage
        changing = [
            group
            for group, package in groups
            if whole or not package or any(keys_overlap(package, key) for key in keys)
        ]
        names = {group.name for group in changing}
        leaves = (_opened(flag, self.file) for flag in stage.flags if flag.name not in names)
        return replace(stage, flags=(*changing, *leaves))

    def _ask(self, overrides: Sequence[tuple[str, ...]], environ: Mapping[str, str]) -> _Answer:
        answer = _in_child(self._root, self.settings, overrides, environ)
        self.groups = answer.groups or self.groups
        return answer


def _groups(options: Mapping[str, tuple[str, ...]], composed: Composed, base: Composed) -> Iterator[Param]:
    """The config groups as params: by the names that defaults give them (``db@source``), and those that none names."""
    named = {name: choice for name, choice in composed.choices.items() if not name.startswith("hydra/")}
    in_defaults = {name.partition("@")[0] for name in named}
    appended = {name: None for name in options if name not in in_defaults}
    for name, choice in (*sorted(named.items()), *sorted(appended.items())):
        choices = options.get(name.partition("@")[0], ())
        if choices:
            group = ConfigGroup(choices=choices, appended=base.problem is None and name not in base.choices)
            yield Param(file=COMPOSED_FILE, key=name, value=choice, tracked=False, group=group)


def _opened(flag: Param, file: str) -> Param:
    """A flag that has to be given is null: it takes any type."""
    return replace(flag, value=None) if flag.file == file and flag.value == MISSING else flag


def _in_child(
    root: Path, settings: HydraSettings, overrides: Sequence[tuple[str, ...]], environ: Mapping[str, str]
) -> _Answer:
    """Compose in a forked process. Hydra is imported here first, so that each child has it already."""
    from dvc_magic.pipeline import hydra_child  # noqa: PLC0415 - Hydra takes 0.2 s, and most projects do without

    incoming, outgoing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child takes no lock that one may hold
        child = os.fork()
    if child == 0:
        os.close(incoming)
        hydra_child.main(root, settings, overrides, dict(environ), outgoing=outgoing, seconds=_DEADLINE)
    os.close(outgoing)
    try:
        lines = [json.loads(line) for line in _lines(incoming)]
    finally:
        os.close(incoming)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)  # one that has ended is still there to be waited for
            os.waitpid(child, 0)
    if not lines or "seen" not in lines[-1]:
        message = (
            f"Hydra did not compose {COMPOSED_FILE} from {settings.source} within {_DEADLINE:.0f} s, or its process "
            "died: look for plugins and resolvers that wait or end the process; --no-hydra leaves the file as it is"
        )
        return _Answer(groups={}, composed=(Composed(problem=PipelineError(message)),) * len(overrides), seen={})
    head, *composed, tail = lines
    return _Answer(
        groups={name: tuple(choices) for name, choices in head["groups"].items()},
        composed=tuple(map(_composed, composed)) or (_composed(head),) * len(overrides),
        seen={path: None if known is None else tuple(known) for path, known in tail["seen"].items()},
    )


def _composed(line: Mapping[str, Any]) -> Composed:
    if "error" in line:
        return Composed(problem=from_wire({"error": line["error"], "message": line["message"]}))
    return Composed(text=line["text"], choices=line["choices"], keys=tuple(line["keys"]))


def _lines(incoming: int) -> Iterator[bytes]:
    """The lines that come from a descriptor until it ends, or until none has come for too long."""
    buffer, last = b"", time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(incoming, selectors.EVENT_READ)
        while selector.select(max(0.0, last + _DEADLINE + 1 - time.monotonic())):
            chunk = os.read(incoming, _READ_SIZE)
            if not chunk:
                return
            *lines, buffer = (buffer + chunk).split(b"\n")
            if lines:
                last = time.monotonic()
            yield from lines

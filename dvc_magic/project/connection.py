"""`Connection`: a project's connection to its host and its run store."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dvc_magic.client import Follower, Host, Pending, stage_environment
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.record import RunStatus
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.glance import Glance
from dvc_magic.project.known_operations import KnownOperations
from dvc_magic.project.settings import Settings
from dvc_magic.store import RunStore, this_boot
from dvc_magic.wire import Describe, Event, Mend, Question


class Connection:
    """What stands behind a `Project`: its host, its run store, and the operations that this process knows.

    Any thread may use it. It says what there is; calls are made with it by `dvc_magic.project.caller.Caller`.

    Attributes:
        root: the folder with ``.dvc``. settings: of the user.
        operations: those that calls can name.
        host: answers questions.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.operations = KnownOperations(root)
        self.host = Host(project=root, home=settings.home, log=StorePaths(settings.home).workers_log)
        self._opening = threading.Lock()
        self._store: RunStore | None = None
        self._glance = self._new_glance()

    def _new_glance(self) -> Glance:
        return Glance(lambda: self.host.begin(Describe()))

    @property
    def store(self) -> RunStore:
        """The run store, made and mended at the first need; other threads wait for that."""
        with self._opening:
            if self._store is None:
                self._store = RunStore.open(self.settings.home)
                self._store.sweep()
                if _needs_mending(self._store):
                    self.host.ask(Mend())
            return self._store

    def ask(self, question: Question, *, heard: Callable[[Event], None] | None = None) -> Any:
        """The answer to a question; see `dvc_magic.client.Host.ask`."""
        self.store  # noqa: B018 - the host's log lies in it
        return self.host.ask(question, heard=heard)

    def begin(self, question: Question, follower: Follower | None = None) -> Pending:
        """Ask without waiting; see `dvc_magic.client.Pending`."""
        self.store  # noqa: B018 - see `ask`
        return self.host.begin(question, follower)

    def pipeline(self, *, hydra: bool = True, choices: Sequence[tuple[str, ...]] = ()) -> Pipeline:
        """All stages as DVC resolves them now, as frozen data.

        Args:
            hydra: False for params as their files have them, where Hydra would compose them.
            choices: sets of overrides for config groups of Hydra: stages have the flags that any of these gives them.

        Raises:
            PipelineError: DVC cannot read ``dvc.yaml``.
        """
        return self._with_known(self.ask(self._describe(hydra=hydra, choices=choices)))

    def begin_pipeline(self, follower: Follower) -> Pending:
        """Ask for `pipeline` without waiting."""
        return self.begin(self._describe(), follower)

    def pipeline_of(self, pending: Pending) -> Pipeline:
        """The answer to `begin_pipeline`."""
        return self._with_known(pending.result())

    def _describe(self, *, hydra: bool = True, choices: Sequence[tuple[str, ...]] = ()) -> Describe:
        operations, environ = self.operations.all().operations, stage_environment(os.environ)
        return Describe(operations=operations, hydra=hydra, choices=tuple(choices), environ=environ)

    def _with_known(self, pipeline: Pipeline) -> Pipeline:
        """The stages with what is to be said of the operations' files."""
        known = self.operations.all()
        problems, faults = (*pipeline.problems, *known.warnings), {**known.faults, **pipeline.faults}
        return replace(pipeline, problems=problems, faults=faults)

    def glance(self, *, patience: float | None = None) -> Pipeline | None:
        """The stages for those who cannot wait: as of now, or as last seen when that takes over `patience` seconds.

        Without `patience` that is 0.3 s, or 1 s when they were never seen. None when they were not seen then either;
        raises no error about the project.
        """
        return self._glance.look(patience=patience)

    def recall(self, name: str) -> str:
        """Make the operation of an earlier cell known again, as it was in its newest run.

        A kernel that has just started knows no cells, but what was run of them.

        Returns:
            A line that says so, for people: the cell may have changed since. Empty when no run is of such an operation.
        """
        return self.operations.recall(name, self.store)

    def warm(self) -> None:
        """Start the host and have it look at the stages, so that the first question finds it ready."""
        self.store  # noqa: B018 - see `ask`
        self.host.warm()
        self.glance(patience=0)

    def close(self) -> None:
        """End the host and its workers, runs that still go are stopped; nothing of the store stays open."""
        self.host.close()
        if self._store is not None:
            self._store.index.close()
        self._glance = self._new_glance()


def _needs_mending(store: RunStore) -> bool:
    """Whether runs may have left processes behind, or the machine has stopped since the last look."""
    newest = store.all(limit=100)
    if any(stored.record.status is RunStatus.LOST for stored in newest):
        return True
    boot = this_boot()
    with contextlib.suppress(OSError):
        return bool(boot) and store.paths.boot.read_text(encoding="utf-8") != boot
    return bool(boot and newest)

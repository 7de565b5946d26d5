"""What a call takes from the project, and how it gets into the runs' cache: kept at once, or pulled from a remote."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from dvc_magic.codec import from_data, to_data
from dvc_magic.engine.observer import Observer
from dvc_magic.errors import ProjectError
from dvc_magic.model.inputs import InputFacts, PullProgress, RemoteData
from dvc_magic.store import DirListing, RunStore

_PATIENCE = 10.0  # seconds for the question whether a remote has something, which a stage that runs can do without


class Ask(Protocol):
    """Asks a worker, as `dvc_magic.executors.WorkerPool.ask` does."""

    def __call__(self, do: str, *, heard: Callable[[Mapping[str, Any]], None] | None = None, **arguments: Any) -> Any:
        """The answer to one request; `heard` gets what the worker says before."""


class CallInputs:
    """What the project held at the moment of a call, and what became of it since.

    Local content is kept as soon as it is named; what is recorded by hash and lies in a remote can wait, since no edit
    of the project changes it.

    Args:
        facts: of the capture.
        project: the root. store: the run store. call: id of the call.
        ask: a worker. environ: variables of the call, for credentials of remotes.
        deadline: seconds that a pull may stay without a sign of life.
        observer: is told how pulls go.
    """

    def __init__(
        self,
        facts: Mapping[str, InputFacts],
        *,
        project: Path,
        store: RunStore,
        call: str,
        ask: Ask,
        environ: Mapping[str, str],
        deadline: float,
        observer: Observer,
    ) -> None:
        self._facts = dict(facts)
        self._place: dict[str, Any] = {"project": str(project), "home": str(store.home)}
        self._cache = store.cache
        self._incoming = store.paths.dvc_site / "tmp" / f"pull-{call}"
        self._ask = ask
        self._environ = dict(environ)
        self._deadline = deadline
        self._observer = observer
        self._done: set[str] = set()  # in the runs' cache
        self._confirmed: set[str] = set()
        self._wanted: dict[str, RemoteData] = {}
        self.notices: list[str] = []

    def __getitem__(self, path: str) -> InputFacts:
        """What is known of a path that the capture looked at."""
        return self._facts[path]

    def get(self, path: str) -> InputFacts | None:
        """The same, None for a path that it did not look at."""
        return self._facts.get(path)

    def resolve(self) -> None:
        """Fetch the listings without which the hash of some input is not known.

        Raises:
            MissingInputError: a remote does not have one, or cannot be asked.
        """
        unknown = {path: facts for path, facts in self._facts.items() if facts.present and self._is_open(facts)}
        if unknown:
            wanted = [facts.remote for facts in unknown.values() if facts.remote is not None]
            self._facts |= self._look(wanted, list(unknown))

    @staticmethod
    def _is_open(facts: InputFacts) -> bool:
        return facts.remote is not None and not facts.hash

    def _look(self, wanted: list[RemoteData], paths: list[str]) -> dict[str, InputFacts]:
        answer = self._ask_remote("look", wanted, paths=paths, takings=self._takings(paths))
        return {facts.path: facts for facts in from_data(answer, list[InputFacts])}

    def _takings(self, paths: Iterable[str]) -> Any:
        """How these paths are taken, as they were for the capture."""
        return to_data([taking for path in paths if (taking := self._facts[path].taking) is not None])

    def confirm(self, paths: Iterable[str]) -> bool:
        """Whether everything at `paths` can be had, as far as remotes can tell; what cannot is absent from now on."""
        asked = {
            path: facts.remote
            for path in paths
            if (facts := self._facts.get(path)) is not None and facts.remote is not None
            if path not in self._confirmed
        }
        if not asked:
            return True
        patience = min(self._deadline, _PATIENCE)
        missing: dict[str, str] = self._ask_remote("missing", list(asked.values()), deadline=patience)
        self._confirmed |= asked.keys() - missing.keys()
        for path, reason in missing.items():
            problem = reason or f"remote {asked[path].remote!r} does not have it"
            self._facts[path] = replace(
                self._facts[path], present=False, hash="", origin="", remote=None, problem=problem
            )
        self.notices += [f"a remote could not be asked for outputs: {reason}" for reason in {*missing.values()} - {""}]
        return not missing

    def keep(self, path: str) -> None:
        """Keep what the project has at a path now; what is in a remote is noted for the next `pull`.

        Raises:
            ProjectError: it is not what was captured any more.
        """
        facts = self._facts[path]
        if path in self._done:
            return
        if facts.remote is not None:
            self._wanted[path] = facts.remote
            return
        answer = self._ask("ingest", paths=[path], takings=self._takings([path]), **self._place)
        found = from_data(answer, list[InputFacts])[0]
        if found.hash != facts.hash:
            message = f"{path!r} changed in the project while the call was being prepared; run again"
            raise ProjectError(message)
        if found.remote is not None:  # it has gone from the project's cache meanwhile
            self._facts[path] = found
            self._wanted[path] = found.remote
            return
        self._done.add(path)

    def pull(self) -> None:
        """Bring all that `keep` has noted into the runs' cache, in one go.

        Raises:
            MissingInputError: a remote does not have it, has it damaged, or cannot be asked.
            KeyboardInterrupt: it was stopped; nothing half-done stays behind.
        """
        if not self._wanted:
            return
        answer = self._ask_remote("pull", list(self._wanted.values()))
        for found in from_data(answer, list[InputFacts]):
            known = self._facts[found.path]
            self._facts[found.path] = replace(known, hash=found.hash, size=found.size, files=found.files)
            self._done.add(found.path)
        self._wanted.clear()

    def hash(self, path: str) -> str:
        """The md5 of what the project has at a path, which the runs' cache holds from now on."""
        if path not in self._done:
            self.keep(path)
            self.pull()
        return self._facts[path].hash

    def listing(self, path: str) -> DirListing:
        """The files of what the project has at a path and their md5; of what is in a remote only this is fetched."""
        facts = self._facts[path]
        if facts.remote is None or path in self._done:
            return self._cache.listing(self.hash(path))
        self._look([facts.remote], [path])
        return self._cache.listing(facts.hash)

    def _ask_remote(self, do: str, wanted: list[RemoteData], *, deadline: float | None = None, **arguments: Any) -> Any:
        try:
            return self._ask(
                do,
                heard=self._heard,
                wanted=to_data(wanted),
                incoming=str(self._incoming),
                deadline=self._deadline if deadline is None else deadline,
                environ=self._environ,
                **arguments,
                **self._place,
            )
        except BaseException:  # the worker was ended
            shutil.rmtree(self._incoming, ignore_errors=True)
            raise

    def _heard(self, message: Mapping[str, Any]) -> None:
        if "pulling" in message:
            self._observer.pulling(from_data(message["pulling"], PullProgress))

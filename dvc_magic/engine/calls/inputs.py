"""What a call takes from the project, and how it gets into the runs' cache: kept at once, or pulled from a remote."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from dvc_magic.codec import from_data
from dvc_magic.engine.calls.answered import UnansweredError
from dvc_magic.engine.requests import IngestRequest, LookRequest, MissingRequest, PullRequest, Request
from dvc_magic.errors import ProjectError
from dvc_magic.model.inputs import InputFacts, PullProgress, RemoteData, Taking
from dvc_magic.store import DIR_SUFFIX, DirListing, RunStore, is_hash

_PATIENCE = 10.0  # seconds for the question whether a remote has something, which a stage that runs can do without


class Ask(Protocol):
    """Asks a worker."""

    async def __call__(self, request: Request, *, heard: Callable[[Mapping[str, Any]], None] | None = None) -> Any:
        """The answer, as the request's docstring says; `heard` gets what the worker says before."""


class CallInputs:
    """What the project held at the moment of a call, and what became of it since.

    Local content is kept as soon as it is named; what is recorded by hash and lies in a remote can wait, since no edit
    of the project changes it.

    Args:
        facts: of the capture.
        project: the root. store: the run store. call: id of the call.
        ask: a worker. environ: variables of the call, for credentials of remotes.
        deadline: seconds that a pull may stay without a sign of life.
        pulling: is told how pulls go.
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
        pulling: Callable[[PullProgress], None],
    ) -> None:
        self._facts = dict(facts)
        self._project = str(project)
        self._home = str(store.home)
        self._cache = store.cache
        self._incoming = store.paths.dvc_site / "tmp" / f"pull-{call}"
        self._ask = ask
        self._environ = dict(environ)
        self._deadline = deadline
        self._pulling = pulling
        self._done: set[str] = set()  # in the runs' cache
        self._confirmed: set[str] = set()  # a remote was asked whether it has them
        self._missing: set[str] = set()  # and it has not
        self._listed: set[str] = set()  # of what is in a remote, the list of its files is in the runs' cache
        self._wanted: dict[str, RemoteData] = {}
        self.notices: list[str] = []

    def __getitem__(self, path: str) -> InputFacts:
        """What is known of a path that the capture looked at."""
        return self._facts[path]

    def get(self, path: str) -> InputFacts | None:
        """The same, None for a path that it did not look at."""
        return self._facts.get(path)

    async def resolve(self) -> None:
        """Fetch the listings without which the hash of some input is not known.

        Raises:
            MissingInputError: a remote does not have one, or cannot be asked.
        """
        unknown = {path: facts for path, facts in self._facts.items() if facts.present and self._is_open(facts)}
        if unknown:
            wanted = [facts.remote for facts in unknown.values() if facts.remote is not None]
            await self._look(wanted, list(unknown))

    @staticmethod
    def _is_open(facts: InputFacts) -> bool:
        return facts.remote is not None and not facts.hash

    async def _look(self, wanted: Sequence[RemoteData], paths: Sequence[str]) -> None:
        request = LookRequest(**self._remote(wanted), paths=tuple(paths), takings=self._takings(paths))
        self._facts |= {facts.path: facts for facts in await self._ask_remote(request)}

    def _takings(self, paths: Iterable[str]) -> tuple[Taking, ...]:
        """How these paths are taken, as they were for the capture."""
        return tuple(taking for path in paths if (taking := self._facts[path].taking) is not None)

    def _remote(self, wanted: Sequence[RemoteData], *, deadline: float | None = None) -> dict[str, Any]:
        """What requests about remotes have in common."""
        return {
            "project": self._project,
            "home": self._home,
            "wanted": tuple(wanted),
            "incoming": str(self._incoming),
            "deadline": self._deadline if deadline is None else deadline,
            "environ": self._environ,
        }

    def confirm(self, paths: Iterable[str]) -> bool:
        """Whether everything at `paths` can be had, as far as remotes can tell; what cannot is absent from now on.

        Raises:
            UnansweredError: a remote has to be asked first.
        """
        wanted = list(paths)
        asked = {
            path: facts.remote
            for path in wanted
            if (facts := self._facts.get(path)) is not None and facts.remote is not None
        }
        unknown = {path: remote for path, remote in asked.items() if path not in self._confirmed}
        if unknown:
            raise UnansweredError(partial(self._find_missing, unknown))
        return self._missing.isdisjoint(wanted)

    async def _find_missing(self, asked: Mapping[str, RemoteData]) -> None:
        patience = min(self._deadline, _PATIENCE)
        missing = await self._ask_remote(MissingRequest(**self._remote([*asked.values()], deadline=patience)))
        self._confirmed |= asked.keys()
        self._missing |= missing.keys()
        for path, reason in missing.items():
            problem = reason or f"remote {asked[path].remote!r} does not have it"
            self._facts[path] = replace(
                self._facts[path], present=False, hash="", origin="", remote=None, problem=problem
            )
        self.notices += [f"a remote could not be asked for outputs: {reason}" for reason in {*missing.values()} - {""}]

    async def keep(self, paths: Iterable[str]) -> None:
        """Keep what the project has at these paths now; what is in a remote is noted for the next `pull`.

        Raises:
            ProjectError: it is not what was captured any more, and the runs' cache does not have that.
        """
        local = []
        for path in dict.fromkeys(paths):
            if path in self._done:
                continue
            remote = self._facts[path].remote
            if remote is not None:
                self._wanted[path] = remote
            elif self._is_kept(self._facts[path].hash):
                self._done.add(path)
            else:
                local.append(path)
        if not local:
            return
        request = IngestRequest(
            project=self._project, home=self._home, paths=tuple(local), takings=self._takings(local)
        )
        for found in await self._ask(request):
            if found.hash != self._facts[found.path].hash:
                message = f"{found.path!r} changed in the project while the call was being prepared; run again"
                raise ProjectError(message)
            if found.remote is not None:  # it has gone from the project's cache meanwhile
                self._facts[found.path] = found
                self._wanted[found.path] = found.remote
            else:
                self._done.add(found.path)

    def _is_kept(self, hash: str) -> bool:  # noqa: A002
        """Whether the runs' cache has the file that was captured, whatever the project has by now; nothing is read."""
        if not is_hash(hash) or hash.endswith(DIR_SUFFIX):
            return False
        return not self._cache.known.doubtful({self._cache.path(hash): hash})

    async def pull(self) -> None:
        """Bring all that `keep` has noted into the runs' cache, in one go.

        Raises:
            MissingInputError: a remote does not have it, has it damaged, or cannot be asked.
            CancelledError: it was stopped; nothing half-done stays behind.
        """
        if not self._wanted:
            return
        for found in await self._ask_remote(PullRequest(**self._remote([*self._wanted.values()]))):
            known = self._facts[found.path]
            self._facts[found.path] = replace(known, hash=found.hash, size=found.size, files=found.files)
            self._done.add(found.path)
        self._wanted.clear()

    def require_kept(self, path: str) -> None:
        """See that the runs' cache, or a remote, has what the project had at a path at the call.

        Raises:
            UnansweredError: it has to be kept first.
        """
        if path not in self._done and self._facts[path].remote is None:
            raise UnansweredError(partial(self.keep, [path]))

    def hash(self, path: str) -> str:
        """The md5 of what the project has at a path, which the runs' cache holds from now on.

        Raises:
            UnansweredError: it has to be kept or pulled first.
        """
        if path not in self._done:
            raise UnansweredError(partial(self._keep_and_pull, path))
        return self._facts[path].hash

    async def _keep_and_pull(self, path: str) -> None:
        await self.keep([path])
        await self.pull()

    def listing(self, path: str) -> DirListing:
        """The files of what the project has at a path and their md5; of what is in a remote only this is fetched.

        Raises:
            UnansweredError: it has to be kept, or the listing to be fetched, first.
        """
        facts = self._facts[path]
        if facts.remote is None or path in self._done:
            return self._cache.listing(self.hash(path))
        if path not in self._listed:
            raise UnansweredError(partial(self._fetch_listing, path, facts.remote))
        return self._cache.listing(facts.hash)

    async def _fetch_listing(self, path: str, remote: RemoteData) -> None:
        await self._look([remote], [path])
        self._listed.add(path)

    async def _ask_remote(self, request: LookRequest | MissingRequest | PullRequest) -> Any:
        try:
            return await self._ask(request, heard=self._heard)
        except BaseException:  # the worker was ended
            shutil.rmtree(self._incoming, ignore_errors=True)
            raise

    def _heard(self, message: Mapping[str, Any]) -> None:
        if "pulling" in message:
            self._pulling(from_data(message["pulling"], PullProgress))

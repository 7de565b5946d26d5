"""How a worker answers each request of `dvc_magic.engine.requests`."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from dvc_magic.codec import to_data
from dvc_magic.engine.capture import capture, describe, file_hasher
from dvc_magic.engine.check import check
from dvc_magic.engine.debug import execute_copy
from dvc_magic.engine.left_behind import sweep_copies, sweep_lost
from dvc_magic.engine.order import Capture
from dvc_magic.engine.point_messages import point_messages
from dvc_magic.engine.power_cut import mend_after_power_cut
from dvc_magic.engine.requests import (
    AlteredOutsRequest,
    CaptureRequest,
    CheckRequest,
    CopyRequest,
    DescribeRequest,
    ExecuteRequest,
    IngestRequest,
    LookRequest,
    MakeExampleRequest,
    MendRequest,
    MissingRequest,
    PlaceRequest,
    PromoteRequest,
    PullRequest,
    RemoteRequest,
    Request,
    SweepCopiesRequest,
)
from dvc_magic.engine.runs import Control, altered_outs, execute
from dvc_magic.engine.source_copies import place_source
from dvc_magic.errors import StoreError
from dvc_magic.model.checkup import CheckProgress, StoreCheckup
from dvc_magic.model.inputs import InputFacts
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.promotion import PromotedFiles
from dvc_magic.model.record import RunRecord
from dvc_magic.model.stage import Pipeline
from dvc_magic.pipeline import ProjectReader, Watch, preload, promote
from dvc_magic.samples import write_example
from dvc_magic.store import RunStore, cannot, this_boot
from dvc_magic.wire import CopyEnd
from dvc_magic.workspace import HashCache

# What goes wrong with a disk or a limit of the system is no bug, wherever it shows.
_OF_THE_DISK = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.ENOLCK,
    errno.EMFILE,
    errno.ENFILE,
)


class Line(Control, Protocol):
    """The way back to whoever asks."""

    def say(self, message: dict[str, Any]) -> None:
        """Send one message ahead of the answer."""


@contextmanager
def variables(environ: Mapping[str, str]) -> Iterator[None]:
    """Give this process the caller's variables alone while the block runs: libraries look there for credentials."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _is_in(filename: str | bytes | int | None, home: Path) -> bool:
    return isinstance(filename, str) and Path(filename).is_relative_to(home)


class Service:
    """Answers the requests of one host, one at a time. Keeps opened projects and stores warm."""

    def __init__(self) -> None:
        preload()
        self._readers: dict[tuple[str, str], ProjectReader] = {}
        self._hashes: dict[str, HashCache] = {}
        self._stores: dict[str, RunStore] = {}
        self._handlers: dict[type, Callable[[Any, Line], object]] = {
            CaptureRequest: self._capture,
            DescribeRequest: self._describe,
            IngestRequest: self._ingest,
            LookRequest: self._look,
            MissingRequest: self._missing,
            PullRequest: self._pull,
            ExecuteRequest: self._execute,
            CopyRequest: self._debug,
            SweepCopiesRequest: self._sweep_copies,
            AlteredOutsRequest: self._altered_outs,
            MendRequest: self._mend,
            PlaceRequest: self._place,
            PromoteRequest: self._promote,
            CheckRequest: self._check,
            MakeExampleRequest: self._make_example,
        }

    def handle(self, request: Request, line: Line) -> Any:
        """The answer to one request, as plain data.

        Raises:
            DvcMagicError: the request cannot be fulfilled.
        """
        try:
            return to_data(self._handlers[type(request)](request, line))
        except OSError as error:
            home = Path(request.order.home if isinstance(request, ExecuteRequest) else request.home)
            if error.errno in _OF_THE_DISK or (error.errno == errno.EACCES and _is_in(error.filename, home)):
                raise cannot(f"use {error.filename or home}", error, at=home) from error
            raise

    def _capture(self, request: CaptureRequest, line: Line) -> Capture:
        captured = capture(
            self._reader(request.project, request.home),
            request,
            store=self._store(request.home),
            hashes=self._hash_cache(request.home),
            environ=request.environ,
        )
        for message in point_messages(captured.points):
            line.say(message)
        return replace(captured, points=())

    def _describe(self, request: DescribeRequest, _: Line) -> Pipeline:
        return describe(
            self._reader(request.project, request.home),
            request.operations,
            hydra=request.hydra,
            environ=request.environ,
            choices=request.choices,
        )

    def _ingest(self, request: IngestRequest | LookRequest, _: Line) -> list[InputFacts]:
        reader, hash_file = self._reader(request.project, request.home), self._hash_file(request.home)
        takings = {taking.path: taking for taking in request.takings}
        return [reader.ingest(path, hash_file, takings.get(path)) for path in request.paths]

    def _look(self, request: LookRequest, line: Line) -> list[InputFacts]:
        with self._remotes(request, line) as (reader, watch):
            reader.look(request.wanted, incoming=Path(request.incoming), watch=watch)
            return self._ingest(request, line)

    def _missing(self, request: MissingRequest, line: Line) -> dict[str, str]:
        with self._remotes(request, line) as (reader, watch):
            return reader.missing(request.wanted, incoming=Path(request.incoming), watch=watch)

    def _pull(self, request: PullRequest, line: Line) -> list[InputFacts]:
        hash_file = self._hash_file(request.home)
        with self._remotes(request, line) as (reader, watch):
            return reader.pull(request.wanted, incoming=Path(request.incoming), watch=watch, hash_file=hash_file)

    @contextmanager
    def _remotes(self, request: RemoteRequest, line: Line) -> Iterator[tuple[ProjectReader, Watch]]:
        """The project, and who is told of what comes from its remotes, with the caller's variables meanwhile."""
        watch = Watch(
            tell=lambda progress: line.say({"pulling": to_data(progress)}),
            stopped=lambda: line.abandoned,
            deadline=request.deadline,
        )
        with variables(request.environ):
            yield self._reader(request.project, request.home), watch

    def _execute(self, request: ExecuteRequest, line: Line) -> RunRecord:
        order = replace(request.order, record=replace(request.order.record, attempts=request.attempt - 1))
        return execute(
            order,
            store=self._store(order.home),
            addresses=request.addresses,
            environ=request.environ,
            control=line,
        )

    def _debug(self, request: CopyRequest, line: Line) -> CopyEnd:
        return execute_copy(
            request,
            store=self._store(request.home),
            reader=self._reader(request.project, request.home),
            environ=request.environ,
            control=line,
        )

    def _sweep_copies(self, request: SweepCopiesRequest, _: Line) -> None:
        sweep_copies(self._store(request.home))

    def _altered_outs(self, request: AlteredOutsRequest, _: Line) -> Mapping[str, str]:
        store = self._store(request.home)
        return altered_outs(store.read(request.run), store)

    def _mend(self, request: MendRequest, _: Line) -> None:
        store = self._store(request.home)
        sweep_lost(store)
        mend_after_power_cut(store, boot=this_boot())

    def _place(self, request: PlaceRequest, _: Line) -> str:
        store = self._store(request.home)
        return str(place_source(store, request.hash, request.path, executable=request.executable))

    def _promote(self, request: PromoteRequest, _: Line) -> PromotedFiles:
        reader = self._reader(request.project, request.home)
        return promote(reader, request.promotion, hash_file=self._hash_file(request.home), dry_run=request.dry_run)

    def _check(self, request: CheckRequest, line: Line) -> StoreCheckup:
        def tell(progress: CheckProgress) -> None:
            if line.abandoned:
                message = "the check of the run store was given up"
                raise StoreError(message)
            line.say({"checking": to_data(progress)})

        reader = self._reader(request.project, request.home)
        return check(request, store=self._store(request.home), reader=reader, tell=tell)

    @staticmethod
    def _make_example(request: MakeExampleRequest, _: Line) -> bool:
        return write_example(request.name, Path(request.project), has_packages=request.has_packages)

    def _reader(self, project: str, home: str) -> ProjectReader:
        key = (project, home)
        if key not in self._readers:
            self._readers[key] = ProjectReader(Path(project), self._store(home))
        return self._readers[key]

    def _hash_file(self, home: str) -> Callable[[Path], tuple[str, int]]:
        return file_hasher(self._hash_cache(home))

    def _hash_cache(self, home: str) -> HashCache:
        if home not in self._hashes:
            self._hashes[home] = HashCache(StorePaths(Path(home)).hashes)
        return self._hashes[home]

    def _store(self, home: str) -> RunStore:
        if home not in self._stores:
            self._stores[home] = RunStore.open(Path(home))
        return self._stores[home]

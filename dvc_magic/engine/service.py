"""What a worker can be asked: to describe a project, to capture it, to keep or pull an input, to execute a run."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from dvc_magic.codec import decode, from_data, to_data
from dvc_magic.engine.capture import capture, describe, file_hasher
from dvc_magic.engine.check import check
from dvc_magic.engine.debug import execute_copy
from dvc_magic.engine.left_behind import sweep_copies, sweep_lost
from dvc_magic.engine.order import CaptureRequest, CheckRequest, CopyRequest, WorkOrder
from dvc_magic.engine.point_messages import point_messages
from dvc_magic.engine.power_cut import mend_after_power_cut
from dvc_magic.engine.runs import Control, altered_outs, execute
from dvc_magic.engine.source_copies import place_source
from dvc_magic.errors import StoreError
from dvc_magic.model.checkup import CheckProgress, StoreCheckup
from dvc_magic.model.inputs import InputFacts, RemoteData, Taking
from dvc_magic.model.operation import Operation
from dvc_magic.model.paths import StorePaths
from dvc_magic.model.promotion import Promotion
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
    """The requests of a worker by name. Keeps opened projects and stores warm."""

    def __init__(self) -> None:
        preload()
        self._readers: dict[tuple[str, str], ProjectReader] = {}
        self._hashes: dict[str, HashCache] = {}
        self._stores: dict[str, RunStore] = {}

    def handle(self, do: str, arguments: dict[str, Any], control: Line) -> Any:
        """Answer one request with JSON-able data.

        Raises:
            DvcMagicError: the request cannot be fulfilled.
        """
        try:
            return self._answer(do, arguments, control)
        except OSError as error:
            asked = arguments.get("request") or arguments.get("order") or arguments
            home = Path(asked.get("home") or asked["root"])
            if error.errno in _OF_THE_DISK or (error.errno == errno.EACCES and _is_in(error.filename, home)):
                raise cannot(f"use {error.filename or home}", error, at=home) from error
            raise

    def _answer(self, do: str, arguments: dict[str, Any], control: Line) -> Any:
        long = {"execute": self._execute, "debug": self._debug, "check": self._check}
        if do in long:
            return to_data(long[do](arguments, control))
        if do == "make_example":
            return write_example(arguments["name"], Path(arguments["root"]), has_packages=arguments["has_packages"])
        if do == "capture":
            request = decode(arguments["request"], CaptureRequest)
            reader = self._reader(request.project, request.home)
            store, hashes = self._store(request.home), self._hash_cache(request.home)
            environ = arguments.get("environ")
            captured = capture(reader, request, store=store, hashes=hashes, environ=environ)
            for message in point_messages(captured.points):
                control.say(message)
            return to_data(replace(captured, points=()))
        if do in ("altered_outs", "mend", "place", "sweep_copies"):
            return self._about_store(do, self._store(arguments["home"]), arguments)
        reader = self._reader(arguments["project"], arguments["home"])
        if do == "describe":
            operations = from_data(arguments.get("operations", []), tuple[Operation, ...])
            hydra, environ = arguments.get("hydra", True), arguments.get("environ")
            choices = [tuple(one) for one in arguments.get("choices", ())]
            return to_data(describe(reader, operations, hydra=hydra, environ=environ, choices=choices))
        if do == "ingest":
            return to_data(self._ingest(reader, arguments))
        if do == "promote":
            planned = from_data(arguments["promotion"], Promotion)
            hash_file = file_hasher(self._hash_cache(arguments["home"]))
            return to_data(promote(reader, planned, hash_file=hash_file, dry_run=arguments["dry_run"]))
        if do in ("look", "missing", "pull"):
            with variables(arguments["environ"]):
                return self._from_remotes(do, reader, arguments, control)
        raise ValueError(do)

    @staticmethod
    def _about_store(do: str, store: RunStore, arguments: Mapping[str, Any]) -> Any:
        if do == "altered_outs":
            return altered_outs(store.read(arguments["run"]), store)
        if do == "place":
            return str(place_source(store, arguments["hash"], arguments["path"], executable=arguments["executable"]))
        if do == "sweep_copies":
            return sweep_copies(store)
        sweep_lost(store)
        return mend_after_power_cut(store, boot=this_boot())

    def _from_remotes(self, do: str, reader: ProjectReader, arguments: dict[str, Any], control: Line) -> Any:
        home, incoming = arguments["home"], Path(arguments["incoming"])
        wanted = from_data(arguments["wanted"], list[RemoteData])
        watch = Watch(
            tell=lambda progress: control.say({"pulling": to_data(progress)}),
            stopped=lambda: control.abandoned,
            deadline=arguments["deadline"],
        )
        if do == "missing":
            return reader.missing(wanted, incoming=incoming, watch=watch)
        if do == "look":
            reader.look(wanted, incoming=incoming, watch=watch)
            return to_data(self._ingest(reader, arguments))
        hash_file = file_hasher(self._hash_cache(home))
        return to_data(reader.pull(wanted, incoming=incoming, watch=watch, hash_file=hash_file))

    def _execute(self, arguments: dict[str, Any], control: Control) -> Any:
        order = from_data(arguments["order"], WorkOrder)
        order = replace(order, record=replace(order.record, attempts=arguments["attempt"] - 1))
        return execute(
            order,
            store=self._store(order.home),
            addresses=arguments["addresses"],
            environ=arguments["environ"],
            control=control,
        )

    def _debug(self, arguments: dict[str, Any], control: Control) -> CopyEnd:
        request = from_data(arguments["request"], CopyRequest)
        return execute_copy(
            request,
            store=self._store(request.home),
            reader=self._reader(request.project, request.home),
            environ=arguments["environ"],
            control=control,
        )

    def _check(self, arguments: dict[str, Any], control: Line) -> StoreCheckup:
        request = from_data(arguments["request"], CheckRequest)

        def tell(progress: CheckProgress) -> None:
            if control.abandoned:
                message = "the check of the run store was given up"
                raise StoreError(message)
            control.say({"checking": to_data(progress)})

        reader = self._reader(request.project, request.home)
        return check(request, store=self._store(request.home), reader=reader, tell=tell)

    def _ingest(self, reader: ProjectReader, arguments: Mapping[str, Any]) -> list[InputFacts]:
        hash_file = file_hasher(self._hash_cache(arguments["home"]))
        takings = {taking.path: taking for taking in from_data(arguments.get("takings", []), list[Taking])}
        return [reader.ingest(path, hash_file, takings.get(path)) for path in arguments["paths"]]

    def _reader(self, project: str, home: str) -> ProjectReader:
        key = (project, home)
        if key not in self._readers:
            self._readers[key] = ProjectReader(Path(project), self._store(home))
        return self._readers[key]

    def _hash_cache(self, home: str) -> HashCache:
        if home not in self._hashes:
            self._hashes[home] = HashCache(StorePaths(Path(home)).hashes)
        return self._hashes[home]

    def _store(self, home: str) -> RunStore:
        if home not in self._stores:
            self._stores[home] = RunStore.open(Path(home))
        return self._stores[home]

"""`Supplies`: where the data of a project's sources is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dvc_magic.model.operation import Operation, Source
from dvc_magic.model.plan import Supplied
from dvc_magic.model.request import RunRequest
from dvc_magic.project.connection import Connection
from dvc_magic.project.follow import Observer, follow
from dvc_magic.project.requests import complete_call
from dvc_magic.store import RunStore
from dvc_magic.wire import Place, Supply


class Supplies:
    """Looks up sources in the project of a connection; a `dvc_magic.sources.Supplier`.

    Args:
        connection: of the project.
        observer: is told how a pull goes.
        end: what to do when the source is found.

    Attributes:
        root: of the project.
    """

    def __init__(
        self, connection: Connection, *, observer: Observer | None = None, end: Callable[[], None] = lambda: None
    ) -> None:
        self.root = connection.root
        self._connection = connection
        self._observer = observer
        self._end = end

    @property
    def store(self) -> RunStore:
        """The project's run store."""
        return self._connection.store

    def supply(self, source: Source) -> Supplied:
        """What a source stands for now, as if an operation required it: in the runs' cache, pulled if need be.

        Raises:
            MissingInputError: it can neither be found nor pulled, or a stage would have to run first.
        """
        asking = Operation(name=f"dm-{source.kind}", origin="api", cmd="true", requires=(source,))
        call = complete_call(RunRequest(stages=(asking.address,)), self._connection, further=(asking,))
        self.store.check_writable()
        supplied: Supplied = follow(self._connection.begin(Supply(call=call)), self._observer)
        return supplied

    def place(self, md5: str, path: str, *, executable: bool) -> Path:
        """Content of the runs' cache as a read-only file or folder of this name, in the store."""
        return Path(self._connection.ask(Place(hash=md5, path=path, executable=executable)))

    def close(self) -> None:
        """The source is found."""
        self._end()

"""Runs of a store in an order that is known, whose records are read when they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dvc_magic.store.index import Head
    from dvc_magic.store.stored import StoredRun

    Read = Callable[[Sequence[Head]], list[StoredRun]]


class Listing(Sequence["StoredRun"]):
    """``store.listing()[:20]``: runs, newest number first. A run is read when it is looked at, once.

    Which runs they are is fixed; one that is removed, or whose record is damaged, before it was looked at drops out.

    Attributes:
        unread: ids of the runs that are not in it, as their records are damaged or cannot be read now; some that have
            dropped out may only be gone.
    """

    def __init__(
        self,
        heads: Iterable[Head],
        read: Read,
        found: dict[str, StoredRun] | None = None,
        *,
        unread: set[str],
    ) -> None:
        self.unread = unread  # shared with the slices of a listing
        self._heads = tuple(heads)
        self._read = read
        self._found = {} if found is None else found  # shared with the slices of a listing

    def __len__(self) -> int:
        """How many runs; none is read for it."""
        return len(self._heads)

    def __iter__(self) -> Iterator[StoredRun]:
        """The runs in order, read at once."""
        return iter(self._look(self._heads))

    @overload
    def __getitem__(self, key: int) -> StoredRun: ...
    @overload
    def __getitem__(self, key: slice) -> Listing: ...
    def __getitem__(self, key: int | slice) -> StoredRun | Listing:
        """The run at a position; a slice is a listing again.

        Raises:
            IndexError: there is no such position.
        """
        if isinstance(key, slice):
            return Listing(self._heads[key], self._read, self._found, unread=self.unread)
        found = self._look([self._heads[key]])
        return found[0] if found else self[key]

    def _look(self, heads: Sequence[Head]) -> list[StoredRun]:
        self._found |= {run.id: run for run in self._read([head for head in heads if head.id not in self._found])}
        gone = {head.id for head in heads} - self._found.keys()
        self.unread |= gone
        self._heads = tuple(head for head in self._heads if head.id not in gone)
        return [self._found[head.id] for head in heads if head.id not in gone]

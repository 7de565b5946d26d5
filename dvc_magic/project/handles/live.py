"""Properties whose value completion may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

T = TypeVar("T")


class live(Generic[T]):  # noqa: N801 - it is used as `property` is
    """A property that completion reads, so that ``run.metrics["`` offers the keys.

    IPython evaluates every descriptor but `property`, whose code may do anything. What it reads must be quick, at most
    20 ms, and change nothing.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Self | T:
        """The value; of the class, this descriptor."""
        return self if instance is None else self._read(instance)

    def __set__(self, instance: object, value: Any) -> NoReturn:
        """Refuse, as a property without a setter does.

        Raises:
            AttributeError: always.
        """
        message = f"{self._name!r} of a {type(instance).__name__} cannot be set"
        raise AttributeError(message)

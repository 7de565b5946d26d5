"""Decisions that turn out to need an answer of a worker first.

Deciding what a stage takes is plain code that returns a value. When it meets something that only a worker can tell
(whether the outs of a run are whole, what a remote has), it raises `UnansweredError` with the way to find out.
`answered` does that and decides again from the start: answers are kept, so each is asked for once. So the code that
decides needs no event loop, and the loop is free while a worker hashes or a remote is slow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class UnansweredError(Exception):
    """A decision needs to know something first.

    Attributes:
        find_out: asks for it, and keeps the answer where the decision looks.
    """

    def __init__(self, find_out: Callable[[], Awaitable[object]]) -> None:
        super().__init__("a worker has to be asked first")
        self.find_out = find_out


async def answered(decide: Callable[[], T]) -> T:
    """What `decide` returns once all that it needs to know has been asked.

    Args:
        decide: leaves everything as it was when it raises `UnansweredError`.
    """
    while True:
        try:
            return decide()
        except UnansweredError as open_question:
            await open_question.find_out()

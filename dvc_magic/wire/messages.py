"""The envelopes of questions, answers and events: each has the number of the question that it belongs to."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from dvc_magic.wire.events import Event
from dvc_magic.wire.questions import Question


class Asked(Struct, frozen=True, kw_only=True, tag="asked"):
    """A question."""

    id: int
    question: Question


class Stop(Struct, frozen=True, kw_only=True, tag="stop"):
    """Stop what a question has started; each step is one interrupt: SIGINT, SIGTERM, SIGKILL to running stages."""

    id: int
    steps: int = 1


class Detach(Struct, frozen=True, kw_only=True, tag="detach"):
    """Let a call outlive the kernel; one that has ended does not mind."""

    call: str


class Happened(Struct, frozen=True, kw_only=True, tag="happened"):
    """An event on the way to an answer."""

    id: int
    event: Event


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """The answer to a question, in the shape of `answer_type`, as plain data."""

    id: int
    data: Any


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """An error instead of an answer: the name of its class in `dvc_magic.errors`, and its message."""

    id: int
    error: str
    message: str


class Bug(Struct, frozen=True, kw_only=True, tag="bug"):
    """A traceback instead of an answer, of what should never happen."""

    id: int
    traceback: str


ToHost: TypeAlias = Asked | Stop | Detach
ToKernel: TypeAlias = Happened | Answer | Refused | Bug

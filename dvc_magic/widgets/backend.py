"""What a panel asks of its project, and what it is told."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.views import LiveCall


class Shown(Protocol):
    """A run, or several, as a panel shows them."""

    def __repr__(self) -> str:
        """As text."""

    def _repr_html_(self) -> str:
        """As static, escaped HTML."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How a call, or another look at the files, ended.

    Attributes:
        run: the last run of the call, or None when there is none. runs: all that the call asked for.
        shown: what of it to show, or None.
        error: the message when it ended badly. bug: a traceback when it ended as it never should.
        stopped: the user stopped it. closed: the project was closed meanwhile.
    """

    run: Shown | None = None
    runs: Shown | None = None
    shown: Shown | None = None
    error: str = ""
    bug: str = ""
    stopped: bool = False
    closed: bool = False


class Listener(Protocol):
    """Is told what becomes of a call. Called from the call's thread."""

    def described(self, pipeline: Pipeline) -> None:
        """The stages as the files have them now."""

    def request(self) -> RunRequest:
        """What to run; asked after `described`.

        Raises:
            DvcMagicError: it cannot be run.
        """

    def live(self, call: LiveCall) -> None:
        """How the call stands; a few times in a second."""

    def ended(self, outcome: Outcome) -> None:
        """It is over, whatever came of it; the last word."""


class Backend(Protocol):
    """A project in the background. Its methods return at once and may be called from any thread."""

    @property
    def title(self) -> str:
        """What the project is called."""

    def refresh(self, listener: Listener) -> None:
        """Read the files again: tells `described`, then `ended`."""

    def start(self, listener: Listener) -> None:
        """Make a call: tells `described`, asks for the `request`, tells `live` meanwhile, then `ended`."""

    def stop(self) -> None:
        """Stop the call as an interrupt would: SIGINT at first, SIGTERM at the second time, then SIGKILL."""

    def close(self) -> None:
        """Stop the call as the end of the kernel would, and wait for its end, at most a few seconds."""

"""Calls in the background at the moments that clicks alone rarely hit."""

from __future__ import annotations

import threading

import pytest

from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.background import BackgroundProject, Spares
from dvc_magic.views import LiveCall
from dvc_magic.widgets import Outcome


class Ended:
    """A listener that keeps the outcome."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.outcome = Outcome()

    def described(self, pipeline: Pipeline) -> None:
        """Is of no interest."""

    def live(self, call: LiveCall) -> None:
        """Is of no interest."""

    def request(self) -> RunRequest:
        """Is never asked for."""
        raise NotImplementedError

    def ended(self, outcome: Outcome) -> None:
        """Keep it."""
        self.outcome = outcome
        self.over.set()


@pytest.mark.parametrize("asked", ["start", "refresh"])
def test_a_click_that_comes_when_the_project_is_closed_opens_no_other(asked: str) -> None:
    opened: list[str] = []
    spares = Spares(lambda: opened.append("project"))  # type: ignore[arg-type,return-value]
    background, listener = BackgroundProject(spares, title="sample"), Ended()
    background.close()

    getattr(background, asked)(listener)

    assert listener.over.wait(10)
    assert (listener.outcome.closed, opened) == (True, [])

"""Outputs that are updated in place."""

from __future__ import annotations

from typing import Any

import pytest

from dvc_magic.notebook.outputs import Outputs
from dvc_magic.views import MARK


class Shell:
    """A shell that keeps what is published, with a kernel and a page."""

    kernel = None

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bool]] = []
        self.display_pub = self
        self.page = "page 1"

    def publish(self, *, data: Any, metadata: Any, transient: Any, update: bool) -> None:
        assert metadata == {MARK: {"id": transient["display_id"]}}
        self.sent.append((transient["display_id"], data["text/plain"], update))

    def get_parent(self) -> dict[str, Any]:
        return {"header": {"session": self.page}}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outputs(shell: Shell, clock: Clock) -> Outputs:
    return Outputs(shell, clock=clock, recall={"old": {"text/plain": "ended"}}.get)  # type: ignore[arg-type]


def text(content: str) -> dict[str, str]:
    return {"text/plain": content}


def test_an_output_is_updated_four_times_a_second_at_most(outputs: Outputs, shell: Shell, clock: Clock) -> None:
    output = outputs.show("a", text("0"))
    for step in range(1, 101):
        clock.now += 0.01
        output.update(text(str(step)))  # 1 s in all

    assert shell.sent[0] == ("a", "0", False)
    assert len(shell.sent) == 1 + 4
    assert all(update for _, _, update in shell.sent[1:])


def test_nothing_is_sent_when_nothing_has_changed(outputs: Outputs, shell: Shell, clock: Clock) -> None:
    output = outputs.show("a", text("same"))
    clock.now += 10
    output.update(text("same"))

    assert len(shell.sent) == 1


def test_the_end_is_always_sent(outputs: Outputs, shell: Shell) -> None:
    output = outputs.show("a", text("0"))
    output.update(text("1"))
    output.end(text("the end"))

    assert [sent[1] for sent in shell.sent] == ["0", "the end"]


def told(outputs: Outputs) -> list[str]:
    said: list[str] = []
    outputs.tell_lost(said.append)
    return said


def test_what_ended_on_a_page_that_is_gone_is_told_once(outputs: Outputs, shell: Shell) -> None:
    one, other = outputs.show("a", text("0")), outputs.show("b", text("0"))
    shell.page = "page 2"
    one.end(text("1"), told="train 8 completed, loss 0.13")
    other.end(text("1"), told="train 9 failed")

    assert told(outputs) == ["While the page was away: train 8 completed, loss 0.13; train 9 failed\n"]
    assert told(outputs) == []


def test_nothing_is_told_on_the_page_that_has_the_output(outputs: Outputs, shell: Shell) -> None:
    outputs.show("a", text("0")).end(text("1"), told="train 8 completed")

    assert told(outputs) == []
    shell.page = "page 2"
    assert told(outputs) == []


def asked(*ids: object) -> dict[str, Any]:
    return {"content": {"data": {"ids": list(ids)}}}


def test_a_page_that_asks_gets_what_its_outputs_show_now_and_is_told_nothing(outputs: Outputs, shell: Shell) -> None:
    output = outputs.show("a", text("0"))
    output.end(text("1"), told="train 8 completed")
    shell.page = "page 2"
    shell.sent.clear()

    outputs._asked_for(asked("a", "old", "unknown", 7))

    assert shell.sent == [("a", "1", True), ("old", "ended", True)]
    assert told(outputs) == []


@pytest.mark.parametrize("message", [{}, {"content": {"data": {"ids": "a"}}}, {"content": {"data": {}}}])
def test_a_message_of_another_shape_is_nothing(outputs: Outputs, shell: Shell, message: dict[str, Any]) -> None:
    outputs.show("a", text("0"))
    outputs._asked_for(message)

    assert len(shell.sent) == 1


def test_only_so_many_outputs_are_remembered(outputs: Outputs, shell: Shell) -> None:
    for number in range(1000):
        outputs.show(str(number), text("0"))
    shell.sent.clear()

    outputs._asked_for(asked("0", "999"))

    assert [sent[0] for sent in shell.sent] == ["999"]
    assert len(outputs._known) == 200


def test_a_terminal_has_no_live_outputs(outputs: Outputs, shell: Shell) -> None:
    assert not outputs.is_live
    shell.kernel = object()  # type: ignore[assignment]
    assert outputs.is_live

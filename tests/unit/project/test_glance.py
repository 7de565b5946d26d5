"""The stages at a glance, from a host that takes its time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from dvc_magic.errors import PipelineError
from dvc_magic.model.stage import Pipeline
from dvc_magic.project.glance import Glance

SEEN = Pipeline(problems=("seen",))


class Slow:
    """A question that is answered after some seconds."""

    def __init__(self, seconds: float, error: PipelineError | None = None, *, answer: Pipeline = SEEN) -> None:
        self._done = threading.Event()
        self._error = error
        self._answer = answer
        threading.Timer(seconds, self._done.set).start()

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the answer."""
        return self._done.wait(timeout)

    def result(self) -> Pipeline:
        """The answer."""
        if self._error is not None:
            raise self._error
        return self._answer


def _glance(*, delay: float) -> Glance:
    return Glance(lambda: Slow(delay))  # type: ignore[arg-type,return-value]


def test_the_first_look_waits_for_stages_that_come_within_a_second() -> None:
    assert _glance(delay=0.5).look() == SEEN


def test_the_first_look_ends_after_a_second_and_the_next_one_has_the_answer() -> None:
    glance, began = _glance(delay=1.6), time.monotonic()

    assert glance.look() is None
    assert 0.9 < time.monotonic() - began < 1.5
    assert glance.look() == SEEN


def test_stages_that_were_seen_before_are_waited_for_only_a_moment() -> None:
    glance = _glance(delay=0.9)
    assert glance.look() is not None
    began = time.monotonic()

    assert glance.look() == SEEN
    assert time.monotonic() - began < 0.8


def test_a_look_without_patience_does_not_wait_at_all() -> None:
    assert _glance(delay=0.5).look(patience=0) is None


def test_an_answer_that_came_between_two_looks_is_asked_for_again() -> None:
    answers = [Slow(0.1), Slow(0)]
    glance = Glance(lambda: answers.pop(0))  # type: ignore[arg-type,return-value]
    glance.look(patience=0)
    time.sleep(0.3)

    assert glance.look() == SEEN
    assert answers == []


def test_a_pipeline_that_cannot_be_read_leaves_what_was_seen_before() -> None:
    answers = [Slow(0), Slow(0, PipelineError("broken"))]
    glance = Glance(lambda: answers.pop(0))  # type: ignore[arg-type,return-value]

    assert glance.look() == SEEN
    assert glance.look() == SEEN
    assert answers == []


def test_threads_that_look_at_once_wait_for_one_answer() -> None:
    asked: list[Slow] = []

    def ask() -> Slow:
        asked.append(Slow(0.3))
        return asked[-1]

    glance, together = Glance(ask), threading.Barrier(8)  # type: ignore[arg-type]

    def look(_: int) -> Pipeline | None:
        together.wait()
        return glance.look(patience=5)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(8))) == [SEEN] * 8
    assert len(asked) <= 2  # the first answer, and one to a question that is no older than the last look


def test_an_answer_to_an_older_question_does_not_stand_for_how_it_is_now() -> None:
    now = Pipeline(problems=("now",))
    answers = [Slow(0.2), Slow(0.2, answer=now)]
    glance = Glance(lambda: answers.pop(0))  # type: ignore[arg-type,return-value]
    glance.look(patience=0)

    assert glance.look() == now


def test_an_answer_to_an_older_question_is_better_than_none() -> None:
    answers = [Slow(0.2), Slow(2)]
    glance = Glance(lambda: answers.pop(0))  # type: ignore[arg-type,return-value]
    glance.look(patience=0)

    assert glance.look(patience=0.5) == SEEN

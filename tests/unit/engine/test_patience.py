from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from threading import Thread

import pytest

from dvc_magic.engine.runs.deadline import GivenUpError, given_up


def test_a_file_that_never_opens_is_given_up_when_that_is_asked_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GivenUpError) as end, given_up(lambda taken: "slow" if taken > 0.5 else ""):
        (tmp_path / "pipe").read_bytes()
    assert end.value.reason == "slow"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_library_that_keeps_errors_to_itself_is_given_up_as_well(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    def read() -> None:
        with contextlib.suppress(Exception):
            (tmp_path / "pipe").read_bytes()

    with pytest.raises(GivenUpError), given_up(lambda _: "user"):
        read()


def test_what_ends_in_time_is_left_alone_and_the_handler_is_as_it_was() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with given_up(lambda _: "never"):
        assert signal.getsignal(signal.SIGALRM) is not before
    assert signal.getsignal(signal.SIGALRM) is before


def test_in_another_thread_nothing_is_listened_to() -> None:
    before, seen = signal.getsignal(signal.SIGALRM), []

    def work() -> None:
        with given_up(lambda _: "never"):
            seen.append(signal.getsignal(signal.SIGALRM))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]

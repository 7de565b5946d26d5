from __future__ import annotations

import re
import signal
import threading
import time

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Operation, Rename, Source, SourceKind
from dvc_magic.pipeline.deadline import in_time

NAME = "a" * 40 + "!"
ENDLESS = re.compile("(a+)+$")
SLOW = Source(kind=SourceKind.FILE, path=NAME, rename=(Rename(pattern="(a+)+$", repl="b"),))
PICKY = Source(kind=SourceKind.DVCSTAGE, path="make", select=("(a+)+",))
PIPELINE = f"stages:\n  make:\n    cmd: make\n    outs: ['{NAME}']\n  other:\n    cmd: other\n"


def test_a_search_without_end_is_an_error_of_its_operation():
    began = time.monotonic()

    with pytest.raises(OperationError, match="operation 'fit': a regular expression in its 'rename' or 'select'"):
        in_time(lambda: ENDLESS.search(NAME), name="fit")

    assert time.monotonic() - began < 10


def test_what_ends_in_time_is_given_and_nothing_stays_behind():
    before = signal.getsignal(signal.SIGVTALRM)

    assert in_time(lambda: 3, name="fit") == 3

    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_an_error_of_the_work_passes_and_nothing_stays_behind():
    before = signal.getsignal(signal.SIGVTALRM)

    with pytest.raises(KeyError):
        in_time(lambda: {}["a"], name="fit")

    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_another_thread_works_without_a_clock():
    found = []
    thread = threading.Thread(target=lambda: found.append(in_time(lambda: 3, name="fit")))
    thread.start()
    thread.join()

    assert found == [3]


def test_operations_whose_names_cannot_be_told_are_faults_and_no_bar_to_the_others(make_reader):
    reader = make_reader({"dvc.yaml": PIPELINE, NAME: "x"})
    operations = [
        Operation(name=name, origin="cell", cmd="true", requires=requires)
        for name, requires in {"slow": (SLOW,), "picky": (PICKY,), "plain": ()}.items()
    ]

    pipeline = reader.describe(operations=operations)

    assert {stage.address for stage in pipeline.stages} == {"make", "other"}
    assert [stage.address for stage in pipeline.operations] == ["op:plain"]
    assert "takes too long to be matched" in pipeline.faults["op:slow"]
    assert "takes too long to be matched" in pipeline.faults["op:picky"]

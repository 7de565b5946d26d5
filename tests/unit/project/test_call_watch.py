"""What is told of a call while it goes, by the host's reading thread, and looked at from another one."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from msgspec.structs import replace

from dvc_magic.model.paths import StorePaths
from dvc_magic.model.record import CallInfo, RunRecord, RunStatus
from dvc_magic.project import CallWatch
from tests.support.records import make_record


def _record(number: int) -> RunRecord:
    call = CallInfo(id="c" * 12, index=number, size=200)
    return make_record(number, call=call, metrics={"m.json": {"loss": number}})


def test_a_look_from_another_thread_meets_no_half_told_call(tmp_path: Path) -> None:
    watch = CallWatch(StorePaths(tmp_path), show=lambda _: None, plots=True)
    watch.planned("c" * 12, [])
    told = threading.Event()
    problems: list[BaseException] = []

    def look() -> None:
        try:
            while not told.is_set():
                watch._looked = 0.0  # as if the time to draw had come
                assert watch.view.counts.ended <= 200
        except BaseException as problem:  # noqa: BLE001 - the thread's own would be lost
            problems.append(problem)

    looking = [threading.Thread(target=look) for _ in range(2)]
    for thread in looking:
        thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for first in range(0, 200, 20):
            records = [_record(number) for number in range(first, first + 20)]
            for record in records:
                watch.started(replace(record, status=RunStatus.RUNNING))
            for record in records:
                watch.finished(record)
    finally:
        sys.setswitchinterval(interval)
        told.set()
        for thread in looking:
            thread.join()

    assert problems == []
    assert watch.view.counts.ended == 200

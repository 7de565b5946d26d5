"""Ending what a run started."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil

from dvc_magic.executors import RUN_TOKEN, sweep_run

_SUPERVISOR = """
import subprocess, sys, time
from dvc_magic.executors import become_subreaper
from dvc_magic.executors.process_tree import Descendants
become_subreaper()
subprocess.run(["sh", "-c", "setsid sleep 300 & (setsid sh -c 'trap \\"\\" TERM; sleep 300; sleep 300' &) ; sleep 0.2"])
print(Descendants().end(grace=0.2), Descendants().end(grace=0.2), flush=True)
"""


def test_descendants_end_whatever_session_they_are_in_and_whatever_they_ignore() -> None:
    marked = {**os.environ, RUN_TOKEN: "test-of-descendants"}

    done = subprocess.run([sys.executable, "-c", _SUPERVISOR], capture_output=True, text=True, check=True, env=marked)

    first, second = map(int, done.stdout.split())
    assert first >= 2
    assert second == 0
    assert sweep_run("test-of-descendants") == 0


def test_a_sweep_ends_the_processes_of_one_run_only() -> None:
    mine = subprocess.Popen(["sleep", "300"], env={**os.environ, RUN_TOKEN: "swept"}, start_new_session=True)
    other = subprocess.Popen(["sleep", "300"], env={**os.environ, RUN_TOKEN: "kept"}, start_new_session=True)
    try:
        time.sleep(0.05)

        assert sweep_run("swept") == 1

        assert mine.wait(5) == -9
        assert psutil.Process(other.pid).is_running()
    finally:
        other.kill()
        other.wait()

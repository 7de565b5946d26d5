from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dvc_magic.client.environment import starting_environment

_TELL = """
import json, os
from dvc_magic.client.environment import starting_environment
os.environ["LATER"] = "1"
print(json.dumps(starting_environment()))
"""


def test_the_starting_environment_is_as_it_was_given_without_what_was_set_since():
    given = {"PATH": os.environ["PATH"], "LINES": "a\r\nb\n", "EQUAL": "=x=", "EMPTY": "", "BYTES": "\udcff"}

    done = subprocess.run(
        [sys.executable, "-c", _TELL], env=given, cwd=Path.cwd(), capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == given


def test_where_the_system_has_no_file_to_read_psutil_says_it(monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", _fail)

    assert starting_environment() == psutil.Process().environ()


def test_where_nothing_says_it_the_starting_environment_is_empty(monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", _fail)
    monkeypatch.setattr(psutil.Process, "environ", lambda _: _fail(None))

    assert starting_environment() == {}


def _fail(_: object) -> bytes:
    raise PermissionError


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_linux_needs_no_psutil_for_the_starting_environment():
    code = """
import sys
from dvc_magic.client.environment import starting_environment
starting_environment()
assert 'psutil' not in sys.modules
"""

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The files of small pipelines, for tests of one corner each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

MakeProject = Callable[..., Path]
"""The type of the fixture ``make_project``."""

ONE = """
stages:
  t:
    cmd: python t.py
    deps: [t.py]
    params: [lr]
    outs: [o.txt]
"""
TWO = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [d.txt]
  t:
    cmd: cat d.txt > o.txt
    deps: [d.txt]
    params: [lr]
    outs: [o.txt]
"""
WRITE = "open('o.txt', 'w').write('1')\n"


def one_stage(script: str = WRITE, **more: str) -> dict[str, str]:
    """The stage ``t``, which is a Python script."""
    return {"dvc.yaml": ONE, "params.yaml": "lr: 1\n", "t.py": script, **more}


def two_stages(script: str = "open('d.txt', 'w').write('x')\n", **more: str) -> dict[str, str]:
    """The stage ``prepare``, which is a Python script, and ``t``, which copies what that makes."""
    return {"dvc.yaml": TWO, "params.yaml": "lr: 1\n", "prepare.py": script, **more}

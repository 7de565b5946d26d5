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
PREPARE_AND_TRAIN = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [{deps}]
    params: [{prepare}]
    outs: [data.txt]
  train:
    cmd: python train.py
    deps: [train.py, data.txt]
    params: [{train}]
    metrics: [m.json: {{cache: false}}]
"""
WRITE = "open('o.txt', 'w').write('1')\n"


def one_stage(script: str = WRITE, **more: str) -> dict[str, str]:
    """The stage ``t``, which is a Python script."""
    return {"dvc.yaml": ONE, "params.yaml": "lr: 1\n", "t.py": script, **more}


def two_stages(script: str = "open('d.txt', 'w').write('x')\n", **more: str) -> dict[str, str]:
    """The stage ``prepare``, which is a Python script, and ``t``, which copies what that makes."""
    return {"dvc.yaml": TWO, "params.yaml": "lr: 1\n", "prepare.py": script, **more}


def prepare_and_train(
    prepare_params: str,
    train_params: str,
    *,
    prepare: str,
    train: str,
    deps: str = "prepare.py",
    outs: str = "",
    stages: str = "",
    **more: str,
) -> dict[str, str]:
    """The stage ``prepare``, which makes ``data.txt``, and ``train``, which makes the metrics ``m.json`` of it.

    Args:
        prepare_params: what ``prepare`` tracks, such as ``n, conf.json: [depth]``. train_params: the same of ``train``.
        prepare: the content of ``prepare.py``. train: that of ``train.py``.
        deps: of ``prepare``. outs: of ``train``.
        stages: further ones, as ``dvc.yaml`` has them.
        more: files by their names.
    """
    pipeline = PREPARE_AND_TRAIN.format(prepare=prepare_params, train=train_params, deps=deps)
    if outs:
        pipeline += f"    outs: [{outs}]\n"
    return {"dvc.yaml": pipeline + stages.removeprefix("\n"), "prepare.py": prepare, "train.py": train, **more}

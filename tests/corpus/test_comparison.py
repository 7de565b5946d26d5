"""The corpus would notice: a comparison of projects that are made to differ."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from dvc_magic.project import Run
from tests.support.cases import Case
from tests.support.comparison import compare

pytestmark = pytest.mark.integration

PIPELINE = """\
stages:
  t:
    cmd: cat params.yaml > o.txt && cp o.txt m.yaml && echo x >> @SERVED@/log
    params: [lr]
    outs: [o.txt]
    metrics: [m.yaml]
"""


def test_params_outs_metrics_and_what_lies_around_are_all_compared(tmp_path: Path, dvc_template: Path) -> None:
    edits = {"params.yaml": {"lr: 1": "lr: 2"}}
    case = Case(
        name="x", shows="", files={"dvc.yaml": PIPELINE, "params.yaml": "lr: 1\n"}, served={"log": ""}, edits=edits
    )

    with patch.object(Run, "metrics", {"lr": 3}):
        found = "\n".join(compare(case, tmp_path, template=dvc_template).differences)

    assert "@SERVED@/log: mtime, content" in found
    assert "t: lock has params {'params.yaml': {'lr': 1}}, expected {'params.yaml': {'lr': 2}}" in found
    assert "t: out o.txt is {'.': (b'lr: 1\\n', False)}, expected {'.': (b'lr: 2\\n', False)}" in found
    assert "t: metrics {'lr': 3}, expected {'lr': 2}" in found


def test_a_status_that_is_not_clean_is_told_and_so_is_a_statement_that_is_not_true(
    tmp_path: Path, dvc_template: Path
) -> None:
    files = {"dvc.yaml": "stages:\n  t:\n    cmd: echo 1\n  u:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n"}
    case = Case(name="x", shows="", files=files, unclean={"u": "it is not so"})

    found = "\n".join(compare(case, tmp_path, template=dvc_template).differences)

    assert "t: dvc status is not clean" in found
    assert "u: dvc status is clean, although stated otherwise" in found


def test_dvc_runs_only_when_a_run_differs_from_what_is_kept_and_has_the_last_word(
    tmp_path: Path, dvc_template: Path
) -> None:
    files = {"dvc.yaml": "stages:\n  t:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n"}
    case = Case(name="x", shows="", files=files)
    wrong = json.dumps({"locks": {}, "metrics": {}, "outs": {}, "changed": []})

    doubted = compare(case, tmp_path / "one", template=dvc_template, kept=wrong)
    believed = compare(case, tmp_path / "other", template=dvc_template, kept=doubted.reference)

    assert doubted.dvc_seconds is not None
    assert believed.dvc_seconds is None
    assert (doubted.differences, believed.differences) == ((), ())

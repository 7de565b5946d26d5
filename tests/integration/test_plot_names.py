"""Plots by the names that DVC has for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from dvc_magic.errors import RequestError
from dvc_magic.project import Project
from tests.support.commands import dvc

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

DVC_YAML = """\
stages:
  train:
    cmd: python ../train.py
    wdir: sub
    deps: [../train.py]
    plots:
      - log.csv: {cache: false, x: step, y: acc}
      - roc.csv: {cache: false, x: fpr, y: tpr}
      - shot.svg: {cache: false}
      - all: {cache: false}
plots:
  - both:
      x: step
      y: {sub/log.csv: loss, sub/all/b.csv: [loss, acc]}
  - ROC:
      x: {sub/roc.csv: fpr}
      y: {sub/roc.csv: tpr}
  - sub/log.csv: {x: step, y: loss}
"""
TRAIN = """\
import os
from pathlib import Path
os.makedirs("all", exist_ok=True)
for path in ("log.csv", "all/a.csv", "all/b.csv"):
    Path(path).write_text("step,loss,acc\\n0,1,0\\n1,0.5,1\\n")
Path("roc.csv").write_text("fpr,tpr\\n0.0,0.1\\n0.5,0.8\\n1.0,1.0\\n")
Path("shot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
"""


def test_every_name_of_dvc_plots_show_is_drawn_or_said_to_have_no_steps(
    make_project: Callable[..., Path], opened: Callable[[Path], Project]
) -> None:
    plt.switch_backend("agg")
    root = make_project({"dvc.yaml": DVC_YAML, "train.py": TRAIN, "sub/.keep": ""})
    run = opened(root).run("train")
    names = set(json.loads(dvc(run.workspace, "plots", "show", "--json").splitlines()[-1])["data"])
    drawn: dict[str, int] = {}
    refused: dict[str, str] = {}
    for name in names:
        try:
            drawn[name] = len(run.plot(name).get_lines())
        except RequestError as error:
            refused[name] = str(error)
    assert drawn.keys() | refused.keys() == names
    series = {"both": 3, "dvc.yaml::sub/log.csv": 1, "sub/all/a.csv": 2, "sub/all/b.csv": 2, "sub/log.csv": 1}
    assert drawn == {**series, "ROC": 1, "sub/roc.csv": 1}
    assert refused.keys() == {"sub/shot.svg"}

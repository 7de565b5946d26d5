"""Folders in ``metrics`` and in top-level ``params``, as ``dvc metrics show`` and ``dvc params diff`` take them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.commands import dvc

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
params: [conf]
metrics: [more]
stages:
  t:
    cmd: sh t.sh
    deps: [t.sh]
    metrics:
      - m: {cache: false}
""",
    "conf/net.yaml": "width: 3\n",
    "more/old.json": '{"old": 1}',
    "t.sh": """
mkdir -p m/sub
cat conf/net.yaml > m/net.yaml
echo '{"acc": 0.5, "a.b": 1, "a": {"b": 2}}' > m/sub/a.json
echo 'loss: 0.25' > more/new.yaml
""",
}


def test_folders_of_metrics_and_params_are_metrics_and_params_of_the_run(make_project: Any, opened: Any) -> None:
    project = opened(make_project(FILES))

    run = project.run("t", {"width": 4})

    assert dict(run.params) == {"width": 4}
    assert dict(run.metrics) == {"width": 4, "acc": 0.5, "'a.b'": 1, "a.b": 2, "loss": 0.25}
    shown = json.loads(dvc(run.workspace, "metrics", "show", "--json"))[""]["data"]
    del shown["more/old.json"]  # which the run did not write
    assert run.record.metrics == {file: entry["data"] for file, entry in shown.items()}

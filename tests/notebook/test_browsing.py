"""Listing the runs of a project whose stages come in groups."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import QueryError

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  fit:
    foreach: {small: 0.5, large: 0.2}
    do:
      cmd: python fit.py ${key} ${item}
      deps: [fit.py]
      metrics:
        - ${key}.json: {cache: false}
  select:
    cmd: cat small.json large.json
    deps: [small.json, large.json]
""",
    "fit.py": "import sys; open(f'{sys.argv[1]}.json', 'w').write(f'{{\"loss\": {sys.argv[2]}}}')\n",
}


@pytest.fixture
def shell(shell: InteractiveShell) -> InteractiveShell:
    """The shell, in a project with runs of all of its stages."""
    shell.run_line_magic("dvc_run", "select")
    return shell


def _listed(shell: InteractiveShell, line: str) -> list[str]:
    return [run.stage for run in shell.run_line_magic("dvc_runs", line)]


def test_the_name_of_a_group_lists_the_runs_of_all_of_its_stages(shell: InteractiveShell) -> None:
    assert sorted(_listed(shell, "--all fit")) == ["fit@large", "fit@small"]
    assert sorted(_listed(shell, "--all --stage fit")) == ["fit@large", "fit@small"]
    assert _listed(shell, "--all fit@small") == ["fit@small"]


def test_a_metric_that_each_stage_of_a_group_has_is_asked_of_those_stages(shell: InteractiveShell) -> None:
    assert _listed(shell, "--all loss < 0.3") == ["fit@large"]
    assert _listed(shell, "--all --sort loss") == ["fit@large", "fit@small", "select"]
    with pytest.raises(QueryError, match="'loss' fits fit@large:loss, fit@small:loss"):
        _listed(shell, "loss < 0.3")


@pytest.mark.parametrize("word", ["2", "last"])
def test_a_word_that_names_one_run_is_answered_with_the_magic_that_shows_it(shell: InteractiveShell, word: str) -> None:
    with pytest.raises(QueryError, match=f"One run is shown by %dvc_show {word}"):
        _listed(shell, word)

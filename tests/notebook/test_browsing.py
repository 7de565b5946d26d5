"""Listing the runs of a project whose stages come in groups."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import QueryError, RunNotFoundError
from tests.support.records import add_run

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


def test_a_stage_that_is_named_lists_its_runs_upstream_of_another_too(shell: InteractiveShell) -> None:
    lines = ("fit", "--stage fit", "--status completed fit", "stage in ['fit@large', 'fit@small']", "fit -n 2")

    assert {line: sorted(_listed(shell, line)) for line in lines} == {
        line: ["fit@large", "fit@small"] for line in lines
    }
    assert _listed(shell, "") == ["select"]


def test_names_alone_beside_others_are_answered_with_the_query_to_write(shell: InteractiveShell) -> None:
    for line, listed in {"select failed": [], "select completed": ["select"], "fit loss < 0.3": ["fit@large"]}.items():
        with pytest.raises(QueryError, match="takes one name alone or a query") as caught:
            _listed(shell, line)
        assert _listed(shell, str(caught.value).partition("Write %dvc_runs ")[2]) == listed


def test_as_many_runs_are_shown_as_are_asked_for(shell: InteractiveShell) -> None:
    store = shell.run_line_magic("dvc_project", "").store
    for number in range(10, 40):
        add_run(store, number)

    assert "runs" not in repr(shell.run_line_magic("dvc_runs", "-n 25"))
    assert "20 of 31 runs" in repr(shell.run_line_magic("dvc_runs", ""))


def test_a_group_is_run_listed_and_explained_as_a_whole(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    runs = shell.run_line_magic("dvc_run", "select fit --label all")

    assert capsys.readouterr().out.startswith("3 runs: fit@small, fit@large, select run\n")
    assert [run.stage for run in runs] == ["select", "fit@small", "fit@large"]
    assert {run.id for run in runs[0].upstream.values()} == {run.id for run in runs[1:]}
    assert list(shell.run_line_magic("dvc_stages", "fit")) == ["fit@small", "fit@large"]
    assert list(shell.run_line_magic("dvc_stages", "fit@l*")) == ["fit@large"]
    assert "stage fit@small" in repr(shell.run_line_magic("dvc_run", "fit --help"))
    assert repr(shell.run_line_magic("dvc_run", "fit@small* --dry-run")) == "fit@small runs"


def test_a_metric_that_each_stage_of_a_group_has_is_asked_of_those_stages(shell: InteractiveShell) -> None:
    assert _listed(shell, "--all loss < 0.3") == ["fit@large"]
    assert _listed(shell, "--all --sort loss") == ["fit@large", "fit@small", "select"]
    with pytest.raises(QueryError, match="'loss' fits fit@large:loss, fit@small:loss"):
        _listed(shell, "loss < 0.3")


@pytest.mark.parametrize("word", ["2", "last"])
def test_a_word_that_names_one_run_is_answered_with_the_magic_that_shows_it(shell: InteractiveShell, word: str) -> None:
    with pytest.raises(QueryError, match=f"One run is shown by %dvc_show {word}"):
        _listed(shell, word)


@pytest.mark.parametrize("line", ["look", "--stage look", "stage = look", "op:look", "stage != select"])
def test_an_operation_is_named_as_it_is_run(shell: InteractiveShell, line: str) -> None:
    shell.run_cell_magic("dvc_op", "look", "open('seen.txt', 'w').write('x')")

    assert _listed(shell, line) == ["op:look"]


@pytest.mark.parametrize("line", ["late", "--stage late", "stage = late"])
def test_a_stage_that_was_never_run_comes_before_the_operation_of_its_name(
    shell: InteractiveShell, place: Path, line: str
) -> None:
    shell.run_cell_magic("dvc_op", "late", "open('seen.txt', 'w').write('x')")
    assert _listed(shell, line) == ["op:late"]
    (place / "dvc.yaml").write_text("stages: {late: {cmd: 'true'}}")

    assert _listed(shell, line) == []


@pytest.mark.parametrize("magic", ["dvc_show", "dvc_log"])
def test_an_operations_name_where_a_run_is_expected_is_answered_with_its_newest_run(
    shell: InteractiveShell, magic: str
) -> None:
    run = shell.run_cell_magic("dvc_op", "look", "open('seen.txt', 'w').write('x')")

    with pytest.raises(RunNotFoundError, match=f"It is an operation; its newest run is {run.number}"):
        shell.run_line_magic(magic, "look")

"""Config groups on a magic's line: flags with choices, their completions, help and errors."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import DvcMagicError
from tests.corpus.hydra import PROJECT

pytestmark = pytest.mark.integration

FILES = PROJECT
COMPOSED = "params.yaml composed from conf/config.yaml (as dvc exp run; --no-hydra leaves it as it is)"


def completions(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        return [found.text for found in shell.Completer.completions(text, len(text))]


def cell(shell: InteractiveShell, line: str) -> Any:
    return shell.run_line_magic(*line.removeprefix("%").split(" ", 1))


def test_groups_and_their_choices_are_completed(shell: InteractiveShell) -> None:
    cell(shell, "%dvc_stages train")  # so that the stages have been seen

    assert completions(shell, "%dvc_run train --model ") == ["full", "small"]
    assert completions(shell, "%dvc_run train --model f") == ["full"]
    assert completions(shell, "%dvc_run train --optimizer/lr_schedule ") == ["cosine", "step"]
    assert "--optimizer/lr_schedule" in completions(shell, "%dvc_run train --opt")
    assert {"--db", "--model", "--experiment", "--lr"} <= {*completions(shell, "%dvc_run train --")}
    assert completions(shell, "%dvc_run train --no-h") == ["--no-hydra"]
    assert "model=" in completions(shell, "%dvc_run train mod")


def test_help_lists_groups_with_their_choices_and_the_option(shell: InteractiveShell) -> None:
    said = repr(cell(shell, "%dvc_run train --help"))

    assert "--model                        one of full, small" in said
    assert "--optimizer/lr_schedule        one of cosine, step  step" in said
    assert "--no-hydra" in said


def test_a_line_chooses_and_sets_and_its_first_word_says_what_was_composed(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    run = cell(shell, "%dvc_run train --model full --dropout 0.3 db=pg")

    first, *others = capsys.readouterr().out.splitlines()
    assert first.endswith(COMPOSED)
    assert COMPOSED not in "\n".join(others)
    assert {"model": "full", "model.dropout": 0.3, "db": "pg", "db.port": 5432}.items() <= run.params.items()
    assert repr(cell(shell, '%dvc_runs "params.model = full"')).count("full") >= 1


def test_variables_choose_as_well(shell: InteractiveShell) -> None:
    shell.user_ns["models"] = ["small", "full"]

    runs = cell(shell, "%dvc_run train --model {models} --jobs 2")

    assert [run.params["model"] for run in runs] == ["small", "full"]


def test_a_choice_that_there_is_not_is_one_message_with_the_choices(shell: InteractiveShell) -> None:
    for line, said in {
        "%dvc_run train --model ful": "full, small; got the text ful. Did you mean 'full'?",
        "%dvc_run train --model small,ful": "got the text ful. Did you mean 'full'?",
        "%dvc_run train model=ful": "the config group 'model' has no 'ful'. Did you mean 'full'? Its choices are full",
    }.items():
        with pytest.raises(DvcMagicError) as raised:
            cell(shell, line)
        assert said in str(raised.value)
        assert len(raised.value._render_traceback_()) == 1


def test_the_panel_offers_the_choices_and_writes_the_line(shell: InteractiveShell) -> None:
    shell.kernel = object()
    panel = cell(shell, "%dvc_ui train")
    form = panel.form
    group, appended = form.named("params.yaml:model"), form.named("params.yaml:experiment")
    assert group is not None
    assert appended is not None

    assert group.choices == ("full", "small", "full,small")
    assert appended.choices == ("null", "big")
    assert form.with_text("params.yaml:model", "full").line == "%dvc_run train --model full"
    assert form.with_text("params.yaml:experiment", "big").line == "%dvc_run train -S +experiment=big"
    assert form.with_text("params.yaml:model", "other").errors[0].error.startswith("--model chooses a config")

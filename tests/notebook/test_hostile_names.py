"""A project whose names and values a terminal would obey, as a user meets it."""

from __future__ import annotations

import json

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import RunFailedError
from tests.support.hostile import unseen

pytestmark = pytest.mark.integration

STAGE = "tr\x1b]0;title\x07\u202eain"
KEY = "l\u202er\x1b[2J"
LOG = r"\033]0;title\007\033[31mred\033[0m"
FILES = {
    "dvc.yaml": json.dumps(
        {
            "stages": {
                STAGE: {"cmd": f"printf '{LOG}\\n'; exit 1", "params": [KEY], "desc": f"about {STAGE}"},
                "plain": {"cmd": "echo", "desc": f"about {STAGE}", "params": ["word"]},
            }
        }
    ),
    "params.yaml": json.dumps({KEY: STAGE, "word": STAGE}),
}


def test_tab_offers_nothing_that_could_not_be_typed_and_spells_what_it_tells(shell: InteractiveShell) -> None:
    shell.run_line_magic("dvc_stages", "")
    offered = []
    for line in ("%dvc_run ", "%dvc_run plain --", "%dvc_run plain --word ", "%dvc_runs stage = "):
        with provisionalcompleter():
            offered += [(line, one.text, one.type) for one in shell.Completer.completions(line, len(line))]

    assert ("%dvc_run ", "plain") in [(line, text) for line, text, _ in offered]
    assert "--word" in [text for _, text, _ in offered]
    for _, text, about in offered:
        assert not unseen(text)
        assert not unseen(about.replace("\N{NO-BREAK SPACE}", " "))


def test_a_call_and_its_error_are_spelled(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    project = shell.run_line_magic("dvc_project", "")
    with pytest.raises(RunFailedError) as caught:
        shell.run_line_magic("dvc_run", f"'{STAGE}'")

    printed = capsys.readouterr().out
    assert r"tr\x1b]0;title\x07\u202eain" in printed
    assert "\x1b[31mred\x1b[0m" in printed
    assert not unseen(printed.replace("\x1b[31m", "").replace("\x1b[0m", ""))
    assert not unseen("\n".join(caught.value._render_traceback_()))
    assert not unseen(repr(project.runs) + project.runs._repr_html_())

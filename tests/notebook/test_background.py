"""The magics of calls that go on beside the notebook."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.errors import CallNotFoundError, ParamError, RequestError
from dvc_magic.model.call import CallStatus
from dvc_magic.model.record import RunStatus
from dvc_magic.project import Call, Calls, Run, Runs
from tests.support import projects

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  train:
    cmd: echo going; sleep $(sed -n 's/^seconds. //p' params.yaml); test $(sed -n 's/^bad. //p' params.yaml) = 0
    params: [seconds, bad]
  flood:
    cmd: python flood.py
    deps: [flood.py]
    params: [text]
""",
    "params.yaml": "seconds: 0\nbad: 0\ntext: x\n",
    "flood.py": """
import sys, yaml
text = yaml.safe_load(open("params.yaml"))["text"].encode().decode("unicode_escape")
for _ in range(20):
    sys.stdout.write(text * (100_000 // len(text)))
    sys.stdout.flush()
""",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    """One project for all: a call of one test is nothing to another."""
    return projects.create(tmp_path_factory.mktemp("background") / "project", files=FILES, template=dvc_template)


def eventually(said: Callable[[], object], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_cell_is_answered_when_the_plan_stands(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    run = shell.run_line_magic("dvc_run", "train --seconds 0.5 --background")

    assert isinstance(run, Run)
    assert not run.status.final
    said = capsys.readouterr().out
    assert f"train {run.number} runs" in said
    assert f"it goes on in the background: %dvc_calls shows how far it is, %dvc_stop call:{run.call.id[:6]}" in said
    assert shell.run_line_magic("dvc_show", "") == run
    assert run.wait().status is RunStatus.COMPLETED


def test_errors_of_a_line_are_raised_by_it(shell: InteractiveShell) -> None:
    with pytest.raises(ParamError, match="secs"):
        shell.run_line_magic("dvc_run", "train --secs 1 --background")


def test_a_failure_is_told_once_by_the_next_cell(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    run = shell.run_line_magic("dvc_run", "train --bad 1 --background")
    runs = shell.run_line_magic("dvc_run", "train --bad 1,0,2 --background")
    assert isinstance(runs, Runs)
    run.call.wait()
    runs[0].call.wait()
    time.sleep(0.1)  # the host's answer comes after the record
    capsys.readouterr()

    shell.run_cell("print('mine')")
    first = capsys.readouterr().out
    shell.run_cell("print('mine')")

    lines = first.splitlines()
    assert re.fullmatch(rf"In the background train {run.number} failed .*; %dvc_show {run.number} shows more", lines[0])
    assert lines[1].startswith(f"In the background 2 of 3 runs did not complete: {runs[0].number}, {runs[2].number}; ")
    assert lines[2] == "mine"
    assert capsys.readouterr().out == "mine\n"


def test_stop_alone_stops_the_newest_call_that_goes_on(shell: InteractiveShell) -> None:
    older = shell.run_line_magic("dvc_run", "train --seconds 60 --background")
    newer = shell.run_line_magic("dvc_run", "train --seconds 61 --background")

    stopped = shell.run_line_magic("dvc_stop", "")

    assert isinstance(stopped, Call)
    assert stopped == newer.call
    assert (newer.wait(10).status, older.status.final) == (RunStatus.STOPPED, False)
    assert shell.run_line_magic("dvc_stop", str(older.number)) == older
    assert older.wait(10).status is RunStatus.STOPPED


@pytest.mark.parametrize("named", ["{run}", "{run.call}", "call:{run.call.id}", "{runs}", "{run.id}"])
def test_a_variable_names_what_to_stop(shell: InteractiveShell, named: str) -> None:
    run = shell.run_line_magic("dvc_run", "train --seconds 60 --background")
    shell.user_ns |= {"run": run, "runs": run.call.runs}

    shell.run_line_magic("dvc_stop", named)

    assert run.wait(10).status is RunStatus.STOPPED


def test_all_calls_of_the_kernel_are_stopped(shell: InteractiveShell) -> None:
    runs = [shell.run_line_magic("dvc_run", f"train --seconds {60 + each} --background") for each in range(3)]

    stopped = shell.run_line_magic("dvc_stop", "--all")

    assert isinstance(stopped, Calls)
    assert len(stopped) == 3
    assert {run.wait(10).status for run in runs} == {RunStatus.STOPPED}


def _never_started(shell: InteractiveShell) -> int:
    """How many runs the table leaves out; other tests of this project stop calls as well."""
    told = re.search(r"(\d+) never started: %dvc_runs --all", repr(shell.run_line_magic("dvc_runs", "")))
    return int(told[1]) if told else 0


def test_a_drained_grid_ends_with_what_runs(shell: InteractiveShell) -> None:
    before = _never_started(shell)
    runs = shell.run_line_magic("dvc_run", "train --seconds 1,1.1 --background")
    while "going" not in runs[0].log.text():
        time.sleep(0.01)

    call = shell.run_line_magic("dvc_stop", "{runs[0].call} --drain")

    assert call.wait(10).status is CallStatus.STOPPED
    assert [run.status for run in runs] == [RunStatus.COMPLETED, RunStatus.STOPPED]
    assert _never_started(shell) == before + 1
    table = repr(shell.run_line_magic("dvc_runs", ""))
    row = re.compile(rf"^ *{runs[1].number} +train +stopped", re.MULTILINE)
    assert not row.search(table)
    assert row.search(repr(shell.run_line_magic("dvc_runs", "--all")))


def test_calls_are_listed_with_what_they_run_and_how_far_they_are(shell: InteractiveShell) -> None:
    run = shell.run_line_magic("dvc_run", "train --seconds 60 --background")

    calls = shell.run_line_magic("dvc_calls", "")

    first = repr(calls).splitlines()[1]
    assert f"call:{run.call.id[:6]}" in first
    assert "%dvc_run train --seconds 60 --background" in first
    assert "0 of 1" in first
    assert "this kernel" in first
    run.stop()
    assert "0 of 1" not in repr(shell.run_line_magic("dvc_calls", "")).splitlines()[1]


def test_a_call_is_shown_as_its_runs(shell: InteractiveShell) -> None:
    runs = shell.run_line_magic("dvc_run", "train --seconds 0,0.1 --background")
    name = f"call:{runs[0].call.id[:8]}"

    shown = shell.run_line_magic("dvc_show", name)

    assert [run.id for run in shown] == [run.id for run in runs]
    runs.wait()
    with pytest.raises(RequestError, match=f"means 2 runs; name one of them: %dvc_log {runs[0].number}"):
        shell.run_line_magic("dvc_log", name)


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("dvc_stop call:zzz", CallNotFoundError, "%dvc_calls lists them"),
        ("dvc_stop", RequestError, "Nothing to stop: no call of this kernel goes on"),
        ("dvc_detach", RequestError, "Nothing to detach: no call of this kernel goes on"),
        ("dvc_stop 1 --all", RequestError, "--all stops all calls"),
        ("dvc_stop 1 --drain", RequestError, "%dvc_stop call:[0-9a-f]+ --drain"),
    ],
)
def test_what_cannot_be_stopped_is_said(shell: InteractiveShell, line: str, error: type[Exception], said: str) -> None:
    shell.run_line_magic("dvc_run", "train")
    with pytest.raises(error, match=said):
        shell.run_line_magic(*line.partition(" ")[::2])


def test_a_log_is_followed_as_it_comes(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("dvc_run", "train --seconds 0.5 --background")
    capsys.readouterr()

    assert shell.run_line_magic("dvc_log", "-f") is None
    assert capsys.readouterr().out == "going\n"
    assert repr(shell.run_line_magic("dvc_log", "-f")) == "going"


def test_unloading_stops_what_goes_on(shell: InteractiveShell) -> None:
    run = shell.run_line_magic("dvc_run", "train --seconds 60 --background")

    shell.extension_manager.unload_extension("dvc_magic")

    assert (run.status, run.reason) == (RunStatus.STOPPED, "kernel")
    assert shell.events.callbacks["pre_run_cell"] == []
    shell.extension_manager.load_extension("dvc_magic")


@pytest.fixture
def published(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is displayed and updated; the shell takes itself for that of a kernel."""
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    monkeypatch.setattr(shell, "display_pub", publisher)
    return publisher.outputs


def _last(published: list[dict[str, Any]], part: str) -> str:
    """The last text of the line or the log of a call."""
    texts = [each["data"]["text/plain"] for each in published if each["transient"]["display_id"].endswith(part)]
    return str(texts[-1]) if texts else ""


def test_the_display_of_a_call_says_that_its_host_has_ended(
    shell: InteractiveShell, published: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    run = shell.run_line_magic("dvc_run", "train --seconds 60 --background")
    os.kill(run.call.record.host, signal.SIGKILL)

    eventually(lambda: "the call could not go on" in _last(published, "/line"))
    shell.events.trigger("pre_run_cell", None)
    assert f"call:{run.call.id[:6]}" in capsys.readouterr().out or run.wait(20).status.final


def test_the_display_of_a_call_ends_when_the_project_is_moved_away(
    shell: InteractiveShell, published: list[dict[str, Any]], tmp_path: Path, dvc_template: Path
) -> None:
    own = projects.create(tmp_path / "project", files=FILES, template=dvc_template)
    shell.run_line_magic("dvc_project", str(own))
    runs = shell.run_line_magic("dvc_run", "train --seconds 1,1.1,1.2 -j 1 --background")
    assert len(runs) == 3

    own.rename(tmp_path / "elsewhere")

    eventually(lambda: "3 runs: " in _last(published, "/line"))
    assert not own.exists()


@pytest.mark.parametrize(
    "flood",
    ["x", "\\033[31mx", "x\\b", "\\033[9999Gx\\r", "\\n\\033[1A", "\\033]0;", "\\000\\007"],
    ids=["one line", "colours", "backspaces", "columns", "up", "a title without end", "controls"],
)
def test_a_flood_in_one_line_and_of_control_characters_stays_small(
    shell: InteractiveShell, published: list[dict[str, Any]], place: Path, flood: str
) -> None:
    run = shell.run_line_magic("dvc_run", f"flood --text '{flood}' --background")
    assert run.wait(30).status is RunStatus.COMPLETED

    eventually(lambda: "completed" in _last(published, "/line"))
    assert run.log.path.stat().st_size > 1_000_000
    assert len(_last(published, "/log")) < 10_000
    assert len(published) < 200

"""What of a log reaches a cell, as it grows and afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_magic.model.paths import StorePaths
from dvc_magic.model.stage import Pipeline
from dvc_magic.notebook.display import ForegroundDisplay
from dvc_magic.notebook.forms import LogView
from dvc_magic.project import Run
from dvc_magic.project.failures import failure_message
from dvc_magic.runs import LogTail
from tests.support.hostile import strange_markup, unseen
from tests.support.plotted import FewRuns, plotted_run

LOG = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J50%\r100%\n\u202e\x00 <b>\x9b\n"
SHOWN = "\x1b[31mred\x1b[0m 50%\r100%\n\\u202e\\x00 <b>\\x9b\n"


def _run(folder: Path, log: bytes) -> Run:
    stored = plotted_run(folder, stage="tr\x1bain", warnings=("a\u202eb",), line="%dvc_run train")
    stored.paths.folder.mkdir(parents=True)
    stored.paths.log.write_bytes(log)
    return Run(stored, FewRuns(stored))  # type: ignore[arg-type]


def test_a_log_is_shown_as_a_terminal_shows_it_with_its_colours(tmp_path: Path) -> None:
    log = LOG.replace("\x1b[2J", "")
    run = _run(tmp_path, log.encode())

    view = LogView(run, lines=None)

    assert repr(view) == "100%50%\n\\u202e <b>\\x9b"
    assert repr(run.log) == repr(view)
    assert not unseen(view._repr_html_())
    assert not strange_markup(view._repr_html_().replace('<span style="color: #e75c58">', ""))
    assert run.log.text() == log


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_log_that_comes_in_pieces_shows_as_a_whole_one(tmp_path: Path, size: int) -> None:
    path, data = tmp_path / "log", LOG.encode()
    tail, shown = LogTail(path), ""
    for end in range(size, len(data) + size, size):
        path.write_bytes(data[:end])
        shown += tail.read().text

    assert shown + tail.read(last=True).text == SHOWN


def test_an_escape_sequence_that_never_ends_is_spelled_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\x1b]0;title")
    tail = LogTail(path)

    assert (tail.read().text, tail.read(last=True).text) == ("a", r"\x1b]0;title")


def test_names_and_warnings_of_a_call_in_the_foreground_are_spelled(tmp_path: Path) -> None:
    run = _run(tmp_path / "runs", b"")
    shown: list[str] = []
    display = ForegroundDisplay(StorePaths(tmp_path), prefix=True, show=shown.append)

    display.started(run.record)
    display.finished(run.record)

    assert not unseen("".join(shown))
    assert r"tr\x1bain" in "".join(shown)
    assert r"a\u202eb" in "".join(shown)


def test_what_several_runs_of_a_call_warn_of_is_printed_once(tmp_path: Path) -> None:
    run = _run(tmp_path / "runs", b"")
    shown: list[str] = []
    display = ForegroundDisplay(StorePaths(tmp_path), prefix=True, show=shown.append)

    for _ in range(2):
        display.finished(run.record)

    assert ["202eb" in text for text in shown] == [False, True, False]


def test_the_end_of_a_log_in_an_error_has_no_colours(tmp_path: Path) -> None:
    run = _run(tmp_path, b"\x1b[31mValueError\x1b[0m: \xe2\x80\xae\n")

    text = failure_message(run.record, [], run.stored.paths, tmp_path, pipeline=Pipeline())

    assert "its log ends with: ValueError: \\u202e" in text

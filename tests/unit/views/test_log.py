"""What is new in a log, as it is shown."""

from __future__ import annotations

from pathlib import Path

from dvc_magic.runs import LogTail
from dvc_magic.views import log_text


def test_the_middle_of_a_flood_is_left_out_and_a_line_says_so(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    log.write_text("a line that comes first\n" + "x" * 200_000 + "\nthe last line\n")

    part = LogTail(log).read()

    assert part.text.endswith("x\nthe last line\n")
    assert len(part.text) == 64 * 1024
    assert log_text(part) == f"\n... 134.5 kB not shown here ...\n{part.text}"
    assert log_text(part, kept_in=log) == f"\n... 134.5 kB not shown here, all of it is in {log} ...\n{part.text}"


def test_what_is_new_in_a_log_stands_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    tail = LogTail(log)

    assert log_text(tail.read()) == ""
    log.write_text("one\n")
    assert log_text(tail.read(), kept_in=log) == "one\n"

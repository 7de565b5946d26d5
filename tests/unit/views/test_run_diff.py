"""What differs between runs, as a card and as a table."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from dvc_magic.comparison import MISSING, Content, DataChange, Difference, FileChange, Line, SideBySide, ValueChange
from dvc_magic.model.paths import RunPaths
from dvc_magic.model.record import Notes, RunRecord
from dvc_magic.model.snapshot import SourceFile
from dvc_magic.runs import RunRow, run_row
from dvc_magic.store import StoredRun
from dvc_magic.views import diff_card, side_by_side_table
from tests.support.records import make_record

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
A, B = make_record(41), make_record(42)
FILE = SourceFile(md5="1" * 32, size=1, mtime_ns=0)
EDITED = FileChange(
    path="train.py",
    stage="train",
    a=FILE,
    b=replace(FILE, md5="2" * 32),
    diff=("--- a/train.py", "+++ b/train.py", "@@ -1 +1,2 @@", "-old", "+new", "+newer"),
)
FOUND = Difference(
    metrics=(ValueChange(name="loss", a=0.5, b=0.25), ValueChange(name="f1", b=0.1234567)),
    params=(ValueChange(name="lr", a=0.1, b=0.2), ValueChange(name="solver", a="sgd", b=None)),
    definition=(ValueChange(name="train: cmd", a="python train.py", b="python -O train.py"),),
    sources=(EDITED, FileChange(path="new.py", stage="prepare", b=FILE, note="binary")),
    unread=(FileChange(path="README.md", a=FILE, b=FILE), FileChange(path="notes.md", a=FILE)),
    data=(
        DataChange(
            path="raw",
            a=Content(hash="a" * 32, size=10, files=2),
            b=Content(hash="b" * 32, size=2_000, files=3),
            added=("x", "y"),
            removed=(),
            changed=("z",),
        ),
        DataChange(path="made.csv", stage="train", b=Content(hash="c" * 32, size=5, made_by="prepare"), note="binary"),
    ),
    environment=(ValueChange(name="numpy", a="1.26", b="2.0"),),
    commit=ValueChange(name="commit", a="a" * 40, b=f"{'b' * 40} dirty"),
    notes=("the snapshot of train 1 is gone",),
)

TEXT = """\
train 41 -> train 42
metrics
        train 41  train 42  change
  loss       0.5      0.25   -0.25
  f1           -  0.123457
params
          train 41  train 42  change
  lr           0.1       0.2    +0.1
  solver       sgd      null
stages
              train 41         train 42
  train: cmd  python train.py  python -O train.py
code
  file      read by  lines
  train.py  train    +2 -1
  new.py    prepare         only in train 42
train.py
  @@ -1 +1,2 @@
  -old
  +new
  +newer
  Sources that differ, which no stage was seen to read: README.md (execute bit), notes.md (only in train 41).
data
                             train 41                train 42                change
  raw                        aaaaaaaa 10 B, 2 files  bbbbbbbb 2.0 kB, 3 files  2 added: x, y; 1 changed: z
  made.csv, made by prepare  -                       cccccccc 5 B            binary
environment
         train 41  train 42
  numpy  1.26      2.0
commit
  aaaaaaaaaa  -> bbbbbbbbbb with edits
  the snapshot of train 1 is gone"""


def _row(record: RunRecord) -> RunRow:
    return run_row(StoredRun(record=record, notes=Notes(), paths=RunPaths(Path("nowhere"))))


def _plain(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_what_differs_is_told_most_telling_first() -> None:
    assert _plain(diff_card(FOUND, A, B).text()) == _plain(TEXT)


def test_runs_that_do_not_differ_say_so() -> None:
    assert "train 41 and train 42 do not differ" in diff_card(Difference(), A, B).text()
    assert "both are train 41" in diff_card(Difference(), A, A).text()


def test_values_that_six_digits_do_not_tell_apart_are_shown_in_full() -> None:
    change = ValueChange(name="loss", a=0.12345678, b=0.12345679)

    text = diff_card(Difference(metrics=(change,)), A, B).text()

    assert "0.12345678" in text
    assert "0.12345679" in text


def test_a_brief_card_fits_a_screen_however_much_differs() -> None:
    values = tuple(ValueChange(name=f"v{place}", a=1, b=2) for place in range(1_000))
    files = tuple(replace(EDITED, path=f"{place}.py") for place in range(1_000))
    data = tuple(replace(FOUND.data[0], path=f"{place}.csv") for place in range(1_000))
    found = Difference(
        metrics=values, params=values, definition=values, sources=files, unread=files, data=data, outs=data,
        environment=values, commit=FOUND.commit,
    )  # fmt: skip

    brief, usual, full = (diff_card(found, A, B, **how).text() for how in ({"stat": True}, {}, {"full": True}))

    assert len(brief.splitlines()) < 90
    assert len(usual.splitlines()) < 260
    assert len(full.splitlines()) > 10_000
    assert "992 more: --all" in brief
    assert "970 more: --all" in usual
    assert "more: --all" not in full


def test_a_long_diff_is_cut_where_not_all_is_asked_for() -> None:
    long = replace(EDITED, diff=(*EDITED.diff[:2], *(f"+{line}" for line in range(100))))

    assert "40 more lines: --all" in diff_card(Difference(sources=(long,)), A, B).text()
    assert "+99" in diff_card(Difference(sources=(long,)), A, B, full=True).text()


def test_lines_that_came_and_went_have_a_background() -> None:
    html = diff_card(FOUND, A, B).html()

    assert '<span style="background-color: rgba(46, 160, 67, 0.25)">+new</span>' in html
    assert '<span style="background-color: rgba(248, 81, 73, 0.25)">-old</span>' in html


def test_names_and_contents_of_strangers_are_text_alone() -> None:
    found = Difference(
        metrics=(ValueChange(name=HOSTILE, a=HOSTILE, b=1),),
        sources=(replace(EDITED, path=HOSTILE, stage=HOSTILE, diff=("--- a", "+++ b", f"+{HOSTILE}"), note=HOSTILE),),
        unread=(replace(EDITED, path=HOSTILE),),
        data=(replace(FOUND.data[0], path=HOSTILE, added=(HOSTILE,)),),
        notes=(HOSTILE,),
    )
    card = diff_card(found, replace(A, stage=HOSTILE), B)

    for text in (card.text(), card.html()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script" not in card.html()


def test_runs_side_by_side_are_columns() -> None:
    rows = tuple(_row(record) for record in (A, B))
    lines = (
        Line(section="metrics", name="loss", values=(0.5, MISSING)),
        Line(section="metrics", name="acc", values=(1, 2)),
        Line(section="code", name="train.py", values=("B", "A")),
    )

    assert _plain(side_by_side_table(SideBySide(rows=rows, lines=lines)).text()) == [
        "train 41 42",
        "metrics loss 0.5",
        "acc 1 2",
        "code train.py B A",
        "files with the same letter are alike",
    ]
    assert "2 runs do not differ" in side_by_side_table(SideBySide(rows=rows, lines=())).text()
    assert "there is train 41 alone" in side_by_side_table(SideBySide(rows=rows[:1], lines=())).text()
    assert "no runs to compare" in side_by_side_table(SideBySide(rows=(), lines=())).text()


def test_runs_of_several_stages_are_headed_by_their_names() -> None:
    rows = tuple(_row(record) for record in (A, replace(B, stage="test")))
    line = Line(section="params", name="lr", values=(1, 2))

    assert side_by_side_table(SideBySide(rows=rows, lines=(line,))).headers == ("", "", "train 41", "test 42")

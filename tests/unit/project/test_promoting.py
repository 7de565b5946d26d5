from __future__ import annotations

from dvc_magic.model.promotion import FileChange, PromotedFiles
from dvc_magic.project.promoting import Promoted


def _told(before, after):
    change = FileChange(path="dvc.yaml", before=before, after=after)
    return dict(Promoted(PromotedFiles(stage="fit", entry="", changes=(change,))).card().sections[0].pairs)["dvc.yaml"]


def test_the_lines_that_a_file_gets_are_counted():
    assert _told(None, "a\nb\n") == "new, 2 lines"
    assert _told("a\n", "a\nb\n") == "1 line more"
    assert _told("a\nx\n", "a\nx\nx\n") == "1 line more"


def test_lines_that_are_laid_out_anew_do_not_count_against_those_that_are_added():
    assert _told("cmd: >\n  a\n  b\n  c\n  d\n", "cmd: a b c d\nnew\n") == "2 lines more"

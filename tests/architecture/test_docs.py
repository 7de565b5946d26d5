"""What the pages of docs/ say of tests is so."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "field.md"


def test_every_test_that_the_page_of_field_rows_names_is_there() -> None:
    file = ""
    missing = []
    for name in re.findall(r"`((?:\.\.|[\w/]+\.py)(?:::\w+)?)`", PAGE.read_text(encoding="utf-8")):
        path, _, test = name.partition("::")
        file = file if path == ".." else path
        text = (TESTS / file).read_text(encoding="utf-8") if (TESTS / file).is_file() else ""
        if f"def {test}" not in text:
            missing.append(name)

    assert missing == []

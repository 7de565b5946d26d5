from __future__ import annotations

import re
import time

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.operations import cell_operation, read_source
from dvc_magic.operations.expressions import check_expression, is_quick

LONG = "a" * 200 + "!"
ENDLESS = [
    "(a+)+$",
    "(a*)*b",
    "(?:a|a)*b",
    "((a+)){1,}b",
    "(?x)(a+) + $",
    "(a+)(?#x)+$",
    "a*a*a*a*a*b",
    "|".join("a" * 40),
]


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_search_that_may_not_end_is_no_quick_one(pattern):
    assert not is_quick(pattern, LONG)


@pytest.mark.parametrize(
    "pattern",
    ["draft", ".*", r"\.in$", r"(\w+)\.json", r"(?P<stem>.*)-(\d+)", r"(?:a|b)\.ya?ml", r"\)+x", r"[.]\(x\)*", "a|b|c"],
)
def test_what_people_write_for_names_is_quick(pattern):
    began = time.monotonic()

    assert is_quick(pattern, LONG[:60])
    re.search(pattern, LONG[:60])

    assert time.monotonic() - began < 0.1


def test_the_longer_the_name_the_fewer_repeats_are_quick():
    assert is_quick("(.*)-(.*)-(.*)", "a-b-c.yaml")
    assert not is_quick("(.*)-(.*)-(.*)", LONG)


def test_whether_a_replacement_fits_is_told_without_a_search():
    began = time.monotonic()

    check_expression("(?P<all>(?:(?:(?:a?){900}){900}){900})(b)?", "rename", at="here", repl=r"\g<all>\2")
    with pytest.raises(OperationError, match="cannot take the place of"):
        check_expression("(?P<all>(?:(?:(?:a?){900}){900}){900})(b)?", "rename", at="here", repl=r"\3")

    assert time.monotonic() - began < 1


@pytest.mark.parametrize("pattern", ENDLESS)
def test_reading_a_source_tries_no_search_that_may_not_end(pattern):
    began = time.monotonic()

    source = read_source({"dvcfile": LONG, "rename": {"pattern": pattern, "repl": "b"}}, where="here")
    assert source.rename[0].pattern == pattern

    assert time.monotonic() - began < 1


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_config_file_which_is_renamed_while_it_is_read_takes_no_such_pattern(pattern):
    with pytest.raises(OperationError, match="in 'rename' is more than the name of a config file needs"):
        read_source({"config": LONG, "rename": {"pattern": pattern, "repl": "b"}}, where="here")


def test_a_cell_that_asks_for_such_a_source_is_read():
    code = f"import dvc_magic as dm\nprint(dm.dvcfile({LONG!r}, rename='(a+)+$ b'))\n"

    assert cell_operation("fit", code).requires[0].path == LONG

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import OperationError
from dvc_magic.operations.arguments import Argument, arguments, takes_arguments


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p.add_argument('--lr', type=float, default=0.1)", {"lr": Argument(default=0.1)}),
        ("p.add_argument('-n', '--max-iters', default=-3)", {"max-iters": Argument(default=-3)}),
        ("p.add_argument('--layers', nargs='+', default=(4, 5))", {"layers": Argument(default=[4, 5])}),
        ("p.add_argument('--dry', action='store_true')", {"dry": Argument(default=False, switch=True)}),
        ("@click.option('--lr', default=0.1)\ndef f(lr): pass", {"lr": Argument(default=0.1)}),
        ("@click.option('--dry', is_flag=True)\ndef f(dry): pass", {"dry": Argument(default=False, switch=True)}),
        ("flags.DEFINE_float('lr', 0.1, 'rate')", {"lr": Argument(default=0.1)}),
        ("flags.DEFINE_bool('dry', False, 'none')", {"dry": Argument(default=False, switch=True)}),
    ],
)
def test_an_option_with_a_literal_default_is_found(text, found):
    assert arguments(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "p.add_argument('path', default='a')",
        "p.add_argument('--lr')",
        "p.add_argument('--lr', default=None)",
        "p.add_argument('--lr', default=rate())",
        "p.add_argument('--lr', action='append', default=[])",
        "p.add_argument('--quick', action='store_false')",
        "p.add_argument('--dry', action='store_true', default=True)",
        "p.add_argument('--lr', default={'a': 1})",
        "click.option('--dry/--wet', default=False)",
        "flags.DEFINE_bool('dry', True, 'none')",
        "flags.DEFINE_float(name, 0.1)",
        "print('--lr', default=0.1)",
        "",
    ],
)
def test_one_whose_default_a_command_cannot_repeat_is_not(text):
    assert arguments(text) == {}


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("import argparse", True),
        ("from argparse import ArgumentParser", True),
        ("import os, click as c", True),
        ("from absl import flags", True),
        ("def main():\n    import fire", True),
        ("import argparser", False),
        ("from . import argparse", False),
        ("from .click import x", False),
        ("import", False),
    ],
)
def test_a_script_that_imports_a_reader_of_command_lines_takes_arguments(text, takes):
    assert takes_arguments(text) is takes


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        arguments(text)
    except OperationError:
        assert not takes_arguments(text)

from __future__ import annotations

import pytest

from dvc_magic.errors import LineError
from dvc_magic.line import Option, Usage


def runs(line, **names):
    values = (Option(name=name) for name in ("--stage", "--sort", "-n"))
    usage = Usage(magic="%runs", words=("EXPR",), raw=True, options=(*values, Option(name="--all", takes=False)))
    return usage.read(line, namespace=names)


def show(line, **names):
    return Usage(magic="%show", words=("RUN",), options=(Option(name="-n"),)).read(line, namespace=names)


def test_a_query_is_taken_raw_wherever_it_stands():
    read = runs("--stage train metrics.loss < -0.1 and stage == 'a  b' -n 5 --all;")
    assert read.positional == "metrics.loss < -0.1 and stage == 'a  b'"
    assert read.values == {"--stage": "train", "-n": "5"}
    assert read.switches == {"--all"}
    assert read.silent


def test_a_query_in_quotes_is_what_stands_in_them():
    assert runs('"loss < 1"').positional == "loss < 1"


def test_names_in_a_query_become_literals():
    assert runs("a == {x} and b < {y}", x="it's", y=0.5).positional == r"a == 'it\'s' and b < 0.5"
    assert runs("a in {x}", x=(1, "b")).positional == "a in [1, 'b']"


def test_option_values_are_texts():
    assert runs("--stage 'a b' --sort -loss -n5").values == {"--stage": "a b", "--sort": "-loss", "-n": "5"}
    assert show("{run} -n {n}", run="41", n=3).values == {"-n": "3"}


def test_without_words_there_is_no_positional():
    assert show("").positional is None
    assert runs("--all").positional is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 2", "%show takes one RUN, not 2"),
        ("--tial 3", "There is no option --tial"),
        ("-n", "-n needs a value"),
        ("-n 1 -n 2", "given twice"),
        ("'a", "never closed"),
    ],
)
def test_what_is_too_much_or_missing_is_said(line, said):
    with pytest.raises(LineError, match=said):
        show(line)


def test_an_option_that_repeats_has_all_its_values_in_order():
    usage = Usage(magic="%debug", options=(Option(name="--command", short="-c", repeats=True), Option(name="-n")))

    read = usage.read("-c 'p {x}' --command \"w {x}\" -n 1", namespace={"x": 7})

    assert read.several == {"--command": ("p {x}", "w 7")}
    assert read.values["-n"] == "1"


def test_a_switch_takes_no_value_and_a_magic_without_words_no_word():
    with pytest.raises(LineError, match="takes no value"):
        runs("--all=1")
    with pytest.raises(LineError, match="%check takes options alone, not x. What they are says %check --help"):
        Usage(magic="%check").read("x", namespace={})


def test_two_words_where_one_goes_are_answered_with_the_lines_that_may_be_meant():
    with pytest.raises(LineError) as caught:
        show("first try -n 3")

    said = "%show takes one RUN, not 2. Write %show first, or if that is one name with blanks in it, %show 'first try'"
    assert str(caught.value).split("\n")[0] == said
    assert (show("first").positional, show("'first try'").positional) == ("first", "first try")

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.untrusted import UnreadableError, check_document, check_yaml
from tests.support.bombs import odd_yaml_bomb, yaml_bomb


def refused(text: str) -> str:
    began = time.process_time()
    with pytest.raises(UnreadableError) as caught:
        check_yaml(text)
    assert time.process_time() - began < 5
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        yaml_bomb(),
        yaml_bomb(levels=400),
        odd_yaml_bomb(),
        yaml_bomb() + "tail: {a: 'b\n",  # what stands before a mistake is weighed all the same
        "? &x0 [a, a, a, a]\n: 1\n" + yaml_bomb("y"),
        yaml_bomb().replace(": &", ":\n  &"),
        f'{{"a": &a [{"1, " * 400}], "b": [{"*a, " * 400}]}}',
    ],
    ids=["ten lines", "long", "odd names", "with a mistake", "as a key", "on lines of its own", "JSON-like"],
)
def test_aliases_that_stand_for_more_than_a_computer_holds_are_refused(text):
    assert "repeat more than 100,000 values" in refused(text)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", '["x", ', "[{a: 1}, "])
def test_depth_is_refused_in_every_style(opening):
    assert "nested more than 100 deep" in refused(opening * 2000)


@pytest.mark.parametrize("lines", [["a:", "- b:", "  - c:"], ["a:", " b:", "  c:"]])
def test_depth_of_indented_lines_is_refused(lines):
    step = len(lines[-1]) - len(lines[-1].lstrip())
    text = "\n".join(f"{' ' * (step * round_)}{line}" for round_ in range(200) for line in lines[1:])

    assert "nested more than 100 deep" in refused(f"a:\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "cmd: a && b *.csv\n" * 3000,
        "".join(f"s{i}: {{cmd: 'a && b', deps: [a, \"b\"], outs: [{{x: {{cache: false}}}}]}}\n" for i in range(500)),
        "base: &base {lr: 0.1}\n" + "".join(f"op{i}: {{<<: *base}}\n" for i in range(2000)),
        "a: &a 1\nb: [*a, *unknown]\n",
        f"a: >\n{' ' * 60}text\n",
        "a: '" + "[" * 500 + "'\n",
        "\ud800: &a\n- *a\x00",
        "",
    ],
)
def test_what_people_write_is_let_through_and_what_is_no_yaml_is_left_to_its_reader(text):
    check_document(text, ".yaml")


@given(
    st.recursive(
        st.none() | st.integers() | st.text("&*a: [{"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("ab&*"), inner),
    )
)
def test_what_a_writer_of_yaml_makes_is_let_through(value):
    check_yaml(yaml.safe_dump([value, value, value]))


@pytest.mark.parametrize(("suffix", "length"), [(".yaml", 5_000_000), (".TOML", 5_000_000), ("", 5_000_000)])
def test_a_text_longer_than_anybody_writes_is_refused(suffix, length):
    with pytest.raises(UnreadableError, match="5,000,000 characters, more than the 4,194,304 that are read"):
        check_document("#" * length, suffix)
    check_document("1" * length, ".json")

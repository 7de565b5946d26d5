from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import OperationError
from dvc_magic.operations import cell_operation, load_yaml, read_guild

MANY = 9
DEEP = ["[" * 3000, "{a: " * 3000, "- " * 3000, "\n".join(f"{' ' * depth}a:" for depth in range(300))]


def bomb(levels: int) -> str:
    """Lines of YAML whose last value, `x{levels}`, stands for 9 ** levels texts."""
    lines = ["x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * MANY)}]" for i in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


def merging_bomb(levels: int) -> str:
    """The same of merged maps, which PyYAML copies while it reads."""
    lines = ["x0: &x0 {a: 1}"]
    lines += [f"x{i}: &x{i} {{<<: [{', '.join([f'*x{i - 1}'] * MANY)}]}}" for i in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


def refused(text: str) -> str:
    began = time.process_time()  # other processes may keep this one waiting
    with pytest.raises(OperationError) as caught:
        load_yaml(text, at="guild.yml")
    assert time.process_time() - began < 5
    return str(caught.value)


@pytest.mark.parametrize("text", [bomb(9), bomb(400), merging_bomb(9), merging_bomb(400)], ids=len)
def test_aliases_that_stand_for_more_than_a_computer_holds_are_refused_at_once(text):
    assert refused(text) == "guild.yml: its aliases (*NAME) repeat more than 100,000 values; write out what is meant"


def test_a_long_text_that_is_repeated_counts_by_its_length():
    assert "repeat more than" in refused(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]")


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: {c: *a}}", "a: &a [[*a, 1], *a]"])
def test_a_value_that_contains_itself_is_refused(text):
    assert "an alias (*NAME) stands inside the value that it names" in refused(text)


@pytest.mark.parametrize("text", ["[", "a: 2024-99-99", "!!timestamp x", "a: 'b", "<<: 1", "? [a]\n: 1"])
def test_what_is_no_yaml_is_refused_in_one_line(text):
    message = refused(text)

    assert message.startswith("guild.yml is not valid YAML: ")
    assert "\n" not in message


@pytest.mark.parametrize("text", DEEP, ids=["lists", "maps", "dashes", "indented"])
def test_what_is_nested_too_deep_is_refused_at_once(text):
    assert refused(text) == "guild.yml: it has values nested more than 100 deep; make it flatter"


def test_a_file_longer_than_anybody_writes_is_refused():
    assert "characters, more than the 1,048,576 that are read" in refused("a: 1\n" * 300_000)


def test_a_number_that_python_cannot_write_out_is_refused():
    assert refused(f"a: 0x{'f' * 4000}") == "guild.yml: a number is longer than 1,000 digits; put it in quotes"


def test_aliases_and_merges_of_ordinary_files_stay():
    text = "base: &base {lr: 0.1, n: 3}\n" + "".join(f"op{i}: {{<<: *base, also: *base}}\n" for i in range(500))

    assert load_yaml(text, at="a") == yaml.safe_load(text)


def test_a_long_file_without_aliases_is_read():
    assert len(load_yaml("- 1\n" * 100_001, at="a")) == 100_001


@given(
    st.recursive(
        st.none() | st.integers() | st.text("ab"), lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner)
    )
)
def test_it_reads_what_pyyaml_reads(value):
    text = yaml.safe_dump([value, value])

    assert load_yaml(text, at="a") == yaml.safe_load(text)


def test_no_bomb_in_guilds_file_is_more_than_a_message():
    with pytest.raises(OperationError, match="repeat more than"):
        read_guild(bomb(9) + "f: {requires: *x9}\n", exists=lambda _: False, read_text=lambda _: None)


def test_no_bomb_in_a_cells_block_is_more_than_a_message():
    block = "".join(f"# {line}\n" for line in bomb(9).replace("x0: &x0", "requires: &x0").splitlines())

    with pytest.raises(OperationError, match="line 2 of the cell: its aliases"):
        cell_operation("fit", f"# /// dvc_magic\n{block}# ///\nprint(1)\n")

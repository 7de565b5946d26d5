"""Param files: values are read as DVC reads them, and written so that the rest of the file stays as it is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from dvc_magic.errors import ParamError, PipelineError
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.values import same
from dvc_magic.workspace.param_files import ValueChange, read_values, set_values

YAML_TEXT = """\
# the params
base: &base   # shared
  lr: 0.1     # rate
  name: "no"
train:
  <<: *base
  layers:
  - 1   # one
  - {size:  2}
copy: *base
note: |  # kept
  two
  lines

last: 'x'"""


def changed(text, suffix=".yaml", kind=ChangeKind.SET, /, **changes):
    keyed = [ValueChange(key=key.replace("__", "."), value=value, kind=kind) for key, value in changes.items()]
    return set_values(text, suffix, keyed)


def set_one(text, suffix, key, value, kind=ChangeKind.SET):
    return set_values(text, suffix, [ValueChange(key=key, value=value, kind=kind)])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e-5, "1.0e-05"),
        (1e16, "1.0e+16"),
        (math.inf, ".inf"),
        (None, "null"),
        (True, "true"),
        ("word", "word"),
        *(
            (text, f'"{text}"')
            for text in ("no", "on", "y", "12:30", "1e5", "0o17", "", " x", "1_000", "2020-01-01", ".5", "~")
        ),
        ("a\nb\u2028", '"a\\nb\\u2028"'),
        ([1, {"a b": "x: y"}, []], '[1, {a b: "x: y"}, []]'),
    ],
)
def test_yaml_values_are_written_for_readers_of_both_versions(value, written):
    text = set_one("a: 0\n", ".yaml", "a", value)
    assert text == f"a: {written}\n"
    assert yaml.safe_load(text) == YAML(typ="safe").load(text) == {"a": value}


def test_a_yaml_string_keeps_the_quotes_of_the_one_before():
    assert changed("a: 'x'\nb: \"x\"\nc: x\n", a="it's", b="word", c="word") == "a: 'it''s'\nb: \"word\"\nc: word\n"


def test_only_the_value_of_a_nested_key_changes():
    assert changed(YAML_TEXT, last="y") == YAML_TEXT.replace("last: 'x'", "last: 'y'")
    assert set_one(YAML_TEXT, ".yaml", "train.layers.0", 3) == YAML_TEXT.replace("- 1   # one", "- 3   # one")
    assert set_one(YAML_TEXT, ".yaml", "train.layers.1.size", 3) == YAML_TEXT.replace("{size:  2}", "{size:  3}")


def test_an_inherited_key_is_written_into_the_map_itself():
    assert changed(YAML_TEXT, train__lr=0.5) == YAML_TEXT.replace("  - {size:  2}\n", "  - {size:  2}\n  lr: 0.5\n")


def test_a_key_below_an_alias_leaves_the_owner_of_the_anchor_alone():
    assert changed(YAML_TEXT, copy__lr=0.5) == YAML_TEXT.replace("copy: *base", 'copy: {lr: 0.5, name: "no"}')


def test_a_key_below_a_used_anchor_hands_the_anchor_to_its_first_user():
    wanted = YAML_TEXT.replace("base: &base ", "base: ").replace("<<: *base", '<<: &base {lr: 0.1, name: "no"}')
    assert changed(YAML_TEXT, base__lr=0.5) == wanted.replace("  lr: 0.1     #", "  lr: 0.5     #")


def test_an_alias_and_an_anchored_value_change_alone():
    text = "a: &x 5 # a\nb: *x\nc: *x\n"
    assert changed(text, b=6) == "a: &x 5 # a\nb: 6\nc: *x\n"
    assert changed(text, a=6) == "a: 6 # a\nb: &x 5\nc: *x\n"
    assert changed(text, ".yaml", ChangeKind.REMOVE) == text
    assert set_one(text, ".yaml", "a", None, ChangeKind.REMOVE) == "b: &x 5\nc: *x\n"


def test_a_block_text_gives_way_and_its_comment_stays():
    assert changed(YAML_TEXT, note="one") == YAML_TEXT.replace("|  # kept\n  two\n  lines\n", "one  # kept\n")


def test_block_collections_and_empty_values_are_replaced():
    text = "a:\n- 1\n- 2\nb: # why\n  c: 1\nd:\ne:  # none\n"
    assert changed(text, a=[3], b=0, d="x", e={"f": 1}) == "a: [3]\nb: # why\n  0\nd: x\ne: {f: 1}  # none\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_a_byte_order_mark_and_a_missing_last_line_break_stay(end):
    text = "\ufeffa: 1 # é" + end + "b: 2"
    assert changed(text, b=3) == "\ufeffa: 1 # é" + end + "b: 3"
    assert changed(text, ".yaml", ChangeKind.ADD, c=3) == text + end + "c: 3"


def test_keys_are_added_at_the_end_of_their_map_with_missing_parents():
    text = "a:\n    b: 1  # b\n\nf: {x: 1}\nn:\n"
    wanted = 'a:\n    b: 1  # b\n    "no": 2\n\nf: {x: 1, z: 2}\nn: {p: {q: 2}}\nnew: {z: 2}\n'
    assert changed(text, ".yaml", ChangeKind.ADD, a__no=2, f__z=2, n__p__q=2, new__z=2) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"), [("", "a: 1\n"), ("# c\n", "# c\na: 1\n"), ("{}\n", "{a: 1}\n"), ("---\n", "---\na: 1\n")]
)
def test_a_key_can_be_added_to_a_file_without_any(text, wanted):
    assert changed(text, ".yaml", ChangeKind.ADD, a=1) == wanted


def test_removed_keys_take_their_lines_with_them():
    text = "# c\na: 1 # x\nb:\n  c: |\n    t\n  d: 2\nf: {x: 1, y: 2}\nl:\n- p: 1\n  q: 2\n"
    gone = [ValueChange(key=key, kind=ChangeKind.REMOVE) for key in ("a", "b.c", "f.x", "l.0.p")]
    assert set_values(text, ".yaml", gone) == "# c\nb:\n  d: 2\nf: {y: 2}\nl:\n- q: 2\n"


def test_a_removed_key_takes_the_comments_below_it_that_are_indented_deeper():
    text = "a: |\n  text\nb:\n   # of b\n# of c\nc: 1\n"
    assert set_one(text, ".yaml", "b", None, ChangeKind.REMOVE) == "a: |\n  text\n# of c\nc: 1\n"


def test_a_map_is_set_key_by_key_as_dvc_does_it():
    text = "t:\n  a: 1 # a\n  b: {c: 2, d: 3}\n"
    assert set_one(text, ".yaml", "t", {"b": {"c": 5}}) == text.replace("c: 2", "c: 5")
    with pytest.raises(ParamError, match="no key 't.x'"):
        set_one(text, ".yaml", "t", {"x": 1})
    assert set_one(text, ".yaml", "t", {"x": 1}, ChangeKind.FORCE) == text + "  x: 1\n"


def test_a_key_with_a_dot_in_it_is_found_when_no_path_is():
    assert set_one("a.b: 1\na: {c: 2}\n", ".yaml", "a.b", 3) == "a.b: 3\na: {c: 2}\n"
    assert set_one("a.b: 1\na: {b: 2}\n", ".yaml", "a.b", 3) == "a.b: 1\na: {b: 3}\n"


def test_an_unknown_key_is_refused_with_close_matches_and_the_way_to_add_it():
    with pytest.raises(ParamError) as caught:
        set_values(YAML_TEXT, ".yaml", [ValueChange(key="trian.lr", value=1)], path="params.yaml")
    assert "params.yaml" in str(caught.value)
    assert "'train.lr'" in str(caught.value)
    assert "-S '+trian.lr=1'" in str(caught.value)


def test_adding_a_key_that_is_there_is_refused_and_forcing_it_is_not():
    with pytest.raises(ParamError, match="there already, as 1"):
        set_one("a: 1\n", ".yaml", "a", 2, ChangeKind.ADD)
    assert set_one("a: 1\n", ".yaml", "a", 2, ChangeKind.FORCE) == "a: 2\n"


@pytest.mark.parametrize(
    "text", ["a: &a [*a]\nb: 1\n", "a: 1\na: 2\n", "- 1\n", "a: [\n", "a: 1\n---\nb: 2\n", "a: !x 1\n"]
)
def test_a_yaml_file_that_dvc_cannot_read_is_refused_by_name(text):
    with pytest.raises(PipelineError, match=r"p\.yaml"):
        read_values(text, ".yaml", "p.yaml")
    with pytest.raises(PipelineError):
        set_one(text, ".yaml", "b", 2)


@pytest.mark.parametrize(
    ("text", "key", "value", "kind"),
    [
        ("b: &b {a: 1}\nt: {<<: *b}\n", "t.a", None, ChangeKind.REMOVE),
        ("a: [1]\n", "a.0", None, ChangeKind.REMOVE),
        ("a: [1]\n", "a.1", 2, ChangeKind.ADD),
        ("a: [1]\n", "a", {"b": 1}, ChangeKind.SET),
        ("a: 1\n", "a", object(), ChangeKind.SET),
        ("a: 1\n", "a", "\ud800", ChangeKind.SET),
        ("a: 1\n", "a..b", 1, ChangeKind.ADD),
        ("&k a: 1\nb: *k\n", "a", None, ChangeKind.REMOVE),
        ("a: |+\n  t\nb: 1\n\n", "b", None, ChangeKind.REMOVE),
    ],
)
def test_what_cannot_be_done_to_one_key_alone_is_refused(text, key, value, kind):
    with pytest.raises(ParamError):
        set_one(text, ".yaml", key, value, kind)


def test_json_keeps_its_layout():
    text = '{\n\t"a" : 1.0,\n\t"b":{"c":[1, 2]}\n}\n'
    assert changed(text, ".json", a=1e-5, b__c=[math.nan]) == text.replace("1.0", "1e-05").replace("[1, 2]", "[NaN]")
    assert (
        set_one(text, ".json", "d", "é", ChangeKind.ADD) == '{\n\t"a" : 1.0,\n\t"b":{"c":[1, 2]},\n\t"d":"\\u00e9"\n}\n'
    )
    assert set_one(text, ".json", "a", 0, ChangeKind.REMOVE) == '{\n\t"b":{"c":[1, 2]}\n}\n'
    assert set_one('{"é": 1}', ".json", "é", "ü") == '{"é": "ü"}'


def test_a_json_key_that_is_there_twice_is_refused():
    with pytest.raises(ParamError, match="2 times"):
        set_one('{"a": 1, "a": 2}', ".json", "a", 3)


def test_toml_keeps_comments_in_arrays_and_the_kind_of_quotes():
    text = "a = [ # x\n  1, # one\n  2,\n]\n[t]\nk = 'v'\nin = { p = 1, q.r = 2 }\n[[runs]]\nlr = 1 # r\n"
    assert set_one(text, ".toml", "a.0", 1e-5) == text.replace("  1, #", "  1e-05, #")
    assert set_one(text, ".toml", "t.k", "no") == text.replace("'v'", "'no'")
    assert set_one(text, ".toml", "t.in.q.r", 5) == text.replace("q.r = 2", "q.r = 5")
    assert set_one(text, ".toml", "runs.0.lr", 5) == text.replace("lr = 1 #", "lr = 5 #")


def test_toml_keys_are_added_where_their_table_is():
    text = "# c\na = 1\np.q = 2\n\n# t\n[t] # x\nb = 1\n[u.v]\nw = 1\n"
    added = changed(text, ".toml", ChangeKind.ADD, c=3, p__r=3, t__n__m=3, u__o=3)
    assert added == (
        "# c\na = 1\np.q = 2\np.r = 3\n\n# t\nc = 3\n\n[t] # x\nb = 1\nn = {m = 3}\n[u]\no = 3\n\n[u.v]\nw = 1\n"
    )


def test_toml_stays_as_it_is_where_other_tables_stand_between_those_of_an_array():
    text = "a = 1\n[[r]]\nn = 1\n\n[t]\nn = 1\n\n[[r]]\nn = 1"
    assert set_one(text, ".toml", "r.1.n", 5) == text.removesuffix("1") + "5"
    assert set_one(text, ".toml", "t.n", 5) == text.replace("[t]\nn = 1", "[t]\nn = 5")
    with pytest.raises(ParamError, match="others between its tables; write these one after the other"):
        changed(text, ".toml", ChangeKind.REMOVE, t=None)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_toml_keeps_its_kind_of_line_ends(end):
    text = end.join(["# c", "a = 1", "", "[t]", "b = 'x'"])
    assert changed(text, ".toml", ChangeKind.ADD, t__c=3) == text + end + "c = 3"
    assert set_one(text, ".toml", "t.b", "y") == text.replace("'x'", "'y'")


@pytest.mark.parametrize("value", [None, [None], {"x": None}])
def test_toml_takes_no_null(value):
    with pytest.raises(ParamError, match="null"):
        set_one("a = 1\n", ".toml", "a", value)


PYTHON_TEXT = '''\
"""é"""
import os
LR=0.3
é = "ü"; M = 3e-1  # c
NAME = "a"
SIZES: tuple = (1, 2)
class Train:
    EPOCHS = -1
    OPT = {"a": 1, "b": {"c": 2}}
    def __init__(self):
        self.x = {1, 2}
        y = 1
LR = 0.4
BAD = os.sep
A = B = 1
'''


def test_python_values_are_read_as_dvc_reads_them():
    assert read_values(PYTHON_TEXT, ".py", "params.py") == {
        "LR": 0.4,
        "é": "ü",
        "M": 0.3,
        "NAME": "a",
        "SIZES": [1, 2],
        "Train": {"EPOCHS": -1, "OPT": {"a": 1, "b": {"c": 2}}, "x": [1, 2]},
    }


def test_python_literals_are_replaced_in_place():
    after = changed(
        PYTHON_TEXT,
        ".py",
        LR=1e-5,
        M=7,
        NAME='say "x"',
        SIZES=[1],
        Train__EPOCHS=-3,
        Train__OPT__b__c=None,
        Train__x=[4, 3],
    )
    pairs = [("LR = 0.4", "LR = 1e-05"), ("3e-1", "7"), ('"a"\n', '"say \\"x\\""\n'), ("(1, 2)", "(1,)"), ("-1", "-3")]
    wanted = PYTHON_TEXT
    for old, new in [*pairs[:1], ("M = 3e-1", "M = 7"), *pairs[2:], ('"c": 2', '"c": None'), ("{1, 2}", "{4, 3}")]:
        wanted = wanted.replace(old, new)
    assert after == wanted


def test_python_names_attributes_and_dict_entries_are_added_and_removed():
    after = changed(PYTHON_TEXT, ".py", ChangeKind.ADD, NEW=1, Train__FAST=True, Train__OPT__z={"y": "x"})
    assert "LR = 0.4\nNEW = 1\nBAD" in after
    assert '"b": {"c": 2}, "z": {"y": "x"}}\n    FAST = True\n    def' in after
    assert changed(after, ".py", ChangeKind.REMOVE, NEW=1, Train__FAST=1, Train__OPT__z=1) == PYTHON_TEXT


@pytest.mark.parametrize(("text", "value"), [("x = 1\n", math.nan), ("x = {1}\n", []), ("class x:\n    y = 1\n", 3)])
def test_what_python_has_no_literal_for_is_refused(text, value):
    with pytest.raises(ParamError):
        set_one(text, ".py", "x", value)


FILES = {
    "params.yaml": YAML_TEXT + "\nd: [no, 12:30, 0o17, 1e5]\ne: {}\n",
    "params.json.in": '{"a": [1, 2.0, null], "b": {"c": "no"}}\n',
    "params.json": '{"a": [1, NaN, null], "b": {}}\n',
    "params.toml": "a = 1\nb.c = [1, 'x']\n[[t]]\nd = 1.0\n[t.u]\ne = 'f'\n",
    "empty.yaml": "# nothing\n",
    "crlf.yaml": "a: 'b\r\n  c'\r\nd: |\r\n  e\r\n",
}


@pytest.mark.parametrize("name", FILES)
def test_values_are_those_of_dvcs_own_reader(tmp_path, name):
    from dvc.utils.serialize import LOADERS

    path = tmp_path / name
    path.write_bytes(FILES[name].encode())
    assert repr(read_values(FILES[name], path.suffix, name)) == repr(LOADERS[path.suffix](path))


def test_python_values_are_those_of_dvcs_own_reader_with_lists_for_tuples_and_sets(tmp_path):
    from dvc.utils.serialize import LOADERS

    def listed(value):
        if isinstance(value, dict):
            return {key: listed(item) for key, item in value.items()}
        return [listed(item) for item in value] if isinstance(value, tuple | list | set) else value

    text = PYTHON_TEXT + "x: int\nself.z = 1\nT = [(1, 2), {'k': (3,)}]\nclass Train:\n    class In:\n        q = 1\n"
    path = Path(tmp_path, "params.py")
    path.write_text(text, encoding="utf-8")
    assert read_values(text, ".py", "params.py") == listed(LOADERS[".py"](path))


@pytest.mark.parametrize("name", [name for name in FILES if name != "empty.yaml"])
def test_dvcs_own_reader_finds_what_was_set(tmp_path, name):
    from dvc.utils.serialize import LOADERS

    path = tmp_path / name
    wanted = read_values(FILES[name], path.suffix, name) | {"new": [1e-5, "no", {"k": "12:30"}]}
    added = ValueChange(key="new", value=wanted["new"], kind=ChangeKind.ADD)
    path.write_bytes(set_values(FILES[name], path.suffix, [added]).encode())
    assert same(LOADERS[path.suffix](path), wanted)


def test_an_inherited_key_is_written_as_its_owner_spells_it() -> None:
    text = "a: &base\n  on: 1\nb:\n  <<: *base\n  c: 1\n"

    assert set_values(text, ".yaml", [ValueChange(key="b.on", value=2)]) == f"{text}  on: 2\n"


@pytest.mark.parametrize(("kind", "item"), [(ChangeKind.SET, "{a: 3, b: 2}"), (ChangeKind.REMOVE, "{b: 2}")])
def test_an_inherited_list_is_written_out_under_its_key_as_that_is_spelled(kind, item):
    text = "base: &base\n  'no':\n  - a: 1\n    b: 2\nown:\n  <<: *base\n"

    assert set_one(text, ".yaml", "own.no.0.a", 3, kind) == f"{text}  'no': [{item}]\n"

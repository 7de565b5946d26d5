"""Whatever the document and whatever the value: only the asked key changes, for every reader."""

from __future__ import annotations

import ast
import contextlib
import json
import math
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dvc_magic.errors import ParamError, PipelineError
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.values import same
from dvc_magic.workspace.param_files import ParamFile, ValueChange, read_values, set_values

NASTY = [
    *(
        "no",
        "Yes",
        "on",
        "y",
        "null",
        "~",
        "",
        " x",
        "x ",
        "12:30",
        "1:2:3",
        "1e5",
        "1e-5",
        "0o17",
        "017",
        "1_000",
        ".5",
    ),
    *(
        "2020-01-01",
        "=",
        "<<",
        "*a",
        "&a",
        "!x",
        "- a",
        "? a",
        "a: b",
        "a #b",
        "#",
        "{a}",
        "[a]",
        "a,b",
        "%x",
        "@x",
        "`x`",
    ),
    *(
        "'",
        '"',
        "it's",
        'say "x"',
        "a\nb",
        "\ta",
        "a\\b",
        "é",
        "\U0001f600",
        "\x85",
        "\u2028",
        "\x7f",
        "|",
        ">",
        "---",
        "...",
    ),
    *(
        "...\n",
        ".inf",
        ".nan",
        "0x1F",
        "+1",
        "true",
        "null ",
        "x\r\ny",
        "{{a}}",
        "${a}",
        "1.0",
        "\ufeffx",
        "'''",
        '"""',
        "\x00\x1b",
    ),
]
STRINGS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=8))
FLOATS = st.one_of(st.floats(allow_nan=False), st.sampled_from([1e-5, 1e16, 1.0, -0.0, 1e300, 5e-324]))
SCALARS = st.one_of(st.booleans(), st.integers(), FLOATS, STRINGS)
KEYS = st.sampled_from(["lr", "n", "opt", "on", "no", "12", "a-b", "x_1", "é", "y", "null"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=4,
)
NULLABLE = st.one_of(st.none(), VALUES)
INDENTS = st.integers(1, 4)
COMMENTS = st.sampled_from(["", "", "  # note", " # it's: a [note"])
LINES = st.sampled_from(["", "", "# lines: [apart", "   # 'x"])


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    below = [found for key, item in items for found in leaves(item, (*path, key))]
    return [*([path] if path else []), *below]


def unshared(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: unshared(item) for key, item in tree.items()}
    return [unshared(item) for item in tree] if isinstance(tree, list) else tree


def put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    tree = unshared(tree)
    spot = tree
    for part in path[:-1]:
        spot = spot[part]
    spot[path[-1]] = value
    return tree


def merged(old: Any, new: Any) -> Any:
    """What a map becomes when a map is set into it; the tests set such maps that have no new keys."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old.get(key), item) for key, item in new.items()}
    return new


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


# YAML: documents are written line by line, with each layout that the specification allows for params.

PLAIN = [
    *(
        "1",
        "-3",
        "0.1",
        "1e-5",
        "1.0e-05",
        "no",
        "yes",
        "12:30",
        "0o17",
        "1_000",
        "2020-01-01",
        "null",
        "~",
        "true",
        ".5",
        ".inf",
    ),
    *(
        "word",
        "two words",
        "http://host/x",
        "a-b",
        "it's",
        "x#y",
        "é",
        '"quoted # : "',
        "'it''s'",
        '"\\n\\u00e9"',
        "''",
        "{}",
        "[]",
    ),
    *("[1, 2]", "{a: 1, b: no}", "[ a ,  'b' , [c] ]", '{"a":1}', "!!str 12", "!!float 3", "[{lr: 1}, {lr: 2}]"),
]


@st.composite
def yaml_maps(draw: Any, indent: int, depth: int, anchors: list[str]) -> list[str]:
    lines: list[str] = []
    step = draw(INDENTS)
    if indent and draw(st.booleans()) and [name for name in anchors if name.startswith("m")]:
        base = draw(st.sampled_from([name for name in anchors if name.startswith("m")]))
        lines.append(" " * indent + f"<<: *{base}")
    for key in draw(
        st.lists(st.sampled_from(["a", "b", "c", "on", "'no'", "12", "k.k"]), min_size=1, max_size=3, unique=True)
    ):
        note = draw(LINES)
        lines += [note] if note else []
        lines += draw(yaml_entries(f"{' ' * indent}{key}:", indent, step, depth=depth, anchors=anchors))
    return lines


@st.composite
def yaml_entries(draw: Any, head: str, indent: int, step: int, *, depth: int, anchors: list[str]) -> list[str]:
    kind = draw(
        st.sampled_from(["plain", "plain", "empty", "block", "folded", "alias", "anchor", "map", "map", "list", "long"])
    )
    comment, inner = draw(COMMENTS), " " * (indent + step)
    if kind == "alias" and anchors:
        return [f"{head} *{draw(st.sampled_from(anchors))}{comment}"]
    if kind == "anchor":
        anchors.append(f"s{len(anchors)}")
        return [f"{head} &{anchors[-1]} {draw(st.sampled_from(PLAIN[:26]))}{comment}"]
    if kind == "empty":
        return [f"{head}{comment}"]
    if kind in ("block", "folded"):
        sign = ("|" if kind == "block" else ">") + draw(st.sampled_from(["", "-", "+"]))
        return [
            f"{head} {sign}{comment}",
            f"{inner}no: # text",
            *draw(st.sampled_from([[], [""], ["", f"{inner}more"]])),
        ]
    if kind == "long":
        return [f"{head} several words", f"{inner}on two lines"]
    if kind == "map" and depth:
        return draw(yaml_nested(head, indent + step, depth=depth, anchors=anchors, comment=comment))
    if kind == "list" and depth:
        return draw(yaml_lists(head, indent, step, depth=depth, anchors=anchors))
    return [f"{head} {draw(st.sampled_from(PLAIN))}{comment}"]


@st.composite
def yaml_nested(draw: Any, head: str, indent: int, *, depth: int, anchors: list[str], comment: str) -> list[str]:
    inside = draw(yaml_maps(indent, depth - 1, anchors))
    if not draw(st.booleans()):
        return [f"{head}{comment}", *inside]
    anchors.append(f"m{len(anchors)}")
    return [f"{head} &{anchors[-1]}{comment}", *inside]


@st.composite
def yaml_lists(draw: Any, head: str, indent: int, step: int, *, depth: int, anchors: list[str]) -> list[str]:
    column = indent + draw(st.sampled_from([0, step]))
    lines = [head + draw(COMMENTS)]
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            lines.append(f"{' ' * column}- {draw(st.sampled_from(PLAIN))}{draw(COMMENTS)}")
        else:
            inside = [line for line in draw(yaml_maps(column + 2, depth - 1, anchors)) if line.strip()[:1] != "#"]
            lines += [f"{' ' * column}- {inside[0].lstrip()}", *inside[1:]]
    return lines


@st.composite
def yaml_texts(draw: Any) -> str:
    lines = draw(yaml_maps(0, 2, []))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "", "\ufeff", f"---{end}", f"%YAML 1.2{end}---{end}"]))
    return mark + end.join(lines) + draw(st.sampled_from(["", end, end * 2, f"{end}# end"]))


def yaml_trees(text: str) -> tuple[Any, Any]:
    return unshared(YAML(typ="safe").load(text)), unshared(yaml.safe_load(text.removeprefix("\ufeff")))


def yaml_key(key: Any) -> Any:
    """A key of the 1.2 tree in the 1.1 tree."""
    return True if key == "on" else key


@settings(max_examples=200)
@given(data=st.data())
def test_in_yaml_only_the_asked_key_changes_for_readers_of_both_versions(data):
    text = data.draw(yaml_texts())
    before = yaml_trees(text)
    path = data.draw(st.sampled_from(leaves(before[0])))
    value = data.draw(
        NULLABLE.filter(lambda value: not isinstance(value, dict) or not isinstance(at(before[0], path), dict | list))
    )
    after = set_values(text, ".yaml", [ValueChange(key=".".join(map(str, path)), value=value)])
    new = yaml_trees(after)
    assert same(new[0], put(before[0], path, value))
    assert same(new[1], put(before[1], tuple(map(yaml_key, path)), value))


@settings(max_examples=100)
@given(data=st.data())
def test_a_yaml_value_on_one_line_changes_that_line_alone(data):
    before = data.draw(st.sampled_from([text for text in PLAIN if not text.startswith("!!")]))
    lines = ["# top", "t:  # note", '    a: "no"', f"    b:   {before}   # é", "    c: [1,  2]  # keep", "last: 'x'"]
    text = data.draw(st.sampled_from(["\n", "\r\n"])).join(lines)
    value = data.draw(st.one_of(SCALARS, st.none()))
    after = set_values(text, ".in", [ValueChange(key="t.b", value=value)])
    old, new = text.split("\n"), after.split("\n")
    assert [one for one, other in zip(old, new, strict=True) if one != other] in ([], [old[3]])
    assert new[3].startswith("    b:   ")
    assert new[3].rstrip("\r").endswith("   # é")


def written_or_refused(write: Any) -> Any:
    try:
        return write()
    except ParamError as error:
        return str(error)


@settings(max_examples=150)
@given(data=st.data())
def test_a_file_that_is_read_once_takes_values_as_one_that_is_read_each_time(data):
    text = data.draw(yaml_texts())
    file, tree = ParamFile(text, ".yaml", path="p"), yaml_trees(text)[0]
    places = st.lists(st.sampled_from(leaves(tree)), min_size=1, max_size=3)
    asked = data.draw(st.lists(places, min_size=1, max_size=2))
    kinds = st.sampled_from([ChangeKind.SET] * 4 + [ChangeKind.FORCE, ChangeKind.REMOVE])
    for paths in asked * 4:
        changes = [
            ValueChange(key=".".join(map(str, path)), value=data.draw(st.one_of(SCALARS, NULLABLE)), kind=kind)
            for path, kind in zip(paths, data.draw(st.tuples(*[kinds] * len(paths))), strict=True)
        ]
        known = data.draw(st.sampled_from([None, file.values]))
        alone = written_or_refused(
            lambda changes=changes, known=known: set_values(text, ".yaml", changes, path="p", values=known)
        )
        written = written_or_refused(lambda changes=changes: file.with_changes(changes))
        if isinstance(written, str):
            assert written == alone
            continue
        assert written.text == alone
        seen = YAML(typ="safe").load(alone.replace("\r\n", "\n")) or {}
        assert same(unshared(written.values), unshared(seen))
        assert repr(unshared(written.values)) == repr(unshared(seen))  # in this order
        if written.paths is not None:
            before = unshared(tree)
            for path in written.paths:
                assert not isinstance(at(before, path), dict | list)
                before = put(before, path, at(written.values, path))
            assert same(before, unshared(seen))


# JSON


@settings(max_examples=100)
@given(data=st.data())
def test_in_json_only_the_asked_value_changes(data):
    tree = data.draw(st.dictionaries(STRINGS.filter(lambda key: key and "." not in key), NULLABLE, min_size=1))
    text = json.dumps(tree, indent=data.draw(st.sampled_from([None, 1, "\t"])), ensure_ascii=data.draw(st.booleans()))
    path = data.draw(st.sampled_from(leaves(tree)))
    value = data.draw(NULLABLE.filter(lambda value: not isinstance(value, dict)))
    after = set_values(text, ".json", [ValueChange(key=".".join(map(str, path)), value=value)])
    assert same(json.loads(after), put(tree, path, value))
    if not isinstance(at(tree, path), dict | list):
        assert sum(one != other for one, other in zip(text.split("\n"), after.split("\n"), strict=True)) <= 1


# TOML

TOML_VALUES = [
    *(
        "1",
        "-3",
        "1e-5",
        "0.1",
        "inf",
        "true",
        '"a # b"',
        "'lit'",
        "'''two\nlines'''",
        '"""x\\"y"""',
        "1979-05-27 07:32:00",
    ),
    *(
        "[1, 2]",
        "[ # note\n  1, # one\n  2,\n]",
        "{ a = 1, 'b.c' = [2] }",
        '{a.b = "x"}',
        "[{a=1}, {a=2}]",
        "[]",
        "{}",
        "0x1f",
    ),
]


@st.composite
def toml_entries(draw: Any) -> list[str]:
    keys = draw(st.lists(st.sampled_from(["a", "b", "c.d", "c.e", '"f g"', "k . l"]), max_size=4, unique=True))
    equals = draw(st.sampled_from(["=", " = ", "   =  "]))
    return [f"{key}{equals}{draw(st.sampled_from(TOML_VALUES))}{draw(COMMENTS)}" for key in keys]


@st.composite
def toml_texts(draw: Any) -> str:
    lines = ["# top", *draw(toml_entries())]
    for header in draw(
        st.lists(st.sampled_from(["[t]", "[t.u]", "[[r]]", "[[r]] # x", "[ v . w ]", '["x y"]']), max_size=5)
    ):
        if header in lines and not header.startswith("[["):
            continue
        lines += ["", header, *draw(toml_entries())]
        if header.startswith("[[") and draw(st.booleans()) and lines[-1] != "[r.s]":
            lines += ["[r.s]", "z = 1"]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@contextlib.contextmanager
def refused_apart(text: str) -> Iterator[None]:
    """Allow the refusal where tables stand between those of an array, which tomlkit would move together."""
    try:
        yield
    except ParamError as error:
        if tomlkit.parse(text).as_string() == text or "write these one after the other" not in str(error):
            raise


def toml_null(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(toml_null, items))


@settings(max_examples=150)
@given(data=st.data())
def test_in_toml_only_the_asked_value_changes_for_both_readers(data):
    text = data.draw(toml_texts())
    before = tomllib.loads(text)
    paths = [path for path in leaves(before) if not isinstance(at(before, path), dict) and path[-1] != "r"]
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    value = data.draw(VALUES.filter(lambda value: not isinstance(value, dict)))
    ends = data.draw(st.sampled_from(["\n", "\r\n"]))
    after = set_values(text.replace("\n", ends), ".toml", [ValueChange(key=".".join(map(str, path)), value=value)])
    assert same(tomllib.loads(after), put(tomllib.loads(text.replace("\n", ends)), path, value))
    assert same(read_values(after, ".toml", "p.toml"), put(before, path, value))
    marks = [[line for line in lines if line.startswith(("#", "["))] for lines in (after.split(ends), text.split("\n"))]
    assert marks[0] == marks[1]


# Python

PYTHON_VALUES = [
    "1",
    "-3",
    "3e-1",
    "'a'",
    '"é"',
    "(1, 2)",
    "{1, 2}",
    "[1, # é\n     2]",
    '{"a": 1, "b": [2]}',
    "None",
    "True",
    "('x'\n 'y')",
]


@st.composite
def python_texts(draw: Any) -> str:
    lines = ['"""é\U0001f600"""', "import os"]
    for name in draw(st.lists(st.sampled_from(["LR", "é", "T"]), max_size=4)):
        form = draw(
            st.sampled_from(["{}={}", "{} = {}  # é", "{}: object = {}", "'é'; {} = {}; os.sep", "{} = ( {} )"])
        )
        lines.append(form.format(name, draw(st.sampled_from(PYTHON_VALUES))))
    lines += ["class Train:", f"    N = {draw(st.sampled_from(PYTHON_VALUES))}", "    def __init__(self):"]
    lines += [f"        self.x = {draw(st.sampled_from(PYTHON_VALUES))} # x", "        y = 1", "def f(): return 1"]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines) + "\n"


@settings(max_examples=150)
@given(data=st.data())
def test_in_python_only_the_asked_value_changes(data):
    text = data.draw(python_texts())
    before = read_values(text, ".py", "p.py")
    path = data.draw(st.sampled_from([path for path in leaves(before) if path != ("Train",)]))
    value = data.draw(SCALARS)
    assume(not isinstance(path[-1], int) or value not in (1, 2))  # which a set with the other one would swallow
    after = set_values(text, ".py", [ValueChange(key=".".join(map(str, path)), value=value)])
    ast.parse(after)
    assert same(read_values(after, ".py", "p.py"), put(before, path, value))
    assert text.splitlines()[:2] == after.splitlines()[:2]
    assert text.splitlines()[-1] == after.splitlines()[-1]
    assert not isinstance(value, float) or math.isfinite(value) or "1e999" in after


# Adding and removing


# Any format, read once


@st.composite
def json_texts(draw: Any) -> str:
    tree = draw(st.dictionaries(st.sampled_from(["a", "b", "c d"]), NULLABLE, min_size=1))
    return json.dumps(tree, indent=draw(st.sampled_from([None, 1, "\t"])))


SIMPLE = st.one_of(
    st.booleans(), st.integers(-3, 40), st.sampled_from([0.5, -1e-05, "relu", "a b", "a'b", "x\\y", "é"])
)


@settings(max_examples=300)
@given(data=st.data())
def test_a_file_of_any_format_takes_values_alike_whether_it_is_read_once_or_each_time(data):
    suffix, texts = data.draw(
        st.sampled_from([(".json", json_texts()), (".toml", toml_texts()), (".py", python_texts())])
    )
    text = data.draw(texts)
    try:
        file = ParamFile(text, suffix, path="p")
    except PipelineError:
        return
    places = [path for path in leaves(file.values) if all(isinstance(part, int) or "." not in part for part in path)]
    if not places:
        return
    paths = data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=2))
    for _ in range(5):
        changes = [
            ValueChange(key=".".join(map(str, path)), value=data.draw(st.one_of(SIMPLE, SIMPLE, SCALARS)))
            for path in paths
        ]
        alone = written_or_refused(lambda changes=changes: set_values(text, suffix, changes, path="p"))
        written = written_or_refused(lambda changes=changes: file.with_changes(changes))
        if isinstance(written, str):
            assert written == alone
            continue
        assert written.text == alone
        seen = read_values(alone, suffix, "p")
        assert written.values is None if suffix == ".py" else same(unshared(written.values), seen)
        if written.paths is not None:
            before = unshared(file.values)
            for path in written.paths:
                before = put(before, path, at(seen, path))
            assert same(before, seen)


def maps(tree: Any) -> list[tuple[Any, ...]]:
    return [path for path in [(), *leaves(tree)] if isinstance(at(tree, path), dict)]


def without(tree: Any, path: tuple[Any, ...]) -> Any:
    tree = unshared(tree)
    del at(tree, path[:-1])[path[-1]]
    return tree


@settings(max_examples=150)
@given(data=st.data())
def test_a_key_added_to_yaml_changes_nothing_else(data):
    text = data.draw(yaml_texts())
    before = yaml_trees(text)
    path = (
        *data.draw(st.sampled_from(maps(before[0]))),
        data.draw(st.sampled_from(["new", "off", "7e1", "new: key", " "])),
    )
    value = data.draw(NULLABLE)
    change = ValueChange(key=".".join(map(str, path)), value=value, kind=ChangeKind.ADD)
    new = yaml_trees(set_values(text, ".yaml", [change]))
    assert same(new[0], put(before[0], path, value))
    assert same(new[1], put(before[1], (*map(yaml_key, path[:-1]), path[-1]), value))


def inherits(text: str, path: tuple[Any, ...]) -> bool:
    """Whether the key is there, or would still be there, through a merge key."""
    node = yaml.compose(text.removeprefix("\ufeff"))
    for part in path[:-1]:
        pairs = list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else reachable(node)
        node = next(child for key, child in pairs if str(part) == str(key))
    return str(path[-1]) in [key for key, _ in reachable(node)[own_count(node) :]]


def own_count(node: Any) -> int:
    return sum(key.value != "<<" for key, _ in node.value)


def reachable(node: Any) -> list[tuple[str, Any]]:
    """Own entries of a map first, then those that merge keys bring."""
    own = [(key.value, child) for key, child in node.value if key.value != "<<"]
    return own + [pair for key, child in node.value if key.value == "<<" for pair in reachable(child)]


@settings(max_examples=150)
@given(data=st.data())
def test_a_key_removed_from_yaml_changes_nothing_else(data):
    text = data.draw(yaml_texts())
    assume("|+" not in text and ">+" not in text)  # which would take in blank lines below the key: refused then
    before = yaml_trees(text)
    path = data.draw(
        st.sampled_from([path for path in leaves(before[0]) if isinstance(at(before[0], path[:-1]), dict)])
    )
    change = ValueChange(key=".".join(map(str, path)), kind=ChangeKind.REMOVE)
    if inherits(text, path):
        with pytest.raises(ParamError, match="merge key"):
            set_values(text, ".yaml", [change])
        return
    new = yaml_trees(set_values(text, ".yaml", [change]))
    assert same(new[0], without(before[0], path))
    assert same(new[1], without(before[1], tuple(map(yaml_key, path))))


@settings(max_examples=100)
@given(data=st.data())
def test_a_key_added_to_toml_or_removed_from_it_changes_nothing_else(data):
    text = data.draw(toml_texts())
    before = tomllib.loads(text)
    path = (*data.draw(st.sampled_from(maps(before))), data.draw(st.sampled_from(["new", "new key", "é"])))
    value = data.draw(VALUES)
    key = ".".join(map(str, path))
    with refused_apart(text):
        longer = set_values(text, ".toml", [ValueChange(key=key, value=value, kind=ChangeKind.ADD)])
        assert same(tomllib.loads(longer), put(before, path, value))
        shorter = set_values(longer, ".toml", [ValueChange(key=key, kind=ChangeKind.REMOVE)])
        assert same(tomllib.loads(shorter), before)


@settings(max_examples=100)
@given(data=st.data())
def test_what_was_there_can_be_removed_from_toml(data):
    text = data.draw(toml_texts())
    before = tomllib.loads(text)
    paths = [path for path in leaves(before) if isinstance(at(before, path[:-1]), dict)]
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    change = ValueChange(key=".".join(map(str, path)), kind=ChangeKind.REMOVE)
    with refused_apart(text):
        assert same(tomllib.loads(set_values(text, ".toml", [change])), without(before, path))


@settings(max_examples=100)
@given(data=st.data())
def test_a_key_added_to_json_or_python_or_removed_from_it_changes_nothing_else(data):
    tree = data.draw(st.dictionaries(KEYS, NULLABLE, min_size=1))
    suffix, text = data.draw(
        st.sampled_from(
            [
                (".json", json.dumps(tree, indent=data.draw(st.sampled_from([None, 2])))),
                (".py", f"import os\nP = {tree!r}\n"),
            ]
        )
    )
    before = read_values(text, suffix, "p")
    path = (*data.draw(st.sampled_from(maps(before))), "new")
    value = data.draw(NULLABLE)
    key = ".".join(map(str, path))
    longer = set_values(text, suffix, [ValueChange(key=key, value=value, kind=ChangeKind.ADD)])
    assert same(read_values(longer, suffix, "p"), put(before, path, value))
    shorter = set_values(longer, suffix, [ValueChange(key=key, kind=ChangeKind.REMOVE)])
    assert same(read_values(shorter, suffix, "p"), before)

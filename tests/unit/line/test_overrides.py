from __future__ import annotations

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import get_hydra_sweeps
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import LineError
from dvc_magic.line import format_flag, format_value, read_override, split
from dvc_magic.model.request import Change, ChangeKind
from dvc_magic.model.values import same


@pytest.mark.parametrize(
    ("text", "file", "key", "values", "kind"),
    [
        ("lr=0.1", "params.yaml", "lr", (0.1,), "set"),
        ("train.lr=0.1,0.01", "params.yaml", "train.lr", (0.1, 0.01), "set"),
        ("conf.json:a.0=choice(x,'y z')", "conf.json", "a.0", ("x", "y z"), "set"),
        ("./params.yaml:+new={a:[1,2]}", "params.yaml", "new", ({"a": [1, 2]},), "add"),
        ("../p.toml:++n=range(3)", "../p.toml", "n", (0, 1, 2), "force"),
        ("~old", "params.yaml", "old", (None,), "remove"),
        ("p.py:~A.b=1", "p.py", "A.b", (1,), "remove"),
        ("x=", "params.yaml", "x", ("",), "set"),
        ("url='http://h:80'", "params.yaml", "url", ("http://h:80",), "set"),
        ("x=http://h:80", "params.yaml", "x", ("http://h:80",), "set"),
    ],
)
def test_dvcs_grammar(text, file, key, values, kind):
    assert read_override(text) == Change(file=file, key=key, values=values, kind=ChangeKind(kind))


@pytest.mark.parametrize(
    "text",
    ["a=1,2", "c.json:a=choice(x,'y z')", "a=range(1,10,4)", "+a=[1],[2]", "a='b c',d", "a={x:1},{x:2}", "a=1.5,null"],
)
def test_sweeps_are_those_of_dvc(text):
    change = read_override(text)
    ((path, overrides),) = to_path_overrides([text]).items()
    parser = OverridesParser.create()
    dvc = [parser.parse_overrides(sweep[path])[0] for sweep in get_hydra_sweeps({path: overrides})]
    assert change.file == path
    assert same([override.value() for override in dvc], list(change.values))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr", "Expected KEY=VALUE"),
        ("=1", "no key"),
        ("a[0]=1", r"numbered with dots: a\.0="),
        ("+p.yaml:n=1", r"Write p\.yaml:\+n=1"),
        ("x=interval(0,1)", "range to search"),
        ("x=uniform(0,1)", "DVC's grammar does not have that function"),
        ("x=a=b", "goes into quotes"),
        ("x=1,,2", "comma"),
        ("a@b=1", "config groups"),
        ("x=glob(*)", "List the values"),
        ("x=choice(1,null)", "incompatible"),
    ],
)
def test_what_dvc_would_refuse_is_refused_with_advice(text, said):
    with pytest.raises(LineError, match=f"(?s)^-S.*{said}"):
        read_override(text)


@given(st.text(max_size=8).filter(lambda text: "${" not in text))
def test_texts_in_quotes_arrive_whole(text):
    assert read_override(f"x={format_value(text)}").values == (text,)


@pytest.mark.parametrize(
    "text", ["a=1", "+a.b=[1,2]", "c.json:++a=1,2", "~a", "d/c.json:~a"]
)  # fmt: skip
def test_a_change_is_written_as_it_is_read(text):
    change = read_override(text)
    written = format_flag(change)
    spelled = split(written)[1].raw if written.startswith("-S") else None
    assert spelled is None or read_override(spelled) == change

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Rename, Source, SourceKind
from dvc_magic.operations import parse_source, read_source, read_sources

WHERE = "operation 'fit' in dvc_magic.yaml"
FILE, DVCFILE, DVCSTAGE, CONFIG = (SourceKind(kind) for kind in ("file", "dvcfile", "dvcstage", "config"))

ANY_KEY = st.sampled_from(
    [
        "file",
        "dvcfile",
        "dvcstage",
        "config",
        "url",
        "rename",
        "select",
        "target-path",
        "path",
        "run",
        "always-pull",
        "x",
    ]
)
SCALAR = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["a b", "(", r"a \\1", ".."])
)
ANYTHING = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEY | st.text() | st.integers(), inner, max_size=4),
)


def refused(entry) -> str:
    with pytest.raises(OperationError) as caught:
        read_source(entry, where=WHERE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ({"file": "labels.csv"}, Source(kind=FILE, path="labels.csv")),
        ({"file": "./data//raw/"}, Source(kind=FILE, path="data/raw")),
        ({"dvcfile": "data.csv"}, Source(kind=DVCFILE, path="data.csv")),
        ({"dvcfile": "data/train.csv.dvc"}, Source(kind=DVCFILE, path="data/train.csv")),
        ({"dvcfile": "d", "remote": "in-s3"}, Source(kind=DVCFILE, path="d", remote="in-s3")),
        ({"dvcfile": "d", "always-pull": True}, Source(kind=DVCFILE, path="d", always_pull=True)),
        ({"dvcfile": "d", "always-pull": False}, Source(kind=DVCFILE, path="d")),
        ({"dvcfile": "d", "name": "numbers"}, Source(kind=DVCFILE, path="d", name="numbers")),
        ({"dvcfile": "d", "help": "ask Ann"}, Source(kind=DVCFILE, path="d", help="ask Ann")),
        ({"dvcfile": "d", "target-path": "in/./x"}, Source(kind=DVCFILE, path="d", target_path="in/x")),
        ({"dvcfile": "d", "target-path": "."}, Source(kind=DVCFILE, path="d", target_path=".")),
        ({"dvcstage": "train"}, Source(kind=DVCSTAGE, path="train")),
        ({"dvcstage": "sub/dvc.yaml:train"}, Source(kind=DVCSTAGE, path="sub/dvc.yaml:train")),
        ({"dvcstage": "build@us"}, Source(kind=DVCSTAGE, path="build@us")),
        ({"dvcstage": "t", "select": "model.joblib"}, Source(kind=DVCSTAGE, path="t", select=("model.joblib",))),
        ({"dvcstage": "t", "select": ["a", "b.*"]}, Source(kind=DVCSTAGE, path="t", select=("a", "b.*"))),
        ({"dvcstage": "t", "run": 41}, Source(kind=DVCSTAGE, path="t", run="41")),
        ({"dvcstage": "t", "run": "best"}, Source(kind=DVCSTAGE, path="t", run="best")),
        ({"config": "params.json.in"}, Source(kind=CONFIG, path="params.json.in")),
    ],
    ids=str,
)
def test_an_entry_is_a_source(entry, source):
    assert read_source(entry, where=WHERE) == source


@pytest.mark.parametrize("kind", list(SourceKind))
@pytest.mark.parametrize("attribute", ["rename", "target-path", "name", "help"])
def test_every_kind_has_these(kind, attribute):
    source = read_source({str(kind): "a", attribute: "b"}, where=WHERE)

    assert source != read_source({str(kind): "a"}, where=WHERE)


@pytest.mark.parametrize(
    ("rename", "target"),
    [
        ("params.json.in params.json", "conf/params.json"),
        ("all.json", "conf/all.json"),
        (r"'\.in$' ''", "conf/params.json"),
        (r"'(\w+)\.json' '\1.yaml'", "conf/params.yaml.in"),
        ({"pattern": "params", "repl": "values"}, "conf/values.json.in"),
        ({"pattern": "[.]in", "repl": ""}, "conf/params.json"),
        (["never x", "params first", "params second"], "conf/first.json.in"),
        ("x sub/x", "conf/params.json.in"),
        ("params sub/params", "conf/sub/params.json.in"),
    ],
    ids=str,
)
def test_a_rename_gives_the_last_part_of_a_path_its_name(rename, target):
    source = read_source({"config": "conf/params.json.in", "rename": rename}, where=WHERE)

    assert source.target(source.path) == target


def test_a_name_alone_is_for_whatever_there_is():
    assert read_source({"file": "a", "rename": "b"}, where=WHERE).rename == (Rename(pattern=".*", repl="b"),)


@pytest.mark.parametrize(
    ("rename", "problem"),
    [
        ("", "'rename' takes 'PATTERN REPL' or 'NAME', one or two words; '' has 0"),
        ("a b c", "has 3. Put a word with blanks in quotes"),
        ("'a b", "'rename' cannot be split in words"),
        ("( b", "'(' in 'rename' is not a regular expression"),
        ("a{99999999999} b", "is not a regular expression"),
        (r"'a' '\1'", "cannot take the place of 'a': invalid group reference 1"),
        (r"'a' '\g<who>'", "cannot take the place of 'a': unknown group name 'who'"),
        ("d ../b", "'../b' in 'rename' leads out of the run"),
        ("d /b", "'/b' in 'rename' leads out of the run"),
        (".* ''", "its place in a run would be '.'"),
        (3, "'rename' has to be text, a map with pattern and repl, or a list of those; it is an int, 3"),
        ([[1]], "it is a list, [1]"),
        ({"pattern": "a"}, "a rule of 'rename' has both pattern and repl; 'repl' is not there"),
        ({"pattern": "a", "repl": "b", "patern": "c"}, "a rule has no 'patern'. Did you mean 'pattern'?"),
        ({"pattern": "a", "repl": 1}, "'repl' has to be text; it is an int, 1; put it in quotes"),
    ],
    ids=str,
)
def test_a_rename_that_cannot_be_used_is_refused_when_it_is_read(rename, problem):
    message = refused({"file": "data", "rename": rename})

    assert problem in message
    assert message.startswith(f"{WHERE}, 'file: data'")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"dvcfile": "a", "always_pull": True}, "'always_pull' is spelled 'always-pull'"),
        ({"dvcfile": "a", "target_path": "b"}, "'target_path' is spelled 'target-path'"),
        ({"dvcfile": "a", "Remote": "b"}, "'Remote' is spelled 'remote'"),
        (
            {"dvcfile": "a", "remot": "b"},
            "a dvcfile has no 'remot'. Did you mean 'remote'? It has: always-pull, help, name",
        ),
        ({"dvcstage": "a", "selct": "b"}, "a dvcstage has no 'selct'. Did you mean 'select'?"),
        ({"file": "a", "colour": "b"}, "a file has no 'colour'. It has: help, name, rename, target-path"),
        (
            {"dvcstage": "a", "remote": "b"},
            "'remote' belongs to a dvcfile. A dvcstage has: help, name, rename, run, select",
        ),
        ({"dvcstage": "a", "always_pull": True}, "'always-pull' belongs to a dvcfile"),
        ({"dvcfile": "a", "select": "b"}, "'select' belongs to a dvcstage. A dvcfile has: always-pull"),
        ({"file": "a", "run": 3}, "'run' belongs to a dvcstage"),
        ({"config": "a", "remote": "r"}, "'remote' belongs to a dvcfile. A config has"),
        ({"dvcfile": "a", "path": "b"}, "there is no 'path' here: write 'target-path'"),
        ({"file": "a", "sha256": "0"}, "there is no 'sha256' here: DVC knows the hash"),
        ({"file": "a", "unpack": True}, "there is no 'unpack' here: unpack it in a stage"),
        ({"file": "a", "link": True}, "there is no 'link' here"),
        ({"file": "a", "target-type": "link"}, "there is no 'target-type' here"),
        ({"file": "a", "always-resolve": True}, "there is no 'always-resolve' here"),
        ({"dvcstage": "a", "flag-name": "b"}, "or with --use STAGE=RUN"),
    ],
    ids=str,
)
def test_an_attribute_that_a_kind_has_not_is_answered_with_what_to_write(entry, problem):
    assert problem in refused(entry)


@pytest.mark.parametrize(
    ("attribute", "value", "problem"),
    [
        ("always-pull", "yes", "'always-pull' has to be true or false; it is a text, 'yes'"),
        ("always-pull", 1, "'always-pull' has to be true or false; it is an int, 1"),
        ("remote", 3, "'remote' has to be text; it is an int, 3; put it in quotes"),
        ("remote", ["a"], "'remote' has to be text; it is a list, ['a']"),
        ("remote", "", "'remote' is empty; leave it out or say what it is"),
        ("name", None, "'name' has to be text; it is empty"),
        ("help", {}, "'help' has to be text; it is a map, {}"),
        ("target-path", 2024, "'target-path' has to be text; it is an int, 2024; put it in quotes"),
        ("target-path", "/tmp", "'/tmp' is an absolute path, and 'target-path' takes one from the project's root"),
        ("target-path", "in/../../x", "'in/../../x' leads out of the project, and 'target-path' takes a path in it"),
        ("target-path", "s3://b/x", "'s3://b/x' is a url, and 'target-path' takes a path in the project"),
        ("target-path", ".git/hooks", "'.git/hooks' in a run is not for files of its own"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(attribute, value, problem):
    assert problem in refused({"dvcfile": "a", attribute: value})


@pytest.mark.parametrize(
    ("attribute", "value", "problem"),
    [
        ("select", 3, "'select' has to be text or a list of texts; it is an int, 3"),
        ("select", [3], "'select' has to be text; it is an int, 3"),
        ("select", "", "'select' is empty"),
        ("select", "model.(joblib", "'model.(joblib' in 'select' is not a regular expression: missing )"),
        ("select", ["a", "*.csv"], "'*.csv' in 'select' is not a regular expression: nothing to repeat"),
        ("run", True, "'run' has to be text; it is a bool, True"),
        ("run", "", "'run' is empty"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_of_a_stage(attribute, value, problem):
    assert problem in refused({"dvcstage": "a", attribute: value})


@pytest.mark.parametrize("kind", ["file", "dvcfile", "config"])
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        (None, "has to be text; it is empty"),
        (3, "has to be text; it is an int, 3"),
        (["a"], "has to be text; it is a list, ['a']"),
        (".", "it is the project itself"),
        ("a/..", "it is the project itself"),
        ("/data/x.csv", "'/data/x.csv' is an absolute path"),
        ("~/x.csv", "'~/x.csv' is an absolute path"),
        ("../x.csv", "'../x.csv' leads out of the project"),
        ("a/../../x.csv", "leads out of the project"),
        ("s3://bucket/x.csv", "is a url"),
        ("https://host/x.csv", "run `dvc import-url URL NAME` once, then require it as 'dvcfile: NAME'"),
        ("a\0b", "holds a character that no path should have"),
        (".dvc/config", "'.dvc/config' in a run is not for files of its own"),
    ],
)
def test_a_path_that_is_none_in_the_project_is_refused(kind, path, problem):
    assert problem in refused({kind: path})


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        ("", "'dvcstage' is empty"),
        ("data.csv.dvc", "a .dvc file is no stage of a dvc.yaml; write 'dvcfile: data.csv'"),
        ("s3://b/x", "is no stage; name one as DVC does"),
        ("sub/dvc.yaml:", "is no stage"),
        (7, "'dvcstage' has to be text; it is an int, 7"),
    ],
)
def test_what_is_no_stage_is_refused(stage, problem):
    assert problem in refused({"dvcstage": stage})


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "it names no source. Write dvcfile:PATH for a file that DVC manages"),
        ({"dvcfle": "a"}, "'dvcfle' is no kind of source. Did you mean 'dvcfile'"),
        ({"DVCFILE": "a"}, "'DVCFILE' is no kind of source"),
        ({"file": "a", "dvcfile": "b"}, "one entry names file and dvcfile; give each its own entry"),
        ({"url": "http://x"}, "there is no source 'url' here: run `dvc import-url URL NAME` once"),
        ({"name": "x", "operation": "train"}, "there is no source 'operation' here"),
        ({"module": "pandas"}, "there is no source 'module' here"),
        ({1: "a"}, "the key 1 has to be text; put it in quotes"),
        ({None: "a"}, "the key None has to be text"),
        (3, "it has to be a map, such as {dvcfile: data.csv}; it is an int, 3"),
        (None, "it has to be a map, such as {dvcfile: data.csv}; it is empty"),
        (["a"], "it is a list, ['a']"),
    ],
    ids=str,
)
def test_an_entry_names_one_source(entry, problem):
    message = refused(entry)

    assert problem in message
    assert message.startswith(WHERE)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("dvcfile:data.csv", Source(kind=DVCFILE, path="data.csv")),
        ("dvcfile: data.csv", Source(kind=DVCFILE, path="data.csv")),
        ("file:a:b", Source(kind=FILE, path="a:b")),
        ("config:params.json", Source(kind=CONFIG, path="params.json")),
        ("dvcstage:train-model", Source(kind=DVCSTAGE, path="train-model")),
        ("dvcstage:train:model.joblib", Source(kind=DVCSTAGE, path="train", select=("model.joblib",))),
        ("dvcstage:train:a:b", Source(kind=DVCSTAGE, path="train", select=("a:b",))),
        ("dvcstage:dvc.yaml:train", Source(kind=DVCSTAGE, path="dvc.yaml:train")),
        ("dvcstage:sub/dvc.yaml:train", Source(kind=DVCSTAGE, path="sub/dvc.yaml:train")),
        ("dvcstage:sub/dvc.yaml:train:a:b", Source(kind=DVCSTAGE, path="sub/dvc.yaml:train", select=("a:b",))),
    ],
)
def test_the_short_form_is_an_entry_too(text, source):
    assert parse_source(text, where="--requires") == source
    assert read_source(text, where="--requires") == source


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data.csv", "--requires, 'data.csv': it names no source. Write dvcfile:data.csv for a file that DVC manages"),
        ("dvcfle:data.csv", "Did you mean 'dvcfile'"),
        ("operation:train", "write 'dvcstage: STAGE'"),
        ("s3://bucket/x", "a url is no source"),
        ("dvcfile:s3://bucket/x", "is a url"),
        ("dvcfile:", "'dvcfile' is empty"),
        ("dvcstage::a", "'dvcstage' is empty"),
        ("dvcstage:train:", "'select' is empty"),
        ("dvcstage:train:(", "'(' in 'select' is not a regular expression"),
        ("", "it names no source"),
    ],
)
def test_a_short_form_that_is_none_is_refused(text, problem):
    with pytest.raises(OperationError) as caught:
        parse_source(text, where="--requires")

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "paths"),
    [
        (None, []),
        ([], []),
        ("file:a", ["a"]),
        ({"file": "a"}, ["a"]),
        (["file:a", {"dvcfile": "b"}, {"dvcstage": "c"}], ["a", "b", "c"]),
    ],
)
def test_sources_come_alone_or_in_a_list(entries, paths):
    assert [source.path for source in read_sources(entries, where=WHERE)] == paths


@given(ANYTHING)
def test_whatever_is_required_is_read_or_refused(entries):
    message, sources = WHERE, ()
    try:
        sources = read_sources(entries, where=WHERE)
    except OperationError as error:
        message = str(error)
    assert message.startswith(WHERE)
    assert all(isinstance(source, Source) for source in sources)


@given(st.text() | st.builds("{}:{}".format, st.sampled_from(list(SourceKind)), st.text()))
def test_whatever_is_written_on_a_line_is_read_or_refused(text):
    try:
        source = parse_source(text, where=WHERE)
    except OperationError:
        return
    assert text.strip().startswith(source.kind)

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import (
    Operation,
    OperationParams,
    Preset,
    PrintedScalars,
    Rename,
    ScalarPattern,
    Source,
    SourceKind,
    TextFile,
)
from dvc_magic.operations import read_guild

FILES = {
    "hello.py": "x = 1\nnoise = 0.1\n",
    "src/fit.py": "x = 1\n",
    "package/fit.py": "",
    "my_op.py": "",
    "cli.py": "import argparse\np.add_argument('--lr', default=0.1)\np.add_argument('--n', default=3)\n",
    "params.json.in": '{"x": 1}',
}
EXAMPLE = """
- model: ''
  operations:
    fetch:
      description: |
        Fetches it.

        At length.
      main: hello
      requires:
        - dvcfile: data/hello.in
          always-pull: yes
          remote: elsewhere
          rename: hello.in hello-copy.in
        - dvcfile: hello.in
          always-resolve: yes
    stage:
      main: guild.plugins.dvc_stage_main fake-train
      flags-dest: config:params.json.in
      flags-import: [x, noise]
      output-scalars: no
    train:
      main: hello
      flags-dest: config:params.json.in
      flags-import: [train.C, train.max-iters]
      run-attrs:
        dvc: {stage: train-models}
      requires:
        - config: params.json.in
          rename: params.json.in params.json
        - dvcstage: prepare-data
    eval:
      main: hello
      flags-dest: config:params.json.in
      flags-import: [eval.spacing]
      run-attrs: {dvc-stage: eval-models}
      requires: [dvcstage: train-models]
"""
KEYS = st.sampled_from(
    [
        "model",
        "operations",
        "config",
        "main",
        "exec",
        "requires",
        "flags",
        "flags-dest",
        "flags-import",
        "run-attrs",
        "dvc",
        "dvc-stage",
        "stage",
        "file",
        "dvcfile",
        "dvcstage",
        "default",
        "description",
        "steps",
        "path",
        "$include",
    ]
)
WORD = st.sampled_from(
    ["hello", "cli --a", "guild.plugins.dvc_stage_main a", "all", "args", "globals", "config:params.json.in"]
)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(
    SCALAR | WORD,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | WORD | st.text() | st.integers(), inner, max_size=4)
    ),
)


def read_all(text: str) -> tuple[dict[str, Operation], tuple[str, ...]]:
    operations, warnings = read_guild(text, exists=FILES.__contains__, read_text=FILES.get)
    return {operation.name: operation for operation in operations}, warnings


def read(entry: object) -> tuple[Operation, tuple[str, ...]]:
    operations, warnings = read_all(json.dumps({"op": entry}))
    return operations["op"], warnings


def left_out(entry: object) -> str:
    operations, (warning,) = read_all(json.dumps({"op": entry}))
    assert operations == {}
    return warning


def test_the_operations_of_guilds_own_example_are_read_without_a_warning():
    operations, warnings = read_all(EXAMPLE)

    assert list(operations) == ["fetch", "stage", "train", "eval"]
    assert warnings == ()


def test_dependencies_go_to_the_root_of_the_run_by_their_last_name():
    copied, plain = read_all(EXAMPLE)[0]["fetch"].requires

    assert copied == Source(
        kind=SourceKind.DVCFILE,
        path="data/hello.in",
        rename=(Rename(pattern="hello.in", repl="hello-copy.in"),),
        flat=True,
        remote="elsewhere",
        always_pull=True,
    )
    assert (copied.target(copied.path), plain.target(plain.path)) == ("hello-copy.in", "hello.in")


def test_a_main_is_a_module():
    operation = read_all(EXAMPLE)[0]["fetch"]

    assert (operation.cmd, operation.code) == ("python -m hello", ("hello.py",))
    assert (operation.origin, operation.desc) == ("guild.yml", "Fetches it.")


def test_an_operation_that_runs_a_stage_is_that_stage_with_its_flags():
    operation = read_all(EXAMPLE)[0]["stage"]

    assert (operation.cmd, operation.runs, operation.serves) == ("", "fake-train", "fake-train")
    assert operation.params == (OperationParams(path="params.json.in", keys=("x", "noise")),)
    assert operation.files == ()


def test_flags_of_a_renamed_config_file_are_where_the_run_has_it():
    operation = read_all(EXAMPLE)[0]["train"]

    assert operation.params == (OperationParams(path="params.json", keys=("train.C", "train.max-iters")),)
    assert operation.files == (TextFile(path="params.json", origin="params.json.in"),)
    assert operation.serves == "train-models"


def test_flags_of_a_file_that_nothing_requires_are_at_its_own_place():
    operation = read_all(EXAMPLE)[0]["eval"]

    assert operation.params == (OperationParams(path="params.json.in", keys=("eval.spacing",)),)
    assert (operation.files, operation.serves) == ((), "eval-models")


@pytest.mark.parametrize(
    ("entry", "cmd"),
    [
        ("hello --verbose", "python -m hello --verbose"),
        ({"main": "src/fit"}, "python src/fit.py"),
        ({"main": "src/fit a"}, "python src/fit.py a"),
        ({"main": "hello.py"}, "python hello.py"),
        ({"main": "package.fit"}, "python -m package.fit"),
        ({"exec": "./run.sh a"}, "./run.sh a"),
        ({"exec": "${python_exe} hello.py"}, "python hello.py"),
    ],
    ids=str,
)
def test_a_command_is_as_guild_would_run_it(entry, cmd):
    operation, warnings = read(entry)

    assert operation.cmd == cmd
    assert warnings == ()


def test_without_a_command_the_name_is_the_module():
    operations, _ = read_all("my-op: {description: none}")

    assert operations["my-op"].cmd == "python -m my_op"


# --- flags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        ({}, None),
        ({"flags-import": ["x"]}, ("x",)),
        ({"flags-import": "x"}, ("x",)),
        ({"flags-import": "all"}, ("x", "noise")),
        ({"flags-import": True}, ("x", "noise")),
        ({"flags-import": False}, None),
        ({"flags-import": []}, None),
        ({"flags": {"x": 1}}, ("x",)),
        ({"flags": {"x": None}, "flags-import": ["noise"]}, ("x", "noise")),
        ({"flags": {"x": {"default": 1, "description": "what", "type": "int"}}}, ("x",)),
    ],
    ids=str,
)
def test_only_flags_that_are_defined_or_imported_count(entry, keys):
    operation, warnings = read({"main": "hello", **entry})

    assert operation.params == (() if keys is None else (OperationParams(path="hello.py", keys=keys),))
    assert warnings == ()


@pytest.mark.parametrize("flag", [3, {"default": 3}], ids=str)
def test_a_default_that_differs_is_a_preset(flag):
    operation, _ = read({"main": "hello", "flags": {"x": flag}})

    assert operation.presets == (Preset(file="hello.py", key="x", value=3),)


@pytest.mark.parametrize(
    ("entry", "params"),
    [
        ({"flags-import": "all"}, OperationParams(path="params.json")),
        ({"flags": {"x": 1}}, OperationParams(path="params.json", keys=("x",))),
        ({"flags-import": ["x"]}, OperationParams(path="params.json", keys=("x",))),
        ({}, OperationParams(path="params.json")),
    ],
    ids=str,
)
def test_flags_go_to_a_config_file_that_is_required(entry, params):
    source = {"config": "params.json.in", "rename": "params.json.in params.json"}
    operation, _ = read({"main": "hello", "requires": [source], **entry})

    assert operation.params == (params,)


@pytest.mark.parametrize(
    ("entry", "cmd", "values"),
    [
        ({"main": "cli", "flags": {"lr": 0.5}}, "python -m cli ${args}", {"args": {"lr": 0.5}}),
        ({"main": "cli", "flags-import": "all"}, "python -m cli ${args}", {"args": {"lr": 0.1, "n": 3}}),
        ({"main": "hello", "flags-dest": "args", "flags": {"x": 2}}, "python -m hello ${args}", {"args": {"x": 2}}),
        ({"main": "cli", "flags-dest": "args:click", "flags": {"n": 2}}, "python -m cli ${args}", {"args": {"n": 2}}),
        ({"exec": "./run.sh ${n}", "flags": {"n": 2}}, "./run.sh ${n}", {"n": 2}),
        ({"exec": "./run.sh ${flag_args}", "flags": {"n": 2}}, "./run.sh ${args}", {"args": {"n": 2}}),
    ],
    ids=str,
)
def test_flags_go_to_the_command_line(entry, cmd, values):
    operation, warnings = read(entry)

    assert operation.cmd == cmd
    assert json.loads(operation.files[0].text or "") == values
    assert warnings == ()


# --- output scalars --------------------------------------------------------------------------------------------------


def test_what_an_operation_prints_is_read_by_default_by_its_patterns_or_not_at_all():
    def scalars(entry):
        operation, warnings = read({"main": "hello", **entry})
        assert warnings == ()
        return operation.scalars

    assert scalars({}) == scalars({"output-scalars": None}) == PrintedScalars()
    assert [scalars({"output-scalars": no}) for no in (False, [], {}, [{}])] == [None] * 4
    assert yaml.safe_load("a: [no, off, No, OFF]") == {"a": [False] * 4}

    pattern = r"(\key)=(\value)"
    assert scalars({"output-scalars": pattern}) == PrintedScalars(patterns=(ScalarPattern(pattern=pattern),))
    assert scalars({"output-scalars": {"step": r"Epoch (\step)", "loss": r"loss (\value)"}}) == PrintedScalars(
        patterns=(
            ScalarPattern(key="loss", pattern=r"loss (\value)"),
            ScalarPattern(key="step", pattern=r"Epoch (\step)"),
        )
    )
    assert scalars({"output-scalars": [{"loss": r"loss (\value)"}, pattern]}) == PrintedScalars(
        patterns=(ScalarPattern(key="loss", pattern=r"loss (\value)"), ScalarPattern(pattern=pattern))
    )


def test_an_operation_whose_patterns_all_make_no_sense_has_no_scalars():
    operation, [warning] = read({"main": "hello", "output-scalars": {"loss": "("}})
    assert operation.scalars is None
    assert "missing )" in warning


def test_only_so_many_patterns_are_tried_on_each_line():
    many = {f"k{number}": r"(\value)" for number in range(150)}
    operation, [warning] = read({"main": "hello", "output-scalars": many})
    assert len(operation.scalars.patterns) == 100
    assert "'output-scalars' has 150 patterns; the first 100 are used" in warning


# --- what is not supported --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "warning"),
    [
        ({"optimizers": {}, "label": "x"}, "not supported, and left out of account: label, optimizers"),
        ({"compare": ["loss"], "objective": "loss"}, "not supported, and left out of account: compare, objective"),
        (
            {"output-scalars": {"loss": "loss: ("}},
            r"'output-scalars': 'loss: loss: (' is left out: it is no regular expression: missing )",
        ),
        ({"output-scalars": {"loss": 3}}, "'output-scalars' has what is no pattern, and it is left out: 3"),
        ({"output-scalars": [None]}, "'output-scalars' has what is no pattern, and it is left out: None"),
        ({"output-scalars": "loss: (\\value)"}, "is left out: nothing names its number: write NAME: "),
        ({"output-scalars": 5}, "expected a pattern, a list or map of them, or no; it is an int, 5"),
        ({"sourcecode": ["*.py"], "steps": []}, "left out of account: sourcecode, steps"),
        (
            {"flags": {"x": {"default": 1, "arg-name": "y"}}},
            ", flag 'x': not supported, and left out of account: arg-name",
        ),
        ({"flags": {"x": [1, 2]}}, ", flag 'x': a list is a grid, to be given in the call: [1, 2]"),
        ({"flags": {"$include": "base"}}, "left out of account: $include"),
        ({"run-attrs": {"owner": "Ann"}}, ", in 'run-attrs': not supported, and left out of account: owner"),
        ({"requires": "prepared"}, "the resource 'prepared' is not supported, and left out"),
        ({"requires": [{"url": "http://x"}]}, "'url: http://x' is no source that is supported, and left out"),
        ({"requires": [{"operation": "a", "name": "b"}]}, "'operation: a' is no source that is supported"),
        (
            {"requires": [{"file": "a", "target-type": "link"}]},
            ", 'file: a': not supported, and left out of account: target-type",
        ),
        (
            {"requires": [{"dvcstage": "a", "optional": True}]},
            ", 'dvcstage: a': not supported, and left out of account: optional",
        ),
    ],
    ids=str,
)
def test_what_is_not_supported_is_named_and_the_rest_is_read(entry, warning):
    operation, (said,) = read({"main": "hello", **entry})

    assert operation.cmd == "python -m hello"
    assert said.startswith("operation 'op' in guild.yml")
    assert warning in said


def test_the_old_name_of_a_target_path_is_read():
    operation, warnings = read({"main": "hello", "requires": [{"file": "a/b", "path": "in"}]})

    assert operation.requires == (Source(kind=SourceKind.FILE, path="a/b", target_path="in", flat=True),)
    assert warnings == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"main": "nope"}, "'main' is 'nope': the project has no file 'nope.py'"),
        ({"main": "hello:fn"}, "'main' is 'hello:fn'"),
        ({"steps": ["a", "b"]}, "operations of 'steps' are not supported"),
        ({"main": "guild.plugins.dvc_stage_main"}, "is supported with one stage alone"),
        ({"main": "guild.plugins.dvc_stage_main --project-dir x a"}, "is supported with one stage alone"),
        ({"main": "guild.plugins.dvc_stage_main a", "flags": {"x": 1}}, "name it with 'flags-dest: config:FILE'"),
        ({"main": "hello", "flags-dest": "global:params"}, "'flags-dest' is one of globals, args and config:FILE"),
        ({"main": "hello", "flags": {"z": 1}}, "hello.py assigns no constant 'z' once at its top level"),
        ({"main": "hello", "flags": [1]}, "in 'flags': it has to be a map"),
        ({"main": "hello", "requires": [{"file": "a", "rename": "( b"}, {"url": "x"}]}, "'rename'"),
        ({"main": "hello", "requires": [{"fil": "a"}]}, "'fil' is no kind of source. Did you mean 'file'"),
        ({"main": "hello", "requires": [{"file": "../a"}]}, "'../a' leads out of the project"),
        ({"main": "hello", "run-attrs": {"dvc": "a"}}, "in 'run-attrs': it has to be a map"),
        (3, "it has to be a map, such as {main: fit}; it is an int, 3"),
    ],
    ids=str,
)
def test_an_operation_that_cannot_run_here_is_left_out_with_one_warning(entry, reason):
    warning = left_out(entry)

    assert reason in warning
    assert warning.endswith(". It is left out")


def test_one_that_is_left_out_is_no_bar_to_the_others():
    operations, warnings = read_all("a: nope\nb: hello\n")

    assert list(operations) == ["b"]
    assert len(warnings) == 1


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("[]", []),
        ("a: hello\nb: {main: hello}\n", ["a", "b"]),
        ("- model: ''\n  operations: {a: hello}\n", ["a"]),
        ("- model: net\n  operations: {a: hello}\n", ["a"]),
        ("model: net\noperations: {a: hello}\n", ["a"]),
        (
            "- model: one\n  operations: {a: hello, b: hello}\n- model: two\n  operations: {a: hello}\n",
            ["one.a", "b", "two.a"],
        ),
        ("- config: c\n  operations: {a: hello}\n- package: p\n- model: m\n  operations: {b: hello}\n", ["b"]),
        ("- model: m\n", []),
    ],
)
def test_operations_stand_alone_or_in_models(text, names):
    operations, warnings = read_all(text)

    assert list(operations) == names
    assert warnings == ()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("- test: t\n", "guild.yml: an object with test is not supported, and left out"),
        ("- include: other.yml\n", "an object with include is not supported"),
        ("- {}\n", "guild.yml: an object without a key is not supported"),
        (
            "- model: m\n  extends: c\n  sourcecode: []\n",
            "model 'm' in guild.yml: not supported, and left out of account: extends",
        ),
        ("- model: m\n  operations: [a]\n", "model 'm' in guild.yml: its operations have to be a map; it is a list"),
        ("'a b': hello\n", "'a b' is no name for an operation"),
        ("no: hello\n", "guild.yml: the operation False is left out: its name has to be text; put it in quotes"),
    ],
)
def test_objects_that_are_not_supported_are_named(text, warning):
    operations, (said,) = read_all(text)

    assert operations == {}
    assert warning in said


def test_of_two_operations_of_one_name_the_first_is_read():
    model = "- model: m\n  operations: {a: hello}\n"

    operations, (warning,) = read_all(model + model)

    assert list(operations) == ["m.a"]
    assert "operation 'm.a' in guild.yml: there is another of that name" in warning


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: *b",
        "a: !!int ''",
        "a: !!timestamp x",
        "a: 2024-13-45",
        "? [a]\n: b",
        "a: \x00",
        "{" * 5000,
        "- 3",
        "text",
    ],
)
def test_a_file_that_is_none_is_refused(text):
    with pytest.raises(OperationError, match="guild.yml"):
        read_all(text)


@given(st.dictionaries(KEYS | st.just("op"), ANYTHING) | st.lists(st.dictionaries(KEYS, ANYTHING), max_size=3))
def test_whatever_the_file_holds_is_read_or_named(content):
    try:
        operations, said = read_all(yaml.safe_dump(content))
    except OperationError as error:
        operations, said = {}, (str(error),)
    assert all(isinstance(operation, Operation) for operation in operations.values())
    assert all("guild.yml" in line for line in said)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        said = read_all(text)[1]
    except OperationError as error:
        said = (str(error),)
    assert all("guild.yml" in line for line in said)

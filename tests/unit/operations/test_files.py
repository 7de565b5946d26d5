from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Operation, OperationOut, OperationParams, Preset, TextFile
from dvc_magic.operations import read_operations

ARGPARSE = """import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--name", default="a b")
p.add_argument("--dry", action="store_true")
"""
FILES = {
    "fit.py": "lr = 0.1\nn: int = 3\nlayers = [4, 5]\n_seed = 1\n",
    "src/fit.py": "lr = 0.1\n",
    "src/my fit.py": "lr = 0.1\n",
    "package/fit.py": "lr = 0.1\n",
    "package/__main__.py": "",
    "cli.py": ARGPARSE,
    "broken.py": "if:\n",
    "run.sh": "",
    "params.yaml": "a: {b: 1}\n",
    "fit.ipynb": "{}",
}
KEYS = st.sampled_from(
    ["main", "cmd", "requires", "flags", "flags-dest", "outs", "metrics", "stage", "run-attrs", "dvc", "cache", "desc"]
)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
WORD = st.sampled_from(
    ["fit", "fit.py", "cli.py", "python cli.py", "config:params.yaml", "args", "globals", "lr", "a b"]
)
ANYTHING = st.recursive(
    SCALAR | WORD,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | WORD | st.text() | st.integers(), inner, max_size=4)
    ),
)


def read(entry: Any, name: str = "fit") -> Operation:
    (operation,), faults = read_operations(
        {"operations": {name: entry}}, exists=FILES.__contains__, read_text=FILES.get
    )
    assert faults == {}
    return operation


def refused(entry: Any, name: Any = "fit") -> str:
    found, faults = read_operations({"operations": {name: entry}}, exists=FILES.__contains__, read_text=FILES.get)
    assert found == ()
    (fault,) = faults.values()
    return fault


def test_an_entry_is_an_operation():
    operation = read(
        {
            "main": "fit.py --verbose",
            "requires": [{"dvcfile": "data.csv"}, "dvcstage:prepare"],
            "outs": "model.bin",
            "metrics": [{"m.json": {"cache": False}}],
            "stage": "train",
            "desc": "Fit it.\nAs well as can be.",
        }
    )

    assert operation.address == "op:fit"
    assert operation.origin == "dvc_magic.yaml"
    assert operation.cmd == "python fit.py --verbose"
    assert operation.code == ("fit.py",)
    assert [source.path for source in operation.requires] == ["data.csv", "prepare"]
    assert operation.outs == (OperationOut(path="model.bin"), OperationOut(path="m.json", metric=True, cache=False))
    assert operation.serves == "train"
    assert operation.desc == "Fit it."


def test_a_file_without_operations_has_none():
    assert read_operations({"home": "x"}, exists=FILES.__contains__, read_text=FILES.get) == ((), {})
    assert read_operations({"operations": None}, exists=FILES.__contains__, read_text=FILES.get) == ((), {})


def test_operations_come_in_the_order_of_the_file():
    content = {"operations": {"b": "fit.py", "a": "cli.py"}}

    found, _ = read_operations(content, exists=FILES.__contains__, read_text=FILES.get)

    assert [operation.name for operation in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("main", "cmd", "script"),
    [
        ("fit.py", "python fit.py", "fit.py"),
        ("./src/fit.py  --a 'b c' ", "python src/fit.py --a 'b c'", "src/fit.py"),
        ('"src/my fit.py" x', "python 'src/my fit.py' x", "src/my fit.py"),
        ("fit", "python -m fit", "fit.py"),
        ("fit --n ${n}", "python -m fit --n ${n}", "fit.py"),
        ("package.fit", "python -m package.fit", "package/fit.py"),
        ("package", "python -m package", "package/__main__.py"),
    ],
)
def test_main_is_a_script_or_a_module(main, cmd, script):
    operation = read({"main": main, "flags": []})

    assert (operation.cmd, operation.code) == (cmd, (script,))


@pytest.mark.parametrize(
    ("main", "problem"),
    [
        ("fitt.py", "the project has no file 'fitt.py', which is its main"),
        ("fitt", "'main' is 'fitt': the project has no file 'fitt.py'"),
        ("src/fit", "write 'main: src/fit.py'"),
        ("src.fitt", "the project has no file 'src/fitt.py'"),
        ("python fit.py", "'main' takes the script itself: write 'main: fit.py' or 'cmd: python fit.py'"),
        ("run.sh", "any other command goes into 'cmd'"),
        ("fit.ipynb", "'fit.ipynb' is a notebook, which cannot be run as an operation"),
        ("../fit.py", "'../fit.py' leads out of the project"),
        ("/fit.py", "'/fit.py' is an absolute path"),
        ("fit:main", "'main' is 'fit:main': the project has no file"),
        ("x" * 5000, "the project has no file"),
        ("", "'main' is empty"),
        (3, "'main' has to be text; it is an int, 3"),
        (["fit.py"], "'main' has to be text; it is a list"),
    ],
)
def test_a_main_that_is_none_is_refused(main, problem):
    message = refused({"main": main})

    assert problem in message
    assert message.startswith("operation 'fit' in dvc_magic.yaml: ")


@pytest.mark.parametrize(
    ("cmd", "script"),
    [
        ("python fit.py", "fit.py"),
        ("python3.11 -u -W error ./src/fit.py x", "src/fit.py"),
        ("python -m package.fit", "package/fit.py"),
        (["echo a", "python fit.py"], "fit.py"),
        ("cd src && python fit.py", "fit.py"),
        ("python -c 'print(1)' fit.py", ""),
        ("python elsewhere.py", ""),
        ("python ../fit.py", ""),
        ("./run.sh fit.py", ""),
        ("python 'fit.py", ""),
    ],
    ids=str,
)
def test_the_script_that_a_command_starts_is_its_code(cmd, script):
    operation = read({"cmd": cmd})

    assert operation.cmd == (tuple(cmd) if isinstance(cmd, list) else cmd)
    assert operation.code == ((script,) if script else ())


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "it has neither of 'main', a Python file or module, and 'cmd', a shell command; give one"),
        ({"main": "fit.py", "cmd": "x"}, "it has both of 'main'"),
        ({"cmd": []}, "'cmd' is an empty list"),
        ({"cmd": ["a", 3]}, "'cmd' has to be text; it is an int, 3"),
        ({"cmd": {"a": "b"}}, "'cmd' has to be a shell command or a list of them; it is a map"),
        (None, "it has to be a map, such as {main: fit.py}; it is empty"),
        (["fit.py"], "it has to be a map, such as {main: fit.py}; it is a list"),
        ({True: "fit.py"}, "the key True has to be text; put it in quotes"),
        ({"mian": "fit.py"}, "an operation has no 'mian'. Did you mean 'main'? It has: cmd, desc, description"),
        ({"main": "fit.py", "flags_dest": "args"}, "'flags_dest' is spelled 'flags-dest'"),
        ({"exec": "x"}, "there is no 'exec' here: write 'cmd'"),
        ({"main": "fit.py", "deps": ["a"]}, "there is no 'deps' here: name what it needs in 'requires'"),
        ({"main": "fit.py", "params": ["a"]}, "there is no 'params' here: name files of params in 'requires'"),
        ({"main": "fit.py", "wdir": "src"}, "write cd FOLDER into 'cmd'"),
        ({"main": "fit.py", "flags-import": "all"}, "there is no 'flags-import' here: name them in 'flags'"),
        ({"main": "fit.py", "requires": [{"dvcfile": "a", "remot": "b"}]}, "'dvcfile: a': a dvcfile has no 'remot'"),
        ({"main": "fit.py", "desc": 3}, "'desc' has to be text"),
    ],
    ids=str,
)
def test_an_entry_that_is_none_is_refused(entry, problem):
    assert problem in refused(entry)


@pytest.mark.parametrize("name", ["fit", "fit-2", "_a", "a.b", "3d", "größe"])
def test_names_are_letters_digits_and_three_signs(name):
    assert read("fit.py", name).name == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a/b", "-a", ".a", "..", "a@b", "a\n", "<b>"])
def test_any_other_name_is_refused(name):
    assert "is no name for an operation; use letters, digits, - _ ." in refused("fit.py", name)


@pytest.mark.parametrize("section", [["fit.py"], "fit.py", 3, True])
def test_operations_that_are_no_map_are_refused(section):
    with pytest.raises(OperationError, match="'operations' in dvc_magic.yaml: it has to be a map, such as 'fit: "):
        read_operations({"operations": section}, exists=FILES.__contains__, read_text=FILES.get)


def test_an_entry_that_cannot_be_used_hides_no_other():
    entries = {"a": "fit.py", "bad": {"mian": "fit.py"}, 1: "fit.py", "z": "fit.py"}
    found, faults = read_operations({"operations": entries}, exists=FILES.__contains__, read_text=FILES.get)
    assert [operation.name for operation in found] == ["a", "z"]
    assert faults["bad"].startswith(
        "operation 'bad' in dvc_magic.yaml: an operation has no 'mian'. Did you mean 'main'"
    )
    assert faults["1"] == "'operations' in dvc_magic.yaml: the key 1 has to be text; put it in quotes"


# --- flags: constants -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "keys"), [(None, ("lr", "n", "layers")), (["n"], ("n",)), ("lr", ("lr",)), ({"n": None}, ("n",))], ids=str
)
def test_constants_of_the_script_are_its_flags(flags, keys):
    operation = read({"main": "fit.py", "flags": flags})

    assert operation.params == (OperationParams(path="fit.py", keys=keys),)
    assert operation.files == operation.presets == operation.variables == ()


def test_a_default_that_differs_from_the_script_is_a_preset_of_a_file_of_the_operations_own():
    operation = read({"main": "fit.py", "flags": {"lr": 0.1, "n": 4, "layers": [4, 6]}})

    assert operation.params == (OperationParams(path="fit.py", keys=("lr", "n", "layers")),)
    assert operation.presets == (
        Preset(file="fit.py", key="n", value=4),
        Preset(file="fit.py", key="layers", value=[4, 6]),
    )
    assert operation.files == (TextFile(path="fit.py", origin="fit.py"),)
    assert isinstance(hash(operation), int)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"main": "fit.py", "flags": ["lrr"]}, "fit.py assigns no constant 'lrr' once at its top level. Did you mean"),
        ({"main": "fit.py", "flags": {"_seed": 1}}, "There are: layers, lr, n"),
        ({"main": "broken.py", "flags": ["lr"]}, "broken.py: it is not valid Python: invalid syntax, line 1"),
        (
            {"main": "fit.py", "flags": 3},
            "'flags' has to be a list of names, or a map such as {lr: 0.1}; it is an int, 3",
        ),
        ({"main": "fit.py", "flags": [3]}, "'flags' has to be text; it is an int, 3"),
        ({"main": "fit.py", "flags": {3: 1}}, "'flags' has to be text; it is an int, 3"),
        ({"main": "fit.py", "flags": {"lr": {1, 2}}}, "the flag 'lr' cannot have this value"),
        (
            {"main": "fit.py", "flags-dest": "global"},
            "'flags-dest' is one of globals, args and config:FILE; it is 'global'.",
        ),
        ({"main": "fit.py", "flags-dest": "config:"}, "'flags-dest' is empty"),
        ({"cmd": "./run.sh", "flags-dest": "globals"}, "'flags-dest: globals' needs a Python file"),
        ({"cmd": "./run.sh", "flags": ["lr"]}, "write ${lr} where the value goes"),
    ],
    ids=str,
)
def test_flags_that_are_none_are_refused(entry, problem):
    assert problem in refused(entry)


@pytest.mark.parametrize("entry", ["broken.py", {"cmd": "./run.sh"}, "package"])
def test_a_program_without_constants_has_no_flags(entry):
    assert read(entry).params == ()


# --- flags: config files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "place", "files"),
    [
        ({}, "params.yaml", ()),
        ({"rename": "p.yaml"}, "p.yaml", (TextFile(path="p.yaml", origin="params.yaml"),)),
        ({"target-path": "in"}, "in/params.yaml", (TextFile(path="in/params.yaml", origin="params.yaml"),)),
    ],
    ids=str,
)
@pytest.mark.parametrize(("flags", "keys"), [(None, ()), (["a.b"], ("a.b",))], ids=str)
def test_values_of_a_config_file_are_flags_at_its_place_in_the_run(source, place, files, flags, keys):
    operation = read({"main": "fit.py", "requires": {"config": "params.yaml", **source}, "flags": flags})

    assert operation.params == (OperationParams(path=place, keys=keys),)
    assert operation.files == files


def test_defaults_for_a_config_file_are_presets_of_the_runs_own_file():
    operation = read({"main": "fit.py", "requires": "config:params.yaml", "flags": {"a.b": 3, "a.c": None}})

    assert operation.params == (OperationParams(path="params.yaml", keys=("a.b", "a.c")),)
    assert operation.presets == (Preset(file="params.yaml", key="a.b", value=3),)
    assert operation.files == (TextFile(path="params.yaml", origin="params.yaml"),)


def test_flags_may_go_to_a_file_that_no_source_names():
    operation = read({"main": "fit.py", "flags-dest": "config:params.yaml", "flags": {"a.b": 3}})

    assert operation.params == (OperationParams(path="params.yaml", keys=("a.b",)),)
    assert operation.files == (TextFile(path="params.yaml", origin="params.yaml"),)


def test_config_files_count_as_a_whole_beside_the_flags_of_a_script():
    operation = read({"main": "fit.py", "requires": "config:params.yaml", "flags": ["lr"], "flags-dest": "globals"})

    assert operation.params == (OperationParams(path="params.yaml"), OperationParams(path="fit.py", keys=("lr",)))


def test_of_two_config_files_one_is_to_be_named():
    entry = {"main": "fit.py", "requires": ["config:params.yaml", "config:more.yaml"], "flags": ["a.b"]}

    assert "its flags could go to any of more.yaml, params.yaml; say which with 'flags-dest: config:FILE'" in refused(
        entry
    )
    assert read({**entry, "flags-dest": "config:more.yaml"}).params == (
        OperationParams(path="params.yaml"),
        OperationParams(path="more.yaml", keys=("a.b",)),
    )
    assert [file.path for file in read({**entry, "flags": None}).params] == ["params.yaml", "more.yaml"]


def test_a_file_for_flags_that_is_not_there_is_refused():
    entry = {"main": "fit.py", "requires": "config:in/params.yaml", "flags-dest": "config:in/param.yaml"}

    assert "its flags go to 'in/param.yaml', but the project has no such file. Did you mean" in refused(entry)


# --- flags: the command line ------------------------------------------------------------------------------------------


def flags_file(operation: Operation) -> dict[str, Any]:
    (file,) = operation.files
    assert (file.path,) == operation.variables == tuple(params.path for params in operation.params)
    found: dict[str, Any] = json.loads(file.text or "")
    return found


def test_options_of_a_script_that_reads_a_command_line_are_its_flags():
    operation = read("cli.py")

    assert operation.cmd == "python cli.py ${args}"
    assert flags_file(operation) == {"args": {"lr": 0.1, "name": "a b", "dry": False}}
    assert operation.variables == ("fit.flags.json",)


def test_an_option_that_the_command_gives_is_no_flag():
    assert flags_file(read("cli.py --lr 3 --name=b")) == {"args": {"dry": False}}


def test_defaults_for_a_command_line_take_the_place_of_the_scripts():
    operation = read(
        {"main": "cli.py", "flags": {"lr": 0.5, "dry": True, "name": None, "layers": [4, 5], "opt.kind": "x"}}
    )

    assert flags_file(operation) == {
        "args": {"lr": 0.5, "dry": True, "name": "a b", "layers": [4, 5], "opt": {"kind": "x"}}
    }


def test_templates_of_the_command_are_filled_with_the_flags_that_they_name():
    operation = read({"cmd": "./run.sh ${lr} ${opt.kind} | tee log", "flags": {"lr": 1, "opt.kind": "sgd"}})

    assert operation.cmd == "./run.sh ${lr} ${opt.kind} | tee log"
    assert flags_file(operation) == {"lr": 1, "opt": {"kind": "sgd"}}


def test_flags_go_to_the_command_that_starts_the_script():
    operation = read({"cmd": ["echo a", "python cli.py", "echo b"], "flags": ["lr"]})

    assert operation.cmd == ("echo a", "python cli.py ${args}", "echo b")


def test_flags_go_where_the_command_says():
    operation = read({"cmd": "python cli.py ${args} > log", "flags": {"lr": 0.2}})

    assert operation.cmd == "python cli.py ${args} > log"
    assert flags_file(operation) == {"args": {"lr": 0.2}}


def test_options_are_no_flags_where_a_command_has_no_place_for_them():
    assert read({"cmd": "python cli.py > log"}).params == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            {"cmd": "python cli.py > log", "flags": ["lr"]},
            "'cmd' holds several commands; write ${args} where its flags go",
        ),
        ({"main": "cli.py --lr 3", "flags": ["lr"]}, "its command has --lr already"),
        (
            {"main": "cli.py", "flags": ["lrr"]},
            "no default is seen for 'lrr'; write it: flags: {lrr: 0.1}. Did you mean",
        ),
        ({"main": "cli.py", "flags": {"a b": 1}}, "'a b' is no name for a flag of a command line"),
        ({"main": "cli.py", "flags": {"$(x)": 1}}, "'$(x)' is no name for a flag of a command line"),
        ({"main": "cli.py", "flags": {"quick": True}}, "write ${quick} into 'cmd' where true or false is to stand"),
        ({"main": "cli.py", "flags": {"a": 1, "a.b": 2}}, "one of its flags is a part of another"),
        ({"main": "cli.py", "flags": {"a.b": 2, "a": 1}}, "one of its flags is a part of another"),
    ],
    ids=str,
)
def test_flags_that_a_command_line_cannot_have_are_refused(entry, problem):
    assert problem in refused(entry)


# --- outs, and the stage that it serves -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outs", "paths"),
    [
        (None, []),
        ("a/", [("a", True)]),
        (["a", {"b": {"cache": False}}, {"c": None}], [("a", True), ("b", False), ("c", True)]),
        ({"b": {"cache": False}}, [("b", False)]),
    ],
    ids=str,
)
@pytest.mark.parametrize("key", ["outs", "metrics"])
def test_outs_are_as_in_dvc_yaml(key, outs, paths):
    operation = read({"main": "fit.py", key: outs})

    assert [(out.path, out.cache) for out in operation.outs] == paths
    assert all(out.metric is (key == "metrics") for out in operation.outs)


@pytest.mark.parametrize(
    ("outs", "problem"),
    [
        (3, "'outs' has to be a path, or a list of paths and of maps as in dvc.yaml; it is an int, 3"),
        ({"a": None, "b": None}, "'outs' has to be a path, or a list"),
        ([{3: None}], "'outs' has to be text; it is an int, 3"),
        ([{"a": False}], "'a': it has to be a map, such as {cache: false}; it is a bool, False"),
        ([{"a": {"cahce": False}}], "'a': an out has no 'cahce'. Did you mean 'cache'?"),
        ([{"a": {"persist": True}}], "'a': an out has no 'persist'. It has: cache"),
        ([{"a": {"cache": "no"}}], "'cache' has to be true or false; it is a text, 'no'"),
        ("../a", "'../a' leads out of the project, and 'outs' takes a path in it"),
        ("s3://b/a", "'s3://b/a' is a url"),
        (".", "'outs' names the project itself"),
        (["a", "./a"], "it names 'a' twice among its outs and metrics"),
    ],
    ids=str,
)
def test_outs_that_are_none_are_refused(outs, problem):
    assert problem in refused({"main": "fit.py", "outs": outs})


@pytest.mark.parametrize("entry", [{"stage": "train"}, {"run-attrs": {"dvc": {"stage": "train"}}}], ids=str)
def test_an_operation_may_serve_a_stage(entry):
    assert read({"main": "fit.py", **entry}).serves == "train"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"stage": 3}, "'stage' has to be text; it is an int, 3"),
        ({"stage": "a", "run-attrs": {"dvc": {"stage": "b"}}}, "it serves two stages, a and b; give it one"),
        ({"run-attrs": {"dvc": {}}}, "'stage' has to be text; it is empty"),
        ({"run-attrs": {"dvc": {"stagee": "a"}}}, "dvc has no 'stagee'. Did you mean 'stage'?"),
        ({"run-attrs": {"x": 1}}, "in 'run-attrs': it has no 'x'. It has: dvc"),
        ({"run-attrs": "train"}, "in 'run-attrs': it has to be a map, such as {dvc: {stage: train}}"),
    ],
    ids=str,
)
def test_a_stage_that_is_none_is_refused(entry, problem):
    assert problem in refused({"main": "fit.py", **entry})


@given(st.dictionaries(st.sampled_from(["fit", "a"]), ANYTHING) | ANYTHING)
def test_whatever_the_file_holds_is_read_or_refused(section):
    found, faults = (), {}
    try:
        found, faults = read_operations({"operations": section}, exists=FILES.__contains__, read_text=FILES.get)
    except OperationError as error:
        faults = {"": str(error)}
    assert all("dvc_magic.yaml" in message for message in faults.values())
    assert all(isinstance(operation, Operation) for operation in found)


@given(st.dictionaries(KEYS, ANYTHING))
def test_whatever_an_entry_holds_is_read_or_refused(fields):
    entries = {"fit": {"main": "cli.py", **fields}}
    found, faults = read_operations({"operations": entries}, exists=FILES.__contains__, read_text=FILES.get)
    assert [operation.name for operation in found] + list(faults) == ["fit"]
    assert all(message.startswith("operation 'fit' in dvc_magic.yaml") for message in faults.values())

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import DvcMagicError, LineError, OperationError, ParamError
from dvc_magic.line import read_operation_line
from dvc_magic.model.operation import OperationOut
from dvc_magic.model.stage import Param, Pipeline
from tests.support.stages import made_up_stage

NAMES = {"lr": 0.5, "paths": ("a.csv", "b.csv"), "none": (), "stage": "train", "listed": ["a.csv", "b.csv"]}


stage = partial(made_up_stage, file="fit.py")
FIT = {"lr": 0.1, "shuffle": True, "name": "base", "jobs": 3}
PIPELINE = Pipeline(
    stages=(stage("prepare", {"n": 10}, outs=["data"]), stage("fit", {"other": 1})),
    operations=(stage("op:fit", FIT, deps=["data"]),),
)
WORDS = st.sampled_from(
    [
        *[
            "fit",
            "-d",
            "-o",
            "-m",
            "-dx",
            "-p",
            "--requires",
            "dvcfile:a",
            "--stage",
            "--learn",
            "--lr",
            "--no-shuffle",
        ],
        *[
            "{lr}",
            "{paths}",
            "{none}",
            "{odd}",
            "0.1",
            "'a",
            "a=b",
            "=",
            "--",
            "-",
            "#",
            ";",
            "--all",
            "--option:stage",
        ],
        *["--into", "out", "--help", "--timeout", "-j2", "--name=-dfoo", "-S", "interval(0,1)"],
    ]
)


def read(line):
    return read_operation_line(line, namespace=NAMES)


def call(line):
    return read(line).run_line(PIPELINE, namespace=NAMES, stage_of=lambda _: "op:fit")


def test_a_line_says_what_the_cell_needs_and_makes():
    found = read(
        "fit -d a.csv --deps b.csv --requires dvcstage:t:m -o x -O y -m z -M w --desc 'a b' --script s.py --learn"
    )

    assert (found.name, found.deps, found.requires) == ("fit", ("a.csv", "b.csv"), ("dvcstage:t:m",))
    assert found.outs == (
        OperationOut(path="x"),
        OperationOut(path="y", cache=False),
        OperationOut(path="z", metric=True),
        OperationOut(path="w", metric=True, cache=False),
    )
    assert (found.desc, found.script, found.learn, found.stage) == ("a b", "s.py", True, "")


def test_variables_stand_for_their_values():
    found = read("fit -d {paths} --stage {stage} -o out-{lr}")

    assert (found.deps, found.stage, found.outs[0].path) == (("a.csv", "b.csv"), "train", "out-0.5")


def test_a_list_gives_each_of_its_values():
    assert read("fit -d {listed}").deps == ("a.csv", "b.csv")


@pytest.mark.parametrize("line", ["--lr 0.2 fit -d a", "-d a --no-shuffle fit", "--label x fit -da", "-d=a lr=1 fit"])
def test_the_name_is_the_word_that_is_no_value(line):
    assert (read(line).name, read(line).deps) == ("fit", ("a",))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "Give the operation a name: %%dvc_op NAME"),
        ("--learn", "Give the operation a name"),
        ("fit -d", "--deps needs a value"),
        ("fit --stage a --stage b", "--stage is given twice"),
        ("fit --learn=yes", "--learn takes no value"),
        ("fit --name -dfoo", "Is this the value of --name, or an option? Write --name=-dfoo or -d foo."),
        ("fit -p lr", "There is no option -p here. The cell's top-level constants are flags"),
        ("fit -n x", "The name comes first"),
        ("fit -d {none}", "{none} is empty here"),
        ("fit --stage {paths}", "{paths} holds 2 values; expected one"),
        ("fit -d {odd}", "There is no variable 'odd'"),
        ("fit -d 'a", "is never closed"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line, expected):
    with pytest.raises(LineError) as caught:
        read(line)

    assert expected in str(caught.value)


def test_the_rest_of_the_line_is_that_of_a_run_of_the_operation():
    found = call("fit -d data --lr 0.2,0.3 --no-shuffle -M m.json --n 3 --label first --into out;")

    assert found.request.stages == ("op:fit",)
    assert {change.key: change.values for change in found.request.changes} == {
        "lr": (0.2, 0.3), "shuffle": (False,), "n": (3,),
    }  # fmt: skip
    assert (found.request.label, found.into, found.silent) == ("first", "out", True)
    assert (
        found.request.line == "%%dvc_op fit -d data --lr 0.2,0.3 --no-shuffle -M m.json --n 3 --label first --into out;"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fit -d data --rate 1", "There is no flag --rate"),
        ("fit -d data again", "One name can be given"),
        ("fit --other 1", "There is no flag --other"),
        ("fit --jobs 2", "Write --option:jobs for the option or --fit.py:jobs for the param."),
        ("fit --all", "There is no flag --all"),
        ("fit --lr fast", "lr in fit.py is a float"),
    ],
)
def test_mistakes_in_the_rest_are_answered_as_those_of_a_run(line, expected):
    with pytest.raises(DvcMagicError) as caught:
        call(line)

    assert expected in str(caught.value)


def test_an_error_points_into_the_line_as_it_was_typed():
    with pytest.raises(LineError) as caught:
        call("fit -d data -o x again")

    assert str(caught.value).split("\n")[1:] == ["  fit -d data -o x again", "                   ^"]


def test_an_option_that_is_a_constant_as_well_is_refused():
    params = [Param(file="fit.py", key="stage", value="a")]

    with pytest.raises(ParamError) as caught:
        read("fit --stage train").check(params)
    read("fit --option:stage train").check(params)
    read("fit -d data").check([Param(file="fit.py", key="deps", value=1)])

    assert "Write --option:stage for the option or --fit.py:stage for the param." in str(caught.value)
    assert read("fit --option:stage train").stage == "train"


def test_an_operation_that_cannot_be_compiled_says_why():
    with pytest.raises(OperationError, match="no such thing"):
        read("fit").run_line(
            Pipeline(faults={"op:fit": "no such thing"}), namespace={}, stage_of=lambda _: "", reuse=False
        )


@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join)))
def test_any_line_is_read_or_refused_by_an_error_of_ours(line):
    try:
        found = read(line)
        found.check(PIPELINE.operations[0].flags)
        call(f"fit {line}")
    except DvcMagicError:
        pass
    else:
        assert found.name

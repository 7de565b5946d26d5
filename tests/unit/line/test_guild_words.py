from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, LineError, ParamError, StageNotFoundError
from dvc_magic.line import (
    OPERATION_OPTIONS,
    RUN_OPTIONS,
    Option,
    Usage,
    read_operation_line,
    read_run_line,
    read_runs_line,
)
from dvc_magic.line.guild_words import RUN_WORDS, RUNS_WORDS
from dvc_magic.model.stage import Pipeline
from dvc_magic.runs import parse_query
from tests.support.stages import made_up_stage as stage

TRAIN = {
    "train.lr": 0.1,
    "train.shuffle": True,
    "train.layers": [64],
    "train.opt": "adam",
    "train.n": 5,
    "a.x": 1,
    "c.x": 1,
}
PIPELINE = Pipeline(
    stages=(
        stage("prepare", {"prepare.rows": 10, "b.w": 2}, outs=["data"]),
        stage("train", TRAIN, deps=["data"]),
        stage("sub/dvc.yaml:report", {"report.title": "t"}),
    ),
    operations=(stage("op:fit", {"lr": 0.5, "label": "x"}, file="fit.py"),),
)
NAMES = {"lr": 0.5, "grid": (0.1, 0.2), "run": SimpleNamespace(id="abc", number=4)}


def read(line, pipeline=PIPELINE):
    return read_run_line(line, namespace=NAMES, pipeline=pipeline, stage_of=lambda _: "train")


def answer(line, pipeline=PIPELINE):
    with pytest.raises(DvcMagicError) as caught:
        read(line, pipeline)
    return str(caught.value)


def first_line(message):
    return message.partition("\n")[0]


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("train lr=0.1", "For train.lr write --lr 0.1;"),
        ("train lr=[0.1,0.2]", "For train.lr write --lr 0.1,0.2;"),
        ("train 'lr=[0.1, 0.2]'", "For train.lr write --lr 0.1,0.2;"),
        ("train --lr [0.1,0.2]", "write --train.lr 0.1,0.2"),
        ("train shuffle=yes", "Write a value such as true or false."),
        ("train --shuffle yes", "Write --shuffle true or --shuffle false."),
        ("train dvcstage:prepare=3fa2", "A run of prepare to build on is --use prepare=RUN."),
        ("train 'dvcstage:prepare=3fa2'", "A run of prepare to build on is --use prepare=RUN."),
        ("train operation:prepare=[3fa,41b]", "A run of prepare to build on is --use prepare=RUN."),
        ("model:train lr=0.1", "Did you mean 'train'?"),
        ("fit -l x", "Guild AI's -l is --label LABEL."),
        ("fit label=x", "Write --option:label for the option or --fit.py:label for the param."),
    ],
)
def test_what_guild_writes_is_answered_with_what_is_written_here(line, ours):
    assert ours in first_line(answer(line))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train lr=range[0:1:0.5]", "lr=range[0:1:0.5] is --lr range(START,END,STEP): END is left out."),
        ("train 'lr=range[0:1:0.5]'", "lr=range[0:1:0.5] is --lr range(START,END,STEP): END is left out."),
        ("train --lr=range[1:0:-0.4]", "--lr=range[1:0:-0.4] is --lr range(START,END,STEP): END is left out."),
        ("train n=linspace[1:5]", "n=linspace[1:5] is --n linspace(START,END,COUNT): "),
        ("train --lr logspace[-3:0:n=4]", "logspace[-3:0:n=4] is logspace(FIRST,LAST,COUNT): its ends are values"),
        ("train lr=[1]*3", "lr=[1]*3 is --lr 1,1,1: "),
        ("train layers=[1]*3", "for a param that is a list, [1,1,1]."),
        ("train lr=[0.1:0.5]", "lr=[0.1:0.5] is --lr linspace(LOW,HIGH,COUNT): a grid over the range"),
        ("train --lr uniform[0:1]", "uniform[0:1] is linspace(LOW,HIGH,COUNT): a grid over the range"),
        ("train --lr loguniform[1e-3:1]", "loguniform[1e-3:1] is logspace(LOW,HIGH,COUNT): a grid over the range"),
        ("guild run train lr=0.1", "guild run is %dvc_run."),
        ("train @trials.csv lr=0.1", "@trials.csv is a loop in Python: for row in rows: project.run('STAGE', row)."),
        ("train --proto 3fa2 lr=1", "--proto is --from RUN: "),
        ("--proto 3", "--proto is --from RUN: "),
        ("train --stop-after=5", "--stop-after is --timeout 5m"),
        ("train -m20 -o random", "-m is not in this version: a grid runs the values that are written, all of them."),
        ("train -D a.csv", "-D is --copy-path PATH, for what git ignores; in %%dvc_op, --deps PATH."),
        ("train -c first", "-c is the note of a run, run.tag(note='TEXT')."),
        ("-y train lr=0.1", "-y is not needed: nothing asks before it runs."),
    ],
)
def test_a_word_of_guilds_is_answered_with_one_sentence(line, said):
    assert said in first_line(answer(line))
    assert answer(line).startswith("Guild AI's ")


def test_each_word_of_a_line_gets_its_sentence_once():
    message = first_line(answer("train --needed -t x -t y -b"))

    assert re.findall(r"Guild AI's (\S+) is", message) == ["--needed", "-t", "-b"]


def test_an_answer_points_at_the_first_word_and_has_the_kind_of_the_error():
    message = answer("train --lr 0.1 --needed -y")

    assert message.split("\n")[1:3] == ["  train --lr 0.1 --needed -y", f"  {' ' * len('train --lr 0.1 ')}^"]
    for line, kind in (("train lr=0.1", ParamError), ("guild run x", StageNotFoundError), ("train -y", LineError)):
        with pytest.raises(kind):
            read(line)


def test_what_else_is_wrong_is_said_as_well():
    for line, said in (
        ("train --lrr 1 --proto 3", "There is no flag --lrr"),
        ("train x=1 --proto 3", "--x can mean several params"),
        ("prepare dvcstage:nope=3", "A run of nope to build on is --use nope=RUN."),
        ("trian -y --needed", "Did you mean 'train'"),
    ):
        assert said in answer(line)


def test_other_errors_stay_as_they_are():
    assert "Guild" not in answer("trian --lr 1")
    assert "Guild" not in answer("train -lr 1")
    assert "Guild" not in answer("train --lr range[1:2")
    assert "Guild" not in answer("train --layers [a:b] --lr abc")
    assert "Guild" not in answer("train --opt 'range[1:2]' --lr abc")
    assert answer("train lr=abc") == (
        "train.lr in params.yaml is a float (0.1 now), got the text abc. Write a value such as 0.1."
    )


def words(table):
    return [name for row in table.strip().split("\n") for name in row.partition(": ")[0].split()]


OWN = {spelling for option in RUN_OPTIONS for spelling in (option.name, option.short)}
THEIRS = [name for name in words(RUN_WORDS) if name.startswith("--") and name not in OWN]


@pytest.mark.parametrize("option", THEIRS)
def test_a_flag_of_the_stage_is_no_spelling_of_guilds(option):
    name = option.removeprefix("--")
    pipeline = Pipeline(stages=(stage("train", {name: 1}),))

    assert read(f"train --{name} 3", pipeline).request.changes[0].values == (3,)
    assert "Guild" not in answer(f"train --{name} abc", pipeline)


def test_a_stage_or_param_file_of_guilds_words_is_meant_itself():
    pipeline = Pipeline(stages=(stage("guild"), stage("model:run"), stage("fit", {"prepare": 1}, file="dvcstage")))

    assert read("model:run", pipeline).request.stages == ("model:run",)
    assert read("fit dvcstage:prepare=3", pipeline).request.changes[0].file == "dvcstage"
    assert "There is no stage 'train'" in answer("guild run train", pipeline)


def test_an_operation_that_several_models_have_is_named_with_its_model():
    pipeline = Pipeline(operations=tuple(replace(stage(f"op:{name}"), name=name) for name in ("a.fit", "b.fit")))

    assert "'a.fit'" in answer("a:fit", pipeline)


def test_a_letter_that_is_a_flag_gets_its_second_dash():
    assert "two dashes: --n" in answer("train -n 3")
    assert "two dashes: --n" in answer("train -n=3")
    assert "two dashes" not in answer("prepare -f")


@pytest.mark.parametrize("name", [name for name in words(RUN_WORDS) if name not in OWN])
def test_each_option_of_guild_run_is_answered(name):
    for line in (f"prepare {name}", f"prepare {name} 3", f"prepare {name}=3", f"{name} 3"):
        # In `-n 3`, n is a flag of another stage.
        assert answer(line).startswith("There is no option -n" if name == "-n" else f"Guild AI's {name} ")


def test_every_option_that_an_answer_names_is_one():
    options = {option.name for option in (*RUN_OPTIONS, *OPERATION_OPTIONS)}

    ours = [row.partition(": ")[2] for row in RUN_WORDS.strip().split("\n")]
    assert {option for text in ours for option in re.findall(r"--[a-z-]+", text)} <= {*options, "--lr"}


VALUES = ["0.1", "3", "[1,2]", "[a,b]", "[0.1:0.5]", "[1]*2", "yes", "'4 5'", "{lr}", "{grid}", "3fa2", "[]", "[[1],2]"]
FUNCTIONS = ["range", "linspace", "logspace", "uniform", "loguniform", ""]
NUMBERS = st.sampled_from(["0", "1", "-2", "0.25", "1e-3", "1e400", "10", "n=3", "x", "", "{lr}"])
CALLS = st.builds("{}[{}]".format, st.sampled_from(FUNCTIONS), st.lists(NUMBERS, max_size=5).map(":".join))
KEYS = st.sampled_from(
    ["lr", "train.lr", "n", "opt", "shuffle", "layers", "x", "rows", "nope", "label", "title", "a b"]
)
VALUE = st.sampled_from(VALUES) | CALLS
WORDS = st.sampled_from(
    [
        *["dvc.yaml:train", "operation:fit", "op:fit", "guild run"],
        *["@t.csv", "dvcstage:prepare=3", "dvcstage:prepare=[a,b]", "dvcstage:nope=[a]", "'dvcstage:train=1'", "~lr"],
        *["--use", "prepare=1", "--label", "--option:label", "--no-shuffle", "--shuffle", "--reuse", "--dry-run", ";"],
        *["--lr", "-S", "=", "a:b", "--", "''", "--from", "--all", "--help", "-j2", "--timeout=5", "# c", "{nope}"],
    ]
)
PARTS = st.one_of(
    WORDS,
    st.sampled_from(words(RUN_WORDS)),
    st.builds("{}={}".format, KEYS, VALUE),
    st.builds("--{} {}".format, KEYS, VALUE),
    st.builds("'{}={}'".format, KEYS, CALLS),
    st.builds("{} {}".format, st.sampled_from(words(RUN_WORDS)), st.sampled_from(VALUES)),
)


STARTS = st.sampled_from(["train", "guild run train", "model:train", "fit", "operation:fit", ""])
LINES = st.builds("{} {}".format, STARTS, st.lists(PARTS, max_size=3).map(" ".join))


@given(LINES)
@example("guild run train lr=[0.1:0.5] --needed")
def test_no_line_breaks_the_answer(line):
    with contextlib.suppress(DvcMagicError):
        read(line)


RUNS = Usage(
    magic="%dvc_runs",
    words=("EXPR",),
    raw=True,
    options=(
        *(Option(name=name, what="X") for name in ("--stage", "--status", "--tag", "--sort", "-n")),
        Option(name="--all", takes=False),
    ),
)


def runs(line):
    return read_runs_line(line, RUNS, namespace={})


def refused(line):
    with pytest.raises(LineError) as caught:
        runs(line)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-Fo train", "Guild AI's -Fo is --stage STAGE."),
        ("--limit 3", "Guild AI's --limit is -n N."),
        ("-Sc -Se", "Guild AI's -Sc is --status completed; for several, the query status in [completed, failed]."),
        ("--not-error", "Guild AI's --not-error is the query status != failed."),
        ("-Fc first", "Guild AI's -Fc is the query note contains 'TEXT'."),
        ("-F 'op = train'", "is the query itself: op is stage, flag:lr is params.lr, scalar:loss is metrics.loss."),
        ("a = 1 or b = 2 -Fu", "Guild AI's -Fu is the query not label ~ '.'."),
        ("-Fs 'last hour'", "Guild AI's -Fs is a query with a date: started > '2026-01-31'."),
        ("-Fm", "Guild AI's -Fm is [run for run in runs if run.notes.mark]."),
        ("-Fn", "Guild AI's -Fn is [run for run in runs if not run.notes.mark]."),
    ],
)
def test_filters_of_guild_runs_are_answered_with_ours(line, said):
    assert said in first_line(refused(line))


def test_options_of_ours_and_unknown_ones_are_left_alone():
    assert runs("--stage train -n 3").values == {"--stage": "train", "-n": "3"}
    assert "There is no option --nope" in refused("--nope -Sc")
    assert "Guild" not in refused("--nope")


@pytest.mark.parametrize("name", [name for name in words(RUNS_WORDS) if name not in ("-n", "--tag", "--all")])
def test_each_filter_is_answered(name):
    for line in (name, f"{name} 3", f"{name}=3"):
        assert refused(line).startswith(f"Guild AI's {name} ")


@pytest.mark.parametrize("row", [row for row in RUNS_WORDS.strip().split("\n") if ": is the query " in row])
def test_a_query_that_an_answer_shows_can_be_read(row):
    query = row.rpartition("the query ")[2].partition(": op is")[0]

    assert query == "itself" or parse_query(query)


def test_the_line_of_a_cell_is_answered_too():
    asked = read_operation_line("fit -D a.csv --needed lr=[1,2]", namespace=NAMES)
    with pytest.raises(DvcMagicError) as caught:
        asked.run_line(PIPELINE, namespace=NAMES, stage_of=lambda _: "op:fit")

    assert "in %%dvc_op, --deps PATH. Guild AI's --needed is --reuse;" in str(caught.value)


def test_a_line_that_can_be_read_does_not_load_the_table():
    code = (
        "import sys; from dvc_magic.line import *; from dvc_magic.model.stage import Pipeline\n"
        "read_run_line('--help', namespace={}, pipeline=Pipeline(), stage_of=str)\n"
        "print('dvc_magic.line.guild_words' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

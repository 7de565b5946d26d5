from __future__ import annotations

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
from dvc_magic.line.guild_options import QUERIES, RUN_ANSWERS, RUNS_ANSWERS, STATUS_ANSWERS
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
WHOLE = ("The whole line: %dvc_run", "  %dvc_run")


def read(line, pipeline=PIPELINE):
    return read_run_line(line, namespace=NAMES, pipeline=pipeline, stage_of=lambda _: "train")


def answer(line, pipeline=PIPELINE):
    with pytest.raises(DvcMagicError) as caught:
        read(line, pipeline)
    return str(caught.value)


def proposals(message):
    return [line.partition("%dvc_run")[2].strip() for line in message.split("\n") if line.startswith(WHOLE)]


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("train lr=0.1", "train --lr 0.1"),
        ("train lr=[0.1,0.2]", "train --lr 0.1,0.2"),
        ("train 'lr=[0.1, 0.2]'", "train --lr 0.1,0.2"),
        ("train --lr [0.1,0.2]", "train --lr 0.1,0.2"),
        ("train train.lr=[0.1,0.2]", "train --train.lr 0.1,0.2"),
        ("train opt=[a,'b c',d;e]", "train --opt a,'b c','d;e'"),
        ("train lr=[{lr},1]", "train --lr {lr},1"),
        ("train shuffle=yes", "train --shuffle true"),
        ("train --shuffle [yes,no]", "train --shuffle true,false"),
        ("train layers='4 5'", "train --layers [4,5]"),
        ("train lr=range[0:1:0.5]", "train --lr range(0,1.5,0.5)"),
        ("train --lr=range[1:0:-0.4]", "train --lr range(1,-0.2,-0.4)"),
        ("train n=range[1:4]", "train --n range(1,5,1)"),
        ("train lr=linspace[0:1:n=3]", "train --lr linspace(0,1,3)"),
        ("train n=linspace[1:5]", "train --n 1,2,3,4,5"),
        ("train --lr logspace[-3:0:n=4:base=10]", "train --lr logspace(0.001,1.0,4)"),
        ("train lr=[1]*3", "train --lr 1,1,1"),
        ("train layers=[1]*3", "train --layers [1,1,1]"),
        ("train lr=[0.1:0.5]", "train --lr linspace(0.1,0.5,5)"),
        ("train --lr uniform[0:1:0.3]", "train --lr linspace(0.0,1.0,5)"),
        ("train --lr loguniform[1e-3:1]", "train --lr logspace(0.001,1.0,5)"),
        ("train n=[1:100]", "train --n range(1,101,25)"),
    ],
)
def test_values_are_shown_as_they_are_written_here(line, ours):
    assert proposals(answer(line)) == [ours]


@pytest.mark.parametrize(
    ("theirs", "values"),
    [
        ("range[0:1:0.5]", (0.0, 0.5, 1.0)),
        ("range[0:0.3:0.1]", (0.0, 0.1, 0.2, 0.3)),
        ("range[0:1:0.4]", (0.0, 0.4, 0.8)),
        ("linspace[0:1:3]", (0.0, 0.5, 1.0)),
        ("logspace[-2:0:3]", (0.01, 0.1, 1.0)),
        ("logspace[0:2:3:2]", (1.0, 2.0, 4.0)),
        ("[0.5]*2", (0.5, 0.5)),
    ],
)
def test_the_values_are_those_that_guild_takes(theirs, values):
    (ours,) = proposals(answer(f"train lr={theirs}"))

    assert read(ours).request.changes[0].values == values


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("guild run train lr=0.1", "train --lr 0.1"),
        ("guild run dvc.yaml:train lr=0.1 -y;", "dvc.yaml:train --lr 0.1;"),
        ("operation:train", "train"),
        ("model:train lr=0.1", "train --lr 0.1"),
        ("nope/dvc.yaml:train", "train"),
        ("other/dvc.yaml:report title=x", "report --title x"),
        ("op:fit --needed lr=3", "op:fit --reuse --lr 3"),
        ("train dvcstage:prepare=3fa2", "train --use prepare=3fa2"),
        ("train 'dvcstage:prepare=3fa2' -f", "train --use prepare=3fa2"),
        ("train operation:prepare={run}", "train --use prepare={run}"),
        ("train --needed --reuse", "train --reuse"),
        ("train --proto 3fa2 lr=1", "train --from 3fa2 --lr 1"),
        ("--proto 3", "--from 3"),
        ("train --restart={run}", "train --from {run}"),
        ("train -l 'a b' -t x -t y", "train --label 'a b' --tag x --tag y"),
        ("train --stop-after 5", "train --timeout 5m"),
        ("train --stage --print-cmd", "train --dry-run"),
        ("train -m20 -o random --random-seed 3 lr=[0:1]", "train --lr linspace(0.0,1.0,5)"),
        ("train -D a.csv", "train --copy-path a.csv"),
        ("-y train lr=0.1", "train --lr 0.1"),
        ("fit -l x", "fit --option:label x"),
        ("fit label=x", "fit --fit.py:label x"),
    ],
)
def test_a_line_is_shown_whole(line, ours):
    assert proposals(answer(line)) == [ours]


def test_several_upstream_runs_are_a_line_each():
    message = answer("train dvcstage:prepare=[3fa,41b] lr=0.1")

    assert proposals(message) == ["train --use prepare=3fa --lr 0.1", "train --use prepare=41b --lr 0.1"]


def test_an_answer_points_at_the_first_spelling_and_has_the_kind_of_the_error():
    message = answer("train --lr 0.1 --needed -y")

    assert message.split("\n")[1:3] == ["  train --lr 0.1 --needed -y", f"  {' ' * len('train --lr 0.1 ')}^"]
    for line, kind in (("train lr=0.1", ParamError), ("model:train", StageNotFoundError), ("train -y", LineError)):
        with pytest.raises(kind):
            read(line)


def test_a_batch_file_is_answered_in_python():
    message = answer("train @trials.csv lr=0.1")

    assert "[project.run('train', row) for row in pandas.read_csv('trials.csv')" in message
    assert proposals(message) == []


def test_what_else_is_wrong_is_said_and_no_line_is_shown():
    for line, said in (
        ("guild run trian lr=0.1", "Did you mean 'train'"),
        ("train --lrr 1 --needed", "There is no flag --lrr"),
        ("train --needed --no-reuse", "exclude each other"),
        ("train layers=linspace[0:1]", "train.layers in params.yaml is a list"),
        ("train dvcstage:nope=3", "There is no stage or operation 'nope'"),
        ("train x=1 --needed", "--x can mean several params"),
        ("train --proto", "--from RUN"),
    ):
        message = answer(line)
        assert said in message
        assert proposals(message) == []


def test_other_errors_stay_as_they_are():
    assert "Guild" not in answer("trian --lr 1")
    assert "Guild" not in answer("train -lr 1")
    assert "Guild" not in answer("train --lr range[1:2")
    assert answer("train lr=abc") == (
        "train.lr in params.yaml is a float (0.1 now), got the text abc. Write a value such as 0.1."
    )


OWN = {spelling for option in RUN_OPTIONS for spelling in (option.name, option.short)}
THEIRS = [one.option for one in RUN_ANSWERS if one.option.name not in OWN]


@pytest.mark.parametrize("option", THEIRS, ids=lambda option: option.name)
def test_a_flag_of_the_stage_is_no_spelling_of_guilds(option):
    name = option.name.removeprefix("--")
    pipeline = Pipeline(stages=(stage("train", {name: 1}),))

    assert read(f"train --{name} 3", pipeline).request.changes[0].values == (3,)
    assert "Guild" not in answer(f"train --{name} abc", pipeline)


def test_a_group_has_the_flags_of_its_items():
    pipeline = Pipeline(stages=(stage("fit@a", {"fit.lr": 0.1}), stage("fit@b", {"fit.lr": 0.1}), stage("other")))

    assert answer("guild run fit lr=[0.1,0.2] --needed", pipeline).endswith("%dvc_run fit --lr 0.1,0.2 --reuse")


def test_a_stage_or_param_file_of_guilds_words_is_meant_itself():
    pipeline = Pipeline(stages=(stage("guild"), stage("model:run"), stage("fit", {"prepare": 1}, file="dvcstage")))

    assert read("model:run", pipeline).request.stages == ("model:run",)
    assert read("fit dvcstage:prepare=3", pipeline).request.changes[0].file == "dvcstage"
    assert "There is no stage 'train'" in answer("guild run train", pipeline)


def test_an_operation_that_several_models_have_is_named_with_its_model():
    pipeline = Pipeline(operations=tuple(replace(stage(f"op:{name}"), name=name) for name in ("a.fit", "b.fit")))

    assert "\nThe whole line: %dvc_run a.fit" in answer("a:fit", pipeline)


def test_comments_and_marks_are_what_they_are_here():
    assert "run.tag(note='TEXT')" in answer("train -c first")
    assert "[run for run in runs if run.notes.mark]" in refused("-Fm")
    assert "[run for run in runs if not run.notes.mark]" in refused("-Fn")


def test_a_letter_that_is_a_flag_gets_its_second_dash():
    assert "two dashes: --n" in answer("train -n 3")
    assert "two dashes: --n" in answer("train -n=3")
    assert "two dashes" not in answer("prepare -n")


@pytest.mark.parametrize("given", RUN_ANSWERS, ids=lambda given: given.option.name)
@pytest.mark.parametrize("short", [False, True])
def test_each_option_of_guild_run_is_answered_with_a_line_that_can_be_read(given, short):
    spelling = given.option.short if short else given.option.name
    if not spelling or spelling in OWN:
        return
    message = answer(f"prepare {spelling} {'3' if given.option.takes else ''}")

    assert message.startswith(f"Guild AI's {spelling}")
    (ours,) = proposals(message)
    assert read(ours).request.stages == ("prepare",)


def test_every_option_of_ours_that_an_answer_names_is_one():
    known = {spelling for option in (*RUN_OPTIONS, *OPERATION_OPTIONS) for spelling in (option.name, option.short)}

    assert {way.partition(" ")[0] for one in RUN_ANSWERS for way in one.ours} <= known


VALUES = ["0.1", "3", "[1,2]", "[a,b]", "[0.1:0.5]", "[1]*2", "yes", "'4 5'", "{lr}", "{grid}", "3fa2", "[]", "[[1],2]"]
FUNCTIONS = ["range", "linspace", "logspace", "uniform", "loguniform", ""]
NUMBERS = st.sampled_from(["0", "1", "-2", "0.25", "1e-3", "1e400", "10", "n=3", "x", "", "{lr}"])
CALLS = st.builds("{}[{}]".format, st.sampled_from(FUNCTIONS), st.lists(NUMBERS, max_size=5).map(":".join))
KEYS = st.sampled_from(
    ["lr", "train.lr", "n", "opt", "shuffle", "layers", "x", "rows", "nope", "label", "title", "a b"]
)
VALUE = st.sampled_from(VALUES) | CALLS
SPELLINGS = [spelling for one in RUN_ANSWERS for spelling in (one.option.name, one.option.short) if spelling]
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
    st.sampled_from(SPELLINGS),
    st.builds("{}={}".format, KEYS, VALUE),
    st.builds("--{} {}".format, KEYS, VALUE),
    st.builds("'{}={}'".format, KEYS, CALLS),
    st.builds("{} {}".format, st.sampled_from(SPELLINGS), st.sampled_from(VALUES)),
)


STARTS = st.sampled_from(["train", "guild run train", "model:train", "fit", "operation:fit", ""])
LINES = st.builds("{} {}".format, STARTS, st.lists(PARTS, max_size=3).map(" ".join))


@given(LINES)
@example("guild run train lr=[0.1:0.5] --needed")
def test_no_line_that_is_shown_is_an_error(line):
    try:
        read(line)
    except DvcMagicError as error:
        for ours in proposals(str(error)):
            asked = read(ours)
            assert asked.help or asked.request.stages


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
    return read_runs_line(line, RUNS, command="%dvc_runs", namespace={})


def refused(line):
    with pytest.raises(LineError) as caught:
        runs(line)
    return str(caught.value)


def shown(line):
    try:
        runs(line)
    except LineError as error:
        return next(
            (said[2] for part in str(error).split("\n") if (said := part.partition("line: %dvc_runs"))[1]), None
        )
    return None


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("-Fo train -Sc", "--stage train --status completed"),
        ("--operation=train -Ft good --limit 3", "--stage train --tag good -n 3"),
        ("-Sc -Se", "status in [completed, failed]"),
        ("--not-error -a", "status != failed"),
        ("-Fc first", "note contains 'first'"),
        ("-Fl 'a b' loss < 3", "loss < 3 and label contains 'a b'"),
        (
            "-F 'op = train and (scalar:loss < 1 or flag:lr = 2)'",
            "stage = train and (metrics.loss < 1 or params.lr = 2)",
        ),
        ("a = 1 or b = 2 -Fu", "(a = 1 or b = 2) and not label ~ '.'"),
        ("-Fs 'last hour' --json", ""),
    ],
)
def test_filters_of_guild_runs_are_options_or_a_query(line, ours):
    assert shown(line) == (f" {ours}" if ours else "")


def test_options_of_ours_and_unknown_ones_are_left_alone():
    assert runs("--stage train -n 3").values == {"--stage": "train", "-n": "3"}
    assert shown("--nope -Sc") is None
    assert shown("-Fo") is None


@pytest.mark.parametrize("given", [*RUNS_ANSWERS, *QUERIES, *STATUS_ANSWERS], ids=lambda given: given.option.name)
def test_each_filter_is_answered_with_a_line_that_can_be_read(given):
    value = "lr=3" if given.option.name == "--filter" else "3"
    spelling = given.option.short or given.option.name
    if spelling == "-n":
        return
    line = shown(f"{spelling} {value if given.option.takes else ''}")

    assert line is not None
    query = runs(line.strip()).positional
    assert query is None or parse_query(query)


def test_the_line_of_a_cell_is_answered_with_its_own_options():
    asked = read_operation_line("fit -D a.csv --needed lr=[1,2]", namespace=NAMES)
    with pytest.raises(DvcMagicError) as caught:
        asked.run_line(PIPELINE, namespace=NAMES, stage_of=lambda _: "op:fit")

    assert str(caught.value).endswith("\nThe whole line: %%dvc_op fit --deps a.csv --reuse --lr 1,2")

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import DvcMagicError, LineError, ParamError, RequestError, StageNotFoundError
from dvc_magic.line import OPTION_NAMES, Space, find_stage, format_line, read_duration, read_run_line
from dvc_magic.model.request import Change, ChangeKind, UpstreamPolicy
from dvc_magic.model.stage import Pipeline
from dvc_magic.model.values import same
from tests.support.stages import made_up_stage as stage

TRAIN = {
    "train.lr": 0.1,
    "train.max_iter": 5,
    "train.shuffle": True,
    "train.layers": [64],
    "train.opt": "adam",
    "version": "1.0",
    "train.depth": None,
}
PIPELINE = Pipeline(
    stages=(
        stage("prepare", {"prepare.n": 10, "prepare.label": "a", "split.raise": True}, outs=["data"]),
        stage("train", TRAIN, deps=["data"]),
    )
)
NAMES = {
    "lr": 0.5,
    "grid": (0.1, 0.2),
    "run": SimpleNamespace(id="abc", number=4),
    "on": False,
    "stage": "train",
    "odd": (),
    "lrs": [0.1, 0.2],
    "typed": "0.1,0.2",
    "one": "3",
    "word": "maybe",
    "flags": [True, False],
    "true": "true",
    "lists": [[1], [2]],
    "listed": "[1,2]",
    "tags": ["a", "b"],
}
WORDS = st.sampled_from(
    [
        *["train", "prepare", "--lr", "--shuffle", "--no-shuffle", "--layers", "--depth", "--n"],
        *["0.1", "-1", "1,2", "[1,2]", "'a", "a b'", "null", "None", "-", "--", "=", "''", "#", ";"],
        *["-S", "x=1", "~x", "-j2", "--use", "prepare=1", "--all", "--help", "--into", "out", "--timeout", "5m"],
        *[
            "--label",
            "--option:label",
            "--upstream",
            "auto",
            "--reuse",
            "--from",
            "41",
            "{lr}",
            "{grid}",
            "{odd}",
            "interval(0,1)",
        ],
    ]
)


def read(line, pipeline=PIPELINE):
    return read_run_line(line, namespace=NAMES, pipeline=pipeline, stage_of=str)


def changes(line):
    return {change.key: change.values for change in read(line).request.changes}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--lr {lrs}", {"train.lr": (0.1, 0.2)}),
        ("--lr={lrs}", {"train.lr": (0.1, 0.2)}),
        ("--lr 0.3,{lrs}", {"train.lr": (0.3, 0.1, 0.2)}),
        ("--lr choice({lrs})", {"train.lr": (0.1, 0.2)}),
        ("train.lr={lrs}", {"train.lr": (0.1, 0.2)}),
        ("-S train.lr={lrs}", {"train.lr": (0.1, 0.2)}),
        ("--opt {tags}", {"train.opt": ("a", "b")}),
        ("--shuffle {flags}", {"train.shuffle": (True, False)}),
    ],
)
def test_a_list_in_braces_is_a_grid_where_the_param_is_no_list(line, expected):
    assert changes(f"train {line}") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--layers {lrs}", {"train.layers": ([0.1, 0.2],)}),
        ("--layers {lists}", {"train.layers": ([[1], [2]],)}),
        ("--depth {lrs}", {"train.depth": ([0.1, 0.2],)}),
        ("-S other={lrs}", {"other": ([0.1, 0.2],)}),
        ("-S train.lr=[0.1,0.2]", {"train.lr": ([0.1, 0.2],)}),
    ],
)
def test_a_list_stays_one_value_where_a_list_may_be_wanted_or_is_typed(line, expected):
    assert changes(f"train {line}") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--lr {typed}", {"train.lr": (0.1, 0.2)}),
        ("--lr {one}", {"train.lr": (3.0,)}),
        ("--max-iter {one}", {"train.max_iter": (3,)}),
        ("--shuffle {true}", {"train.shuffle": (True,)}),
        ("--layers {listed}", {"train.layers": ([1, 2],)}),
        ("train.lr={typed}", {"train.lr": (0.1, 0.2)}),
        ("-S train.max_iter={one}", {"train.max_iter": (3,)}),
        ("--opt {typed}", {"train.opt": ("0.1,0.2",)}),
        ("--version {one}", {"version": ("3",)}),
        ("--depth {one}", {"train.depth": ("3",)}),
    ],
)
def test_a_text_in_braces_is_read_as_typed_unless_the_param_takes_texts(line, expected):
    assert changes(f"train {line}") == expected


@pytest.mark.parametrize(
    "line", ["train --shuffle maybe", "train --shuffle 0", "train --shuffle {word}", "train --lr 1 --shuffle a"]
)
def test_a_word_behind_a_boolean_flag_that_is_no_boolean_is_answered_with_those(line):
    with pytest.raises(
        LineError, match=r"--shuffle is true or false; '\w+' is neither. Write --shuffle true or --shuffle false."
    ):
        read(line)


def test_the_word_behind_a_boolean_flag_may_be_the_stage_or_an_earlier_cell():
    assert read("--shuffle train").request.stages == ("train",)
    with pytest.raises(StageNotFoundError, match="--shuffle is true or false; 'cell' is neither") as caught:
        read("--shuffle cell")
    assert caught.value.name == "cell"


def test_a_key_of_no_stage_is_answered_with_the_param_that_ends_in_it():
    with pytest.raises(ParamError) as caught:
        read("train lr=[0.2,0.3]")

    assert str(caught.value) == (
        "lr=[0.2,0.3] sets lr of params.yaml, which no stage here has. For train.lr write "
        "--lr 0.2,0.3; for the other key write -S ++lr=[0.2,0.3]"
    )
    assert changes("train --lr 0.2,0.3") == {"train.lr": (0.2, 0.3)}


def test_a_text_in_braces_that_does_not_fit_is_named_as_it_is():
    with pytest.raises(ParamError, match="is a float .* got the text maybe"):
        read("train --lr {word}")


def test_a_list_in_braces_gives_an_option_each_of_its_values():
    request = read("train --tag {tags} --tag c -C {tags}").request

    assert (request.tags, request.copy_paths) == (("a", "b", "c"), ("a", "b"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train --lr 0.5", {"train.lr": (0.5,)}),
        ("train --lr=0.5,1", {"train.lr": (0.5, 1.0)}),
        ("train --lr -1e-3", {"train.lr": (-0.001,)}),
        ("train --max-iter -1,0", {"train.max_iter": (-1, 0)}),
        ("train --lr {lr}", {"train.lr": (0.5,)}),
        ("train --lr={grid}", {"train.lr": (0.1, 0.2)}),
        ("train --layers [{train_n},64]".replace("{train_n}", "32"), {"train.layers": ([32, 64],)}),
        ("train --layers [1],[2,3]", {"train.layers": ([1], [2, 3])}),
        ("train --version 1.10 --opt '0.5'", {"version": ("1.10",), "train.opt": ("0.5",)}),
        ("train --opt http://h?y=1", {"train.opt": ("http://h?y=1",)}),
        ("train --opt x-{lr}", {"train.opt": ("x-0.5",)}),
        ("train --opt '{lr}'", {"train.opt": ("{lr}",)}),
        ('train --opt "{lr} b"', {"train.opt": ("0.5 b",)}),
        ("train --depth 3 --n 5", {"train.depth": (3,), "prepare.n": (5,)}),
        ("train --depth null", {"train.depth": (None,)}),
        ("train --params.yaml:train.lr 1", {"train.lr": (1.0,)}),
        (
            "train train.lr=0.5,1 -S new=3 -S +x.y=[1] ~z",
            {"train.lr": (0.5, 1), "new": (3,), "x.y": ([1],), "z": (None,)},
        ),
        ("train -S 'a=1,2' -Sb=3 -S c={grid} d='x y'", {"a": (1, 2), "b": (3,), "c": (0.1, 0.2), "d": ("x y",)}),
        ("train # --lr 0.5", {}),
    ],
)
def test_flags_and_overrides_become_changes(line, expected):
    assert changes(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train --shuffle", (True,)),
        ("train --no-shuffle", (False,)),
        ("train --no-train.shuffle", (False,)),
        ("train --shuffle false", (False,)),
        ("train --shuffle=FALSE", (False,)),
        ("train --shuffle true,false", (True, False)),
        ("train --shuffle {on}", (False,)),
        ("--shuffle train", (True,)),
        ("--shuffle {stage}", (True,)),
        ("--no-shuffle train", (False,)),
    ],
)
def test_booleans_need_no_value(line, expected):
    assert read(line).request.stages == ("train",)
    assert changes(line) == {"train.shuffle": expected}


def test_the_options_of_a_call():
    line = (
        "train --use prepare={run} --upstream never -C a -C 'b c' --timeout 1h30m -j2 --option:label x --tag a --tag b"
    )
    request = read(line).request
    assert (request.use, request.upstream, request.copy_paths) == (
        {"prepare": "abc"},
        UpstreamPolicy.NEVER,
        ("a", "b c"),
    )
    assert (request.timeout, request.jobs, request.label, request.tags) == (5400.0, 2, "x", ("a", "b"))
    assert request.line == f"%dvc_run {line}"


def test_from_alone_means_the_stage_of_its_run():
    stages = {"41": "prepare", "abc": "train"}

    def of(line):
        return read_run_line(line, namespace=NAMES, pipeline=PIPELINE, stage_of=stages.__getitem__).request

    assert (of("--from 41 --n 3").stages, of("--from 41").from_run) == (("prepare",), "41")
    assert (of("--from {run} --lr 1").stages, of("--from {run}").from_run) == (("train",), "abc")
    assert of("prepare --from abc").stages == ("prepare",)
    with pytest.raises(LineError, match="expects one run"):
        of("--from '41,42'")


def test_a_stage_whose_address_looks_like_an_override_is_a_stage():
    stages = (*PIPELINE.stages, stage("each@lr=1", {"n": 1}), stage("year=2024/dvc.yaml:fit", {"n": 1}))
    pipeline = Pipeline(stages=stages)
    for address in ("each@lr=1", "year=2024/dvc.yaml:fit"):
        for word in (address, f"'{address}'"):
            request = read(f"{word} --from 41 n=2", pipeline).request
            assert (request.stages, request.from_run) == ((address,), "41")
            assert [(change.key, change.values) for change in request.changes] == [("n", (2,))]
    assert changes("train train.lr=1") == {"train.lr": (1,)}


def test_reuse_is_what_the_line_says_or_else_the_default():
    def of(line, default):
        return read_run_line(line, namespace=NAMES, pipeline=PIPELINE, stage_of=str, reuse=default).request.reuse

    assert (of("train", default=False), of("train", default=True)) == (False, True)
    assert (of("train --reuse", default=False), of("train --no-reuse", default=True)) == (True, False)
    with pytest.raises(LineError, match="exclude each other"):
        of("train --reuse --no-reuse", default=True)


def test_the_options_of_the_cell():
    asked = read("train --dry-run --no-raise --into result;", Pipeline(stages=(stage("train"),)))
    assert (asked.dry_run, asked.raise_errors, asked.into, asked.silent) == (True, False, "result", True)
    plain = read("train")
    assert (plain.dry_run, plain.raise_errors, plain.into, plain.silent, plain.all) == (False, True, None, False, False)


def test_without_a_stage_the_only_final_one_is_meant():
    assert read("--lr 1").request.stages == ("train",)


def test_several_final_stages_are_listed_or_all_taken():
    two = Pipeline(stages=(stage("a", {"n": 1}), stage("b", {"n": 1})))
    with pytest.raises(LineError, match="Several are final: a, b"):
        read("", two)
    asked = read("--all --n 2", two)
    assert asked.all
    assert asked.request.stages == ("a", "b")
    with pytest.raises(LineError, match="name stages, or give --all"):
        read("a --all", two)


def test_unknown_stages_get_near_ones():
    with pytest.raises(StageNotFoundError, match="Did you mean 'train'.*The stages are prepare, train"):
        read("trian --lr 1")
    with pytest.raises(StageNotFoundError, match="no stages"):
        read("", Pipeline(problems=("sub/dvc.yaml: bad",)))


GROUPS = Pipeline(
    stages=(
        stage("prepare", {"prepare.n": 1, "loud": True}, outs=["data"]),
        stage("fit@us", {"fit.lr": 0.1}, deps=["data"]),
        stage("fit@uk", {"fit.lr": 0.1}, deps=["data"]),
        stage("fit@de", {"fit.lr": 0.1, "plain": False}, deps=["data"]),
        stage("check", {"check.n": 1}, deps=["data"]),
    )
)


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        ("fit", ["fit"]),
        ("fit@u*", ["fit@u*"]),
        ("fit@us", ["fit@us"]),
        ("check prepare", ["check", "prepare"]),
        ("check --fit.lr 1 fit", ["check", "fit"]),
        ("prepare fit@us prepare fit@us", ["prepare", "fit@us"]),
        ("--all", ["fit", "check"]),
    ],
)
def test_several_targets_are_one_call_and_each_is_named_once(line, targets):
    assert read(line, GROUPS).request.stages == tuple(targets)


@pytest.mark.parametrize(
    ("line", "single"),
    [("check", True), ("fit@us", True), ("fit@us*", False), ("fit", False), ("check --check.n 1,2", False)],
)
def test_a_group_is_several_runs_however_few_items_fit(line, single):
    assert read(line, GROUPS).single is single


def test_a_flag_is_that_of_whichever_target_has_it():
    asked = read("prepare check --prepare.n 2 --check.n 3 --loud --fit.lr 2 fit@de --plain", GROUPS).request

    assert asked.stages == ("prepare", "check", "fit@de")
    assert {change.key: change.values for change in asked.changes} == {
        "prepare.n": (2,),
        "check.n": (3,),
        "loud": (True,),
        "fit.lr": (2.0,),
        "plain": (True,),
    }


def test_a_flag_that_no_target_has_is_an_error():
    with pytest.raises(ParamError, match="There is no flag --fit.lr"):
        read("prepare check --fit.lr 1", GROUPS)
    with pytest.raises(ParamError, match=r"Write --prepare\.n or --check\.n"):
        read("prepare check --n 1", GROUPS)


@pytest.mark.parametrize("line", ["fit@x*", "fit@", "fit@x check"])
def test_a_pattern_that_no_item_fits_is_answered_with_the_items(line):
    with pytest.raises(StageNotFoundError, match="The group 'fit' has no stage 'fit@.* It has fit@us, fit@uk, fit@de"):
        read(line, GROUPS)


def test_a_word_behind_the_first_that_is_no_stage_may_be_a_value_gone_astray():
    with pytest.raises(StageNotFoundError) as caught:
        read("prepare --option:label first try", GROUPS)

    assert str(caught.value).startswith("There is no stage 'try'.")
    assert "one with blanks in it goes into quotes" in str(caught.value)
    assert caught.value.name == "try"


def test_a_name_that_one_folder_alone_has_finds_the_stage_there():
    pipeline = Pipeline(stages=(stage("a/dvc.yaml:fit"), stage("b/dvc.yaml:fit"), stage("b/dvc.yaml:other")))

    assert find_stage("other", pipeline).address == "b/dvc.yaml:other"
    with pytest.raises(StageNotFoundError, match="Did you mean 'a/dvc.yaml:fit' or 'b/dvc.yaml:fit'"):
        find_stage("fit", pipeline)


def test_an_item_that_only_the_values_make_is_left_to_dvc():
    group = Pipeline(stages=(stage("fit@a"), stage("fit@b"), stage("sub/dvc.yaml:fit@a")))

    assert read("fit@c -S names=[a,c]", group).request.stages == ("fit@c",)
    assert read("sub/dvc.yaml:fit@c -S names=[c]", group).request.stages == ("sub/dvc.yaml:fit@c",)
    for line in ("fit@c", "fit@c --label x", "other@c -S names=[c]"):
        with pytest.raises(StageNotFoundError, match="There is no stage|has no stage"):
            read(line, group)


def test_guilds_name_of_a_stage_is_understood():
    assert read("dvc.yaml:train").request.stages == ("train",)


def test_help_needs_nothing_else():
    assert read("--help").help
    asked = read("train --lr abc -h")
    assert asked.help
    assert asked.request.stages == ("train",)
    assert asked.request.changes == ()


@pytest.mark.parametrize(
    ("flag", "grid"),
    [
        ("--lr loguniform(1e-3,1)", "--lr logspace(0.001,1.0,5)"),
        ("--lr uniform(0,1)", "--lr linspace(0.0,1.0,5)"),
        ("--n int(interval(1,100))", "--n range(1,101,25)"),
    ],
)
def test_a_range_to_search_shows_a_grid_over_it(flag, grid):
    with pytest.raises(LineError) as caught:
        read(f"train {flag}")

    assert str(caught.value).endswith(f"A grid over that range: {grid}")
    assert len(read(f"train {grid}").request.points()) in (4, 5)


def test_a_range_from_python_shows_the_grid_too():
    names = {"space": Space(kind="float", low=0.0, high=1.0)}
    with pytest.raises(LineError, match=r"--lr linspace\(0\.0,1\.0,5\)"):
        read_run_line("train --lr {space}", namespace=names, pipeline=PIPELINE, stage_of=str)


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("train --lr", LineError, r"--lr needs a value, as in --lr 0\.1\."),
        ("train --lrr", ParamError, "There is no flag --lrr. Did you mean 'lr'"),
        ("train --lrr --n 3", ParamError, "There is no flag --lrr. Did you mean 'lr'"),
        ("train --reus", ParamError, "Did you mean 'reuse'"),
        ("train --lr 0.1, 0.2", LineError, r"no blank between them: --lr 0\.1,0\.2\. "),
        ("train --lr 0.1 , 0.2, 0.3 --n 3", LineError, r"no blank between them: --lr 0\.1,0\.2,0\.3\. "),
        ("train --lr=0.1 ,0.2", LineError, r"no blank between them: --lr=0\.1,0\.2\. "),
        ("lr=0.1, 0.2", LineError, r"no blank between them: lr=0\.1,0\.2\. "),
        ("train --lr --n 3", LineError, "--lr needs a value"),
        ("train --lr 1 --train.lr 2", LineError, "given twice"),
        ("train --lr 1 train.lr=2", LineError, "given twice"),
        ("train --shuffle --no-shuffle", LineError, "given twice"),
        ("train --no-shuffle=true", LineError, "write --shuffle true or --shuffle false"),
        ("train --timeout 1 --timeout 2", LineError, "given twice"),
        ("train -lr 1", LineError, "two dashes: --lr"),
        ("train --lrr 1", ParamError, "Did you mean 'lr'"),
        ("train --label x", ParamError, "--option:label .* --prepare.label"),
        ("train --no-raise", ParamError, "--option:no-raise .* --split.raise"),
        ("train --lr abc", ParamError, "train.lr in params.yaml is a float"),
        ("train --lr [1,2]", ParamError, "write --train.lr 1,2"),
        ("train --layers 3", ParamError, r"\[3\]"),
        ("train --max-iter true", ParamError, "such as 3"),
        ("train --depth None", ParamError, "Write null"),
        ("train lr=[0.1,0.2]", ParamError, "For train.lr write --lr 0.1,0.2"),
        ("train lr=0.3", ParamError, "For train.lr write --lr 0.3"),
        ("train train.lr=[1,2]", ParamError, "write --train.lr 1,2"),
        ("train lr = 3", StageNotFoundError, "KEY=VALUE has no blanks"),
        ("train --shuffle yes", LineError, "--shuffle is true or false"),
        ("train --upstream newest", LineError, "auto, latest, project, never"),
        ("train -j 0", LineError, "from 1 up"),
        ("train --timeout soon", RequestError, "30s, 5m or 2h"),
        ("train --use prepare", LineError, "STAGE=RUN"),
        ("train --use nope=3", StageNotFoundError, "nope"),
        ("train --use prepare=3 --use prepare=4", LineError, "twice"),
        ("train --into 2x", LineError, "name of a variable"),
        ("train --into class", LineError, "name of a variable"),
        ("train --lr {odd}", LineError, "no values"),
        ("train --lr {nope}", LineError, "no variable 'nope'"),
        ("train --dry-run=1", LineError, "takes no value"),
        ("train -- x", LineError, "needs a name"),
    ],
)
def test_what_is_wrong_is_said(line, error, said):
    with pytest.raises(error, match=said):
        read(line)


@given(st.lists(WORDS, max_size=7).map(" ".join))
def test_any_line_is_read_or_refused_with_an_error_of_ours(line):
    try:
        asked = read(line)
    except DvcMagicError:
        return
    assert asked.help or asked.request.stages


VALUES = {
    "train.lr": st.floats(allow_nan=False),
    "train.max_iter": st.integers(),
    "train.shuffle": st.booleans(),
    "train.layers": st.lists(st.integers() | st.text()),
    "train.opt": st.text(),
    "prepare.label": st.text(),
}


@given(
    st.fixed_dictionaries({}, optional={key: st.lists(value, min_size=1, max_size=3) for key, value in VALUES.items()})
)
def test_a_formatted_line_asks_for_the_same_changes(wanted):
    asked_for = [Change(file="params.yaml", key=key, values=tuple(values)) for key, values in wanted.items()]
    request = read(format_line("train", asked_for, reserved=OPTION_NAMES).removeprefix("%dvc_run ")).request
    assert [change.key for change in request.changes] == list(wanted)
    assert all(same(list(change.values), wanted[change.key]) for change in request.changes)
    assert all(change.kind is ChangeKind.SET for change in request.changes)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("0.5", 0.5), ("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_durations(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "0s", "5x", "m", "1 h", "inf", "nan", "1e3", "9" * 400])
def test_what_is_no_duration(text):
    with pytest.raises(RequestError, match="timeout"):
        read_duration(text)

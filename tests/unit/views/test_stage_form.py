"""The form of a stage: exact values, errors beside fields, and a line that the magic reads as the form means it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import LineError, ParamError, StageNotFoundError
from dvc_magic.model.stage import Dep, Out, OutKind, Param, Pipeline, Stage
from dvc_magic.views import StageForm, preselected, stage_facts, stage_form
from dvc_magic.views.stage_form import default_text, read_field


def _param(key: str, value: Any, file: str = "params.yaml") -> Param:
    return Param(file=file, key=key, value=value)


def _stage(name: str, *params: Param, deps: tuple[str, ...] = (), outs: tuple[str, ...] = ()) -> Stage:
    return Stage(
        address=name,
        name=name,
        dvcfile="dvc.yaml",
        wdir=".",
        cmd=f"python {name}.py",
        commands=(f"python {name}.py",),
        deps=tuple(Dep(path=path, declared=path) for path in deps),
        outs=tuple(Out(path=path, declared=path, kind=OutKind.OUT) for path in outs),
        flags=params,
    )


LR = _param("train.lr", 0.5)
NAME = _param("train.name", "base line")
SEED = _param("prepare.seed", 42)


def _pipeline(*params: Param) -> Pipeline:
    return Pipeline(
        stages=(
            _stage("prepare", SEED, outs=("data",)),
            _stage("train", *(params or (LR, NAME)), deps=("data",), outs=("model",)),
        )
    )


def _typed(text: str, param: Param) -> StageForm:
    return stage_form(_pipeline(param), "train").with_text(param.name, text)


def _values(form: StageForm) -> tuple[object, ...]:
    (change,) = form.read().request.changes
    return change.values


def test_an_untouched_form_is_the_bare_line() -> None:
    form = stage_form(_pipeline(), "train")

    assert (form.line, form.count, form.errors) == ("%dvc_run train", 1, ())
    assert [field.text for field in form.own] == ["0.5", "base line"]
    assert [(field.stage, field.text) for field in form.upstream] == [("prepare", "42")]


@pytest.mark.parametrize(
    ("text", "param", "values"),
    [
        ("1e-3", LR, (0.001,)),
        ("0.1, 0.01", LR, (0.1, 0.01)),
        ("3", LR, (3.0,)),
        ("range(1,4)", SEED, (1, 2, 3)),
        ("1.10", NAME, ("1.10",)),
        ("it's a #1", NAME, ("it's a #1",)),
        ("'a, b'", NAME, ("a, b",)),
        ("{lr}", NAME, ("{lr}",)),
        ("null", LR, (None,)),
        ("[1, 'x y']", _param("sizes", [64]), ([1, "x y"],)),
        ("false", _param("shuffle", True), (False,)),
        ("true,false", _param("shuffle", True), (True, False)),
        ("anything at all", _param("free", None), ("anything at all",)),
    ],
)
def test_what_is_typed_is_what_the_magic_reads(text: str, param: Param, values: tuple[object, ...]) -> None:
    read = _values(_typed(text, param))

    assert read == values
    assert list(map(type, read)) == list(map(type, values))


def test_the_files_own_value_typed_anew_changes_nothing() -> None:
    form = _typed("5e-1", LR)

    assert form.line == "%dvc_run train"
    assert not form.own[0].changed


@pytest.mark.parametrize("text", ["abc", "[1,2]", "uniform(0,1)", "1,,2", "'a"])
def test_what_cannot_be_used_is_said_beside_the_field_and_stays_out_of_the_line(text: str) -> None:
    form = _typed(text, LR)

    assert form.own[0].error
    assert form.line == "%dvc_run train"
    with pytest.raises(LineError, match="train.lr"):
        form.read()


def test_a_range_to_search_is_for_sweeps() -> None:
    with pytest.raises(LineError, match="sweep"):
        read_field("uniform(0,1)", LR)


def test_a_wrong_type_names_file_and_key() -> None:
    with pytest.raises(ParamError, match=r"prepare.seed in params.yaml is an int"):
        read_field("true", SEED)


def test_a_key_of_two_files_is_written_with_its_file() -> None:
    form = stage_form(_pipeline(LR, _param("train.lr", 1, "conf.json")), "train")

    form = form.with_text("conf.json:train.lr", "2").with_text("params.yaml:train.lr", "0.25")

    changes = {(change.file, change.values) for change in form.read().request.changes}
    assert changes == {("conf.json", (2,)), ("params.yaml", (0.25,))}
    assert [field.label for field in form.own] == ["params.yaml:train.lr", "conf.json:train.lr"]


def test_a_key_that_one_file_alone_has_is_written_without_it() -> None:
    form = stage_form(_pipeline(LR, _param("epochs", 1, "conf.json")), "train").with_text("conf.json:epochs", "2")

    assert form.line == "%dvc_run train --epochs 2"
    assert form.read().request.changes[0].file == "conf.json"


def test_a_key_named_as_an_option_is_written_with_its_file() -> None:
    form = _typed("b", _param("label", "a"))

    assert form.line == "%dvc_run train --params.yaml:label b"
    assert form.read().request.changes[0].key == "label"


def test_options_end_the_line_and_count() -> None:
    form = stage_form(_pipeline(), "train").with_options("--jobs 2 -S train.lr=1,2  ")

    assert form.line == "%dvc_run train --jobs 2 -S train.lr=1,2"
    assert (form.count, form.read().request.jobs) == (2, 2)


@pytest.mark.parametrize("options", ["--dry-run", "--help", "--into x", "--nonsense 1", "--label 'open", "--label {x}"])
def test_options_that_a_form_cannot_carry_out_are_a_problem(options: str) -> None:
    form = stage_form(_pipeline(), "train").with_options(options)

    assert form.problem
    with pytest.raises(LineError):
        form.read()


def test_the_form_of_a_stage_whose_address_looks_like_an_override_takes_a_run_to_start_from() -> None:
    form = stage_form(Pipeline(stages=(_stage("each@lr=1"), _stage("train"))), "each@lr=1", {}, "--from 41")

    assert form.line == "%dvc_run each@lr=1 --from 41"
    assert (form.read().request.stages, form.read().request.from_run) == (("each@lr=1",), "41")


def test_what_was_typed_survives_another_stage_and_another_look_at_the_files() -> None:
    form = stage_form(_pipeline(), "train").with_text(LR.name, "0.1").with_text(SEED.name, "7")

    form = form.of_stage("prepare").of_stage("train").of_pipeline(_pipeline(_param("train.lr", 0.7), NAME))

    assert form.line == "%dvc_run train --train.lr 0.1 --prepare.seed 7"
    assert form.own[0].was == "0.7"


def test_fields_left_alone_follow_the_file_and_it_is_said() -> None:
    before = stage_form(_pipeline(), "train").with_text(NAME.name, "mine").with_text(LR.name, "0.50")

    after = before.of_pipeline(_pipeline(_param("train.lr", 0.1), _param("train.name", "theirs")))

    assert (after.own[0].text, after.own[1].text) == ("0.1", "mine")
    assert stage_form(_pipeline(), "train").moved(after) == ("train.lr: 0.5 -> 0.1", "train.name: base line -> theirs")
    assert not before.moved(before)


def test_an_emptied_field_stands_for_the_files_value() -> None:
    form = _typed("  ", LR)

    assert (form.line, form.own[0].error, form.own[0].default) == ("%dvc_run train", "", "0.5")


def test_reset_takes_the_text_back() -> None:
    form = _typed("0.1", LR).without_text(LR.name)

    assert (form.own[0].text, form.line) == ("0.5", "%dvc_run train")


def test_a_stage_that_is_gone_is_an_error() -> None:
    with pytest.raises(StageNotFoundError):
        stage_form(_pipeline(), "train").of_pipeline(Pipeline(stages=(_stage("prepare"),)))


def test_the_first_final_stage_is_preselected() -> None:
    assert preselected(_pipeline(), None) == "train"
    assert preselected(_pipeline(), "prepare") == "prepare"
    with pytest.raises(StageNotFoundError, match="dvc stage add"):
        preselected(Pipeline(), None)


def test_the_facts_of_a_stage_are_escaped() -> None:
    stage = _stage("evil", deps=("<img src=x>",))

    html = stage_facts(stage, Pipeline(stages=(stage,))).html()

    assert "<img" not in html
    assert "&lt;img" in html


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(_VALUES)
def test_a_fields_default_text_means_the_files_value(value: Any) -> None:
    param = _param("key", value)

    assert read_field(default_text(param), param) == (value,)


@given(st.text())
def test_whatever_is_typed_for_a_text_the_line_means_the_same(text: str) -> None:
    form = _typed(text, NAME)

    if form.own[0].changed:
        assert _values(form) == form.own[0].values
    elif not form.own[0].error:
        assert form.line == "%dvc_run train"

"""Config groups of Hydra as flags, and the choices that a line makes, told before its flags are known."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import LineError, ParamError
from dvc_magic.line import Wording, find_param, fit, override_text, read_override, read_run_line
from dvc_magic.model.request import ChangeKind
from dvc_magic.model.stage import Composition, ConfigGroup, Param, Pipeline, Stage

MODEL = Param(
    file="params.yaml", key="model", value="small", tracked=False, group=ConfigGroup(choices=("1", "full", "small"))
)
SCHEDULE = Param(
    file="params.yaml", key="opt/schedule", value=None, tracked=False, group=ConfigGroup(choices=("cosine", "step"))
)
EXTRA = Param(
    file="params.yaml",
    key="extra",
    value=None,
    tracked=False,
    group=ConfigGroup(choices=("big", "tiny"), appended=True),
)
LAYERS = Param(file="params.yaml", key="model.layers", value=1)
DROPOUT = Param(file="params.yaml", key="model.dropout", value=True)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), inner),
    max_leaves=6,
)


def pipeline(*flags: Param, composed: bool = True) -> Pipeline:
    stage = Stage(address="t", name="t", dvcfile="dvc.yaml", wdir=".", cmd="x", commands=("x",), flags=flags)
    composition = Composition(file="params.yaml", source="conf/config.yaml") if composed else None
    return Pipeline(stages=(stage,), composition=composition)


BASE = pipeline(MODEL, SCHEDULE, EXTRA, LAYERS)


class Described:
    """Gives the stages under other choices, and notes which were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[bool, tuple[tuple[str, ...], ...]]] = []

    def __call__(self, *, hydra: bool, choices: Any) -> Pipeline:
        self.asked.append((hydra, tuple(choices)))
        return pipeline(MODEL, SCHEDULE, EXTRA, LAYERS, DROPOUT) if hydra else pipeline(LAYERS, composed=False)


def read(line: str, described: Described | None = None) -> list[tuple[str, tuple[Any, ...], str]]:
    asked = read_run_line(
        line, namespace={"models": ["full", "small"]}, pipeline=BASE, stage_of=str, described=described
    )
    return [(change.key, change.values, change.kind.value) for change in asked.request.changes]


def test_a_group_is_a_flag_by_its_name_or_its_end_and_wins_over_the_keys_below_it() -> None:
    params = [MODEL, SCHEDULE, LAYERS, Param(file="params.yaml", key="other.model", value=1)]

    assert find_param("model", params, (), options=()) == MODEL
    for spelling in ("opt/schedule", "schedule", "opt.schedule", "params.yaml:opt/schedule"):
        assert find_param(spelling, params, (), options=()) == SCHEDULE


@pytest.mark.parametrize("value", ["full", None, ["full", "small"], ["full"]])
def test_a_group_takes_its_choices_none_or_several(value: Any) -> None:
    assert fit(value, MODEL) == value


def test_a_choice_may_look_like_a_number() -> None:
    assert fit(1, MODEL, "1") == "1"
    assert read("t --model 1,full") == [("model", ("1", "full"), "set")]


@pytest.mark.parametrize("value", ["ful", 5, True, ["full", "ful"], {"a": 1}])
def test_any_other_choice_is_refused_with_all_there_are(value: Any) -> None:
    for wording, name in ((Wording.LINE, "--model"), (Wording.API, "'model'")):
        with pytest.raises(ParamError, match=f"{name} chooses a config of the group 'model': 1, full, small; got"):
            fit(value, MODEL, wording=wording)


def test_a_group_without_a_default_is_added() -> None:
    assert read("t --extra big --schedule step") == [("extra", ("big",), "add"), ("opt/schedule", ("step",), "set")]


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("t --model full --dropout", (("model=full",),)),
        ("t --dropout false model=full", (("model=full",),)),
        ("t --dropout true -S model=full", (("model=full",),)),
        ("t --model={models} --dropout", (("model=full",), ("model=small",))),
        (
            "t --model small,full --schedule step --no-dropout",
            (("model=small", "opt/schedule=step"), ("model=full", "opt/schedule=step")),
        ),
        ("t --extra big --dropout", (("+extra=big",),)),
    ],
)
def test_the_flags_of_a_line_are_those_of_the_configs_that_it_chooses(
    line: str, choices: tuple[tuple[str, ...], ...]
) -> None:
    described = Described()

    changed = read(line, described)

    assert "model.dropout" in [key for key, _, _ in changed]
    assert described.asked == [(True, choices)]


def test_a_line_that_chooses_nothing_is_read_with_the_stages_as_they_are() -> None:
    described = Described()

    read("t --layers 2 --label full", described)

    assert described.asked == []


def test_no_hydra_takes_the_flags_of_the_files_and_knows_no_groups() -> None:
    described = Described()

    asked = read_run_line("t --no-hydra --layers 2", namespace={}, pipeline=BASE, stage_of=str, described=described)

    assert (asked.request.hydra, described.asked) == (False, [(False, ())])
    with pytest.raises(ParamError, match="model is a map in params.yaml"):
        read("t --no-hydra --model full", Described())


def test_a_package_is_known_only_where_there_are_groups() -> None:
    assert read("t -S model@other=full") == [("model@other", ("full",), "set")]
    with pytest.raises(LineError, match="there are no config groups here"):
        read_run_line("t -S model@other=full", namespace={}, pipeline=pipeline(LAYERS, composed=False), stage_of=str)


def test_a_flag_that_names_a_map_is_answered_with_what_is_in_it() -> None:
    params = [Param(file="params.yaml", key=f"model.{key}", value=1) for key in ("opt.lr", "depth")]

    for spelling, below in (("model", "--model.opt.lr, --model.depth"), ("opt", "--model.opt.lr")):
        with pytest.raises(ParamError, match=f"{spelling} is a map in params.yaml, .* What is in it: {below}."):
            find_param(spelling, params, (), options=())


@given(VALUES, st.sampled_from([ChangeKind.SET, ChangeKind.ADD, ChangeKind.FORCE]))
def test_hydra_reads_an_override_as_it_was_meant(value: Any, kind: ChangeKind) -> None:
    text = override_text("a.b", value, kind)

    read_back = OverridesParser.create().parse_override(text)

    assert (read_back.key_or_group, read_back.value()) == ("a.b", value)
    assert read_override(text).kind is kind


def test_a_map_that_hydra_has_no_words_for_is_refused() -> None:
    with pytest.raises(ParamError, match="Hydra's overrides have no words for a map with such keys"):
        override_text("a", [{"b c": 1}], ChangeKind.SET)
    assert override_text("a", None, ChangeKind.REMOVE) == "~a"

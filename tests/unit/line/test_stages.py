"""Which stage or operation a word means."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dvc_magic.errors import DvcMagicError, LineError, OperationError, StageNotFoundError
from dvc_magic.line import StageWords, find_stage, find_target, sure_word
from dvc_magic.line.stages import expected_target, final_stages, final_targets, only_final_stage, operation_names
from dvc_magic.model.operation import Operation
from dvc_magic.model.stage import Dep, Out, Pipeline, Stage


def _stage(name: str, *, folder: str = "") -> Stage:
    address = f"{folder}/dvc.yaml:{name}" if folder else name
    dvcfile = f"{folder}/dvc.yaml" if folder else "dvc.yaml"
    return Stage(address=address, name=name, dvcfile=dvcfile, wdir=folder or ".", cmd="true", commands=("true",))


def _operation(name: str) -> Stage:
    return replace(_stage(name), address=f"op:{name}", operation=Operation(name=name, origin="cell", cmd="true"))


PIPELINE = Pipeline(
    stages=(_stage("train"), _stage("prepare", folder="sub"), _stage("twin", folder="a"), _stage("twin", folder="b")),
    operations=tuple(map(_operation, ("train", "prepare", "twin", "fit"))),
    faults={"op:bad": "operation 'bad' has two sources of one name"},
)


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("train", "train"),
        ("./train", "train"),
        ("op:train", "op:train"),
        ("prepare", "sub/dvc.yaml:prepare"),
        ("op:prepare", "op:prepare"),
        ("fit", "op:fit"),
        ("op:fit", "op:fit"),
    ],
)
def test_a_stage_is_meant_before_an_operation_unless_it_says_op(word: str, address: str) -> None:
    assert find_stage(word, PIPELINE).address == address


def test_a_name_of_several_stages_is_answered_with_all_that_have_it() -> None:
    with pytest.raises(StageNotFoundError, match=r"mean 'a/dvc.yaml:twin' or 'b/dvc.yaml:twin' or 'op:twin'\?"):
        find_stage("twin", PIPELINE)


def test_an_unknown_name_is_answered_with_stages_and_operations() -> None:
    with pytest.raises(StageNotFoundError) as caught:
        find_stage("fitt", PIPELINE)

    message = str(caught.value)
    assert message.startswith("There is no stage or operation 'fitt'. Did you mean 'fit'?")
    assert "The operations are op:train, op:prepare, op:twin, fit." in message
    assert "operation 'bad' has two sources of one name" in message


@pytest.mark.parametrize("word", ["bad", "op:bad"])
def test_an_operation_that_cannot_be_used_says_why(word: str) -> None:
    with pytest.raises(OperationError, match="two sources of one name"):
        find_stage(word, PIPELINE)


def test_an_operation_is_never_meant_when_none_is_named() -> None:
    alone = Pipeline(operations=PIPELINE.operations)

    assert [stage.address for stage in final_stages(PIPELINE)] == [stage.address for stage in PIPELINE.stages]
    with pytest.raises(LineError, match="Several are final: train, sub"):
        only_final_stage(PIPELINE)
    for ask in (final_stages, only_final_stage):
        with pytest.raises(DvcMagicError, match=r"The project has no stages.* The operations are train, prepare, twin"):
            ask(alone)


SHADOWED = Pipeline(
    stages=(
        *(_stage(name) for name in ("train", "root", "group", "item@z")),
        *(_stage(name, folder="a") for name in ("train", "alone", "group@x", "item@y")),
        *(_stage(name, folder="a/b") for name in ("train",)),
        *(_stage(name, folder="c") for name in ("train",)),
        *(_stage(name, folder=".d") for name in ("train",)),
    )
)
ADDRESSES = [stage.address for stage in SHADOWED.stages]


@pytest.mark.parametrize(
    ("folder", "word", "address"),
    [
        ("", "train", "train"),
        ("a", "train", "a/dvc.yaml:train"),
        ("a/b", "train", "a/b/dvc.yaml:train"),
        ("a/notebooks", "train", "a/dvc.yaml:train"),
        ("notebooks", "train", "train"),
        ("a/b", "alone", "a/dvc.yaml:alone"),
        ("a", "root", "root"),
        ("a", "item@y", "a/dvc.yaml:item@y"),
        ("c", "alone", "a/dvc.yaml:alone"),
        ("a", "dvc.yaml:train", "train"),
        ("a", "c/dvc.yaml:train", "c/dvc.yaml:train"),
        ("a", ".d/dvc.yaml:train", ".d/dvc.yaml:train"),
        ("a", "./dvc.yaml:train", "a/dvc.yaml:train"),
        ("a", "../dvc.yaml:train", "train"),
        ("a", "../c/dvc.yaml:train", "c/dvc.yaml:train"),
        ("", "./dvc.yaml:train", "train"),
    ],
)
def test_a_name_alone_means_the_stage_of_the_folder_or_the_next_above(folder: str, word: str, address: str) -> None:
    assert find_stage(word, SHADOWED, folder=folder).address == address


@pytest.mark.parametrize(("word", "items"), [("group", "a/dvc.yaml:group@x"), ("item@z", "a/dvc.yaml:item@y")])
def test_a_group_of_the_folder_hides_what_the_root_has_of_its_name(word: str, items: str) -> None:
    with pytest.raises(StageNotFoundError, match=items):
        find_stage(word, SHADOWED, folder="a")


@pytest.mark.parametrize(
    ("folder", "word", "address", "items"),
    [
        ("", "item", "item", ["item@z"]),
        ("a", "item", "a/dvc.yaml:item", ["a/dvc.yaml:item@y"]),
        ("a", "dvc.yaml:item@*", "item@*", ["item@z"]),
        ("", "group@?", "a/dvc.yaml:group@?", ["a/dvc.yaml:group@x"]),
        ("a/b", "group", "a/dvc.yaml:group", ["a/dvc.yaml:group@x"]),
        ("c", "train", "c/dvc.yaml:train", ["c/dvc.yaml:train"]),
    ],
)
def test_a_group_is_found_as_a_stage_is(folder: str, word: str, address: str, items: list[str]) -> None:
    pipeline = replace(SHADOWED, stages=tuple(stage for stage in SHADOWED.stages if stage.address != "group"))
    target = find_target(word, pipeline, folder=folder)

    assert (target.address, [stage.address for stage in target.stages]) == (address, items)


def test_a_group_comes_before_an_operation_of_its_name_as_a_stage_does() -> None:
    pipeline = replace(PIPELINE, stages=(*PIPELINE.stages, _stage("fit@a"), _stage("fit@b")))

    assert [stage.address for stage in find_target("fit", pipeline).stages] == ["fit@a", "fit@b"]
    assert find_target("op:fit", pipeline).single
    assert operation_names(pipeline) == ["op:train", "op:prepare", "op:twin", "op:fit"]


def test_final_stages_are_named_by_their_group_where_all_of_it_is_final() -> None:
    used = replace(_stage("use"), deps=(Dep(path="b", declared="b"),))
    makes = replace(_stage("part@b"), outs=(Out(path="b", declared="b"),))
    pipeline = Pipeline(stages=(_stage("fit@a"), _stage("part@a"), makes, used, _stage("fit@b")))

    assert [each.address for each in final_targets(pipeline)] == ["fit", "part@a", "use"]


def test_an_item_that_values_are_to_make_belongs_to_the_group_of_the_folder() -> None:
    assert expected_target("item@new", SHADOWED, folder="a").address == "a/dvc.yaml:item@new"


@pytest.mark.parametrize("folder", ["", "a", "a/b", "a/notebooks", "c", "elsewhere"])
def test_the_word_for_a_stage_means_it(folder: str) -> None:
    words = StageWords(ADDRESSES, folder)
    for stage in SHADOWED.stages:
        assert find_stage(words.word(stage), SHADOWED, folder=folder) == stage
        for elsewhere in ("", "a", "a/b", "c"):
            assert find_stage(sure_word(stage.address, ADDRESSES), SHADOWED, folder=elsewhere) == stage


def test_words_are_short_where_they_can_be() -> None:
    shown = {stage.address: StageWords(ADDRESSES, "a").word(stage) for stage in SHADOWED.stages}

    assert shown["a/dvc.yaml:train"] == "train"
    assert shown["train"] == "dvc.yaml:train"
    assert shown["root"] == "root"
    assert shown["c/dvc.yaml:train"] == "c/dvc.yaml:train"
    assert sure_word(SHADOWED.stages[1].address, ADDRESSES) == "root"

"""Which stage or operation a word means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dvc_magic.errors import DvcMagicError, LineError, OperationError, StageNotFoundError
from dvc_magic.line import find_stage
from dvc_magic.line.stages import final_stages, only_final_stage
from dvc_magic.model.operation import Operation
from dvc_magic.model.stage import Pipeline, Stage


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

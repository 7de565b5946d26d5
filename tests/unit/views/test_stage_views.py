"""Stages as a table, and one stage as a card."""

from __future__ import annotations

from msgspec.structs import replace

from dvc_magic.model.stage import Dep, Out, Param, ParamsFile, Pipeline, Stage
from dvc_magic.views import stage_card, stages_table


def _stage(name: str, *, dep: str, out: str, **params: float) -> Stage:
    return Stage(
        address=name,
        name=name,
        dvcfile="dvc.yaml",
        wdir=".",
        cmd=f"python {name}.py",
        commands=(f"python {name}.py",),
        deps=(Dep(path=dep, declared=dep),),
        outs=(Out(path=out, declared=out),),
        params=(ParamsFile(path="params.yaml", declared="params.yaml", keys=tuple(params)),),
        flags=tuple(Param(file="params.yaml", key=key, value=value) for key, value in params.items()),
        locked={"params.yaml": dict(params)},
    )


SPLIT = _stage("split", dep="raw.csv", out="data", folds=3)
SMALL = _stage("fit@small", dep="data", out="small.pkl", lr=0.1, epochs=8)
LARGE = _stage("fit@large", dep="data", out="large.pkl", lr=0.1, epochs=8)
SELECT = replace(
    _stage("select", dep="small.pkl", out="best", epochs=8),
    deps=(Dep(path="small.pkl", declared="small.pkl"), Dep(path="large.pkl", declared="large.pkl")),
)
PIPELINE = Pipeline(stages=(SPLIT, SMALL, LARGE, SELECT))


def test_a_card_lists_each_flag_of_stages_upstream_once_with_the_stages_that_have_it() -> None:
    text = stage_card(SELECT, PIPELINE, with_upstream=True).text().partition("flags of stages upstream\n")[2]

    assert [line.split(maxsplit=4) for line in text.split("\n")[1:]] == [
        ["--lr", "float", "0.1", "params.yaml", "fit@large, fit@small"],
        ["--folds", "int", "3", "params.yaml", "split"],
    ]
    assert "upstream" not in stage_card(SELECT, PIPELINE).text()


def test_a_card_names_the_tracked_params_that_the_file_has_not() -> None:
    slip = replace(SPLIT, params=(ParamsFile(path="params.yaml", declared="params.yaml", keys=("folds", "fold")),))
    gone = replace(slip, flags=(), locked={})

    assert "params.yaml has no fold, which the stage's params name" in stage_card(slip, PIPELINE).text()
    assert "params.yaml has no folds, " in stage_card(gone, PIPELINE).text()
    assert "has no" not in stage_card(SPLIT, PIPELINE).text()


def test_a_table_shows_whole_items_and_says_how_many_more_there_are() -> None:
    many = _stage("train", dep="data", out="model", **{f"train.layer_{number}.size": number for number in range(9)})

    (row,) = stages_table(Pipeline(stages=(many,))).rows

    assert row[-1] == "train.layer_0.size=0, train.layer_1.size=1, and 7 more"
    assert stages_table(Pipeline(stages=(SPLIT,))).rows[0][-1] == "folds=3"


def test_a_table_says_what_stages_are_about_where_one_of_them_says_it() -> None:
    split = replace(SPLIT, desc="\n  Split the data, " + "x" * 60 + "\nwith care.")

    described, bare = stages_table(Pipeline(stages=(split, SMALL))), stages_table(Pipeline(stages=(SPLIT, SMALL)))

    assert described.headers == ("stage", "about", "cmd", "deps", "outs", "flags")
    assert [row[1][:16] for row in described.rows] == ["Split the data, ", ""]
    assert len(described.rows[0][1]) == 60
    assert bare.headers == ("stage", "cmd", "deps", "outs", "flags")
    assert {len(row) for row in described.rows} == {6}

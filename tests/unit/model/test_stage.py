from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dvc_magic.model.stage import Dep, Out, Pipeline, Stage, group_of, lies_in
from tests.support.effort import calls, grows_linearly


def _stage(address):
    dvcfile, _, name = address.rpartition(":")
    return Stage(
        address=address,
        name=name,
        dvcfile=dvcfile or "dvc.yaml",
        wdir=".",
        cmd="x",
        commands=("x",),
        definition_name=name,
    )


PIPELINE = Pipeline(
    stages=tuple(
        _stage(one) for one in ("train", "sub/dvc.yaml:train", "sub/dvc.yaml:prep", "a/dvc.yaml:x", "b/dvc.yaml:x")
    ),
    operations=(_stage("op:fit"),),
)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("train", "train"),
        ("dvc.yaml:train", "train"),
        ("./dvc.yaml:train", "train"),
        (" train ", "train"),
        ("sub/dvc.yaml:train", "sub/dvc.yaml:train"),
        ("./sub/dvc.yaml:train", "sub/dvc.yaml:train"),
        ("prep", "sub/dvc.yaml:prep"),
    ],
)
def test_a_name_means_the_stage_of_that_address_else_the_only_one_of_that_name(name, address):
    assert PIPELINE.named(name).address == address


@pytest.mark.parametrize("name", ["x", "gone", "fit", "op:fit", ""])
def test_a_name_of_several_stages_or_of_none_means_none(name):
    assert PIPELINE.named(name) is None


@pytest.mark.parametrize(
    ("path", "inside"), [("out", True), ("out/a/b", True), ("outer", False), ("a/out", False), ("", False)]
)
def test_a_path_lies_in_a_folder_or_is_it(path, inside):
    assert lies_in(path, "out") is inside


def _chain(count: int) -> Pipeline:
    return Pipeline(
        stages=tuple(
            replace(
                _stage(f"s{place}"),
                deps=(Dep(path=f"o{place}", declared=f"o{place}"),),
                outs=(Out(path=f"o{place + 1}", declared=f"o{place + 1}"),),
            )
            for place in range(count)
        )
    )


@pytest.mark.parametrize(
    "work",
    [
        lambda pipeline: pipeline.final_stages(),
        lambda pipeline: pipeline.lineage(pipeline.stages[-1]),
        lambda pipeline: [pipeline.get(stage.address) for stage in pipeline.stages],
    ],
    ids=["final stages", "lineage", "by address"],
)
def test_the_stages_of_a_chain_are_looked_up_in_linear_time(work):
    assert grows_linearly(lambda count: calls(lambda: work(_chain(count))))


def test_a_chain_may_be_longer_than_python_calls_are_deep():
    pipeline = _chain(3_000)
    assert pipeline.lineage(pipeline.stages[-1]) == pipeline.stages


FOLDERS = st.sampled_from(["", "sub/dvc.yaml:", "a@b/dvc.yaml:", "fit@x/dvc.yaml:"])
GROUPS = st.sampled_from(["fit", "fit-2", "train"])
ITEMS = st.text("ab@*?[]!-.:/ ", min_size=1, max_size=4)


@given(
    st.lists(st.tuples(FOLDERS, GROUPS, ITEMS), max_size=8, unique=True),
    st.tuples(FOLDERS, GROUPS),
    st.text("ab@*?[]!-.", max_size=5),
)
def test_a_group_is_all_of_its_items_and_a_pattern_those_that_fit(items, asked, pattern):
    alone = [_stage(f"{asked[0]}{name}") for name in ("fitting", "other")]
    stages = {item: _stage(f"{item[0]}{item[1]}@{item[2]}") for item in items}
    pipeline = Pipeline(stages=(*alone, *stages.values()))
    of_group = {name: stage for (*group, name), stage in stages.items() if (*group,) == asked}

    assert pipeline.meant("".join(asked)) == tuple(of_group.values())
    fitting = [stage for name, stage in of_group.items() if fnmatchcase(name, pattern)]
    expected = [of_group[pattern]] if pattern in of_group else fitting
    assert pipeline.meant(f"{''.join(asked)}@{pattern}") == tuple(expected)
    assert all(group_of(stage.address) == f"{folder}{group}" for (folder, group, _), stage in stages.items())
    assert [pipeline.meant(stage.address) for stage in alone] == [(stage,) for stage in alone]

from __future__ import annotations

import pytest

from dvc_magic.errors import PipelineError


def _pipeline(*stages):
    lines = ["stages:"]
    for name, dep, out in stages:
        lines.append(f"  {name}:\n    cmd: x\n    deps: [{dep}]\n    outs: [{out}]")
    return {"dvc.yaml": "\n".join(lines)}


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([("a", "d", "o"), ("b", "d", "o")], "o is an out of both 'a' and 'b'"),
        ([("a", "d", "o"), ("b", "d", "o/x")], "lies in the out o of 'a'"),
        ([("a", "y", "x"), ("b", "x", "y")], "circle"),
        ([("a", "x/z", "w"), ("b", "w", "x")], "circle"),
        ([("a", "x", "w"), ("b", "w", "x/z")], "circle"),
    ],
)
def test_outs_that_clash_and_circles_are_refused(make_reader, stages, said):
    with pytest.raises(PipelineError, match=said):
        make_reader(_pipeline(*stages)).describe()


def test_names_that_only_begin_alike_do_not_clash(make_reader):
    pipeline = make_reader(_pipeline(("a", "d", "o"), ("b", "o", "o.txt"), ("c", "o.txt", "o-x/y"))).describe()
    assert [stage.name for stage in pipeline.stages] == ["a", "b", "c"]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import DvcMagicError, OperationError
from dvc_magic.model.operation import OperationOut, Rename, Source, SourceKind
from dvc_magic.operations import CellSettings, read_block


def block(*lines):
    return "\n".join(["# /// dvc_magic", *(f"# {line}".rstrip() for line in lines), "# ///", "x = 1", ""])


def message(code):
    with pytest.raises(OperationError) as caught:
        read_block(code, first_line=2)
    return str(caught.value)


def test_a_block_says_what_the_options_say():
    found = read_block(
        block(
            "requires:",
            "  - dvcfile: data.csv",
            "    remote: s3",
            "",
            "  - dvcstage: train   # the model",
            "    rename: model.pkl m.pkl",
            "  - config:params.json",
            "deps: raw.csv",
            "outs: [a, b: {cache: false}]",
            "metrics:",
            "  - m.json: {cache: false}",
            "stage: train",
            "script: src/fit.py",
            "learn: true",
            "desc: Fits it",
        )
    )

    assert found.requires == (
        Source(kind=SourceKind.DVCFILE, path="raw.csv"),
        Source(kind=SourceKind.DVCFILE, path="data.csv", remote="s3"),
        Source(kind=SourceKind.DVCSTAGE, path="train", rename=(Rename(pattern="model.pkl", repl="m.pkl"),)),
        Source(kind=SourceKind.CONFIG, path="params.json"),
    )
    assert found.outs == (
        OperationOut(path="a"),
        OperationOut(path="b", cache=False),
        OperationOut(path="m.json", metric=True, cache=False),
    )
    assert (found.stage, found.script, found.learn, found.desc) == ("train", "src/fit.py", True, "Fits it")


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\n",
        "# /// script\n# dependencies: [a]\n# ///\nx = 1\n",
        'x = """\n# /// dvc_magic\n# stage: train\n"""\n',
        "# /// dvc_magic\n# ///\nx = 1\n",
        "# /// dvc_magic\n#\n# # a note\n# ///\nx = 1\n",
    ],
)
def test_without_a_block_or_with_an_empty_one_nothing_is_said(code):
    assert read_block(code) == CellSettings()


def test_a_block_may_stand_below_other_comments():
    assert read_block("# Fit\n\n" + block("stage: train")).stage == "train"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("# /// dvc_magic\n# stage: a\nx = 1\n", "line 2 of the cell: the block that begins here is never closed"),
        ("x = 1\n# /// dvc_magic\n# stage: a", "line 3 of the cell: the block that begins here is never closed"),
        (block("stage: a") + block("stage: a"), "line 6 of the cell: there is a block in line 2 already"),
        (block("stage: a", "outs: [a"), "line 4 of the cell: the block is not valid YAML"),
        (block("stage: a", "stage: b"), "line 4 of the cell: the block has 'stage' in line 3 already"),
        (block("stage: a", "out: b"), "line 4 of the cell: the block has no 'out'. Did you mean 'outs'"),
        (block("- a"), "line 3 of the cell: it has to be a map"),
        (block("1: a"), "line 3 of the cell: the key 1 has to be text"),
        (block("desc: a", "requires:", "  - dvcfile: a", "  - dvcfil: b"), "line 6 of the cell, in 'requires'"),
        (block("outs:", "  - a", "  - ../b"), "line 5 of the cell: '../b' leads out of the project"),
        (block("deps:", "  - dvcfile:a"), "line 4 of the cell, deps dvcfile:a: expected a path"),
        (block("learn: maybe"), "line 3 of the cell: 'learn' has to be true or false"),
        (block("stage: 3"), "line 3 of the cell: 'stage' has to be text; it is an int, 3"),
        (block("script: a.txt"), "line 3 of the cell: 'script' has to be a Python file"),
        ("# /// dvc_magic\n#\tstage: a\n# ///\nx = 1\n", "line 3 of the cell: there is a tab in the block"),
        ("# /// dvc_magic\n#stage: a\n# ///\nx = 1\n", "line 3 of the cell: a line of the block begins with '# '"),
        ("# /// dvc-magic\n# ///\nx = 1\n", "line 2 of the cell: a block begins with the line '# /// dvc_magic'"),
        ("#/// dvc_magic\n# ///\nx = 1\n", "line 2 of the cell: a block begins with the line"),
        ("if 1:\n    # /// dvc_magic\n    # ///\n    x = 1\n", "line 3 of the cell: a block begins with the line"),
    ],
)
def test_a_block_in_disorder_says_which_line(code, expected):
    assert expected in message(code)


@given(st.text())
def test_any_block_is_read_or_refused_by_an_error_of_ours(text):
    lines = "\n".join(f"# {line}" for line in text.splitlines())
    try:
        read_block(f"# /// dvc_magic\n{lines}\n# ///\nx = 1\n")
    except DvcMagicError as error:
        assert "of the cell" in str(error)  # noqa: PT017 - most texts are refused

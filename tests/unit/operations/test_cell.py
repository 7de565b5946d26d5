from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import DvcMagicError, OperationError
from dvc_magic.line import read_operation_line
from dvc_magic.model.operation import OperationOut, OperationParams, PrintedScalars, Source, SourceKind, TextFile
from dvc_magic.operations import CellSettings, cell_operation, cell_params, line_settings

CODE = "import json\n\nlr = 0.1\nnames = ['a', 'b']\njson.dump(lr, open('m.json', 'w'))\n"


def settings(line):
    return line_settings(read_operation_line(f"fit {line}", namespace={}))


def message(code="x = 1\n", name="fit", line=""):
    with pytest.raises(OperationError) as caught:
        cell_operation(name, code, settings=settings(line), first_line=2)
    return str(caught.value)


def test_a_cell_becomes_a_script_whose_constants_are_flags():
    found = cell_operation("fit", CODE)

    assert (found.name, found.origin, found.cmd, found.code) == ("fit", "cell", "python fit.py", ("fit.py",))
    assert found.files == (TextFile(path="fit.py", text=CODE),)
    assert found.params == (OperationParams(path="fit.py", keys=("lr", "names")),)
    assert {param.name: param.value for param in cell_params(found)} == {"fit.py:lr": 0.1, "fit.py:names": ["a", "b"]}


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_the_text_ends_in_one_newline_and_is_kept_otherwise(end):
    code = "#  odd \t\n\nx  =  '\\n'   "

    assert cell_operation("fit", code + end).files[0].text == f"{code}\n"


def test_a_cell_without_constants_has_no_params():
    assert cell_operation("fit", "print(1)").params == ()


def test_the_line_says_what_it_needs_and_makes():
    found = cell_operation(
        "fit",
        CODE,
        settings=settings(
            "-d raw/ --requires dvcfile:d.csv -o out/x -M m.json --stage train --learn --scalars --desc 'Fits'"
        ),
    )

    assert found.requires == (
        Source(kind=SourceKind.DVCFILE, path="raw"),
        Source(kind=SourceKind.DVCFILE, path="d.csv"),
    )
    assert found.outs == (OperationOut(path="out/x"), OperationOut(path="m.json", metric=True, cache=False))
    assert (found.serves, found.learn, found.desc) == ("train", True, "Fits")
    assert (found.scalars, cell_operation("fit", CODE).scalars) == (PrintedScalars(), None)


def test_a_script_goes_where_it_is_told_to_and_is_quoted_for_the_shell():
    found = cell_operation("fit", CODE, settings=settings("--script 'my code/fit it.py'"))

    assert (found.cmd, found.code) == ("python 'my code/fit it.py'", ("my code/fit it.py",))


def test_a_config_gives_flags_and_goes_where_it_is_told_to():
    code = "# /// dvc_magic\n# requires:\n#   - config: conf/a.json\n#     rename: p.json\n# ///\nprint(1)\n"

    found = cell_operation("fit", code, settings=settings("--requires config:params.yaml"))

    assert found.params == (OperationParams(path="params.yaml"), OperationParams(path="conf/p.json"))
    assert found.files[1:] == (TextFile(path="conf/p.json", origin="conf/a.json"),)


def test_line_and_block_add_up():
    code = "# /// dvc_magic\n# deps: [a, b]\n# outs: y\n# stage: train\n# learn: true\n# ///\nx = 1\n"

    found = cell_operation("fit", code, settings=settings("-d a -d c -o x -o y --stage train"))

    assert [source.path for source in found.requires] == ["a", "c", "b"]
    assert [out.path for out in found.outs] == ["x", "y"]
    assert (found.serves, found.learn, found.files[0].text) == ("train", True, code)


@pytest.mark.parametrize(
    ("block", "line", "expected"),
    [
        ("stage: a", "--stage b", "--stage has 'b', and the block in the cell has 'a'; leave out one"),
        ("learn: false", "--learn", "--learn has True"),
        ("outs: [x]", "-O x", "'x' is named as two kinds of output, -O and -o"),
        ("metrics: [x]", "-o x", "-o and -m"),
    ],
)
def test_line_and_block_that_contradict_each_other_are_refused(block, line, expected):
    assert expected in message(f"# /// dvc_magic\n# {block}\n# ///\nx = 1\n", line=line)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b", "'a b' is no name for an operation"),
        ("../up", "is no name for an operation"),
        ("fit.py", "'fit.py' names a file; an operation has a name, such as fit"),
        ("json", "'import json' would find its script json.py instead of that module"),
        ("numbers", "give it another name, or the script with --script"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name, expected):
    assert expected in message(name=name)


def test_a_script_that_would_hide_a_module_that_the_cell_imports_is_refused():
    assert "'import yaml' would find its script" in message("import yaml.reader\n", name="yaml")
    assert "'import yaml' would find its script" in message("from yaml import load\n", name="yaml")
    assert cell_operation("yaml", "import json\n").code == ("yaml.py",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--script ../a.py", "leads out of the project"),
        ("--script a.ipynb", "has to be a Python file"),
        ("--script .dvc/a.py", "is no place for a script"),
        ("-d dvcfile:a", "expected a path; another source is written --requires dvcfile:a"),
        ("-d /etc/passwd", "is an absolute path"),
        ("-o ../x", "leads out of the project, and '-o' takes a path in it"),
        ("-M .", "'-M' names the project itself"),
        ("--requires data.csv", "it names no source. Write dvcfile:data.csv"),
    ],
)
def test_what_the_line_has_is_checked(line, expected):
    assert expected in message(line=line)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", "the cell is empty"),
        (" \n\n", "the cell is empty"),
        ("# a note\n", "the cell has comments only"),
        ("x = 1\ny = (", "line 3 of the cell: this is not Python: '(' was never closed\n  y = ("),
        ("return 3", "line 2 of the cell: this is not Python: 'return' outside function"),
        ("x = 1\n%matplotlib inline\n", "line 3 of the cell: a notebook can do this, a script cannot"),
        ("%%time\nx = 1\n", "line 2 of the cell: a notebook can do this"),
        ("files = !ls\n", "line 2 of the cell: a notebook can do this"),
        ("if x:\n    !ls\n", "line 3 of the cell: a notebook can do this"),
        ("t = %timeit f()\n", "line 2 of the cell: a notebook can do this"),
        ("x = 1\nx?\n", "line 3 of the cell: a notebook can do this"),
        ("?x\n", "line 2 of the cell: a notebook can do this"),
        ("import a\nawait a.b()\n", "line 3 of the cell: a notebook awaits at the top level"),
        ("x = [i async for i in y]\n", "asyncio.run(main())"),
        ("async with a:\n    pass\n", "asyncio.run(main())"),
        ("x = '\ud800'\n", "Python cannot read the cell"),
        ("x = '\x00'\n", "of the cell"),
        ("(" * 300 + ")" * 300, "the cell"),
    ],
)
def test_code_that_is_no_plain_python_says_where(code, expected):
    if "\x00" in code:
        expected = "the cell"  # which words it is depends on the version of Python

    assert expected in message(code)


def test_what_looks_like_a_magic_in_python_is_python():
    code = 'x = 7\ny = (x\n%x)\ntext = """\n%matplotlib inline\n!ls\n"""\n'

    assert cell_operation("fit", code).files[0].text == code


def test_a_warning_of_the_parser_is_left_to_the_script(recwarn):
    cell_operation("fit", "x = '\\d'\n")

    assert len(recwarn) == 0


def test_hints_are_texts_of_the_code():
    assert cell_operation("fit", "print(open('data/a.csv').read())\n").hints == ("data/a.csv",)


@given(st.text(), st.text())
def test_any_cell_is_an_operation_or_refused_by_an_error_of_ours(name, code):
    try:
        found = cell_operation(name, code, settings=CellSettings(), names={"x": 1})
    except DvcMagicError:
        return
    assert found.files[0].text.startswith(code.rstrip("\n"))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "# -*- coding: latin-1 -*-\nx = 'é'\n",
            "line 2 of the cell: this asks for iso-8859-1. A cell's script is UTF-8",
        ),
        (
            "# of mine\n# vim: fileencoding=utf-7\nx = 1\n",
            "line 3 of the cell: this asks for utf-7. A cell's script is",
        ),
        ("# coding: nonsense\nx = 1\n", "line 2 of the cell: this names no encoding that Python has: unknown encoding"),
    ],
)
def test_an_encoding_that_the_script_is_not_written_in_is_refused(code, said):
    assert message(code).startswith(said)


@pytest.mark.parametrize(
    "first", ["# coding: utf-8", "# -*- coding: UTF8 -*-", "x = 1\n# coding: latin-1", "# coding is fun"]
)
def test_what_asks_for_no_other_encoding_is_kept(first):
    assert cell_operation("fit", f"{first}\ny = 'é'\n").files[0].text == f"{first}\ny = 'é'\n"

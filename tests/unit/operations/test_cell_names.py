from __future__ import annotations

import ast
import builtins
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.operations.cell_names import check_names, undefined_names


def undefined(code):
    return undefined_names(ast.parse(code), code)


def message(code, **names):
    with pytest.raises(OperationError) as caught:
        check_names(ast.parse(code), code, names, first_line=2)
    return str(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nx = os.getcwd()\nprint(x, __name__, __file__, exit, quit)\n",
        "from numpy import *\nprint(array)\n",
        "def f():\n    return later\nlater = 1\nf()\n",
        "from __future__ import annotations\ndef f(frame: pd.DataFrame) -> np.ndarray:\n    x: Any = 1\n    return x\n",
        "def f(frame: 'pd.DataFrame') -> None: ...\n",
        "from IPython.display import display\ndisplay(1)\n",
        "def display(x):\n    print(x)\ndisplay(1)\n",
        "try:\n    unicode\nexcept NameError:\n    unicode = str\n",
        "def f():\n    global count\n    count = 1\nf()\nprint(count)\n",
        "print([x for x in range(3)], (lambda y: y)(1))\n",
        "def f(display):\n    return display\n",
    ],
)
def test_names_that_a_script_has_are_fine(code):
    assert undefined(code) == {}


def test_each_name_comes_with_its_lines():
    assert undefined("a\nb = a\ndef f():\n    return c + a\nprint(b)\ndel b\nb\n") == {
        "a": [1, 2, 4], "c": [4], "b": [7],
    }  # fmt: skip


def test_names_that_ipython_puts_among_the_builtins_are_found(monkeypatch):
    code = "display(1)\ndef f():\n    return get_ipython()\n"

    plain = undefined(code)
    monkeypatch.setattr(builtins, "display", print, raising=False)
    monkeypatch.setattr(builtins, "get_ipython", print, raising=False)

    assert undefined(code) == plain == {"display": [1], "get_ipython": [3]}


def test_a_check_that_begins_inside_of_a_notebook_gives_the_same(tmp_path):
    script = tmp_path / "try.py"
    script.write_text(
        "import builtins\nbuiltins.display = builtins.get_ipython = print\ndel builtins.exit\n"
        "import ast\nfrom dvc_magic.operations.cell_names import undefined_names\n"
        "code = 'display(1)\\nexit()\\n'\nprint(undefined_names(ast.parse(code), code))\n"
    )

    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, script], cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )

    assert done.stdout == "{'display': [1]}\n", done.stderr


def test_all_names_stand_in_one_message():
    said = message("import os\nprint(df)\nlr * df\n", df={1: 2}, lr=0.1).split("\n")

    assert said[0].startswith("the cell uses 2 names that it neither defines nor imports")
    assert said[1].startswith("  lines 3, 4: df lives in the notebook (a dict)")
    assert said[2] == "  line 4: lr lives in the notebook; at the top of the cell it becomes a flag: lr = 0.1"


def _function():
    pass


_function.__module__ = "__main__"


class _Frame:
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (json, "x is imported in the notebook; write into the cell: import json as x"),
        (json.JSONDecoder, "write into the cell: from json import JSONDecoder as x"),
        (_function, "x is defined in the notebook; its definition goes into the cell"),
        (_Frame(), "x lives in the notebook (a _Frame); write it to a file and name that with -d"),
        (True, "it becomes a flag: x = True"),
        ("a'b", 'it becomes a flag: x = "a\'b"'),
        ([1, 2.5], "it becomes a flag: x = [1, 2.5]"),
        (float("nan"), "write x = ... at the top of the cell and give it as --x"),
        ("a" * 500, "write x = ... at the top of the cell and give it as --x"),
    ],
)
def test_what_to_do_depends_on_what_the_notebook_has(value, expected):
    assert expected in message("print(x)\n", x=value)


def test_a_function_is_imported_from_where_people_import_it():
    from sklearn.model_selection import train_test_split

    said = message("train_test_split(1)\n", train_test_split=train_test_split)

    assert said.endswith("write into the cell: from sklearn.model_selection import train_test_split")


@pytest.mark.parametrize("name", ["In", "Out", "_", "__", "_3", "_i3", "_ih", "display", "get_ipython"])
def test_names_of_ipython_are_said_to_be_its_own(name):
    assert f"line 2: {name} is IPython's" in message(f"print({name})\n", **{name: 1})


def test_a_name_that_is_nowhere_is_said_to_be():
    assert message("print(x)\n").endswith("line 2: x is defined nowhere, here or in the notebook")

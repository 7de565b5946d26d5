from __future__ import annotations

import ast

import pytest

from dvc_magic.errors import OperationError
from dvc_magic.model.operation import Source, SourceKind
from dvc_magic.operations.calls import sources_in


def found(code: str) -> tuple[Source, ...]:
    return sources_in(ast.parse(code), where="cell 'fit'")


@pytest.mark.parametrize(
    ("imported", "call"),
    [
        ("import dvc_magic as dm", "dm.dvcfile"),
        ("import dvc_magic", "dvc_magic.dvcfile"),
        ("from dvc_magic import dvcfile", "dvcfile"),
        ("from dvc_magic import dvcfile as data", "data"),
    ],
)
def test_a_call_is_a_source_however_the_package_was_imported(imported: str, call: str) -> None:
    assert found(f"{imported}\nopen({call}('iris.csv'))") == (Source(kind=SourceKind.DVCFILE, path="iris.csv"),)


def test_arguments_are_the_attributes_of_the_source() -> None:
    code = "import dvc_magic as dm\ndm.dvcfile('a.csv', remote='far', always_pull=True, rename='a.csv b.csv')"
    (source,) = found(code)
    assert (source.remote, source.always_pull, source.target("a.csv")) == ("far", True, "b.csv")


def test_a_stage_is_asked_for_with_what_it_selects() -> None:
    (source,) = found("import dvc_magic as dm\ndm.dvcstage('train', select=('a', 'b'), run=41)")
    assert (source.kind, source.select, source.run) == (SourceKind.DVCSTAGE, ("a", "b"), "41")


def test_the_same_source_twice_is_one() -> None:
    assert len(found("import dvc_magic as dm\ndm.file('a')\ndm.file('a')\ndm.file('b')")) == 2


@pytest.mark.parametrize(
    "code",
    [
        "import dvc_magic as dm\nname = 'a'\ndm.dvcfile(name)",
        "import dvc_magic as dm\ndm.dvcfile(*names)",
        "import dvc_magic as dm\ndm.dvcfile('a', **options)",
        "import dvc_magic as dm\ndm.Project('a')",
        "dm.dvcfile('a')",
        "def dvcfile(path): ...\ndvcfile('a')",
        "from .dvc_magic import dvcfile\ndvcfile('a')",
    ],
)
def test_what_is_computed_or_not_ours_is_no_source(code: str) -> None:
    assert found(code) == ()


def test_an_attribute_that_makes_no_sense_is_refused_with_its_line() -> None:
    with pytest.raises(OperationError, match="line 2"):
        found("import dvc_magic as dm\ndm.dvcstage('train', remote='far')")

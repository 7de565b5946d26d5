"""Every project of the corpus runs as ``dvc repro`` runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus import CASES
from tests.support.cases import Case
from tests.support.comparison import compare
from tests.support.references import kept

pytestmark = pytest.mark.integration


def _param(case: Case) -> object:
    fault = pytest.mark.xfail(strict=True, reason=case.fault, raises=pytest.fail.Exception)
    marks = [fault] if case.fault else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [_param(case) for case in CASES])
def test_a_project_runs_as_dvc_repro_runs_it(
    case: Case,
    tmp_path: Path,
    dvc_template: Path,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    anew = pytestconfig.getoption("--dvc-anew", default=False)

    comparison = compare(case, tmp_path / "one", template=dvc_template, kept="" if anew else kept(case))

    if anew:
        elsewhere = compare(case, tmp_path / "other", template=dvc_template, kept=comparison.reference)
        record_property("reference", comparison.reference if elsewhere.dvc_seconds is None else "")
    record_property("stages", comparison.stages)
    record_property("dvc", comparison.dvc_seconds)
    record_property("ours", comparison.our_seconds)
    if comparison.differences:
        pytest.fail("\n".join(comparison.differences), pytrace=False)


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]

    assert sorted(set(names)) == sorted(names)


def test_what_is_kept_names_no_place_of_this_machine() -> None:
    text = "".join(map(kept, CASES))

    assert [place for place in (tempfile.gettempdir(), str(Path.home()), str(Path.cwd())) if place in text] == []

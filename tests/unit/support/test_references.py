from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import references
from tests.support.cases import Case
from tests.support.references import Reference, from_json, keep, kept, key
from tests.support.served import Served

CASE = Case(name="x", shows="one thing", files={"dvc.yaml": "stages: {}\n", "data": b"\0"})
MADE = Reference(locks={"dvc.yaml": "rate: 1e-05\n"}, metrics={}, outs={"o.txt": "missing"}, changed=["t"])


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of references for this test alone."""
    monkeypatch.setattr(references, "_FILE", tmp_path / "references.json")
    return tmp_path / "references.json"


def _served(number: int) -> Served:
    return Served(Path(f"/served/{number}"), f"http://127.0.0.1:{number}")


def test_what_dvc_made_is_kept_exactly_and_is_the_same_in_another_folder() -> None:
    made = replace(MADE, outs={"o.txt": "/served/1/data", "p.txt": "http://127.0.0.1:1/data"})
    keep({"x": made.to_json(_served(1))}, [CASE])

    assert from_json(kept(CASE), _served(2)) == replace(
        MADE, outs={"o.txt": "/served/2/data", "p.txt": "http://127.0.0.1:2/data"}
    )


@pytest.mark.parametrize(
    "change",
    [{"files": {**CASE.files, "data": b"\1"}}, {"steps": "echo"}, {"repro": "repro -f"}, {"environ": {"A": "1"}}],
    ids=lambda change: next(iter(change)),
)
def test_a_case_that_was_changed_has_nothing_kept(change: dict[str, object]) -> None:
    keep({"x": MADE.to_json(_served(1))}, [CASE])

    assert kept(CASE)
    assert not kept(replace(CASE, **change))


def test_another_version_of_dvc_has_nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep({"x": MADE.to_json(_served(1))}, [CASE])

    monkeypatch.setattr(references, "version", lambda _: "3.99.0")

    assert not kept(CASE)


def test_what_a_case_is_about_is_no_part_of_its_key() -> None:
    assert key(replace(CASE, shows="the same in other words", fault="none")) == key(CASE)


def test_cases_that_were_not_run_keep_what_they_had_and_cases_that_are_gone_do_not(file: Path) -> None:
    cases = [replace(CASE, name=name) for name in ("a", "b", "c")]
    text = MADE.to_json(_served(1))
    keep(dict.fromkeys("abc", text), cases)

    keep({"a": ""}, cases[:2])

    assert [bool(kept(case)) for case in cases] == [False, True, False]
    assert file.read_text().count("\n") == 3


def test_nothing_is_kept_before_the_first_time() -> None:
    assert not kept(CASE)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import dvc, dvc_status_code
from tests.support.digest import changes, project_digest
from tests.support.locks import apply_edits, clean_clone, read_locks, repro_lock
from tests.support.projects import ALL, SampleProject

pytestmark = pytest.mark.integration

MakeProject = Callable[..., Path]
SAMPLES = pytest.mark.parametrize("sample", ALL, ids=[sample.name for sample in ALL])


def _addresses(locks: dict[str, dict[str, object]]) -> dict[str, object]:
    return {
        name if path == "dvc.yaml" else f"{path}:{name}": entry
        for path, entries in locks.items()
        for name, entry in entries.items()
    }


@SAMPLES
def test_a_clean_clone_of_a_sample_reproduces_and_is_up_to_date(
    make_project: MakeProject, tmp_path: Path, sample: SampleProject
) -> None:
    project = make_project(sample.files, name=sample.name, track=sample.track)
    clone = clean_clone(project, target=tmp_path / "clone")

    dvc(clone, "repro", "--all-pipelines")

    assert dvc_status_code(clone) == 0
    assert {path: set(entries) for path, entries in read_locks(clone).items()} == {
        path: set(names) for path, names in sample.stages.items()
    }


@SAMPLES
def test_the_samples_edit_changes_what_it_says_and_nothing_else(
    make_project: MakeProject, sample: SampleProject
) -> None:
    project = make_project(sample.files, name=sample.name, track=sample.track)
    before = project_digest(project)

    plain, edited = (_addresses(repro_lock(project, edits)) for edits in (None, sample.edit))

    assert {address for address in plain if plain[address] != edited[address]} == set(sample.rerun)
    assert changes(before, project_digest(project)) == []


def test_an_edit_of_a_text_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("lr: 1\nlow: 1\n")

    with pytest.raises(ValueError, match="is 2 times in params.yaml"):
        apply_edits(tmp_path, {"params.yaml": {": 1": ": 2"}})

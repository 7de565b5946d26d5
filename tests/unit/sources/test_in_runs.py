"""What ``dm.dvcfile`` and its like are in the commands of runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import MissingInputError
from dvc_magic.model.operation import Operation, Source
from dvc_magic.model.record import CallInfo, DepRecord, OutRecord, RunRecord, Times
from dvc_magic.operations import read_source
from dvc_magic.project import sources
from dvc_magic.sources.in_runs import in_command
from dvc_magic.store import write_noun

STAGE = "a" * 12


def _record(run: str, **fields: Any) -> RunRecord:
    known = {"number": 1, "call": CallInfo(id="c" * 12), "stage": "op:look", "cmd": "true"}
    return RunRecord(id=run, times=Times(created=datetime.now(UTC)), **{**known, **fields})


def _source(kind: str, path: str, **attributes: Any) -> Source:
    return read_source({kind: path, **{key.replace("_", "-"): value for key, value in attributes.items()}}, where="dm")


class Place:
    """The workspace of a run of ``op:look``, beside a run that made some of its deps."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.workspace = runs / ("b" * 12) / "workspace"
        self.workspace.mkdir(parents=True)

    def run(
        self, deps: dict[str, str], *requires: Source, made: tuple[str, ...] = (), serves: str = "", **fields: Any
    ) -> None:
        """Write the records: place -> origin of each dep; those without a blank are of the run that made `made`."""
        found = {
            place: DepRecord(source=_source("dvcstage", "x").kind, origin=origin, run=None if " " in origin else STAGE)
            for place, origin in deps.items()
        }
        for place in deps:
            (self.workspace / place).parent.mkdir(parents=True, exist_ok=True)
            (self.workspace / place).write_text(place)
        op = Operation(name="look", origin="cell", cmd="true", requires=requires)
        write_noun(self.runs / ("b" * 12) / "run.json", _record("b" * 12, **{"deps": found, "op": op, **fields}))
        if made:
            stage = next(origin for origin in deps.values() if " " not in origin)
            maker = Operation(name="mid", origin="cell", cmd="true", serves=serves) if serves else None
            outs = {path: OutRecord() for path in made}
            (self.runs / STAGE).mkdir()
            write_noun(self.runs / STAGE / "run.json", _record(STAGE, stage=stage, op=maker, outs=outs))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where a command of a run finds itself."""
    made = Place(tmp_path / "runs")
    monkeypatch.setenv("DVC_ROOT", str(made.workspace))
    monkeypatch.setenv("DVC_STAGE", "look")
    return made


def _found(source: Source) -> list[str]:
    found = in_command(source)
    assert found is not None
    assert all(path.is_absolute() and path.exists() for path in found.values())
    return list(found)


def _missing(source: Source) -> str:
    with pytest.raises(MissingInputError) as caught:
        in_command(source)
    return str(caught.value)


def test_each_call_finds_what_it_selects_itself(place: Place) -> None:
    calls = [_source("dvcstage", "two", select=select) for select in ("a.*", r"b\.txt")]
    place.run({"a.txt": "two", "b.txt": "two", "c.txt": "other in the project"}, *calls, made=("a.txt", "b.txt"))
    assert [_found(call) for call in calls] == [["a.txt"], ["b.txt"]]
    assert _found(_source("dvcstage", "two")) == ["a.txt", "b.txt"]


def test_a_pattern_is_for_the_outs_own_path_wherever_the_out_went(place: Place) -> None:
    calls = [
        _source("dvcstage", "two", select="out/a.*", rename="a first"),
        _source("dvcstage", "two", select="out/b.*", target_path="in"),
    ]
    place.run({"out/first.txt": "two", "in/b.txt": "two"}, *calls, made=("out/a.txt", "out/b.txt"))
    assert [_found(call) for call in calls] == [["out/first.txt"], ["in/b.txt"]]
    assert _found(_source("dvcstage", "two", select="out/b.*")) == ["in/b.txt"]
    assert "select 'in/b.*' matches nothing of 'two' that is here" in _missing(
        _source("dvcstage", "two", select="in/b.*")
    )


def test_of_two_runs_of_a_stage_each_call_finds_its_own(place: Place) -> None:
    calls = [_source("dvcstage", "two", run=str(number), rename=f"{number}.txt") for number in (1, 2)]
    place.run({"1.txt": "two", "2.txt": "two"}, *calls, made=("a.txt",))
    assert [_found(call) for call in calls] == [["1.txt"], ["2.txt"]]


def test_what_the_project_had_is_found_by_the_only_call_for_it(place: Place) -> None:
    call = _source("dvcstage", "two", select="out/.*", rename="a first", target_path="in")
    place.run({"in/first.txt": "two in the project"}, call)
    assert _found(call) == ["in/first.txt"]


def test_what_lies_in_a_folder_that_is_an_out_is_found(place: Place) -> None:
    calls = [_source("dvcstage", "two", select=f"folder/{name}.txt", rename=f"{name} x") for name in "ab"]
    place.run({"folder/x.txt": "two from remote 'near'"}, calls[0], _source("dvcstage", "two", select="else.txt"))
    assert _found(calls[0]) == ["folder/x.txt"]


@pytest.mark.parametrize("name", ["train", "dvc.yaml:train", "./dvc.yaml:train", " train "])
@pytest.mark.parametrize("origin", ["train", "train in the project"])
def test_a_stage_is_known_however_it_is_spelled(place: Place, name: str, origin: str) -> None:
    place.run({"model.txt": origin, "more.txt": "train-more in the project"})
    assert _found(_source("dvcstage", name)) == ["model.txt"]


def test_an_item_with_a_blank_in_its_name_is_a_stage(place: Place) -> None:
    place.run({"a.txt": "build@a b in the project", "c.txt": "build@c d from remote 'near'"})
    assert [_found(_source("dvcstage", f"build@{item}")) for item in ("a b", "c d")] == [["a.txt"], ["c.txt"]]


@pytest.mark.parametrize("name", ["prep", "sub/dvc.yaml:prep"])
def test_a_stage_of_a_folder_is_known_by_its_name(place: Place, name: str) -> None:
    place.run({"sub/s.txt": "sub/dvc.yaml:prep", "t.txt": "train in the project"})
    assert _found(_source("dvcstage", name)) == ["sub/s.txt"]


@pytest.mark.parametrize("serves", ["mid", "dvc.yaml:mid"])
def test_outs_of_an_operation_are_those_of_the_stage_that_it_serves(place: Place, serves: str) -> None:
    place.run({"mid.txt": "op:other"}, made=("mid.txt",), serves=serves)
    assert _found(_source("dvcstage", "mid")) == ["mid.txt"]


def test_nothing_of_a_stage_is_an_answer_of_its_own(place: Place, tmp_path: Path) -> None:
    place.run({"a.txt": "other"})
    source = sources.SourcePath(_source("dvcstage", "mid"), find=lambda: pytest.fail("a project is looked for"))
    with pytest.raises(MissingInputError, match=r"^nothing of 'mid' is here: .* --requires dvcstage:mid, or where the"):
        _ = source.paths
    assert not list(tmp_path.rglob(".dvc_magic"))


@pytest.mark.parametrize("kind", ["file", "dvcfile", "config"])
def test_a_file_that_the_run_does_not_have_says_how_it_would(place: Place, kind: str) -> None:
    place.run({"a.txt": "other"})
    message = _missing(_source(kind, "none.csv"))
    assert message.startswith(
        f"'none.csv' is not here: a run has what its operation requires. Name it with --requires {kind}:"
    )
    assert message.endswith(f"write plain texts: dm.{kind}('none.csv')")


def test_a_run_of_a_stage_says_that_its_stage_has_deps(place: Place) -> None:
    place.run({"a.txt": "other"}, op=None, stage="train")
    assert "Add none.csv to those of 'train' in dvc.yaml" in _missing(_source("file", "none.csv"))
    assert "Add its outs to those of 'train' in dvc.yaml" in _missing(_source("dvcstage", "prepare"))


def test_an_operation_of_a_file_is_told_to_require_it_there(place: Place) -> None:
    op = Operation(name="look", origin="guild.yml", cmd="true")
    place.run({"a.txt": "other"}, op=op)
    assert "Add 'file:none.csv' to 'requires' of 'look'" in _missing(_source("file", "none.csv"))


def test_a_renamed_file_is_found_where_it_went(place: Place) -> None:
    place.run({"in/b.csv": "other"})
    assert _found(_source("dvcfile", "a.csv", rename="a b", target_path="in")) == ["in/b.csv"]


def test_a_root_that_is_called_workspace_is_a_root_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run({"a.txt": "two"})
    (place.workspace / "workspace").mkdir()
    (place.workspace / "workspace/a.txt").write_text("")
    monkeypatch.setenv("DVC_ROOT", str(place.workspace / "workspace"))
    assert _found(_source("dvcstage", "two")) == ["a.txt"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"file": "no.txt"}, "'no.txt' is not here: dvc repro takes what"),
        ({"dvcstage": "two"}, "name the outs of 'two'"),
        ({"dvcstage": "two", "select": "b.txt"}, "'b.txt' is not here: dvc repro takes what"),
        ({"dvcstage": "two", "select": "b.*"}, "as plain paths: dvc repro has no runs"),
    ],
)
def test_dvc_repro_has_what_the_project_has(place: Place, source: dict[str, str], said: str) -> None:
    (place.workspace / "a.txt").write_text("")
    assert _found(_source("dvcstage", "two", select=r"a\.txt")) == ["a.txt"]
    assert said in _missing(read_source(source, where="dm"))


def test_a_copy_under_a_debugger_finds_what_its_run_does(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [_source("dvcstage", "two", select=f"{name}.*", rename=f"txt {name}") for name in "ab"]
    place.run({"a.a": "two", "b.b": "two"}, *calls, made=("a.txt", "b.txt"))
    copies = place.runs.parent / "debug"
    copies.mkdir()
    (place.runs / ("b" * 12)).rename(copies / ("d" * 12))
    monkeypatch.setenv("DVC_ROOT", str(copies / ("d" * 12) / "workspace"))
    assert [_found(call) for call in calls] == [["a.a"], ["b.b"]]


def test_elsewhere_it_is_no_command(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE")
    assert in_command(_source("dvcfile", "a.csv")) is None

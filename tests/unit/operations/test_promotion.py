from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from dvc_magic.errors import OperationError, RunError
from dvc_magic.model.operation import Operation, OperationParams, Rename, Source, SourceKind, TextFile
from dvc_magic.model.record import CallInfo, DepRecord, Learned, OutRecord, RunRecord, RunStatus, Times
from dvc_magic.model.stage import Out, OutKind, Pipeline, Stage, TrackedData
from dvc_magic.operations import promotion

TEXT = "lr = 0.1\n"
TEXTS = {"fit.py": TEXT}
DATA = Source(kind=SourceKind.DVCFILE, path="data.csv")
TRAIN = Source(kind=SourceKind.DVCSTAGE, path="train")
PIPELINE = Pipeline(
    stages=(
        Stage(
            address="train",
            name="train",
            dvcfile="dvc.yaml",
            wdir=".",
            cmd="x",
            commands=("x",),
            outs=(Out(path="out/model.txt", declared="out/model.txt"),),
        ),
    ),
    tracked=(TrackedData(path="images", dvcfile="images.dvc"),),
)
OPERATION = Operation(
    name="fit",
    origin="cell",
    cmd="python fit.py",
    code=("fit.py",),
    requires=(DATA,),
    params=(OperationParams(path="fit.py", keys=("lr",)),),
    files=(TextFile(path="fit.py", text="lr = 0.5\n"),),
    desc="Fit",
)


def _dep(source=SourceKind.FILE, **fields):
    return DepRecord(source=source, **fields)


RECORD = RunRecord(
    id="abc123abc123",
    number=3,
    call=CallInfo(id="c" * 12),
    stage="op:fit",
    cmd="python fit.py",
    times=Times(created=datetime(2024, 1, 1, tzinfo=UTC)),
    op=OPERATION,
    status=RunStatus.COMPLETED,
    deps={
        "fit.py": _dep(hash=hashlib.md5(TEXT.encode()).hexdigest()),
        "data.csv": _dep(SourceKind.DVCFILE, hash="d1"),
    },
    locked={"fit.py": {"lr": 0.1}},
    outs={"model.txt": OutRecord(hash="o1"), "metrics.json": OutRecord(kind=OutKind.METRIC, cache=False)},
    learned=Learned(read=("data.csv",), made=("model.txt", "metrics.json")),
)


def _with(operation=None, **fields):
    """The record with other fields, and its operation with those of `operation`."""
    return replace(RECORD, op=replace(OPERATION, **(operation or {})), **fields)


def _refusal(record, *, pipeline=PIPELINE, texts=TEXTS, error=OperationError, **asked):
    with pytest.raises(error) as caught:
        promotion(record, pipeline, texts=texts, **asked)
    return str(caught.value)


def test_a_stage_has_what_the_run_had():
    made = promotion(RECORD, PIPELINE, texts=TEXTS)
    assert (made.name, made.cmd, made.desc) == ("fit", "python fit.py", "Fit")
    assert made.deps == {"fit.py": RECORD.deps["fit.py"].hash, "data.csv": "d1"}
    assert made.params == OPERATION.params
    assert made.outs == RECORD.outs
    assert made.files == (TextFile(path="fit.py", text=TEXT),)
    assert made.notices == ()


def test_a_run_of_a_stage_is_a_stage_already():
    assert "'train', which is a stage already" in _refusal(replace(RECORD, op=None, stage="train"), error=RunError)
    assert "'train', which is a stage already" in _refusal(_with({"runs": "train"}), error=RunError)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.STOPPED, RunStatus.RUNNING, RunStatus.LOST])
def test_a_run_that_did_not_complete_has_shown_nothing(status):
    assert f"is {status}: only a completed run" in _refusal(replace(RECORD, status=status), error=RunError)


def test_a_script_that_changed_since_the_run_began_is_refused():
    assert "fit.py in run 3 is not what the run began with" in _refusal(RECORD, texts={"fit.py": "x"}, error=RunError)
    deps = {**RECORD.deps, "fit.py": replace(RECORD.deps["fit.py"], changed=True)}
    assert "is not what the run began with" in _refusal(replace(RECORD, deps=deps), error=RunError)


def test_a_script_that_is_gone_is_told():
    assert "run 3 has no fit.py any more" in _refusal(RECORD, texts={}, error=RunError)


@pytest.mark.parametrize("name", ["a.b", "a b", "a/b", "a@b", "../x", "${x}"])
def test_a_name_that_dvc_does_not_take_is_answered_with_one_that_it_does(name):
    assert "give another: --name" in _refusal(RECORD, name=name)


def test_an_operation_that_serves_a_stage_cannot_stand_beside_it():
    assert "dvc remove train" in _refusal(_with({"serves": "train"}))
    assert "dvc remove train" in _refusal(_with({"serves": "dvc.yaml:train"}))
    assert promotion(_with({"serves": "gone"}), PIPELINE, texts=TEXTS).name == "gone"
    assert promotion(_with({"serves": "dvc.yaml:gone"}), PIPELINE, texts=TEXTS).name == "gone"


# --- sources ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SourceKind.FILE, SourceKind.DVCFILE, SourceKind.CONFIG])
@pytest.mark.parametrize(
    "change",
    [
        {"rename": (Rename(pattern="iris", repl="data"),)},
        {"target_path": "other"},
        {"path": "in/data.csv", "flat": True},
    ],
)
def test_data_that_lies_elsewhere_than_the_code_reads_it_is_refused(kind, change):
    source = replace(DATA, **{"kind": kind, "path": "iris.csv", **change})
    record = _with({"requires": (source,)}, deps={source.target(source.path): _dep(kind)})
    message = _refusal(replace(record, deps={**record.deps, "fit.py": RECORD.deps["fit.py"]}))
    assert f"the code reads {source.target(source.path)}, and the project has it at {source.path}" in message


@pytest.mark.parametrize("name", ["train", "dvc.yaml:train", "./dvc.yaml:train"])
def test_outs_of_a_stage_that_go_elsewhere_are_refused(name):
    source = replace(TRAIN, path=name, flat=True)
    record = _with({"requires": (source,)}, deps={**RECORD.deps, "model.txt": _dep()})
    assert "the code reads model.txt, and the project has it at out/model.txt" in _refusal(record)


def test_a_stage_of_a_folder_is_not_mixed_with_that_of_the_root():
    nested = replace(
        PIPELINE.stages[0], address="sub/dvc.yaml:train", outs=(Out(path="sub/model.txt", declared="model.txt"),)
    )
    record = _with({"requires": (replace(TRAIN, select=("out/.*",)),)}, deps={**RECORD.deps, "out/model.txt": _dep()})
    pipeline = replace(PIPELINE, stages=(*PIPELINE.stages, nested))
    assert "sub/model.txt" not in " ".join(promotion(record, pipeline, texts=TEXTS).notices)


def test_outs_of_a_stage_become_plain_deps():
    deps = {**RECORD.deps, "out/model.txt": _dep(SourceKind.DVCSTAGE, hash="m1", run="r1", origin="train")}
    made = promotion(_with({"requires": (DATA, TRAIN)}, deps=deps), PIPELINE, texts=TEXTS)
    assert made.deps["out/model.txt"] == "m1"
    assert made.taken == ("out/model.txt",)


def test_what_another_operation_made_has_to_be_promoted_first():
    deps = {**RECORD.deps, "clean.csv": _dep(SourceKind.DVCSTAGE, run="fedcba987654", origin="op:clean")}
    message = _refusal(replace(RECORD, deps=deps))
    assert "promote that run first (%dvc_promote fedcba98)" in message


def test_a_config_that_a_run_makes_of_another_file_is_refused():
    files = (*OPERATION.files, TextFile(path="params.json", text="{}", origin="params.json.in"))
    assert "cp params.json.in params.json" in _refusal(_with({"files": files}))


def test_a_file_of_the_project_is_not_written():
    files = (TextFile(path="fit.py", text=TEXT, origin="fit.py"),)
    assert promotion(_with({"files": files}), PIPELINE, texts={}).files == ()


def test_what_a_stage_cannot_say_of_its_data_is_told():
    sources = (replace(DATA, remote="far", always_pull=True), replace(TRAIN, run="7"))
    told = " ".join(promotion(_with({"requires": sources}), PIPELINE, texts=TEXTS).notices)
    assert "'remote: far' in the entry of outs" in told
    assert "dvc checkout data.csv" in told
    assert "from run 7; the stage takes what 'train' makes" in told


def test_outs_that_a_run_did_not_select_and_the_project_has_are_told():
    two = replace(PIPELINE.stages[0], outs=(*PIPELINE.stages[0].outs, Out(path="out/log.txt", declared="out/log.txt")))
    deps = {**RECORD.deps, "out/model.txt": _dep(SourceKind.DVCSTAGE, run="r1")}
    record = _with({"requires": (replace(TRAIN, select=("out/model.txt",)),)}, deps=deps)
    (told,) = promotion(record, replace(PIPELINE, stages=(two,)), texts=TEXTS).notices
    assert "in the project out/log.txt lies there as well" in told
    assert promotion(record, PIPELINE, texts=TEXTS).notices == ()


# --- what was learned -------------------------------------------------------------------------------------------------


def test_what_was_only_found_and_never_read_is_left_out():
    learned = Learned(read=("data.csv", "seen.csv"), found=("seen.csv", "unseen.csv"))
    deps = {**RECORD.deps, "seen.csv": _dep(hash="s1"), "unseen.csv": _dep(hash="u1")}
    made = promotion(replace(RECORD, deps=deps, learned=learned), PIPELINE, texts=TEXTS)
    assert list(made.deps) == ["fit.py", "data.csv", "seen.csv"]


def test_what_the_code_was_seen_to_read_becomes_a_dep():
    record = replace(
        RECORD, read={"helper.py": "h1"}, learned=Learned(read=("helper.py", "data.csv", "images/a/1.png"))
    )
    assert promotion(record, PIPELINE, texts=TEXTS).deps == {
        "fit.py": RECORD.deps["fit.py"].hash,
        "data.csv": "d1",
        "helper.py": "h1",
        "images": "",
    }


def test_a_file_in_a_folder_that_is_a_dep_is_none_of_its_own():
    deps = {**RECORD.deps, "images": _dep(hash="i1.dir")}
    record = replace(RECORD, deps=deps, learned=Learned(read=("images/1.png", "images/2.png")))
    assert promotion(record, PIPELINE, texts=TEXTS).deps["images"] == "i1.dir"
    assert len(promotion(record, PIPELINE, texts=TEXTS).deps) == 3


def test_files_of_dvc_git_and_the_operation_are_no_deps():
    names = ["dvc.yaml", "sub/dvc.lock", "images.dvc", ".dvcignore", ".gitignore", ".dvc/config", "dvc_magic.yaml"]
    record = replace(RECORD, read=dict.fromkeys(names, "x"), learned=Learned(read=tuple(names)))
    made = promotion(record, PIPELINE, texts=TEXTS)
    assert list(made.deps) == ["fit.py", "data.csv"]
    assert [line for line in made.notices if "the code reads" in line and "dvc.yaml" in line]


def test_a_config_file_is_no_dep_beside_its_params():
    params = (*OPERATION.params, OperationParams(path="conf.json", keys=("a",)))
    deps = {**RECORD.deps, "conf.json": _dep(SourceKind.CONFIG, declared=False)}
    record = _with({"params": params}, deps=deps, read={"conf.json": "c1"})
    assert list(promotion(record, PIPELINE, texts=TEXTS).deps) == ["fit.py", "data.csv"]


def test_what_was_written_beside_the_outs_is_told():
    learned = Learned(made=("model.txt", "metrics.json", "extra.log"))
    told = promotion(replace(RECORD, learned=learned), PIPELINE, texts=TEXTS).notices
    assert told == ("the run wrote extra.log as well, which is no out of the stage",)


# --- another place for the script -------------------------------------------------------------------------------------


def test_a_script_that_goes_elsewhere_is_named_so_everywhere():
    made = promotion(_with({"cmd": "python fit.py && cat fit.pyc"}), PIPELINE, texts=TEXTS, script="src/my fit.py")
    assert made.cmd == "python 'src/my fit.py' && cat fit.pyc"
    assert "src/my fit.py" in made.deps
    assert made.params[0].path == made.files[0].path == "src/my fit.py"
    assert made.locked == {"src/my fit.py": {"lr": 0.1}}


@pytest.mark.parametrize("script", ["../fit.py", "/tmp/fit.py", "fit.sh", "a/../../fit.py"])
def test_a_script_stays_in_the_project(script):
    assert "is no place for a script" in _refusal(RECORD, script=script)


def test_a_script_that_imports_from_beside_it_does_not_move():
    record = replace(RECORD, read={"helper.py": "h1"})
    assert "the code reads helper.py" in _refusal(record, script="src/fit.py")
    assert promotion(record, PIPELINE, texts=TEXTS, script="other.py").cmd == "python other.py"
    reachable = replace(record, import_roots=(".",))
    assert promotion(reachable, PIPELINE, texts=TEXTS, script="src/fit.py").cmd == "python src/fit.py"


def test_an_operation_without_a_script_of_its_own_has_none_to_move():
    assert "brings no script of its own" in _refusal(_with({"files": ()}), script="x.py")

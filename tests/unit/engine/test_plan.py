"""Which output of an upstream stage is taken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from dvc_magic.engine.calls.plan import Action, Facts, Setting, decide, decide_target, mismatch
from dvc_magic.model.operation import SourceKind
from dvc_magic.model.record import (
    CallInfo,
    DepRecord,
    Environment,
    OutRecord,
    Override,
    RunRecord,
    RunStatus,
    Times,
)
from dvc_magic.model.request import UpstreamPolicy
from dvc_magic.model.stage import Dep, DepKind, Out, ParamsFile, Stage

STAGE = Stage(
    address="prepare",
    name="prepare",
    dvcfile="dvc.yaml",
    wdir=".",
    cmd="python prepare.py",
    commands=("python prepare.py",),
    deps=(Dep(path="prepare.py", declared="prepare.py"), Dep(path="raw.csv", declared="raw.csv")),
    outs=(Out(path="data.csv", declared="data.csv"),),
    locked={"params.yaml": {"prepare.n": 3}},
)
RUN = RunRecord(
    id="abcdefabcdef",
    number=41,
    call=CallInfo(id="a" * 12),
    stage="prepare",
    cmd="python prepare.py",
    times=Times(created=datetime(2026, 1, 1, tzinfo=UTC)),
    status=RunStatus.COMPLETED,
    locked={"params.yaml": {"prepare.n": 3}},
    deps={
        "prepare.py": DepRecord(source=SourceKind.FILE, seen="code"),
        "raw.csv": DepRecord(source=SourceKind.FILE, seen="data"),
    },
    outs={"data.csv": OutRecord(hash="made")},
    read={"helper.py": "help"},
)
FACTS = Facts(
    stage=STAGE,
    inputs={"prepare.py": "code", "raw.csv": "data"},
    sources={"prepare.py": "code", "helper.py": "help"},
)


def _decide(facts: Facts, *runs: RunRecord, policy: UpstreamPolicy = UpstreamPolicy.AUTO, **more: Any) -> Any:
    return decide(facts, candidates=runs, policy=policy, **more)


def test_an_equal_run_is_reused() -> None:
    decision = _decide(FACTS, RUN)

    assert (decision.action, decision.run) == (Action.REUSE, RUN)
    assert decision.reason == "code, data, params equal"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, inputs={"prepare.py": "new", "raw.csv": "data"}), "code changed: prepare.py"),
        (replace(FACTS, inputs={"prepare.py": "code", "raw.csv": "new"}), "data changed: raw.csv"),
        (replace(FACTS, sources={"prepare.py": "code", "helper.py": "new"}), "code changed: helper.py (undeclared)"),
        (replace(FACTS, sources={"prepare.py": "code"}), "code changed: helper.py (undeclared)"),
        (
            replace(FACTS, stage=replace(STAGE, locked={"params.yaml": {"prepare.n": 9}})),
            "params changed: prepare.n 3 -> 9",
        ),
        (
            replace(FACTS, stage=replace(STAGE, locked={"params.yaml": {"prepare.n": 3.0}})),
            "params changed: prepare.n 3 -> 3.0",
        ),
        (replace(FACTS, stage=replace(STAGE, cmd="python prepare.py -v")), "its command changed"),
        (replace(FACTS, inputs={"prepare.py": "code"}), "it lost a dependency"),
        (replace(FACTS, stage=replace(STAGE, outs=())), "its outs changed"),
    ],
)
def test_whatever_the_stage_is_known_to_read_makes_it_run_again_when_it_changed(facts: Facts, reason: str) -> None:
    decision = _decide(facts, RUN)

    assert (decision.action, decision.reason) == (Action.RUN, reason)


def test_a_file_that_the_run_never_read_does_not_matter() -> None:
    facts = replace(FACTS, sources={**FACTS.sources, "README.md": "new"})

    assert mismatch(facts, RUN) == ""


def test_a_new_file_that_the_run_could_have_met_makes_the_stage_run_again() -> None:
    facts = replace(FACTS, new_file=lambda run: "conf/new.yaml appeared" if run.number == RUN.number else "")
    decision = _decide(facts, RUN)

    assert (decision.action, decision.reason) == (Action.RUN, "code changed: conf/new.yaml appeared")
    assert _decide(facts, RUN, replace(RUN, number=40)).run == replace(RUN, number=40)


def test_a_run_that_differs_in_what_it_read_is_not_asked_for_new_files() -> None:
    def fail(run: RunRecord) -> str:
        pytest.fail(f"{run.name} was compared")

    facts = replace(FACTS, sources={"prepare.py": "code", "helper.py": "new"}, new_file=fail)

    assert mismatch(facts, RUN) == "code changed: helper.py (undeclared)"


def test_an_older_run_that_matches_is_taken_when_the_newest_does_not() -> None:
    newer = replace(RUN, number=42, locked={"params.yaml": {"prepare.n": 9}})

    assert _decide(FACTS, newer, RUN).run == RUN


def test_a_stage_whose_inputs_are_not_known_yet_is_decided_later() -> None:
    facts = replace(FACTS, inputs={"prepare.py": "code", "raw.csv": None})

    assert _decide(facts, RUN).action is Action.WHEN_CHANGED


def test_a_stage_that_has_to_run_anyway_does_not_wait_for_its_inputs() -> None:
    facts = replace(FACTS, inputs={"prepare.py": "new", "raw.csv": None})

    assert _decide(facts, RUN).action is Action.RUN


def test_latest_takes_the_newest_run_and_says_that_it_is_stale() -> None:
    facts = replace(FACTS, inputs={"prepare.py": "new", "raw.csv": "data"})

    decision = _decide(facts, RUN, policy=UpstreamPolicy.LATEST)

    assert decision.stale
    assert decision.reason == "newest run, stale: code changed: prepare.py"


def test_a_run_that_the_user_names_beats_all() -> None:
    other = replace(RUN, number=7, cmd="something else")

    assert _decide(FACTS, RUN, used=other, policy=UpstreamPolicy.PROJECT).run == other


LOCK = {
    "cmd": "python prepare.py",
    "deps": [{"path": "prepare.py", "md5": "code"}, {"path": "raw.csv", "md5": "data"}],
    "params": {"params.yaml": {"prepare.n": 3}},
    "outs": [{"path": "data.csv", "md5": "made"}],
}


def test_the_projects_own_output_is_taken_when_its_lock_is_current() -> None:
    facts = replace(FACTS, stage=replace(STAGE, lock=LOCK), project_outs={"data.csv": "made"})

    assert _decide(facts).action is Action.PROJECT


@pytest.mark.parametrize(
    "change",
    [
        {"project_outs": {}},
        {"project_outs": {"data.csv": "edited"}},
        {"inputs": {"prepare.py": "new", "raw.csv": "data"}},
        {"lock_stale": "code changed since dvc.lock was committed: helper.py"},
    ],
)
def test_the_projects_own_output_is_not_taken_when_anything_changed(change: dict[str, Any]) -> None:
    facts = replace(FACTS, stage=replace(STAGE, lock=LOCK), project_outs={"data.csv": "made"})

    assert _decide(replace(facts, **change)).action is Action.RUN


SETTING = Setting(environment=RUN.environment, snapshot="now")
GOING = replace(RUN, number=43, status=RunStatus.RUNNING, snapshot="now", outs={"data.csv": OutRecord()}, read={})


def _answer(facts: Facts, *runs: RunRecord, setting: Setting = SETTING, going: Any = (), **more: Any) -> Any:
    return decide_target(facts, setting, candidates=runs, going=going, **more)


def test_an_equal_run_answers_for_a_target_before_one_that_still_goes() -> None:
    decision = _answer(FACTS, RUN, going=[GOING])

    assert (decision.action, decision.run) == (Action.REUSE, RUN)
    assert decision.reason == "code, data, params, environment equal"


def test_a_target_waits_for_what_its_inputs_come_to() -> None:
    facts = replace(FACTS, inputs={"prepare.py": "code", "raw.csv": None})

    assert _answer(facts, RUN).action is Action.WHEN_CHANGED
    assert _answer(replace(facts, inputs={"prepare.py": "new", "raw.csv": None}), RUN).action is Action.RUN


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (Environment(python="3.12.1"), "environment changed: Python  on  -> 3.12.1 on "),
        (Environment(packages="new"), "environment changed: numpy 1.0 -> 2.0 and 1 more"),
        (Environment(packages="unknown"), "environment changed: other packages"),
    ],
)
def test_another_environment_is_told_from_the_packages(now: Environment, reason: str) -> None:
    lists = {"": {"numpy": "1.0", "scipy": "1"}, "new": {"numpy": "2.0"}}
    setting = replace(SETTING, environment=now, packages=lambda digest: lists.get(digest, {}))

    decision = _answer(FACTS, RUN, setting=setting)

    assert (decision.action, decision.reason) == (Action.RUN, reason)


@pytest.mark.parametrize(
    "stage",
    [
        replace(STAGE, always_changed=True),
        replace(STAGE, deps=(), outs=()),
        replace(STAGE, deps=(*STAGE.deps, Dep(path="https://h/x", declared="https://h/x", kind=DepKind.URL))),
    ],
)
def test_what_can_change_unseen_is_executed(stage: Stage) -> None:
    facts = replace(FACTS, stage=stage)
    inputs = {dep.path: facts.inputs[dep.path] for dep in stage.deps if dep.kind is DepKind.LOCAL}
    run = replace(RUN, deps={path: RUN.deps[path] for path in inputs}, outs=RUN.outs if stage.outs else {})

    decision = _answer(replace(facts, inputs=inputs), run, going=[replace(run, status=RunStatus.RUNNING)])

    assert decision.action is Action.RUN


def test_a_run_whose_outputs_are_gone_does_not_answer() -> None:
    decision = _answer(FACTS, RUN, kept=lambda _: False)

    assert decision.action is Action.RUN
    assert decision.reason == "the outputs of its equal run are gone or were changed"


def test_a_run_that_still_goes_is_waited_for_when_all_sources_are_equal() -> None:
    decision = _answer(FACTS, going=[GOING])

    assert (decision.action, decision.run) == (Action.ATTACH, GOING)


@pytest.mark.parametrize(
    "change",
    [
        {"snapshot": "before"},
        {"import_roots": ("src",)},
        {"environment": Environment(python="3.1")},
        {"cmd": "python other.py"},
        {"overrides": (Override(file="conf.yaml", key="depth", value=3),)},
    ],
)
def test_a_run_that_still_goes_is_not_waited_for_unless_it_is_sure_to_be_equal(change: dict[str, Any]) -> None:
    assert _answer(FACTS, going=[replace(GOING, **change)]).action is Action.RUN


def test_values_of_a_file_that_the_stage_tracks_count_by_its_keys_alone() -> None:
    stage = replace(STAGE, params=(ParamsFile(path="params.yaml", declared="params.yaml", keys=("prepare.n",)),))
    other = replace(GOING, overrides=(Override(file="params.yaml", key="train.lr", value=3),))

    assert _answer(replace(FACTS, stage=stage), going=[other]).action is Action.ATTACH

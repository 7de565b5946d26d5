"""Whatever text stands in a name, a value, a note or a message: no display shows what a terminal or a browser obeys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from dvc_magic.errors import DvcMagicError, ParamError, RunFailedError
from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.operation import Operation, Source, SourceKind
from dvc_magic.model.plan import Action, NamedRun, PlannedStage, PointPlan
from dvc_magic.model.promotion import FileChange, PromotedFiles
from dvc_magic.model.record import CallInfo, DepRecord, Notes, OutRecord, Override, RunStatus
from dvc_magic.model.stage import Dep, Out, Param, ParamsFile, Pipeline, Stage
from dvc_magic.project import Plan, Run, Runs, Stages, StageView
from dvc_magic.project.promoting import Promoted
from dvc_magic.runs import Leaves, UnknownLeafError
from dvc_magic.store import StoredRun
from dvc_magic.views import (
    LiveCall,
    LiveRun,
    pulled_text,
    pulling_text,
    reused_line,
    run_labels,
    stage_card,
    stage_facts,
    stages_table,
)
from tests.support.hostile import hostile_texts, strange_markup, unseen
from tests.support.plotted import FewRuns, plotted_run, row

HUGE = "x" * 300_000


def _stored(text: str, number: int = 1) -> StoredRun:
    stored = plotted_run(
        Path("nowhere"),
        number=number,
        params={text: text, "list": [text, {text: text}]},
        metrics={text: text},
        stage=text,
        cmd=text,
        error=text,
        status=RunStatus.FAILED,
        reason=text,
        line=f"%dvc_run {text}",
        notebook=text,
        warnings=(text,),
        overrides=(Override(file="params.yaml", key=text, value=text),),
        call=CallInfo(id="ab" * 6, size=2, asked=True),
        deps={text: DepRecord(source=SourceKind.DVCFILE, name=text, origin=text, hash=text, differs=True)},
        outs={text: OutRecord(hash=text)},
    )
    return StoredRun(record=stored.record, notes=Notes(label=text, tags=(text,), note=text), paths=stored.paths)


def _pipeline(text: str) -> Pipeline:
    source = Source(kind=SourceKind.DVCFILE, path=text, name=text, help=text)
    operation = Operation(name=text, origin=text, runs=text, serves=text, learn=True, requires=(source,))
    stage = Stage(
        address=text,
        name=text,
        dvcfile=text,
        wdir=text,
        cmd=text,
        commands=(text,),
        desc=text,
        deps=(Dep(path=text, declared=text, origin=f"{text}2", name=text),),
        outs=(Out(path=text, declared=text),),
        params=(ParamsFile(path=text, declared=text, keys=(text,)),),
        flags=(Param(file=text, key=text, value=text), Param(file=text, key="b", value=[text])),
    )
    compiled = Stage(
        address=f"op:{text}", name=text, dvcfile=text, wdir=".", cmd=text, commands=(text,), operation=operation
    )
    return Pipeline(stages=(stage,), operations=(compiled,), problems=(text,), faults={text: text})


def _displays(text: str) -> Iterator[tuple[str, Any]]:
    """Name and object (or text) of everything that shows this text somewhere."""
    stored, pipeline = _stored(text), _pipeline(text)
    run, stage = stored.record, pipeline.stages[0]
    store: Any = FewRuns(stored, _stored(text, 2))
    decisions = (
        PlannedStage(stage=text, action=Action.REUSE, reason=text, run=NamedRun(id=text, number=1, stage=text)),
        PlannedStage(stage=f"{text}2", action=Action.RUN, reason=text, number=2),
        PlannedStage(stage=text, action=Action.WHEN_CHANGED, reason=text),
    )
    progress = PullProgress(remote=text, paths=(text,), files=1, total_files=1, size=1, total_size=1)
    live = LiveRun(name=text, seconds=1.0, log=Path("nowhere") / "log", tail=(text,), metrics={text: text})
    yield "run", Run(stored, store)
    yield "params", Run(stored, store).params
    yield "deps", Run(stored, store).deps
    yield "outs", Run(stored, store).outs
    yield "runs", Runs([stored, _stored(text, 2)], store)
    yield "plots", Runs([stored], store).plot
    yield "stages", Stages(pipeline)
    yield "stage", StageView(stage, pipeline)
    yield "flags", StageView(stage, pipeline).params
    yield "flag", stage.flags[0]
    yield "plan", Plan(points=(PointPlan(target=text, decisions=decisions),))
    yield "leaves", Leaves({text: text})
    yield (
        "promoted",
        Promoted(
            PromotedFiles(
                stage=text,
                entry=text,
                changes=(FileChange(path=text, after=text),),
                commit=(text,),
                notices=(text,),
            )
        ),
    )
    for operation in (stage, pipeline.operations[0]):
        card = stage_card(operation, pipeline, with_upstream=True)
        yield "card", card.text()
        yield "card in HTML", card.html()
    yield "facts in HTML", stage_facts(stage, pipeline).html()
    yield "no stages", stages_table(Pipeline(problems=(text,))).text()
    yield "no stages in HTML", stages_table(Pipeline(problems=(text,))).html()
    yield "live in HTML", LiveCall(plan=text, ended=(text,), running=(live,)).html()
    yield "reused", reused_line(run, {text: text})
    yield "labels", "\n".join(run_labels([row(1, {text: 1}, stage=text), row(2, {text: 2}, label=text)]))
    yield "pull", f"{pulling_text(progress)}\n{pulled_text(progress)}"
    for error in (DvcMagicError(text), ParamError(text), RunFailedError(text), UnknownLeafError(text)):
        yield "error", str(error)
        yield "error in IPython", "\n".join(error._render_traceback_())


def _shown(thing: Any) -> Iterator[str]:
    """What a notebook and a terminal show of it."""
    if isinstance(thing, str):
        yield thing
        return
    yield repr(thing)
    if hasattr(thing, "_repr_html_"):
        yield thing._repr_html_()


@settings(max_examples=60, deadline=None)
@given(hostile_texts)
def test_no_display_holds_what_a_terminal_or_a_browser_would_obey(text: str) -> None:
    for name, thing in _displays(text):
        for shown in _shown(thing):
            assert not unseen(shown), name
            if "HTML" in name or shown.startswith(("<p ", "<table", "<div")):
                assert not strange_markup(shown), name


@pytest.mark.parametrize("text", [HUGE, f"{HUGE}\x1b", f"{'x' * 60}\n" * 5000], ids=["long", "hostile", "lines"])
def test_a_display_of_three_hundred_thousand_characters_is_cut(text: str) -> None:
    for name, thing in _displays(text):
        for shown in _shown(thing):
            assert len(shown) < 100_000, name


def test_a_value_that_is_cut_says_how_long_it_is_and_stays_whole_by_its_key() -> None:
    run = Run(_stored(HUGE), FewRuns())  # type: ignore[arg-type]

    assert "... (300,002 characters)" in repr(run.params)
    assert run.params[HUGE] == HUGE


def test_a_long_message_keeps_its_end_which_says_what_to_do() -> None:
    shown = str(ParamError(f"--lr: expected a number, got {HUGE}; write --lr 0.1"))

    assert shown.startswith("--lr: expected a number, got xxx")
    assert shown.endswith("; write --lr 0.1")
    assert "(300,045 characters)" in shown

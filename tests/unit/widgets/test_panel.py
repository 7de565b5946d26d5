"""The panel without a kernel and without a project: what its controls do, driven by their traits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from dvc_magic.errors import DvcMagicError, StageNotFoundError
from dvc_magic.model.stage import Dep, Out, Param, Pipeline, Stage
from dvc_magic.views import MARK, LiveCall, LiveRun
from dvc_magic.widgets import Listener, Outcome, Panel
from tests.support.hostile import PIECES, strange_markup, unseen

_EVIL = "<img src=x onerror=alert(1)>"


class StoppedClock:
    """A backend that does nothing by itself: a test says what happens."""

    title = "sample"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def refresh(self, _listener: Listener) -> None:
        self.asked.append("refresh")

    def start(self, _listener: Listener) -> None:
        self.asked.append("start")

    def stop(self) -> None:
        self.asked.append("stop")

    def close(self) -> None:
        self.asked.append("close")


class Result:
    def __repr__(self) -> str:
        return "<Run train 7 completed>"

    def _repr_html_(self) -> str:
        return "<table>the card</table>"


def _stage(name: str, params: dict[str, Any], deps: tuple[str, ...] = (), outs: tuple[str, ...] = ()) -> Stage:
    return Stage(
        address=name,
        name=name,
        dvcfile="dvc.yaml",
        wdir=".",
        cmd=f"python {name}.py",
        commands=(f"python {name}.py",),
        deps=tuple(Dep(path=path, declared=path) for path in deps),
        outs=tuple(Out(path=path, declared=path) for path in outs),
        flags=tuple(Param(file="params.yaml", key=key, value=value) for key, value in params.items()),
    )


def _pipeline(lr: float = 0.5, *, name: str = "train") -> Pipeline:
    params = {"lr": lr, "shuffle": True, "name": _EVIL}
    return Pipeline(
        stages=(
            _stage("prepare", {"seed": 1}, outs=("data",)),
            _stage(name, params, deps=("data",), outs=("model",)),
        )
    )


@pytest.fixture
def backend() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def panel(backend: StoppedClock) -> Panel:
    return Panel(backend, _pipeline())


def _control(panel: Panel, key: str) -> Any:
    return panel.rows[f"params.yaml:{key}"].control


def _every(widget: Any) -> list[Any]:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in _every(child))]


def test_each_flag_has_the_control_that_fits(panel: Panel) -> None:
    assert isinstance(_control(panel, "lr"), ipywidgets.Text)
    assert isinstance(_control(panel, "shuffle"), ipywidgets.Dropdown)
    assert [_control(panel, key).value for key in ("lr", "shuffle", "seed")] == ["0.5", "true", "1"]
    assert [label for label, _ in _control(panel, "shuffle").options] == ["true", "false", "true,false (both)"]
    assert "params.yaml:lr" in _control(panel, "lr").tooltip


def test_every_control_is_labelled_and_every_button_has_a_text(panel: Panel) -> None:
    controls = [found for found in _every(panel.widget) if isinstance(found, ipywidgets.Text | ipywidgets.Dropdown)]
    buttons = [found for found in _every(panel.widget) if isinstance(found, ipywidgets.Button)]

    assert len(controls) == 6
    assert all(found.description for found in [*controls, *buttons])


def test_flags_of_upstream_stages_are_folded_away_and_changes_in_there_are_counted(panel: Panel) -> None:
    assert panel.upstream_section.selected_index is None
    assert panel.upstream_section.titles == ("Flags of upstream stages: prepare",)

    _control(panel, "seed").value = "2"

    assert panel.upstream_section.titles == ("Flags of upstream stages: prepare (1 changed)",)
    assert panel.line == "%dvc_run train --seed 2"


def test_typing_changes_the_line_and_marks_the_field(panel: Panel) -> None:
    _control(panel, "lr").value = "1e-3,0.1"

    row = panel.rows["params.yaml:lr"]
    assert panel.line == "%dvc_run train --lr 0.001,0.1"
    assert "--lr 0.001,0.1" in panel.line_box.value
    assert "changed" in row.note.value
    assert "0.5" in row.note.value
    assert row.reset.layout.display != "none"
    assert panel.run_button.description == "Run all 2"


def test_reset_brings_the_files_value_back(panel: Panel) -> None:
    _control(panel, "lr").value = "0.1"

    panel.rows["params.yaml:lr"].reset.click()

    assert (_control(panel, "lr").value, panel.line) == ("0.5", "%dvc_run train")
    assert panel.rows["params.yaml:lr"].reset.layout.display == "none"


def test_what_is_wrong_stands_beside_its_field_and_nothing_can_be_run(panel: Panel, backend: StoppedClock) -> None:
    _control(panel, "lr").value = "fast"

    panel.run_button.click()

    assert "lr in params.yaml is a float" in panel.rows["params.yaml:lr"].note.value
    assert panel.run_button.disabled
    assert "lr" in panel.status.value
    assert backend.asked == []


def test_another_stage_keeps_what_was_typed_and_reads_the_files_again(panel: Panel, backend: StoppedClock) -> None:
    _control(panel, "seed").value = "2"

    panel.picker.value = "prepare"

    assert panel.line == "%dvc_run prepare --seed 2"
    assert panel.upstream_section.layout.display == "none"
    assert "python prepare.py" in panel.facts.value
    assert backend.asked == ["refresh"]


def test_a_double_click_starts_one_call(panel: Panel, backend: StoppedClock) -> None:
    panel.run_button.click()
    panel.run_button.click()

    assert backend.asked == ["start"]
    assert panel.running
    assert panel.run_button.disabled
    assert not panel.wait(0)


def test_what_runs_is_the_line_over_the_files_as_they_are_now(panel: Panel) -> None:
    _control(panel, "shuffle").value = "false"
    panel.run_button.click()

    panel.described(_pipeline(0.25))
    request = panel.request()

    assert request.line == "%dvc_run train --shuffle false"
    assert [(change.key, change.values) for change in request.changes] == [("shuffle", (False,))]
    assert _control(panel, "lr").value == "0.25"
    assert "lr: 0.5 -&gt; 0.25" in panel.status.value


def test_what_is_changed_after_the_click_is_for_the_next_call(panel: Panel) -> None:
    _control(panel, "lr").value = "0.1"
    panel.run_button.click()

    _control(panel, "lr").value = "0.2"
    panel.picker.value = "prepare"
    panel.described(_pipeline())

    assert panel.request().line == "%dvc_run train --lr 0.1"
    assert panel.line == "%dvc_run prepare"
    assert "running %dvc_run train --lr 0.1" in panel.status.value


def test_a_call_of_a_stage_that_is_gone_is_refused(panel: Panel) -> None:
    panel.run_button.click()
    panel.described(_pipeline(name="fit"))

    with pytest.raises(StageNotFoundError, match="train"):
        panel.request()


def test_a_refresh_shows_other_stages_and_leaves_one_that_is_gone(panel: Panel, backend: StoppedClock) -> None:
    panel.refresh_button.click()
    panel.described(_pipeline(name="fit"))
    panel.ended(Outcome())

    assert [address for _, address in panel.picker.options] == ["prepare", "fit"]
    assert (panel.picker.value, panel.stage, panel.running) == ("fit", "fit", False)
    assert backend.asked == ["refresh"]


def test_a_refresh_that_fails_says_why_and_keeps_the_form(panel: Panel) -> None:
    panel.refresh_button.click()
    panel.ended(Outcome(error="dvc.yaml is torn"))

    assert "dvc.yaml is torn" in panel.status.value
    assert panel.stage == "train"
    assert not panel.refresh_button.disabled


def test_the_running_call_is_shown_and_the_form_can_be_changed_meanwhile(panel: Panel) -> None:
    panel.run_button.click()
    panel.described(_pipeline())
    panel.request()
    run = LiveRun(name="train 7", seconds=2, log=Path("/l"), tail=("epoch 1",), metrics={"loss": 0.25})
    panel.live(LiveCall(plan="train 7 runs", running=(run,)))

    _control(panel, "lr").value = "0.1"

    assert all(text in panel.live_box.value for text in ("train 7 runs", "epoch 1", "0.25", "/l"))
    assert "running %dvc_run train" in panel.status.value
    assert panel.line.endswith("--lr 0.1")


def test_the_result_is_shown_and_kept_and_the_caller_is_told(backend: StoppedClock) -> None:
    told: list[str] = []
    panel = Panel(backend, _pipeline(), on_end=lambda: told.append("ended"))
    panel.run_button.click()

    run = Result()
    panel.ended(Outcome(run=run, runs=run, shown=run))

    assert panel.run is run
    assert "the card" in panel.result_box.value
    assert not panel.run_button.disabled
    assert panel.wait(0)
    assert told == ["ended"]


def test_errors_are_shown_as_messages_and_faults_with_their_traceback(panel: Panel) -> None:
    panel.run_button.click()
    panel.ended(Outcome(error=f"train 7 failed\n{_EVIL}"))

    assert "train 7 failed" in panel.result_box.value
    assert "<img" not in panel.result_box.value

    panel.run_button.click()
    panel.ended(Outcome(bug="Traceback (most recent call last): ..."))

    assert "fault of dvc_magic" in panel.result_box.value
    assert "Traceback" in panel.result_box.value


def test_a_double_click_on_stop_is_one_stop_and_a_later_click_the_next_step(
    panel: Panel, backend: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("dvc_magic.widgets.panel.time.monotonic", lambda: now[0])
    assert panel.stop_button.disabled
    panel.run_button.click()

    panel.stop_button.click()
    panel.stop_button.click()
    assert backend.asked == ["start", "stop"]
    assert panel.stop_button.description == "Stop now"

    now[0] += 5
    panel.stop_button.click()
    assert backend.asked == ["start", "stop", "stop"]

    panel.ended(Outcome(stopped=True))
    assert panel.stop_button.disabled
    assert "stopped" in panel.status.value


def test_nothing_of_the_project_is_markup(panel: Panel) -> None:
    _control(panel, "name").value = f"{_EVIL} too"
    panel.picker.value = "prepare"
    panel.picker.value = "train"

    shown = [found.value for found in _every(panel.widget) if isinstance(found, ipywidgets.HTML)]

    assert not any("<img" in text for text in [*shown, panel._repr_mimebundle_()[0]["text/html"]])


def test_a_cell_gets_the_live_widget_and_something_static_for_where_nothing_is_live(panel: Panel) -> None:
    panel.run_button.click()
    run = Result()
    panel.ended(Outcome(run=run, shown=run))

    bundle, metadata = panel._repr_mimebundle_()

    assert metadata[MARK]["id"].startswith("panel:")
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id
    for text in (bundle["text/plain"], bundle["text/html"]):
        assert "train" in text
        assert "%dvc_run train" in text
    assert "train 7 completed" in bundle["text/plain"]
    assert "the card" in bundle["text/html"]


def test_pages_get_the_static_form_when_a_call_or_the_panel_ends_and_not_while_it_is_in_use(
    backend: StoppedClock,
) -> None:
    sent: list[tuple[str, str]] = []
    panel = Panel(backend, _pipeline(), refresh=lambda name, bundle: sent.append((name, bundle["text/html"])))
    panel.run_button.click()
    panel.ended(Outcome(run=Result(), shown=Result()))
    assert sent == []  # no cell shows it

    _, metadata = panel._repr_mimebundle_()
    panel.run_button.click()
    panel.live(LiveCall(ended=("train 7 completed",)))
    _control(panel, "lr").value = "0.25"
    panel.refresh_button.click()
    assert sent == []

    panel.ended(Outcome(run=Result(), shown=Result()))
    panel.refresh_button.click()
    panel.ended(Outcome())
    assert [name for name, _ in sent] == [metadata[MARK]["id"]]
    assert all(text in sent[0][1] for text in ("train 7 completed", "the card", "--lr 0.25"))

    panel.close()
    assert len(sent) == 2
    assert "closed, as its project is" in sent[1][1]


def test_a_closed_panel_takes_no_more_clicks(panel: Panel, backend: StoppedClock) -> None:
    panel.close()

    panel.run_button.click()
    panel.refresh_button.click()

    assert backend.asked == ["close"]
    assert panel.run_button.disabled
    assert "closed" in panel.status.value


def test_the_stage_of_a_fixed_panel_cannot_be_exchanged(backend: StoppedClock) -> None:
    assert Panel(backend, _pipeline(), stage="prepare", fixed=True).picker.disabled


def test_an_unknown_stage_is_an_error(backend: StoppedClock) -> None:
    with pytest.raises(DvcMagicError, match="trian"):
        Panel(backend, _pipeline(), stage="trian")


def test_a_value_that_becomes_a_bool_in_its_file_gets_another_control(panel: Panel) -> None:
    panel.refresh_button.click()
    panel.described(Pipeline(stages=(_stage("train", {"lr": True}),)))

    assert isinstance(_control(panel, "lr"), ipywidgets.Dropdown)
    assert panel.rows["params.yaml:lr"].box in panel.own_box.children


def test_a_call_that_ends_while_its_project_is_closed_is_not_told_of(backend: StoppedClock) -> None:
    told: list[str] = []
    panel = Panel(backend, _pipeline(), on_end=lambda: told.append("end"))
    panel.run_button.click()
    panel.close()

    panel.ended(Outcome(run=Result(), shown=Result()))

    assert (told, panel.wait(0), panel.run is not None) == ([], True, True)


def test_what_goes_wrong_at_the_end_of_a_call_leaves_nobody_waiting(backend: StoppedClock) -> None:
    def fails() -> None:
        raise OSError

    panel = Panel(backend, _pipeline(), on_end=fails)
    panel.run_button.click()

    with pytest.raises(OSError):  # noqa: PT011 - it has no message
        panel.ended(Outcome())

    assert (panel.running, panel.wait(0)) == (False, True)


def test_no_control_holds_what_nobody_sees_and_a_value_that_was_not_touched_stays_as_it_is() -> None:
    hostile = "".join(PIECES).strip()
    panel = Panel(
        StoppedClock(), Pipeline(stages=(_stage(hostile, {hostile: hostile, "lr": 1}, (hostile,), (hostile,)),))
    )
    control = _control(panel, hostile)
    untouched = panel.line

    names = ("value", "description", "tooltip", "placeholder")
    shown = [
        str(getattr(widget, name, ""))
        for widget in _every(panel.widget)
        for name in names
        if widget is not panel.picker
    ]
    bundle, _ = panel._repr_mimebundle_()
    labels = [label for label, _ in panel.picker.options]
    for text in (*shown, *labels, panel.upstream_section.titles[0], bundle["text/plain"], bundle["text/html"]):
        assert not unseen(text) or text == "\u200b"  # ipywidgets' own placeholder
    assert not strange_markup(bundle["text/html"])

    control.value = f"{control.value}!"
    control.value = control.value[:-1]
    assert panel.line == untouched

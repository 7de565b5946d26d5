"""The panel: pick a stage, set its flags, run it, watch it.

Handlers run in the kernel's main thread or, depending on ipykernel, in another one, and what a call tells comes from
the call's own thread: one lock guards the panel's state. All that is shown lives in traits of widgets, so that it
survives a reload of the page. Nothing here prints.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets

from dvc_magic.errors import StageNotFoundError
from dvc_magic.model.request import RunRequest
from dvc_magic.model.stage import Pipeline
from dvc_magic.untrusted import lines, one_line
from dvc_magic.views import MARK, FormField, LiveCall, StageForm, preselected, stage_facts, stage_form
from dvc_magic.widgets.backend import Backend, Outcome, Shown
from dvc_magic.widgets.flag_row import CONTROL_WIDTH, FlagRow, safe_html

_WRAPPED = {"flex_flow": "row wrap", "align_items": "center"}
_LINE = (
    "font-family: var(--jp-code-font-family, monospace); border: 1px solid var(--jp-border-color2, #8888); "
    "padding: 4px 8px; user-select: all; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5"
)
_MESSAGE = (
    "white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--jp-error-color1, #d32f2f); "
    "padding: 2px 8px; margin: 6px 0"
)
_RUN, _REFRESH = "run", "refresh"
_STOPS = ("Stop", "Stop now", "Kill")
_MOVED = "the files say now"
_LABEL = 30  # characters of a flag's label
_STOP_PAUSE = 0.7  # seconds: a double click is one stop


class Panel:
    """A form of a stage's flags, the line that it amounts to, and the call that it makes.

    Args:
        backend: makes the calls. pipeline: the stages. stage: picked at first. fixed: whether no other can be picked.
        on_end: called after each call, in another thread.
        refresh: sends pages the present forms of an output, by its id.

    Attributes:
        widget: all of it, to be put wherever widgets go.
        picker: the stage's dropdown. options: the end of the line.
        run_button, stop_button, refresh_button: the buttons.
        rows: the controls of each flag, by ``FILE:KEY``.
    """

    def __init__(
        self,
        backend: Backend,
        pipeline: Pipeline,
        *,
        stage: str | None = None,
        fixed: bool = False,
        on_end: Callable[[], None] = lambda: None,
        refresh: Callable[[str, Mapping[str, Any]], None] = lambda _id, _bundle: None,
    ) -> None:
        self._backend = backend
        self._refresh = refresh
        self._on_end = on_end
        self._lock = threading.RLock()
        self._idle = threading.Event()
        self._idle.set()
        self._busy = ""  # _RUN, _REFRESH or nothing
        self._notice = ""
        self._called = ""  # the line that runs
        self._stops = 0
        self._stopped_at = 0.0
        self._closed = False
        self._outcome = Outcome()
        self._output_id = f"panel:{uuid.uuid4().hex}"  # unique for ever: files keep it
        self._is_shown = False
        self.rows: dict[str, FlagRow] = {}
        self._form = self._clicked = stage_form(pipeline, preselected(pipeline, stage))
        self._build(fixed=fixed)
        self._show_form()

    # what users ask a panel

    @property
    def stage(self) -> str:
        """The address of the stage that is picked."""
        return self._form.stage.address

    @property
    def line(self) -> str:
        """The line that is equal to what the form says."""
        return self._form.line

    @property
    def form(self) -> StageForm:
        """What the form says, as data."""
        return self._form

    @property
    def run(self) -> Shown | None:
        """The run of the last call that has ended, the last one of a grid; None before."""
        return self._outcome.run

    @property
    def runs(self) -> Shown | None:
        """All runs of the last call that has ended; None before."""
        return self._outcome.runs

    @property
    def running(self) -> bool:
        """Whether a call goes."""
        return self._busy == _RUN

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing goes, at most `timeout` seconds; returns whether that is so."""
        return self._idle.wait(timeout)

    # controls

    def _build(self, *, fixed: bool) -> None:
        addresses = [stage.address for stage in self._form.pipeline.every]
        self.picker = ipywidgets.Dropdown(
            options=_options(addresses),
            value=self.stage,
            description="Stage",
            tooltip="the stage or operation to run",
            disabled=fixed,
            layout={"width": CONTROL_WIDTH},
        )
        self.picker.observe(self._picked, names="value")
        self.refresh_button = self._button("Refresh", "read dvc.yaml and the param files again", self._refresh_clicked)
        self.run_button = self._button("Run", "run the line below", self._run_clicked, style="primary")
        self.stop_button = self._button("Stop", "stop the run", self._stop_clicked)
        self.facts, self.line_box, self.status = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.live_box, self.result_box = ipywidgets.HTML(), ipywidgets.HTML()
        self.own_box, self.upstream_box = ipywidgets.VBox(), ipywidgets.VBox()
        self.options = ipywidgets.Text(
            description="Options",
            placeholder='such as --label "first try" --jobs 2',
            tooltip="what else %dvc_run takes; %dvc_run? lists it",
            layout={"width": CONTROL_WIDTH},
        )
        self.options.observe(self._options_typed, names="value")
        self.upstream_section = ipywidgets.Accordion([self.upstream_box], titles=("",), selected_index=None)
        self.widget = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.picker, self.refresh_button], layout=_WRAPPED),
                self.facts,
                self.own_box,
                self.upstream_section,
                self.options,
                self.line_box,
                ipywidgets.HBox([self.run_button, self.stop_button, self.status], layout=_WRAPPED),
                self.live_box,
                self.result_box,
            ],
            layout={"max_width": "1100px"},
        )
        self._show_state()

    @staticmethod
    def _button(text: str, tooltip: str, clicked: Callable[[Any], None], *, style: str = "") -> Any:
        button = ipywidgets.Button(description=text, tooltip=tooltip, button_style=style, layout={"width": "auto"})
        button.on_click(clicked)
        return button

    # the form

    def _picked(self, change: Any) -> None:
        with self._lock:
            if change["new"] is None or change["new"] == self.stage:
                return
            self._form = self._form.of_stage(change["new"])
            self._show_form()
        self._refresh_clicked(None)

    def _typed(self, name: str, text: str) -> None:
        with self._lock:
            field = self._form.named(name)
            if field is None or field.text == text:
                return
            self._form = self._form.with_text(name, text)
            self._show_form()

    def _options_typed(self, change: Any) -> None:
        with self._lock:
            self._form = self._form.with_options(change["new"])
            self._show_form()

    def _taken_back(self, name: str) -> None:
        with self._lock:
            self._form = self._form.without_text(name)
            self._show_form()

    def _show_form(self) -> None:
        form = self._form
        width = f"min({min(max((len(field.label) for field in form.fields), default=9) + 1, _LABEL)}ch, 45%)"
        self.picker.style.description_width = self.options.style.description_width = width
        for field in form.fields:
            self._row(field).show(field, label_width=width)
        self._place_rows()
        self._show_upstream_title()
        self.facts.value = _compact(stage_facts(form.stage, form.pipeline).html())
        self.line_box.value = f'<div style="{_LINE}" title="click to select">{safe_html(form.line)}</div>'
        self._show_state()

    def _row(self, field: FormField) -> FlagRow:
        row = self.rows.get(field.name)
        if row is None or row.choices != field.choices:
            if row is not None:
                row.close()
            row = FlagRow(field, changed=self._typed, reset=self._taken_back)
            self.rows[field.name] = row
        return row

    def _place_rows(self) -> None:
        """Put the rows into their boxes. A row leaves its old box first: in two at once it would be shown twice."""
        placed = [
            (self.own_box, tuple(self.rows[field.name].box for field in self._form.own)),
            (self.upstream_box, tuple(self.rows[field.name].box for field in self._form.upstream)),
        ]
        for box, rows in placed:
            box.children = tuple(row for row in box.children if row in rows)
        for box, rows in placed:
            box.children = rows

    def _show_upstream_title(self) -> None:
        upstream = self._form.upstream
        stages = ", ".join(dict.fromkeys(one_line(field.stage) for field in upstream))
        changed = sum(field.changed for field in upstream)
        wrong = sum(bool(field.error) for field in upstream)
        marks = [f"{changed} changed"] * bool(changed) + [f"{wrong} to correct"] * bool(wrong)
        title = f"Flags of upstream stages: {stages}" + (f" ({', '.join(marks)})" if marks else "")
        self.upstream_section.titles = (title,)
        self.upstream_section.layout.display = None if upstream else "none"

    def _show_state(self) -> None:
        busy, form = self._busy, self._form
        idle = not busy and not self._closed
        self.run_button.disabled = not idle or bool(form.errors or form.problem)
        self.run_button.description = "Run" if form.count == 1 else f"Run all {form.count}"
        self.refresh_button.disabled = not idle
        self.stop_button.disabled = busy != _RUN
        self.stop_button.button_style = "danger" if busy == _RUN else ""
        self.stop_button.description = _STOPS[min(self._stops, len(_STOPS) - 1)]
        self.status.value = f'<span style="white-space: pre-wrap">{safe_html(self._status())}</span>'

    def _status(self) -> str:
        if self._closed:
            return "closed, as its project is: %dvc_ui makes a new panel"
        if self._busy == _RUN:
            other = f" {self._called}" if self._called not in ("", self.line) else ""
            return "stopping ..." if self._stops else f"{self._notice}{other}"
        if self._form.errors:
            names = ", ".join(field.label for field in self._form.errors)
            return f"to correct first: {names}"
        return self._form.problem or self._notice

    # another look at the files

    def _refresh_clicked(self, _: Any) -> None:
        if self._begin(_REFRESH, "reading the files ..."):
            self._backend.refresh(self)

    def _begin(self, busy: str, notice: str) -> bool:
        """Take the panel for something that takes time; False when it is taken."""
        with self._lock:
            if self._busy or self._closed:
                return False
            self._busy, self._notice, self._called, self._stops = busy, notice, "", 0
            self._idle.clear()
            self._show_state()
            return True

    def described(self, pipeline: Pipeline) -> None:
        """Show the stages as the files have them now; what was typed stays."""
        with self._lock:
            before = self._form
            self._form = self._over(pipeline)
            moved = before.moved(self._form)
            if moved:
                self._notice = f"{_MOVED} {', '.join(moved)}"
            elif self._busy == _REFRESH:
                self._notice = ""
            self._show_stages()
            self._show_form()

    def _over(self, pipeline: Pipeline) -> StageForm:
        try:
            return self._form.of_pipeline(pipeline)
        except StageNotFoundError:
            return stage_form(pipeline, preselected(pipeline, None), self._form.texts, self._form.options)

    def _show_stages(self) -> None:
        addresses = tuple(stage.address for stage in self._form.pipeline.every)
        self.picker.unobserve(self._picked, names="value")  # new options choose a value of their own
        if tuple(self.picker.options) != _options(addresses):
            self.picker.options = _options(addresses)
        self.picker.value = self.stage
        self.picker.observe(self._picked, names="value")

    # the call

    def _run_clicked(self, _: Any) -> None:
        with self._lock:
            form = self._form
            if form.errors or form.problem or not self._begin(_RUN, "preparing ..."):
                return
            self._clicked = form
            self.live_box.value = self.result_box.value = ""
        self._backend.start(self)

    def request(self) -> RunRequest:
        """What to run: the line at the click, read as the magic reads it over the files as they are now.

        Raises:
            DvcMagicError: it cannot be run.
        """
        with self._lock:
            form = self._clicked.of_pipeline(self._form.pipeline)
            request = form.read().request
            self._called = form.line
            self._notice = f"running; {self._notice}" if self._notice.startswith(_MOVED) else "running"
            self._show_state()
            return request

    def live(self, call: LiveCall) -> None:
        """Show how the call stands."""
        html = _compact(call.html())
        if self.live_box.value != html:
            self.live_box.value = html

    def _stop_clicked(self, _: Any) -> None:
        with self._lock:
            now = time.monotonic()
            if self._busy != _RUN or (self._stops and now - self._stopped_at < _STOP_PAUSE):
                return
            self._stops, self._stopped_at = self._stops + 1, now
            self._show_state()
        self._backend.stop()

    def ended(self, outcome: Outcome) -> None:
        """Show what came of it."""
        try:
            with self._lock:
                ran = self._busy == _RUN
                told = ran and not (outcome.closed or self._closed)
                self._busy, self._stops = "", 0
                self._take(outcome, ran=ran)
                self._show_form()
            if told:
                self._on_end()
        finally:
            self._idle.set()
        if ran:
            self._refresh_static()

    def _take(self, outcome: Outcome, *, ran: bool) -> None:
        if ran:
            self._outcome = outcome
            self.result_box.value = _compact(_result_html(outcome))
            self._notice = _last_word(outcome)
        elif outcome.error or outcome.bug:
            self._notice = outcome.error or outcome.bug

    def close(self) -> None:
        """Stop what goes, wait for its end, and take no more clicks; what is shown stays."""
        with self._lock:
            self._closed = True
            self._show_state()
        self._backend.close()
        with self._lock:
            self._show_state()
        self._refresh_static()

    # as a cell's result

    def __repr__(self) -> str:
        """What it is, its stage, its line and its last result."""
        shown = f"\n  {self._outcome.run!r}" if self._outcome.run is not None else ""
        return lines(f"<Panel of {self._backend.title}, stage {self.stage}>\n  {self.line}{shown}")

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live widget, and static text and HTML for where nothing is live: saved notebooks, exports, new kernels.

        Its mark lets the labextension put the static form in the place of a widget whose kernel is gone.
        """
        self._is_shown = True
        bundle: dict[str, Any] = dict(self.widget._repr_mimebundle_(**options) or {})
        bundle["text/plain"] = repr(self)
        bundle["text/html"] = self._static_html()
        return bundle, {MARK: {"id": self._output_id}}

    def _refresh_static(self) -> None:
        """Give pages the static form of now.

        Only at the end of a call and of the panel: a page that takes it builds the widget's view anew. The id is not
        Jupyter's, so that only the labextension hears of it, and waits until the notebook is saved.
        """
        if not self._is_shown:
            return
        with self._lock:
            bundle, _ = self._repr_mimebundle_()
        with contextlib.suppress(Exception):  # the kernel may be about to end
            self._refresh(self._output_id, bundle)

    def _static_html(self) -> str:
        about = (
            f"dvc_magic panel of {self._backend.title}, stage {self.stage} (live controls show in a running notebook)"
        )
        head = f"<p>{safe_html(about)}</p><pre>{safe_html(self.line)}</pre>"
        status = self._status()
        state = f"<p>{safe_html(status)}</p>" if status else ""
        return f"<div>{head}{self.live_box.value}{state}{_result_html(self._outcome)}</div>"


def _options(addresses: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What a dropdown shows of each stage, and the stage."""
    return tuple((one_line(address), address) for address in addresses)


def _compact(html: str) -> str:
    """HTML with the line height of a text; that of widgets is made for controls."""
    return f'<div style="line-height: 1.45">{html}</div>'


def _last_word(outcome: Outcome) -> str:
    if outcome.stopped:
        return "stopped"
    return "" if not (outcome.error or outcome.bug) else "failed; see below"


def _result_html(outcome: Outcome) -> str:
    message = outcome.error or (f"This is a fault of dvc_magic:\n{outcome.bug}" if outcome.bug else "")
    error = f'<pre style="{_MESSAGE}">{safe_html(message)}</pre>' if message else ""
    shown = outcome.shown._repr_html_() if outcome.shown is not None else ""
    return error + shown

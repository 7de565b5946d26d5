"""The table of runs: sorted, filtered, paged; rows to tick and what to do with them.

A column is a `VBox` of a button over one HTML widget with all of its cells, so that heads and cells stay aligned; the
first has a checkbox for each run, named by its number, which keyboards and screen readers reach. Rows have one height
in both. HTML widgets are not sanitized by the page: everything of the project's is escaped here.
"""

from __future__ import annotations

import base64
import threading
import traceback
import uuid
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
from msgspec.structs import replace

from dvc_magic.comparison import KINDS
from dvc_magic.errors import DvcMagicError
from dvc_magic.untrusted import lines, message, one_line
from dvc_magic.views import MARK, RunsPage, TableState
from dvc_magic.widgets.backend import Shown
from dvc_magic.widgets.flag_row import safe_html
from dvc_magic.widgets.runs_backend import RunsBackend

_ROW = 24  # pixels
_STYLE = f"""<style>
.dvc-runs .widget-checkbox {{ height: {_ROW}px; margin: 0; width: auto; }}
.dvc-runs .widget-checkbox label, .dvc-runs .widget-checkbox input {{ line-height: {_ROW}px; margin-top: 0;
  margin-bottom: 0; font-variant-numeric: tabular-nums; }}
.dvc-runs .dvc-head {{ height: 28px; margin: 0; padding: 0 8px; background: transparent; font-weight: 600;
  border-bottom: 1px solid var(--jp-border-color1, #8888); overflow: hidden; }}
.dvc-runs .dvc-cells {{ margin: 0; }}
.dvc-runs .dvc-cells div.c {{ height: {_ROW}px; line-height: {_ROW}px; padding: 0 8px; white-space: nowrap;
  font-variant-numeric: tabular-nums; }}
.dvc-runs .dvc-cells div.r {{ text-align: right; }}
.dvc-runs .dvc-cells div.on {{ background: color-mix(in srgb, var(--jp-brand-color1, #2196f3) 22%, transparent); }}
.dvc-runs .dvc-cells div.bad {{ color: var(--jp-error-color1, #d32f2f); }}
</style>"""
_LINE = "font-family: var(--jp-code-font-family, monospace); user-select: all; overflow-wrap: anywhere"
_ERROR = (
    "white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--jp-error-color1, #d32f2f); "
    "padding: 2px 8px; margin: 4px 0; line-height: 1.4"
)
_WRAPPED = {"flex_flow": "row wrap", "align_items": "center"}


class RunsTable:
    """A table of the runs of a project. ``table.runs`` are those that are ticked; without a tick, those of the page.

    Attributes:
        widget: all of it, to be put wherever widgets go.
        filter: the query. columns_box: the names of the columns. boxes: the checkboxes of the rows, from the top.
        heads: name of a column -> the button over it.
        buttons: what can be done, by its name. words: tags, a label, or what to plot.
        result: what came of the last click.
        output_id: of the outputs that show it.
    """

    def __init__(self, backend: RunsBackend, *, query: str = "", size: int = 25) -> None:
        self.output_id = f"runs:{uuid.uuid4().hex}"
        self._backend = backend
        self._lock = threading.RLock()
        self._state = TableState(query=query, size=size, columns=backend.columns)
        self._page = RunsPage(state=self._state)
        self._chosen: dict[str, int] = {}  # id -> number, in the order of the ticks
        self._drawing = False
        self._sure: frozenset[str] = frozenset()  # runs that a second click on Delete removes
        self.heads: dict[str, Any] = {}
        self._cells: dict[str, Any] = {}
        self._build()
        self._turn(self._state)

    # what users ask a table

    @property
    def runs(self) -> Shown:
        """The runs that are ticked, in the order of the ticks; without one, those of the page."""
        return self._backend.runs(tuple(self._chosen) or self._page.ids)

    @property
    def line(self) -> str:
        """The line that shows the same runs in the same order."""
        return self._page.state.line

    @property
    def page(self) -> RunsPage:
        """What is shown, as data."""
        return self._page

    # controls

    def _build(self) -> None:
        self.filter = ipywidgets.Text(
            value=self._state.query,
            description="Filter",
            placeholder="stage = train and loss < 0.1",
            tooltip="a query as in %dvc_runs EXPR; Enter applies it",
            continuous_update=False,
            layout={"width": "min(60%, 36em)"},
        )
        self.filter.observe(self._filtered, names="value")
        self.buttons = {
            "Previous": self._button("Previous", "the page before", lambda: self._move(-1)),
            "Next": self._button("Next", "the page after", lambda: self._move(1)),
            "Refresh": self._button("Refresh", "look at the runs again", lambda: self._turn(self._state)),
            "Show": self._button("Show", "the card of a run, or a table of those ticked", self._show),
            "Diff": self._button("Diff", "what differs between the two that are ticked", self._diff),
            "Compare": self._button("Compare", "those ticked side by side", self._compare),
            "Plot": self._button("Plot", "plot what is named on the right, or all series", self._plot),
            "Tag": self._button("Tag", "+good -bad: add and take away the tags on the right", self._tag),
            "Label": self._button("Label", "label them by the text on the right", self._label),
            "Mark": self._button("Mark", "prefer them upstream, or no longer", self._mark),
            "Delete": self._button("Delete", "move them to the trash", self._remove),
            "Clear": self._button("Clear", "untick all", self._clear),
        }
        self.words = ipywidgets.Text(
            description="with",
            placeholder="loss, +good -bad, or a label",
            tooltip="what to plot, tags or a label for those ticked",
            layout={"width": "22em"},
            style={"description_width": "initial"},
        )
        self.count, self.problem, self.line_box, self.result = (ipywidgets.HTML() for _ in range(4))
        self.boxes: list[Any] = []
        self._first = ipywidgets.VBox(layout={"flex": "0 0 auto", "width": "auto"})
        self._run_head = self._head("run", lambda: self._sort("number"))
        self.grid = ipywidgets.HBox(layout={"overflow": "auto hidden", "align_items": "flex-start", "width": "100%"})
        self.columns_box = ipywidgets.TagsInput(allow_duplicates=False)
        self.columns_box.observe(self._columns_chosen, names="value")
        self.columns_section = ipywidgets.Accordion([self.columns_box], titles=("Columns",), selected_index=None)
        names = ("Show", "Diff", "Compare", "Plot", "Tag", "Label", "Mark", "Delete", "Clear")
        self.chosen_box = ipywidgets.HBox(
            [*(self.buttons[name] for name in names[:-1]), self.words, self.buttons["Clear"]], layout=_WRAPPED
        )
        self.widget = ipywidgets.VBox(
            [
                ipywidgets.HTML(_STYLE, layout={"height": "0", "margin": "0"}),
                ipywidgets.HBox(
                    [self.filter, *(self.buttons[name] for name in ("Previous", "Next", "Refresh")), self.count],
                    layout=_WRAPPED,
                ),
                self.problem,
                self.grid,
                self.line_box,
                self.chosen_box,
                self.result,
                self.columns_section,
            ]
        )
        self.widget.add_class("dvc-runs")

    def _button(self, text: str, tooltip: str, act: Callable[[], None]) -> Any:
        button = ipywidgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
        button.on_click(lambda _: self._guarded(act))
        return button

    def _head(self, name: str, act: Callable[[], None]) -> Any:
        button = self._button(name, f"sort by {one_line(name)}", act)
        button.add_class("dvc-head")
        return button

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do what a click asks for; what goes wrong is said in the table, as nobody reads a log."""
        with self._lock:
            try:
                act()
            except DvcMagicError as error:
                self._fail(message(str(error)))
            except Exception:  # noqa: BLE001 - a fault of ours, whose traceback would be lost otherwise
                self._fail(f"This is a fault of dvc_magic:\n{traceback.format_exc()}")

    def _fail(self, text: str) -> None:
        self.problem.value = f'<div style="{_ERROR}">{safe_html(text)}</div>'

    # pages

    def _filtered(self, change: Any) -> None:
        if not self._drawing:
            self._guarded(lambda: self._turn(replace(self._state, query=change["new"].strip(), first=0)))

    def _move(self, pages: int) -> None:
        first = self._page.state.first + pages * self._state.size
        self._turn(replace(self._state, first=max(0, min(first, max(self._page.total - 1, 0)))))

    def _sort(self, name: str) -> None:
        """Upwards at the first click, then downwards, then the newest first again."""
        if self._state.sort != name:
            self._turn(replace(self._state, sort=name, descending=False, first=0))
        elif not self._state.descending:
            self._turn(replace(self._state, descending=True, first=0))
        else:
            self._turn(replace(self._state, sort="", descending=False, first=0))

    def _columns_chosen(self, change: Any) -> None:
        if self._drawing:
            return
        names = tuple(change["new"])
        self._backend.keep_columns(names)
        self._guarded(lambda: self._turn(replace(self._state, columns=names)))

    def _turn(self, state: TableState) -> None:
        """Show another page; where it cannot be had, the last one stays and it is said why."""
        try:
            page = self._backend.page(state)
        except DvcMagicError as error:
            self._fail(message(str(error)))
            return
        self._state = self._page_state(state, page)
        self._page = page
        self.problem.value = ""
        self._draw()

    @staticmethod
    def _page_state(state: TableState, page: RunsPage) -> TableState:
        return replace(state, first=page.state.first)

    def _draw(self) -> None:
        self._drawing = True
        try:
            self._draw_boxes()
            self._draw_columns()
            self._draw_words()
        finally:
            self._drawing = False

    def _draw_boxes(self) -> None:
        page = self._page
        while len(self.boxes) < len(page.ids):
            self.boxes.append(self._checkbox(len(self.boxes)))
        for place, box in enumerate(self.boxes[: len(page.ids)]):
            box.description = str(page.numbers[place])
            box.value = page.ids[place] in self._chosen
        self._run_head.description = f"run{self._arrow('number')}"
        self._first.children = (self._run_head, *self.boxes[: len(page.ids)])

    def _checkbox(self, place: int) -> Any:
        box = ipywidgets.Checkbox(indent=False)
        box.observe(lambda change: self._ticked(place, change), names="value")
        return box

    def _draw_columns(self) -> None:
        page = self._page
        columns = []
        for name, texts in page.columns.items():
            if name not in self.heads:
                self.heads[name] = self._head(name, lambda name=name: self._sort(name))  # type: ignore[misc]
                self.heads[name].disabled = name in KINDS  # letters are those of a page
                self._cells[name] = ipywidgets.HTML()
                self._cells[name].add_class("dvc-cells")
            title = f"{one_line(page.titles[name])}{self._arrow(name)}"
            width = max([len(title), *map(len, texts)])
            head = self.heads[name]
            head.description, head.layout.width = title, f"calc({width}ch + 24px)"
            self._cells[name].value = self._column_html(name, texts)
            columns.append(ipywidgets.VBox([head, self._cells[name]], layout={"flex": "0 0 auto"}))
        self.grid.children = (self._first, *columns)

    def _arrow(self, name: str) -> str:
        if self._state.sort != name:
            return ""
        return " ▼" if self._state.descending else " ▲"

    def _column_html(self, name: str, texts: tuple[str, ...]) -> str:
        page = self._page
        side = " r" if name in page.numeric else ""
        return "".join(
            f'<div class="c{side}{" on" * (run_id in self._chosen)}{" bad" * (name == "status" and bad)}">'
            f"{escape(one_line(text)) or '&nbsp;'}</div>"
            for run_id, bad, text in zip(page.ids, page.bad, texts, strict=True)
        )

    def _draw_words(self) -> None:
        page = self._page
        self.count.value = safe_html(page.count)
        self.line_box.value = f'<div style="{_LINE}">{safe_html(page.state.line)}</div>'
        self.buttons["Previous"].disabled = page.state.first == 0
        self.buttons["Next"].disabled = page.state.first + len(page.ids) >= page.total
        self.columns_box.allowed_tags = list(dict.fromkeys([*page.columns, *page.every]))
        self.columns_box.value = list(page.columns)
        if self.filter.value != self._state.query:
            self.filter.value = self._state.query
        self._draw_chosen()

    def _draw_chosen(self) -> None:
        several = len(self._chosen)
        for name in ("Show", "Plot", "Tag", "Label", "Mark", "Delete", "Clear"):
            self.buttons[name].disabled = not several
        self.buttons["Diff"].disabled = several != 2  # noqa: PLR2004
        self.buttons["Compare"].disabled = several < 2  # noqa: PLR2004
        self.buttons["Delete"].description = "Delete"
        self.buttons["Delete"].button_style = ""
        self._sure = frozenset()
        self.buttons["Clear"].description = f"Clear {several} ticked" if several else "Clear"

    # what is ticked

    def _ticked(self, place: int, change: Any) -> None:
        if self._drawing or place >= len(self._page.ids):
            return
        run_id = self._page.ids[place]
        if change["new"]:
            self._chosen[run_id] = self._page.numbers[place]
        else:
            self._chosen.pop(run_id, None)
        self._draw_ticks()

    def _draw_ticks(self) -> None:
        for name, texts in self._page.columns.items():
            self._cells[name].value = self._column_html(name, texts)
        self._draw_chosen()

    def _clear(self) -> None:
        self._chosen.clear()
        self.result.value = ""
        self._draw()

    def _show(self) -> None:
        self._say(self._backend.show(tuple(self._chosen)))

    def _diff(self) -> None:
        self._say(self._backend.diff(tuple(self._chosen)))

    def _compare(self) -> None:
        self._say(self._backend.compare(tuple(self._chosen)))

    def _plot(self) -> None:
        png = base64.b64encode(self._backend.plot(tuple(self._chosen), self.words.value.strip())).decode()
        alt = escape(one_line(self.words.value) or "all series")
        self.problem.value = ""
        self.result.value = f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{png}">'

    def _tag(self) -> None:
        self._changed(self._backend.tag(tuple(self._chosen), self.words.value))

    def _label(self) -> None:
        self._changed(self._backend.label(tuple(self._chosen), self.words.value.strip()))

    def _mark(self) -> None:
        self._changed(self._backend.mark(tuple(self._chosen)))

    def _remove(self) -> None:
        """Ask by the button itself: the second click removes, if the same runs are still ticked."""
        chosen = frozenset(self._chosen)
        if self._sure != chosen:
            self._sure = chosen
            self.buttons["Delete"].description = f"Delete {len(chosen)}: sure?"
            self.buttons["Delete"].button_style = "danger"
            return
        done = self._backend.remove(tuple(self._chosen))
        self._chosen.clear()
        self._changed(done)

    def _changed(self, done: str) -> None:
        self._turn(self._state)
        self.result.value = f'<div style="white-space: pre-wrap">{safe_html(done)}</div>'

    def _say(self, shown: Shown) -> None:
        self.problem.value = ""
        self.result.value = f'<div style="line-height: 1.45">{shown._repr_html_()}</div>'

    # as a cell's result

    def __repr__(self) -> str:
        """The page as text."""
        return self._page.table().text()

    def bundle(self) -> dict[str, Any]:
        """The live widget, and static text and HTML for where nothing is live: saved notebooks, exports."""
        bundle: dict[str, Any] = dict(self.widget._repr_mimebundle_() or {})
        bundle["text/plain"] = lines(repr(self))
        bundle["text/html"] = self._page.table().html()
        return bundle

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle(), {MARK: {"id": self.output_id}}

"""One flag of a form as controls: the value, a button that takes it back, and a note."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from dvc_magic.untrusted import lines, one_line
from dvc_magic.views import FormField

CONTROL_WIDTH = "min(80%, 40em)"


class FlagRow:
    """The controls of one flag. They hold nothing but what they show: `show` makes them say what a field says.

    Attributes:
        control: where the value goes. reset: takes it back. note: what there is to say about it.
        box: all three, side by side.
    """

    def __init__(self, field: FormField, *, changed: Callable[[str, str], None], reset: Callable[[str], None]) -> None:
        self._name = field.name
        self._text, self._default = field.text, field.default
        self._changed = changed
        self.choices = field.choices
        self.control = _control(field)
        self.control.observe(self._told, names="value")
        self.reset = ipywidgets.Button(
            description="Reset", tooltip=one_line(f"take the value of {field.param.file}"), layout={"width": "auto"}
        )
        self.reset.on_click(lambda _: reset(self._name))
        self.note = ipywidgets.HTML()
        self.box = ipywidgets.HBox(
            [self.control, self.reset, self.note], layout={"flex_flow": "row wrap", "align_items": "center"}
        )

    def _told(self, change: Any) -> None:
        meant = {_spelled(text): text for text in (self._default, self._text)}
        self._changed(self._name, meant.get(change["new"], change["new"]))

    def show(self, field: FormField, *, label_width: str) -> None:
        """Say what `field` says. The control is written only when it says something else."""
        where = one_line(f"{field.name}, {field.param.type}")
        self.control.description = one_line(field.label)
        self.control.style.description_width = label_width
        self.control.tooltip = where
        if not self.choices:
            self.control.placeholder = one_line(field.default)
        self._text, self._default = field.text, field.default
        if self.control.value != _spelled(field.text):
            self.control.value = _spelled(field.text)
        told = field.changed or bool(field.error)
        self.reset.layout.display = None if told else "none"
        self.note.value = _note(field)
        # What is wrong takes a line or two of its own, below the control; beside it there is a column at best.
        self.note.layout.flex = "1 1 70%" if field.error else "1 1 14em" if told else "1 1 3em"
        self.note.layout.margin = f"0 0 0 {label_width}" if field.error else None

    def close(self) -> None:
        """Close the widgets."""
        for widget in (self.control, self.reset, self.note, self.box):
            widget.close()


def _control(field: FormField) -> Any:
    """A list to choose from, or a text; both have a real label, which toggles and radio buttons have not."""
    layout = {"width": CONTROL_WIDTH}
    if not field.choices:
        return ipywidgets.Text(value=_spelled(field.text), layout=layout)
    every = "both" if field.param.group is None or len(field.param.group.choices) == 2 else "all"  # noqa: PLR2004
    names = [(f"{choice} ({every})" if "," in choice else choice, choice) for choice in field.choices]
    return ipywidgets.Dropdown(options=names, value=field.text, layout=layout)


def safe_html(text: str) -> str:
    """A text of a project as HTML: never markup, and nothing in it unseen."""
    return escape(lines(text))


def _spelled(text: str) -> str:
    """A field's text as it can be edited: whole, without a character that nobody sees."""
    return one_line(text, longest=len(text))


def _note(field: FormField) -> str:
    if field.error:
        message = f'<span style="color: var(--jp-error-color1, #d32f2f)">✗ {safe_html(field.error)}</span>'
    elif field.changed:
        several = f", {len(field.values)} values" if len(field.values) > 1 else ""
        message = f"<strong>● changed</strong>{several} ({safe_html(field.param.file)}: {safe_html(field.was)})"
    else:
        message = f'<span style="opacity: 0.7">{safe_html(field.param.type)}</span>'
    return f'<div style="line-height: 1.4; white-space: pre-wrap; overflow-wrap: anywhere">{message}</div>'

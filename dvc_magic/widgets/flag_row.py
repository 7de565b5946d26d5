"""One flag of a form as controls: the value, a button that takes it back, and a note."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from dvc_magic.views import FormField

_BOTH = "both"
_CONTROL_WIDTH = "min(100%, 34em)"


class FlagRow:
    """The controls of one flag. They hold no state of their own: `show` makes them say what a field says.

    Attributes:
        control: where the value goes. reset: takes it back. note: what there is to say about it.
        box: all three, side by side.
    """

    def __init__(self, field: FormField, *, changed: Callable[[str, str], None], reset: Callable[[str], None]) -> None:
        self._name = field.name
        self._changed = changed
        self.choices = field.choices
        self.control = _control(field)
        self.control.observe(self._told, names="value")
        self.reset = ipywidgets.Button(
            description="Reset", tooltip=f"take the value of {field.param.file}", layout={"width": "auto"}
        )
        self.reset.on_click(lambda _: reset(self._name))
        self.note = ipywidgets.HTML(layout={"flex": "1 1 12em", "min_width": "8em"})
        self.box = ipywidgets.HBox(
            [self.control, self.reset, self.note], layout={"flex_flow": "row wrap", "align_items": "center"}
        )

    def _told(self, change: Any) -> None:
        self._changed(self._name, change["new"])

    def show(self, field: FormField, *, label_width: str) -> None:
        """Say what `field` says. The control is written only when it says something else."""
        where = f"{field.name}, {field.param.type}"
        self.control.description = field.flag
        self.control.style.description_width = label_width
        self.control.tooltip = where
        if not self.choices:
            self.control.placeholder = field.default
        if self.control.value != field.text:
            self.control.value = field.text
        self.reset.layout.visibility = "visible" if field.changed or field.error else "hidden"
        self.note.value = _note(field)

    def close(self) -> None:
        """Let go of the widgets."""
        for widget in (self.control, self.reset, self.note, self.box):
            widget.close()


def _control(field: FormField) -> Any:
    if field.choices:
        names = [(_BOTH if "," in choice else choice, choice) for choice in field.choices]
        return ipywidgets.ToggleButtons(
            options=names, value=field.text, style={"button_width": "auto"}, layout={"width": "auto"}
        )
    return ipywidgets.Text(value=field.text, layout={"width": _CONTROL_WIDTH})


def _note(field: FormField) -> str:
    if field.error:
        message = f'<span style="white-space: pre-wrap; overflow-wrap: anywhere">{escape(field.error)}</span>'
        return f'<span style="color: var(--jp-error-color1, #d32f2f)">✗ {message}</span>'
    if field.changed:
        several = f"{len(field.values)} values, " if len(field.values) > 1 else ""
        was = f"{field.was} in {field.param.file}"
        return f"<strong>● changed</strong> <span>{escape(several)}{escape(was)}</span>"
    return f'<span style="opacity: 0.7">{escape(field.param.type)}</span>'

"""What a cell shows of an interrupt."""

from __future__ import annotations

from dvc_magic.untrusted import message


def show_alone(interrupt: KeyboardInterrupt, said: str) -> None:
    """Have IPython show what was interrupted, in one line: the traceback through dvc_magic tells nobody anything."""
    interrupt._render_traceback_ = lambda: [f"{type(interrupt).__name__}: {message(said)}"]  # type: ignore[attr-defined]

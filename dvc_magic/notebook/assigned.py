"""Which variable a cell assigns the result of a line magic to, so that it can have one though the magic raises."""

from __future__ import annotations

import dis
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["assigned_name"]


def assigned_name(shell: InteractiveShell) -> str | None:
    """``runs``, when called below ``runs = %dvc_run train``; None when the cell does anything else with the result.

    IPython calls the magic with ``get_ipython().run_line_magic(..)`` and tells it nothing of the assignment, which is
    the next instruction of the cell's code. Local variables of functions cannot be set from outside.
    """
    frame, below = inspect.currentframe(), None
    while frame is not None and frame.f_globals is not shell.user_global_ns:
        frame, below = frame.f_back, frame
    if frame is None or below is None or below.f_code.co_name != "run_line_magic":
        return None
    return _stored_next(frame)


def _stored_next(frame: FrameType) -> str | None:
    """The global name that gets the value of the call that a frame is in."""
    following = (
        instruction
        for instruction in dis.get_instructions(frame.f_code)
        if instruction.offset > frame.f_lasti and instruction.opname not in ("CACHE", "EXTENDED_ARG")
    )
    instruction = next(following, None)
    if instruction is None or instruction.opname not in ("STORE_NAME", "STORE_GLOBAL"):
        return None
    return str(instruction.argval)

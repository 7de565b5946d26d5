"""A failed run once more, in a throw-away copy, with pdb where an exception ends it.

What the copy carries along is in `dvc_magic.debugging`; this is the kernel's side.
"""

from dvc_magic.debugger.debug import Debugged, ask_here, debug, show_here
from dvc_magic.debugger.debuggable import last_failed

__all__ = ["Debugged", "ask_here", "debug", "last_failed", "show_here"]

"""Lets a program wait at an uncaught exception for a debugger.

Python imports this module before any program when its folder is on ``PYTHONPATH``. The program finds all else as it
would be: the folder leaves ``sys.path`` (it stays in the environment, for programs that this one starts), and a
``sitecustomize`` that this one hides is imported in its place. Exceptions are printed as they always are, first.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import sys
import threading
from types import TracebackType
from typing import Any, Optional, Type

_HERE = os.path.dirname(os.path.abspath(__file__))
_VARIABLE = "DVC_MAGIC_DEBUG"


class _Hooks:
    """Brings uncaught exceptions of this process to the prompt, one at a time and each once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._before = sys.excepthook
        self._before_in_threads = threading.excepthook
        self._known: Optional[BaseException] = None
        self._busy = threading.RLock()

    def install(self) -> None:
        """Take the places of Python's own hooks."""
        sys.excepthook = self.in_main
        threading.excepthook = self.in_thread
        atexit.register(self.at_exit)

    def in_main(
        self,
        kind: Type[BaseException],
        error: BaseException,
        trace: Optional[TracebackType],
    ) -> None:
        """Instead of `sys.excepthook`."""
        self._before(kind, error, trace)
        self._debug(error, trace, "")

    def in_thread(self, arguments: Any) -> None:
        """Instead of `threading.excepthook`."""
        self._before_in_threads(arguments)
        name = arguments.thread.name if arguments.thread is not None else "?"
        if arguments.exc_value is not None:
            self._debug(arguments.exc_value, arguments.exc_traceback, name)

    def at_exit(self) -> None:
        """Where the program has put a hook of its own in the place of this one: Python keeps what it gave to it."""
        error = getattr(sys, "last_value", None)
        if error is not None and error is not self._known:
            self._debug(error, getattr(sys, "last_traceback", None), "")

    def _debug(self, error: BaseException, trace: Optional[TracebackType], thread: str) -> None:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            return
        with self._busy:
            self._known = error
            try:
                for stream in filter(None, (sys.stdout, sys.stderr)):  # a program may have closed one
                    with contextlib.suppress(OSError, ValueError):
                        stream.flush()
                _post_mortem()(self._folder, error, trace, thread)
            except BaseException as trouble:  # noqa: BLE001 - the program ends as it would have without a debugger
                print(f"dvc_magic: the debugger ended: {trouble!r}", file=sys.stderr)  # noqa: T201


def _post_mortem() -> Any:
    from importlib import util

    spec = util.spec_from_file_location("_dvc_magic_post_mortem", os.path.join(_HERE, "post_mortem.py"))
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.post_mortem


def _hidden() -> None:
    """Import the ``sitecustomize`` that this one hides, if there is one; in ``sys.modules`` it takes its name."""
    own = sys.modules.pop(__name__)
    try:
        importlib.import_module(__name__)
    except ImportError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, own)


def _begin(folder: str) -> None:
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
    try:
        _hidden()
    finally:
        _Hooks(folder).install()
        with contextlib.suppress(OSError):  # the prompt is closed already
            os.close(os.open(os.path.join(folder, "seen"), os.O_CREAT | os.O_WRONLY, 0o600))


if __name__ == "sitecustomize" and os.environ.get(_VARIABLE):
    _begin(os.environ[_VARIABLE])

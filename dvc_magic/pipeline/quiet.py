"""DVC without a voice: its log handlers and progress bars write to a process's standard streams, which are not ours."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dvc.logger import colorama

from dvc_magic.untrusted import hidden

_LOGGERS = ("dvc", "dvc_objects", "dvc_data")
_PROGRESS = ("dvc.progress", "dvc_data.callbacks")  # their bars switch off when these loggers do


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(hidden(record.getMessage()))


def silence() -> None:
    """Take DVC's handlers off its loggers and switch its progress bars off, in this process."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        _set_level(logger, logging.WARNING)
        logger.propagate = False
        for handler in [*logger.handlers]:
            if not isinstance(handler, _Listener | logging.NullHandler):
                logger.removeHandler(handler)
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())
    if sys.stdout is colorama.initialise.wrapped_stdout:  # DVC wraps both streams on import
        colorama.deinit()
    for name in _PROGRESS:
        _set_level(logging.getLogger(name), logging.CRITICAL)


def _set_level(logger: logging.Logger, level: int) -> None:
    """Set a level unless it is that already: to set one makes all loggers of the process forget what they know."""
    if logger.level != level:
        logger.setLevel(level)


@contextmanager
def listening() -> Iterator[list[str]]:
    """The warnings that DVC logs inside the block, as lines of text."""
    listener = _Listener()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addHandler(listener)
    try:
        yield listener.lines
    finally:
        for logger in loggers:
            logger.removeHandler(listener)

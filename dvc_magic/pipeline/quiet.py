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
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        for handler in [*logger.handlers]:
            if not isinstance(handler, _Listener):
                logger.removeHandler(handler)
        logger.addHandler(logging.NullHandler())
    if sys.stdout is colorama.initialise.wrapped_stdout:  # DVC wraps both streams on import
        colorama.deinit()
    for name in _PROGRESS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


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

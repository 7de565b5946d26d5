"""What can go wrong with a benchmark itself."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A benchmark cannot be trusted or cannot go on; the message says why. Nothing is printed that looks measured."""


class UnavailableError(Exception):
    """One way cannot be measured on this machine; its row of the table says why, and the others are measured."""

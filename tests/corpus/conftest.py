"""The option of ``make corpus``."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add it."""
    parser.addoption(
        "--dvc-anew",
        action="store_true",
        help="run DVC for all cases, and note what it makes of those that come out the same in two places",
    )

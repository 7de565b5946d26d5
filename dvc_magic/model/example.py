"""The sample projects that come with the package, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Example -> remote -> what DVC tracks and keeps there; the first remote is the default.
TRACKED: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "iris": {"storage": ("data/iris.csv",)},
        "guild": {"storage": ("iris.csv",), "archive": ("hello.in",)},
    }
)


def example_names() -> tuple[str, ...]:
    """The samples that there are."""
    return tuple(TRACKED)

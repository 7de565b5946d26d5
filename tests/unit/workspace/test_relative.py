from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.model.relative import in_any, is_below, parent_folders

_PATHS = st.text(alphabet="ab./\0", max_size=12)


@given(_PATHS)
def test_what_is_below_never_climbs(path: str) -> None:
    if is_below(path):
        assert os.path.normpath(f"/root/{path}") == f"/root/{path}"


@given(_PATHS, st.frozensets(_PATHS, max_size=4))
def test_a_path_is_in_roots_by_whole_parts(path: str, roots: frozenset[str]) -> None:
    plain = {root for root in roots if is_below(root)}
    if is_below(path):
        assert in_any(path, plain) == any(path == root or path.startswith(f"{root}/") for root in plain)


def test_a_dot_among_the_roots_is_everything() -> None:
    assert in_any("a/b", {"."})


def test_folders_come_before_what_is_in_them() -> None:
    assert parent_folders(["a/b/c/x", "a/y", "z"]) == ["a", "a/b", "a/b/c"]

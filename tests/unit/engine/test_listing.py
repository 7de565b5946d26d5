"""Listings and DVC's hash over them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.engine.listing import below, listing_hash, moved, object_path, read_listing, without, write_listing

LISTING = {"a.txt": "a" * 32, "sub/b.txt": "b" * 32, "sub/deep/c.txt": "c" * 32}


def test_the_hash_of_a_folder_is_the_one_that_dvc_computes() -> None:
    tree = pytest.importorskip("dvc_data.hashfile.tree")
    hash_info = pytest.importorskip("dvc_data.hashfile.hash_info")
    theirs = tree.Tree()
    for path, md5 in LISTING.items():
        theirs.add(tuple(path.split("/")), None, hash_info.HashInfo("md5", md5))
    theirs.digest()

    assert listing_hash(LISTING) == theirs.hash_info.value


def test_a_single_file_is_its_own_hash() -> None:
    assert listing_hash({"": "d" * 32}) == "d" * 32


def test_a_written_folder_is_read_back(tmp_path: Path) -> None:
    digest = write_listing(tmp_path, LISTING)

    assert read_listing(tmp_path, digest) == LISTING
    assert object_path(tmp_path, digest).stat().st_mode & 0o777 == 0o444


def test_a_part_of_a_folder_has_paths_of_its_own() -> None:
    assert below(LISTING, "sub") == {"b.txt": "b" * 32, "deep/c.txt": "c" * 32}
    assert below(LISTING, "sub/b.txt") == {"": "b" * 32}


def test_paths_that_are_made_elsewhere_are_taken_out() -> None:
    assert without(LISTING, ("sub/deep",)) == {"a.txt": "a" * 32, "sub/b.txt": "b" * 32}


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join), st.just("0" * 32), min_size=1
    )
)
def test_moving_a_folder_down_and_taking_it_out_again_changes_nothing(listing: dict[str, str]) -> None:
    assert below(moved(listing, "x/y"), "x/y") == listing

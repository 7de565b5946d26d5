"""Listings and DVC's hash over them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import StoreError
from dvc_magic.store import RunCache, RunStore, below, listing_hash, moved, without
from tests.support.limits import no_more_files

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


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    return RunStore(tmp_path).cache


def test_a_written_folder_is_read_back(cache: RunCache) -> None:
    digest = cache.put_listing(LISTING)

    assert cache.listing(digest) == LISTING
    assert Path(cache.path(digest)).stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[{"md5": 1}]', b"[" * 100_000])
def test_a_listing_that_was_altered_is_set_aside_and_written_anew(cache: RunCache, content: bytes) -> None:
    digest = cache.put_listing(LISTING)
    kept = Path(cache.path(digest))
    kept.chmod(0o644)
    kept.write_bytes(content)
    with pytest.raises(FileNotFoundError, match="was changed"):
        cache.listing(digest)

    assert not kept.exists()
    assert cache.put_listing(LISTING) == digest
    assert cache.listing(digest) == LISTING


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


def test_any_number_of_runs_write_one_listing_at_once(cache: RunCache) -> None:
    failures: list[OSError] = []

    def write() -> None:
        try:
            for number in range(20):
                cache.put_listing({f"{number}.txt": "a" * 32})
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    files = [path for path in Path(cache.folder).rglob("*") if path.is_file()]
    assert (len(files), {path.suffix for path in files}) == (20, {".dir"})


def test_a_listing_that_cannot_be_read_now_says_why_and_is_kept(cache: RunCache) -> None:
    digest = cache.put_listing(LISTING)
    with no_more_files(), pytest.raises(StoreError, match="Cannot read .*Too many open files"):
        cache.listing(digest)
    assert cache.listing(digest) == LISTING

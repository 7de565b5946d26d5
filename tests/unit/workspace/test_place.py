from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from dvc_magic.errors import StoreError
from dvc_magic.store import RunCache, RunStore
from dvc_magic.workspace import LackingError, LinkPolicy, link_policy, make_read_only, place_file, place_object
from tests.support.projects import write

_COPY = LinkPolicy(reflink=False)
_LINK = LinkPolicy(reflink=False, hardlink=True, hardlink_from=0)


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    return RunStore.open(tmp_path / "store").cache


@pytest.fixture
def keep(cache: RunCache, tmp_path: Path):
    """Puts bytes into the cache and returns their md5."""

    def put(content: bytes) -> str:
        source = tmp_path / "source"
        source.write_bytes(content)
        md5 = hashlib.md5(content).hexdigest()
        assert cache.put({md5: source}) == []
        return md5

    return put


@pytest.fixture
def keep_folder(cache: RunCache, keep):
    """Puts a listing into the cache and returns its hash."""

    def put(entries: list) -> str:
        content = json.dumps(entries).encode()
        md5 = f"{hashlib.md5(content).hexdigest()}.dir"
        write(cache.folder / md5[:2], {md5[2:]: content})
        return md5

    return put


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["../../etc", "", "abc", "A" * 32, f"{'0' * 32}.dir.dir"])
def test_what_is_no_hash_is_refused(cache: RunCache, tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="not an md5"):
        place_object(cache, name, tmp_path / "target", _COPY)


def test_a_copy_is_writable_and_its_own(cache: RunCache, keep, tmp_path: Path) -> None:
    md5 = keep(b"data" * 100_000)
    target = tmp_path / "deep" / "er" / "target"

    assert place_object(cache, md5, target, _COPY) == "copy"
    target.write_bytes(b"mine")
    assert Path(cache.path(md5)).read_bytes() == b"data" * 100_000


def test_a_hardlink_is_the_object_itself(cache: RunCache, keep, tmp_path: Path) -> None:
    md5 = keep(b"data")

    assert place_object(cache, md5, tmp_path / "target", _LINK) == "hardlink"
    assert (tmp_path / "target").samefile(cache.path(md5))


def test_a_writable_or_small_source_is_never_hardlinked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"1234")
    assert place_file(source, tmp_path / "a", links=_LINK) == "copy"
    source.chmod(0o444)

    assert place_file(source, tmp_path / "b", links=LinkPolicy(reflink=False, hardlink=True, hardlink_from=5)) == "copy"
    assert place_file(source, tmp_path / "c", links=_LINK) == "hardlink"


def test_where_nothing_else_works_a_file_is_copied(tmp_path: Path, monkeypatch) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    source.chmod(0o444)
    monkeypatch.setattr(os, "link", _refuse)
    monkeypatch.setattr(os, "copy_file_range", _refuse)

    assert place_file(source, tmp_path / "a", links=LinkPolicy(hardlink=True)) in ("copy", "reflink")
    assert (tmp_path / "a").read_bytes() == b"x" * 3_000_000


def _refuse(*_: object, **__: object) -> None:
    raise OSError(18, "Invalid cross-device link")


def test_a_failed_copy_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "source").write_bytes(b"x")
    monkeypatch.setattr(os, "copy_file_range", full)

    with pytest.raises(OSError, match="No space"):
        place_file(tmp_path / "source", tmp_path / "a", links=_COPY)
    assert not (tmp_path / "a").exists()


def test_what_is_at_the_target_is_replaced_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "target").symlink_to("other")
    place_file(tmp_path / "source", tmp_path / "target", links=_COPY)

    assert (tmp_path / "other").read_bytes() == b"other"
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_folder_is_placed_whole(cache: RunCache, keep, keep_folder, tmp_path: Path) -> None:
    files = {"a": b"1", "sub/b c": b"2", "sub/deep/ü\n": b"2", "-rf": b""}
    entries = [{"md5": keep(content), "relpath": path} for path, content in files.items()]
    placed = place_object(cache, keep_folder(entries), tmp_path / "out" / "data", _LINK)

    assert placed == "hardlink"
    assert {path: (tmp_path / "out/data" / path).read_bytes() for path in files} == files


def test_an_empty_folder_is_placed_as_one(cache: RunCache, keep_folder, tmp_path: Path) -> None:
    assert place_object(cache, keep_folder([]), tmp_path / "data", _COPY) == "copy"
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", ".", 5, None])
def test_a_listing_that_leads_out_is_refused(cache: RunCache, keep, keep_folder, tmp_path: Path, path) -> None:
    md5 = keep_folder([{"md5": keep(b"1"), "relpath": path}])
    with pytest.raises(StoreError, match="not to be trusted"):
        place_object(cache, md5, tmp_path / "data", _COPY)

    assert not (tmp_path / "x").exists()


def test_a_link_on_the_way_is_not_followed(cache: RunCache, keep, keep_folder, tmp_path: Path) -> None:
    md5 = keep_folder([{"md5": keep(b"1"), "relpath": "sub/x"}])
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sub").symlink_to(tmp_path)
    with pytest.raises(StoreError, match="is a link"):
        place_object(cache, md5, tmp_path / "data", _COPY)

    assert not (tmp_path / "x").exists()


def test_what_the_cache_lacks_or_has_damaged_says_what_to_do(
    cache: RunCache, keep, keep_folder, tmp_path: Path
) -> None:
    with pytest.raises(LackingError, match="is gone or was changed.*run the stage that made it again"):
        place_object(cache, "0" * 32, tmp_path / "a", _COPY)
    with pytest.raises(LackingError, match="is gone or was changed"):
        place_object(cache, keep_folder([{"md5": "0" * 32, "relpath": "x"}]), tmp_path / "b", _COPY)
    with pytest.raises(LackingError, match="not a directory listing"):
        place_object(cache, keep_folder([{"md5": 1}]), tmp_path / "d", _COPY)


@pytest.mark.parametrize("links", [_COPY, _LINK])
def test_an_object_that_was_altered_is_never_placed(cache: RunCache, keep, tmp_path: Path, links: LinkPolicy) -> None:
    md5 = keep(b"data")
    kept = Path(cache.path(md5))
    kept.chmod(0o644)
    kept.write_bytes(b"DATA")
    with pytest.raises(LackingError) as error:
        place_object(cache, md5, tmp_path / "target", links)

    assert error.value.lacking == (md5,)
    assert not (tmp_path / "target").exists()
    assert not kept.exists()


@pytest.mark.parametrize("links", [_COPY, _LINK])
def test_placing_again_hashes_nothing(cache: RunCache, keep, tmp_path: Path, links: LinkPolicy) -> None:
    md5 = keep(b"data" * 1000)
    for number in range(5):
        place_object(cache, md5, tmp_path / str(number), links)

    assert cache.known.hashed == 0
    assert cache.known.md5((tmp_path / "0").stat()) == md5


@pytest.mark.parametrize(
    ("types", "is_root", "hardlink", "least"),
    [
        (None, False, True, 1 << 20),
        (None, True, False, 1 << 20),
        (["reflink", "copy"], False, True, 1 << 20),
        (["hardlink", "copy"], True, True, 0),
        (["reflink", "hardlink"], False, True, 0),
        (["copy"], False, False, 1 << 20),
        (["symlink"], True, False, 1 << 20),
    ],
)
def test_the_policy_follows_the_user_and_the_projects_setting(types, is_root, hardlink, least) -> None:
    policy = link_policy(types, is_root=is_root)

    assert (policy.reflink, policy.hardlink, policy.hardlink_from) == (True, hardlink, least)


def test_a_finished_workspace_is_read_only_but_for_dvc_and_git(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    write(root, dict.fromkeys(["a", "sub/b", ".dvc/config.local", ".git/index", "sub/run.sh"], ""))
    (tmp_path / "outside").touch(mode=0o644)
    (root / "link").symlink_to("../outside")
    (root / "sub/run.sh").chmod(0o755)
    make_read_only(root)

    modes = {path: _mode(root / path) for path in ("a", "sub/b", ".dvc/config.local", ".git/index", "sub/run.sh")}
    assert modes == {"a": 0o444, "sub/b": 0o444, ".dvc/config.local": 0o644, ".git/index": 0o644, "sub/run.sh": 0o555}
    assert _mode(tmp_path / "outside") == 0o644
    assert _mode(root / "sub") & 0o200

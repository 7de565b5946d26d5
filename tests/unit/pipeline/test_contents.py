from __future__ import annotations

import hashlib
import json
import stat

import pytest

from dvc_magic.errors import MissingInputError
from dvc_magic.model.inputs import Taking

LISTING = b'[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "1.txt"}]'  # as DVC writes it
DIGEST = hashlib.md5(LISTING).hexdigest() + ".dir"
ONE = "b026324c6904b2a9cb4b88d6d61c81d1"


def _tracked(path, md5):
    return f"outs:\n- md5: {md5}\n  hash: md5\n  path: {path}\n"


def _object(md5):
    return f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"


def test_a_directory_has_the_hash_of_dvcs_listing(make_reader, hash_file):
    reader = make_reader(
        {"data/1.txt": "1\n", "data/__pycache__/x.pyc": "x", "data/n/t.tmp": "", ".dvcignore": "*.tmp\n"}
    )
    facts = reader.inputs(["data"], hash_file)["data"]
    assert (facts.hash, facts.size, facts.files, facts.origin) == (DIGEST, 2, 1, "project")


def test_absent_paths_and_urls_have_no_hash(make_reader, hash_file):
    found = make_reader({}).inputs(["gone", "s3://bucket/x"], hash_file)
    assert [(facts.present, facts.hash) for facts in found.values()] == [(False, ""), (True, "")]


def test_an_absolute_path_is_hashed_in_place(make_reader, hash_file, tmp_path):
    place = tmp_path / "one.txt"
    place.write_text("1\n")
    assert make_reader({}).inputs([str(place)], hash_file)[str(place)].hash == ONE


def test_workspace_content_wins_and_its_difference_is_told(make_reader, hash_file):
    reader = make_reader(
        {"a.txt.dvc": _tracked("a.txt", ONE), "a.txt": "2\n", "b.txt.dvc": _tracked("b.txt", ONE), "b.txt": "1\n"}
    )
    found = reader.inputs(["a.txt", "b.txt"], hash_file)
    assert [(facts.dvcfile, facts.differs) for facts in found.values()] == [("a.txt.dvc", True), ("b.txt.dvc", False)]


def test_absent_content_is_found_in_the_projects_cache(make_reader, hash_file):
    reader = make_reader({"d.dvc": _tracked("d", DIGEST), _object(DIGEST): LISTING, _object(ONE): "1\n"})
    found = reader.inputs(["d", "d/1.txt", "d/no"], hash_file)
    assert [(facts.present, facts.hash, facts.origin) for facts in found.values()] == [
        (True, DIGEST, "cache"),
        (True, ONE, "cache"),
        (False, "", ""),
    ]


def test_a_directory_with_a_missing_object_is_absent(make_reader, hash_file):
    reader = make_reader({"d.dvc": _tracked("d", DIGEST), _object(DIGEST): LISTING})
    assert not reader.inputs(["d"], hash_file)["d"].present


@pytest.mark.parametrize(
    "paths",
    [["../../x"], ["/x"], ["a//b"], ["a\0b"], ["\ud800"], [5], ["a", "a/b"], ["a", "a/b/c"], [[]]],
    ids=repr,
)
def test_a_listing_that_can_be_no_directory_is_damaged(make_reader, hash_file, paths):
    listing = json.dumps([{"md5": ONE, "relpath": path} for path in paths]).encode()
    digest = hashlib.md5(listing).hexdigest() + ".dir"
    reader = make_reader({"d.dvc": _tracked("d", digest), _object(digest): listing, _object(ONE): "1\n"})
    assert not reader.inputs(["d"], hash_file)["d"].present


def test_a_listing_of_a_hundred_thousand_brackets_is_damaged(make_reader, hash_file):
    listing = b"[" * 100_000
    digest = hashlib.md5(listing).hexdigest() + ".dir"
    reader = make_reader({"d.dvc": _tracked("d", digest), _object(digest): listing})
    assert not reader.inputs(["d"], hash_file)["d"].present


def test_a_listing_that_has_not_the_md5_of_its_name_is_damaged(make_reader, hash_file):
    other = LISTING.replace(b"1.txt", b"2.txt")
    reader = make_reader({"d.dvc": _tracked("d", DIGEST), _object(DIGEST): other, _object(ONE): "1\n"})
    assert not reader.inputs(["d"], hash_file)["d"].present


def test_an_out_of_dvc_lock_is_found_in_the_projects_cache(make_reader, hash_file):
    lock = f"schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: o\n      hash: md5\n      md5: {ONE}\n"
    reader = make_reader(
        {"dvc.yaml": "stages:\n  s:\n    cmd: x\n    outs: [o]\n", "dvc.lock": lock, _object(ONE): "1\n"}
    )
    assert reader.inputs(["o"], hash_file)["o"].hash == ONE


@pytest.mark.parametrize("where", ["workspace", "cache"])
def test_ingest_fills_the_runs_cache_as_dvc_would(make_reader, hash_file, tmp_path, where):
    there = {"d/1.txt": "1\n"} if where == "workspace" else {_object(DIGEST): LISTING, _object(ONE): "1\n"}
    facts = make_reader({"d.dvc": _tracked("d", DIGEST), **there}).ingest("d", hash_file)
    listing = tmp_path / "store/cache/files/md5" / DIGEST[:2] / DIGEST[2:]
    assert facts.hash == DIGEST
    assert listing.read_bytes() == LISTING
    assert json.loads(listing.read_bytes())[0]["relpath"] == "1.txt"
    assert stat.S_IMODE(listing.stat().st_mode) == 0o444
    assert (tmp_path / "store/cache/files/md5" / ONE[:2] / ONE[2:]).read_text() == "1\n"


def test_ingest_stores_what_the_cache_lacks_only(make_reader, hash_file, tmp_path):
    reader = make_reader({"a": "1\n", "b": "1\n"})
    reader.ingest("a", hash_file)
    kept = tmp_path / "store/cache/files/md5" / ONE[:2] / ONE[2:]
    before = kept.stat()
    reader.ingest("b", hash_file)
    assert kept.stat() == before


@pytest.mark.parametrize("damage", ["other bytes", "gone"])
def test_ingest_mends_what_was_altered_in_the_runs_cache(make_reader, hash_file, tmp_path, damage):
    reader = make_reader({"d/1.txt": "1\n"})
    reader.ingest("d", hash_file)
    for md5, content in ((ONE, b"1\n"), (DIGEST, LISTING)):
        kept = tmp_path / "store/cache/files/md5" / md5[:2] / md5[2:]
        kept.unlink()
        if damage == "other bytes":
            kept.write_bytes(bytes(len(content)))
            kept.chmod(0o444)
        reader.ingest("d", hash_file)
        assert kept.read_bytes() == content


def test_ingest_of_nothing_says_so(make_reader, hash_file, tmp_path):
    assert not make_reader({}).ingest("gone", hash_file).present
    assert not (tmp_path / "store/cache").exists()


def test_dvc_2_content_gets_the_md5_of_today(make_reader, hash_file):
    old = hashlib.md5(b"1\n").hexdigest()  # of the text with its line ends changed
    reader = make_reader({"a.dvc": f"outs:\n- md5: {old}\n  path: a\n", f".dvc/cache/{old[:2]}/{old[2:]}": b"1\r\n"})
    facts = reader.inputs(["a"], hash_file)["a"]
    assert (facts.hash, facts.origin) == (hashlib.md5(b"1\r\n").hexdigest(), "cache")


@pytest.mark.parametrize("there", [{"d/1.txt": "2\n"}, {"d": "2\n"}, {}], ids=["folder", "file", "nothing"])
def test_what_is_recorded_is_taken_whatever_the_workspace_holds(make_reader, hash_file, there):
    reader = make_reader({"d.dvc": _tracked("d", DIGEST), _object(DIGEST): LISTING, _object(ONE): "1\n", **there})
    taking = Taking(path="d", recorded=True)
    facts = reader.inputs(["d"], hash_file, [taking])["d"]
    assert (facts.hash, facts.origin, facts.differs, facts.taking) == (DIGEST, "cache", False, taking)
    assert reader.ingest("d", hash_file, taking) == facts


def test_a_taking_holds_for_its_own_path(make_reader, hash_file):
    files = {"d.dvc": _tracked("d", DIGEST), _object(DIGEST): LISTING, _object(ONE): "1\n", "d/1.txt": "2\n"}
    found = make_reader(files).inputs(["d", "d/1.txt"], hash_file, [Taking(path="d", recorded=True)])
    assert [facts.origin for facts in found.values()] == ["cache", "project"]


@pytest.mark.parametrize("path", ["a", "s3://bucket/x"])
def test_what_is_not_recorded_cannot_be_taken_as_recorded(make_reader, hash_file, path):
    facts = make_reader({"a": "1\n"}).inputs([path], hash_file, [Taking(path=path, recorded=True)])[path]
    assert (facts.present, facts.hash) == (False, "")
    assert f"needs a .dvc file or dvc.lock entry for {path!r}" in facts.problem


def test_a_remote_is_known_whatever_the_case_of_its_name(make_reader, hash_file, tmp_path):
    reader = make_reader({"a.dvc": _tracked("a", ONE)}, config=f"['remote \"My-S\"']\n    url = {tmp_path}\n")
    facts = reader.inputs(["a"], hash_file, [Taking(path="a", remote="MY-s")])["a"]
    assert facts.remote is not None
    assert facts.remote.remote == "MY-s"


def test_an_unknown_remote_is_refused_when_the_data_is_kept_too(make_reader, hash_file):
    with pytest.raises(MissingInputError, match=r"remote 'r', from which 'a' is to be pulled.*has no remote"):
        make_reader({"a": "1\n"}).ingest("a", hash_file, Taking(path="a", remote="r"))

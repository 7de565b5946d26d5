"""Data that is only in a DVC remote, pulled for runs: by real projects, remotes and workers."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dvc_magic.errors import MissingInputError
from dvc_magic.model.inputs import PullProgress
from dvc_magic.model.request import Change, RunRequest
from dvc_magic.notebook.display import ForegroundDisplay
from dvc_magic.project import Project
from dvc_magic.project.follow import Silent
from tests.support import http_remote
from tests.support.behind import carry_out
from tests.support.commands import dvc, git
from tests.support.digest import changes, project_digest
from tests.support.http_remote import HttpRemote
from tests.support.projects import write

RAW = "e5ebd4c02cefbe7955977c67ada242b7"  # the md5 of data/raw.csv
OTHER = "['remote \"other\"']\n    url = /nowhere/else\n"

PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, data/raw.csv]
    outs: [clean.csv]
  train:
    cmd: python train.py
    deps: [train.py, clean.csv]
    params: [lr]
    metrics:
      - m.json: {cache: false}
  parts:
    cmd: cat folder/a.txt folder/sub/b.txt > parts.txt
    deps: [folder]
    outs: [parts.txt]
  one:
    cmd: cat folder/sub/b.txt > one.txt
    deps: [folder/sub/b.txt]
    outs: [one.txt]
  some:
    cmd: cat folder/sub/b.txt > some.txt
    deps: [folder/sub]
    outs: [some.txt]
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "lr: 0.5\n",
    "prepare.py": "open('clean.csv', 'w').write(open('data/raw.csv').read().upper())\n",
    "train.py": (
        "import json\ntext = open('clean.csv').read()\nopen('m.json', 'w').write(json.dumps({'n': len(text)}))\n"
    ),
    "data/raw.csv": "a,b\n1,2\n",
    "folder/a.txt": "A\n",
    "folder/sub/b.txt": "B\n",
}


@dataclass
class Watcher(Silent):
    """Keeps what is told of pulls."""

    pulls: list[PullProgress] = field(default_factory=list)

    def pulling(self, progress: PullProgress) -> None:
        """Keep it."""
        self.pulls.append(progress)


@pytest.fixture
def origin(make_project: Callable[..., Path]) -> Path:
    """A project whose data is pushed to the folder ``storage`` beside it, by a relative url; nothing was run in it."""
    project = make_project(FILES, name="origin", track=["data/raw.csv", "folder"])
    dvc(project, "remote", "add", "--quiet", "-d", "storage", "../storage")
    dvc(project, "push", "--quiet")
    git(project, "commit", "--quiet", "-am", "Name the remote")
    return project


@pytest.fixture
def opened(clone: Callable[..., Path], origin: Path) -> Iterator[Project]:
    """The project of a fresh clone: data neither in the workspace nor in the cache."""
    with Project.open(clone(origin)) as project:
        yield project


@pytest.fixture
def reproduced(opened: Project, origin: Path) -> Project:
    """A fresh clone of the project after ``dvc repro prepare``, its outputs pushed."""
    dvc(origin, "repro", "--quiet", "prepare")
    dvc(origin, "push", "--quiet")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "-m", "Run")
    git(opened.root, "pull", "--quiet")
    return opened


def objects(project: Project) -> set[str]:
    """The objects of the runs' cache."""
    top = project.store.paths.cache / "files/md5"
    return {path.relative_to(top).as_posix().replace("/", "") for path in top.rglob("*") if path.is_file()}


def request(project: Project, stage: str, params: Mapping[str, Sequence[object]] | None = None) -> RunRequest:
    """A call as a magic would ask for it."""
    flags = {flag.name.split(":")[1]: flag for flag in project.stages[stage].stage.flags}
    changes = tuple(
        Change(file=flags[key].file, key=key, values=tuple(values)) for key, values in (params or {}).items()
    )
    return RunRequest(stages=(stage,), changes=changes)


def calls(project: Project, stage: str, params: Mapping[str, Sequence[object]] | None = None) -> Watcher:
    """A call, and what was told of pulls."""
    watcher = Watcher()
    carry_out(project, request(project, stage, params), observer=watcher)
    return watcher


def remote_object(origin: Path, md5: str) -> Path:
    """The file of an object in the remote."""
    return origin.parent / "storage/files/md5" / md5[:2] / md5[2:]


def files(top: Path) -> list[Path]:
    """Every file below a folder."""
    return [path for path in top.rglob("*") if path.is_file()]


def leftovers(project: Project) -> list[Path]:
    """What lies in the runs' cache, or on its way there."""
    paths = project.store.paths
    return [path for folder in (paths.cache, paths.dvc_site / "tmp") for path in folder.rglob("*") if not path.is_dir()]


def md5_of(text: str) -> str:
    """The md5 of a text."""
    return hashlib.md5(text.encode()).hexdigest()


def write_stage(root: Path, name: str, *, dep: str, command: str = "") -> None:
    """Add a stage that copies a dependency to ``NAME.out``."""
    stage = f"  {name}:\n    cmd: {command or f'cat {dep}'} > {name}.out\n    deps: [{dep}]\n    outs: [{name}.out]\n"
    file = root / "dvc.yaml"
    file.write_text(f"{file.read_text()}{stage}")


def big(root: Path, origin: Path, content: bytes) -> None:
    """Have a file ``big.bin`` in the remote, and a stage ``big`` that needs it."""
    md5 = hashlib.md5(content).hexdigest()
    write(origin.parent / "storage", {f"files/md5/{md5[:2]}/{md5[2:]}": content})
    (root / "big.bin.dvc").write_text(f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: big.bin\n")
    write_stage(root, "big", dep="big.bin", command="wc -c < big.bin")


def test_a_tracked_file_is_pulled_and_the_project_stays_as_it_was(opened):
    before = project_digest(opened.root)

    run = opened.run("prepare")

    assert Path(run.outs["clean.csv"]).read_text() == "A,B\n1,2\n"
    dep = run.deps["data/raw.csv"]
    assert (dep.source, dep.origin) == ("dvcfile", "data/raw.csv.dvc from remote 'storage'")
    assert changes(before, project_digest(opened.root)) == []


@pytest.mark.parametrize(("stage", "expected"), [("parts", "A\nB\n"), ("one", "B\n"), ("some", "B\n")])
def test_a_tracked_directory_is_pulled_whole_or_in_part(opened, stage, expected):
    run = opened.run(stage)

    assert Path(run.outs[f"{stage}.txt"]).read_text() == expected
    assert ("bf072e9119077b4e76437a93986787ef" in objects(opened)) == (stage == "parts")  # a.txt


def test_what_the_runs_cache_has_is_not_pulled_again(opened, origin):
    opened.run("prepare")
    shutil.rmtree(origin.parent / "storage")

    assert calls(opened, "prepare").pulls == []
    assert calls(opened, "train", {"lr": [0.1, 0.2]}).pulls == []


def test_a_grid_pulls_once_for_all_its_points(opened):
    told = calls(opened, "train", {"lr": [0.1, 0.2, 0.3]}).pulls

    assert [progress.done for progress in told] == [False, True]
    assert told[-1].paths == ("data/raw.csv",)
    assert (told[-1].files, told[-1].total_files, told[-1].size, told[-1].remote) == (1, 1, 8, "storage")


def test_a_plan_pulls_nothing(opened):
    assert repr(opened.plan("prepare")) == "prepare runs"
    assert objects(opened) == set()


def test_a_plan_for_a_part_of_a_directory_fetches_no_more_than_its_listing(opened):
    assert repr(opened.plan("one")) == "one runs"
    assert all(name.endswith(".dir") for name in objects(opened))


def test_edits_after_the_plan_do_not_reach_what_is_pulled(opened):
    class Editor(Watcher):
        def planned(self, call: str, plan: object) -> None:  # noqa: ARG002 - the engine's signature
            (opened.root / "data/raw.csv").write_text("edited\n")
            (opened.root / "data/raw.csv.dvc").unlink()
            (opened.root / "folder.dvc").write_text("no yaml: [")

    run = carry_out(opened, request(opened, "prepare"), observer=Editor())[0]

    assert Path(run.outs["clean.csv"]).read_text() == "A,B\n1,2\n"


def test_outputs_that_were_pushed_are_pulled_instead_of_made(reproduced):
    before = project_digest(reproduced.root)

    run = reproduced.run("train")

    assert (run.upstream, run.metrics["n"]) == ({}, 8)
    assert run.deps["clean.csv"].origin == "prepare from remote 'storage'"
    assert changes(before, project_digest(reproduced.root)) == []


def test_a_stage_whose_output_no_remote_has_runs(reproduced, origin):
    remote_object(origin, md5_of("A,B\n1,2\n")).unlink()

    run = reproduced.run("train")

    assert list(run.upstream) == ["prepare"]
    assert run.record.warnings == ()


def test_a_stage_whose_output_cannot_be_asked_for_runs_and_says_so(reproduced):
    (reproduced.root / ".dvc/config.local").write_text("['remote \"storage\"']\n    url = s3://bucket/x\n")
    shutil.copytree(reproduced.root.parent / "origin/data", reproduced.root / "data", dirs_exist_ok=True)

    run = reproduced.run("train")

    assert list(run.upstream) == ["prepare"]
    assert "dvc-s3" in run.record.warnings[0]


def test_upstream_project_takes_outputs_from_the_remote_or_says_what_is_missing(reproduced, origin):
    assert reproduced.run("train", upstream="project").metrics["n"] == 8

    remote_object(origin, md5_of("A,B\n1,2\n")).unlink()
    shutil.rmtree(reproduced.store.paths.cache)
    said = "--upstream project needs the output 'clean.csv'.*does not have it"
    with Project.open(reproduced.root) as anew, pytest.raises(MissingInputError, match=said):
        anew.run("train", upstream="project")


def test_a_damaged_object_is_refused_and_leaves_nothing(opened, origin):
    good = remote_object(origin, RAW)
    good.chmod(0o644)
    good.write_text("a,b\n1,3\n")  # of the same length

    with pytest.raises(MissingInputError, match=f"'data/raw.csv' is damaged in remote 'storage'.*expected {RAW}"):
        opened.run("prepare")
    assert leftovers(opened) == []

    good.write_text("a,b\n1,2\n")
    assert opened.run("prepare").status == "completed"


def test_a_damaged_listing_is_refused(opened, origin):
    listing = next((origin.parent / "storage").rglob("*.dir"))
    listing.chmod(0o644)
    listing.write_text('[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "../../../out"}]')

    with pytest.raises(MissingInputError, match="'folder' is damaged in remote 'storage'"):
        opened.run("parts")
    assert leftovers(opened) == []


def test_a_damaged_object_of_the_projects_cache_is_named_and_not_used(opened):
    place = opened.root / ".dvc/cache/files/md5" / RAW[:2] / RAW[2:]
    write(opened.root, {place.relative_to(opened.root).as_posix(): "a,b\n1,3\n"})

    with pytest.raises(MissingInputError, match=f"{place} in the project's DVC cache is damaged"):
        opened.run("prepare")

    place.unlink()
    assert opened.run("prepare").status == "completed"


def test_what_no_remote_has_is_one_clear_error(opened, origin):
    remote_object(origin, RAW).unlink()

    with pytest.raises(MissingInputError) as caught:
        opened.run("prepare")

    said = str(caught.value)
    parts = ["'data/raw.csv'", "data/raw.csv.dvc", f"remote 'storage' ({origin.parent / 'storage'})", RAW, "dvc push"]
    assert [part for part in parts if part not in said] == []
    assert "\n" not in said


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("", ["no remote is configured", "dvc remote add -d"]),
        (OTHER, ["no remote is the default", "dvc remote default other"]),
        (
            "[core]\n    remote = s\n['remote \"s\"']\n    url = s3://u:pw@b/x?token=pw\n",
            ["(s3://b/x)", "pip install dvc-s3"],
        ),
        (f"[core]\n    remote = other\n{OTHER}", ["remote 'other' (/nowhere/else)", "does not exist here"]),
        (f"[core]\n    remote = other\n{OTHER}    version_aware = true\n", ["version-aware", "dvc pull"]),
    ],
)
def test_a_remote_that_cannot_serve_is_one_clear_error(opened, config, words):
    (opened.root / ".dvc/config").write_text(config)

    with pytest.raises(MissingInputError) as caught:
        opened.run("prepare")

    said = str(caught.value)
    assert [word for word in ["'data/raw.csv'", "data/raw.csv.dvc", *words] if word not in said] == []
    assert "pw" not in said


def test_remotes_are_found_where_dvc_finds_them(opened, origin):
    storage = origin.parent / "storage"
    config = opened.root / ".dvc/config"
    config.write_text("['remote \"near\"']\n    url = ../../storage\n['remote \"far\"']\n    url = /nowhere\n")
    (opened.root / ".dvc/config.local").write_text("[core]\n    remote = far\n")
    tracked = opened.root / "data/raw.csv.dvc"
    tracked.write_text(tracked.read_text().rstrip("\n") + "\n  remote: near\n")

    assert storage.is_dir()
    assert opened.run("prepare").deps["data/raw.csv"].origin.endswith("from remote 'near'")


def test_a_relative_cache_of_the_project_is_asked_before_the_remote(opened):
    (opened.root / ".dvc/config.local").write_text("[cache]\n    dir = ../../shared\n")
    dvc(opened.root, "fetch", "--quiet")
    shutil.rmtree(opened.root.parent / "storage")

    assert opened.run("prepare").deps["data/raw.csv"].origin == "data/raw.csv.dvc"


def test_imported_data_is_pulled_from_the_remote_or_its_source_is_named(opened, tmp_path):
    (tmp_path / "source.csv").write_text("x\n")
    dvc(opened.root, "import-url", "--quiet", str(tmp_path / "source.csv"), "data/raw2.csv")
    dvc(opened.root, "push", "--quiet")
    (opened.root / "data/raw2.csv").unlink()
    shutil.rmtree(opened.root / ".dvc/cache")
    write_stage(opened.root, "two", dep="data/raw2.csv")

    assert opened.run("two").deps["data/raw2.csv"].origin == "data/raw2.csv.dvc from remote 'storage'"

    shutil.rmtree(opened.root.parent / "storage")
    shutil.rmtree(opened.store.paths.cache)
    with pytest.raises(MissingInputError, match="it was imported from .*source.csv; dvc pull data/raw2.csv.dvc"):
        opened.run("two")


def test_data_of_dvc_2_is_pulled_checked_and_gets_the_md5_of_today(opened, origin):
    text = b"one\r\ntwo\r\n"
    old = hashlib.md5(text.replace(b"\r\n", b"\n")).hexdigest()
    write(origin.parent / "storage", {f"{old[:2]}/{old[2:]}": text})
    (opened.root / "old.txt.dvc").write_text(f"outs:\n- md5: {old}\n  size: 10\n  path: old.txt\n")
    write_stage(opened.root, "old", dep="old.txt")

    run = opened.run("old")

    assert run.deps["old.txt"].hash == hashlib.md5(text).hexdigest()
    assert Path(run.outs["old.out"]).read_bytes() == text
    assert calls(opened, "old").pulls == []


def test_a_directory_of_dvc_2_is_pulled(opened, origin):
    file, listing = hashlib.md5(b"1\n").hexdigest(), b'[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "x/1"}]'
    top = hashlib.md5(listing).hexdigest()
    write(origin.parent / "storage", {f"{file[:2]}/{file[2:]}": b"1\n", f"{top[:2]}/{top[2:]}.dir": listing})
    (opened.root / "old.dvc").write_text(f"outs:\n- md5: {top}.dir\n  path: old\n")
    write_stage(opened.root, "old", dep="old", command="cat old/x/1")

    assert Path(opened.run("old").outs["old.out"]).read_text() == "1\n"


def test_a_folder_that_lacks_tracked_data_is_taken_as_it_is_with_a_word(opened):
    write_stage(opened.root, "all", dep="data", command="ls data")

    run = opened.run("all")

    assert run.record.warnings[0].startswith("'data' is taken without 'data/raw.csv', which data/raw.csv.dvc tracks")
    assert "raw.csv\n" not in Path(run.outs["all.out"]).read_text()


class TestOverHttp:
    """A remote that is asked over a network."""

    @pytest.fixture
    def remote(self, origin: Path, opened: Project) -> Iterator[HttpRemote]:
        """The origin's storage by HTTP, named in the clone's ``config.local``."""
        with http_remote.serve(origin.parent / "storage") as remote:
            self.name(opened, remote.url)
            yield remote

    @staticmethod
    def name(opened: Project, url: str, *options: str) -> None:
        lines = "".join(f"    {option}\n" for option in options)
        (opened.root / ".dvc/config.local").write_text(f"['remote \"storage\"']\n    url = {url}\n{lines}")

    def test_files_of_a_directory_are_pulled(self, opened, remote):
        assert Path(opened.run("parts").outs["parts.txt"]).read_text() == "A\nB\n"
        assert len(remote.asked) == 3

    def test_credentials_of_config_local_are_used_and_kept_nowhere(self, opened, remote):
        remote.account = "ada:s3cr3t-w0rd"
        self.name(opened, remote.url, "auth = basic", "user = ada", "password = s3cr3t-w0rd")

        assert opened.run("prepare").status == "completed"
        assert [path for path in files(opened.store.home) if b"s3cr3t" in path.read_bytes()] == []

    def test_refused_credentials_are_one_short_error_without_them(self, opened, remote):
        remote.account = "ada:right"
        self.name(
            opened, remote.url.replace("//", "//eve:inurl@"), "auth = basic", "user = ada", "password = s3cr3t-w0rd"
        )

        with pytest.raises(MissingInputError, match="refuses access .*401.*config.local") as caught:
            opened.run("prepare")

        assert not any(secret in str(caught.value) for secret in ("s3cr3t", "inurl", "eve"))
        held = [
            path for path in files(opened.store.home) if b"s3cr3t" in (text := path.read_bytes()) or b"inurl" in text
        ]
        assert held == []

    def test_a_silent_remote_is_given_up_and_leaves_nothing(self, opened, remote):
        (opened.root / "dvc_magic.yaml").write_text("pull-timeout: 1\n")
        remote.silent = True

        with Project.open(opened.root) as project:
            began = time.monotonic()
            with pytest.raises(MissingInputError, match="'storage' .* is silent: nothing came for 1 s.*pull-timeout"):
                project.run("prepare")
            assert time.monotonic() - began < 10
            assert leftovers(project) == []
            remote.silent = False
            assert project.run("prepare").status == "completed"

    def test_a_remote_that_is_down_is_one_clear_error_soon(self, opened):
        self.name(opened, "http://127.0.0.1:9")
        began = time.monotonic()

        with pytest.raises(MissingInputError, match=r"remote 'storage' \(http://127.0.0.1:9\) cannot be used"):
            opened.run("prepare")
        assert time.monotonic() - began < 15

    def test_a_slow_remote_is_waited_for_with_words(self, opened, remote, origin):
        (opened.root / "dvc_magic.yaml").write_text("pull-timeout: 1\n")
        big(opened.root, origin, b"x" * 60_000)
        remote.pause = 0.2

        with Project.open(opened.root) as project:
            shown: list[str] = []
            carry_out(
                project,
                request(project, "big"),
                observer=ForegroundDisplay(project.store.paths, prefix=False, show=shown.append),
            )

        lines = "".join(shown).splitlines()
        assert lines[1] == "pulling big.bin from remote 'storage' ..."
        assert re.fullmatch(r"  \d+\.\d kB of 60\.0 kB, 2 s", lines[2])
        assert re.fullmatch(r"pulled 1 file, 60\.0 kB, in \d\.\d\d s", lines[3])
        assert "\r" not in "".join(shown)

    def test_an_interrupt_ends_a_pull_at_once_and_the_next_call_works(self, opened, remote):
        remote.silent = True

        class Impatient(Watcher):
            def pulling(self, progress: PullProgress) -> None:
                if progress.seconds:
                    os.kill(os.getpid(), signal.SIGINT)

        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            carry_out(opened, request(opened, "prepare"), observer=Impatient())
        assert time.monotonic() - began < 5
        assert leftovers(opened) == []
        assert len(opened.runs) == 0

        remote.silent = False
        assert opened.run("prepare").status == "completed"

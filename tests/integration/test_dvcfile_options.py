"""How a path is taken that says how: from a remote of its own, or as DVC has recorded it; and ``dvc.config.in``."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.codec import from_data
from dvc_magic.engine import Request, answer_type
from dvc_magic.engine.calls import CallInputs, answered
from dvc_magic.engine.capture import file_hasher
from dvc_magic.engine.service import Service
from dvc_magic.errors import MissingInputError, PipelineError, ProjectError
from dvc_magic.model.inputs import InputFacts, Taking
from dvc_magic.pipeline import ProjectReader, run_config
from dvc_magic.project import Project
from dvc_magic.store import RunStore
from dvc_magic.workspace import HashCache
from tests.support.commands import dvc, git
from tests.support.digest import changes, project_digest
from tests.support.projects import write

TEXT = "a,b\n1,2\n"
MD5 = hashlib.md5(TEXT.encode()).hexdigest()
FILES = {"data.csv": TEXT, "folder/a.txt": "A\n", "folder/sub/b.txt": "B\n", "plain.txt": "plain\n"}
REMOTES = """\
[core]
    remote = near
['remote "near"']
    url = ../../near
['remote "Far"']
    url = ../../far
"""
PARTS = [
    ("folder", {"a.txt": "A\n", "sub/b.txt": "B\n"}),
    ("folder/sub", {"b.txt": "B\n"}),
    ("folder/a.txt", {"": "A\n"}),
]
RECORDED = Taking(path="data.csv", recorded=True)


class Here:
    """The line to a worker that is this process."""

    abandoned = False

    def descriptors(self) -> tuple[int, ...]:
        """Nothing to listen to."""
        return ()

    def stops(self) -> int:
        """Nobody stops it."""
        return 0

    def say(self, message: dict[str, Any]) -> None:
        """Nobody listens."""


@dataclass
class Asked:
    """A project as calls see it.

    Attributes:
        root: its folder. store: of its runs.
        before: called ahead of each request of a kind, by name of the request: what happens in the meantime.
    """

    root: Path
    store: RunStore
    service: Service
    before: dict[str, Callable[[], None]]

    def facts(self, *takings: Taking) -> dict[str, InputFacts]:
        """What a capture finds at the paths of these takings."""
        reader = self.service._reader(str(self.root), str(self.store.home))
        hash_file = file_hasher(HashCache(self.store.paths.hashes))
        return reader.inputs([taking.path for taking in takings], hash_file, takings)

    def call(self, *takings: Taking) -> CallInputs:
        """A call that has captured these paths."""
        return CallInputs(
            self.facts(*takings),
            project=self.root,
            store=self.store,
            call="1",
            ask=self._ask,
            environ=os.environ,
            deadline=20,
            pulling=lambda _: None,
        )

    def taken(self, taking: Taking) -> dict[str, str]:
        """The files that a call gets for a path, from the runs' cache: path in it, or nothing -> content."""
        call = self.call(taking)
        asyncio.run(call.resolve())
        hash_in(call, taking.path)
        listing = asyncio.run(answered(partial(call.listing, taking.path)))
        return {name: self.kept(md5).read_text() for name, md5 in listing.items()}

    def kept(self, md5: str) -> Path:
        """Where the runs' cache has an object."""
        return Path(self.store.cache.path(md5))

    async def _ask(self, request: Request, *, heard: Callable[[Mapping[str, Any]], None] | None = None) -> Any:  # noqa: ARG002
        self.before.pop(type(request).__name__, lambda: None)()
        return from_data(self.service.handle(request, Here()), answer_type(request))


def hash_in(call: CallInputs, path: str) -> str:
    """The hash of what a call has taken from a path, kept or pulled if need be."""
    return asyncio.run(answered(partial(call.hash, path)))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, dvc_template: Path) -> Path:
    """A folder to be copied, with the project and its remotes."""
    top = tmp_path_factory.mktemp("built")
    shutil.copytree(dvc_template, top / "project")
    write(top / "project", {**FILES, ".dvc/config": REMOTES})
    dvc(top / "project", "add", "--quiet", "data.csv", "folder")
    dvc(top / "project", "push", "--quiet", "-r", "far")
    (top / "near").mkdir()
    return top


@pytest.fixture
def asked(built: Path, tmp_path: Path) -> Asked:
    """A project with all data in its workspace, its cache and the remote ``Far``; ``near``, the default, is empty."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return Asked(root=tmp_path / "project", store=RunStore(tmp_path / "store"), service=Service(), before={})


def forget(asked: Asked, *paths: str) -> None:
    """Leave data in remotes only."""
    shutil.rmtree(asked.root / ".dvc/cache", ignore_errors=True)
    for path in paths:
        place = asked.root / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def far_object(asked: Asked, md5: str) -> Path:
    """An object in the remote ``Far``, made writable."""
    place = asked.root.parent / "far/files/md5" / md5[:2] / md5[2:]
    place.chmod(0o644)
    return place


class TestRemote:
    """``remote: NAME``."""

    taking = Taking(path="data.csv", remote="Far")

    def test_the_workspace_comes_first(self, asked):
        (asked.root / "data.csv").write_text("mine\n")

        assert asked.taken(self.taking) == {"": "mine\n"}
        found = asked.facts(self.taking)["data.csv"]
        assert (found.origin, found.differs, found.taking) == ("project", True, self.taking)

    def test_the_projects_cache_comes_next(self, asked):
        (asked.root / "data.csv").unlink()
        shutil.rmtree(asked.root.parent / "far")

        assert asked.facts(self.taking)["data.csv"].origin == "cache"
        assert asked.taken(self.taking) == {"": TEXT}

    def test_what_is_nowhere_here_is_pulled_from_it_and_not_from_the_default(self, asked):
        forget(asked, "data.csv")

        assert asked.facts(self.taking)["data.csv"].remote.remote == "Far"
        assert asked.taken(self.taking) == {"": TEXT}
        shutil.rmtree(asked.store.paths.cache)
        with pytest.raises(MissingInputError, match="nor in remote 'near'"):
            asked.taken(Taking(path="data.csv"))

    def test_it_wins_over_the_remote_of_the_dvc_file(self, asked):
        forget(asked, "data.csv")
        tracked = asked.root / "data.csv.dvc"
        tracked.write_text(f"{tracked.read_text()}  remote: near\n")

        assert asked.taken(self.taking) == {"": TEXT}

    @pytest.mark.parametrize(("path", "expected"), PARTS)
    def test_a_directory_or_a_part_of_it_is_pulled_from_it(self, asked, path, expected):
        forget(asked, "folder")
        assert asked.taken(Taking(path=path, remote="far")) == expected

    def test_it_holds_for_its_path_alone(self, asked):
        forget(asked, "data.csv", "folder")
        found = asked.facts(self.taking, Taking(path="folder"))
        assert [facts.remote.remote for facts in found.values()] == ["Far", "near"]

    def test_one_of_config_local_or_of_the_users_own_config_is_known(self, asked):
        forget(asked, "data.csv")
        (asked.root / ".dvc/config.local").write_text("['remote \"own\"']\n    url = ../../far\n")
        dvc(asked.root, "remote", "add", "--quiet", "--global", "user", str(asked.root.parent / "far"))

        assert asked.taken(Taking(path="data.csv", remote="own")) == {"": TEXT}
        shutil.rmtree(asked.store.paths.cache)
        assert asked.taken(Taking(path="data.csv", remote="user")) == {"": TEXT}

    @pytest.mark.parametrize("path", ["data.csv", "plain.txt", "nothing", "s3://bucket/x"])
    def test_a_wrong_name_is_told_at_once_even_when_the_data_is_here(self, asked, path):
        with pytest.raises(MissingInputError) as caught:
            asked.facts(Taking(path=path, remote="fra"))

        said = str(caught.value)
        assert [part for part in ("'fra'", repr(path), "far, near", "Did you mean 'far'?") if part not in said] == []

    def test_a_url_in_its_place_is_shown_without_its_password(self, asked):
        with pytest.raises(MissingInputError, match="'s3://bucket/x'") as caught:
            asked.facts(Taking(path="data.csv", remote="s3://me:s3cr3t@bucket/x?sig=s3cr3t"))
        assert "s3cr3t" not in str(caught.value)

    def test_a_project_without_remotes_says_so(self, asked):
        (asked.root / ".dvc/config").write_text("")
        with pytest.raises(MissingInputError, match=r"the project has no remote.*dvc remote add NAME URL"):
            asked.facts(self.taking)


class TestAlwaysPull:
    """``always-pull: yes``: what DVC has recorded."""

    @staticmethod
    def modify(asked: Asked) -> None:
        (asked.root / "data.csv").write_text("mine\n")

    @staticmethod
    def delete(asked: Asked) -> None:
        (asked.root / "data.csv").unlink()

    @staticmethod
    def leave(asked: Asked) -> None:
        """Nothing happens to it."""

    @staticmethod
    def replace(asked: Asked) -> None:
        """A folder takes its place."""
        (asked.root / "data.csv").unlink()
        write(asked.root, {"data.csv/x": "x"})

    @pytest.mark.parametrize("change", ["modify", "delete", "leave", "replace"])
    @pytest.mark.parametrize("origin", ["cache", "remote"])
    def test_the_file_in_the_workspace_makes_no_difference(self, asked, change, origin):
        getattr(self, change)(asked)
        if origin == "remote":
            forget(asked)
        before = project_digest(asked.root)
        taking = Taking(path="data.csv", remote="far", recorded=True)

        found = asked.facts(taking)["data.csv"]

        assert (found.origin, found.hash, found.differs, found.dvcfile) == (origin, MD5, False, "data.csv.dvc")
        assert found.taking == taking
        assert asked.taken(taking) == {"": TEXT}
        assert changes(before, project_digest(asked.root)) == []

    def test_the_default_remote_is_asked_when_none_is_named(self, asked):
        forget(asked)
        with pytest.raises(MissingInputError) as caught:
            asked.taken(RECORDED)
        assert "neither in its DVC cache, nor in remote 'near'" in str(caught.value)
        assert "in the project," not in str(caught.value)

    @pytest.mark.parametrize("where", ["cache", "remote"])
    @pytest.mark.parametrize(("path", "expected"), PARTS)
    def test_a_directory_is_as_recorded_whole_and_in_part(self, asked, where, path, expected):
        write(asked.root, {"folder/a.txt": "mine\n", "folder/sub/b.txt": "mine\n", "folder/more.txt": "mine\n"})
        if where == "remote":
            forget(asked)
        assert asked.taken(Taking(path=path, remote="far", recorded=True)) == expected

    def test_only_what_a_cache_lacks_of_a_directory_is_pulled(self, asked):
        write(asked.root, {"folder/a.txt": "mine\n"})
        b = hashlib.md5(b"B\n").hexdigest()
        (asked.root / ".dvc/cache/files/md5" / b[:2] / b[2:]).unlink()
        far_object(asked, hashlib.md5(b"A\n").hexdigest()).unlink()

        taken = asked.taken(Taking(path="folder", remote="far", recorded=True))

        assert taken == {"a.txt": "A\n", "sub/b.txt": "B\n"}

    def test_the_recorded_out_of_a_stage_is_taken(self, asked):
        write(asked.root, {"dvc.yaml": "stages:\n  s:\n    cmd: echo made > out.txt\n    outs: [out.txt]\n"})
        dvc(asked.root, "repro", "--quiet")
        (asked.root / "out.txt").unlink()
        (asked.root / "out.txt").write_text("mine\n")

        taking = Taking(path="out.txt", recorded=True)

        assert (asked.facts(taking)["out.txt"].origin, asked.taken(taking)) == ("cache", {"": "made\n"})

    def test_an_operation_takes_the_recorded_out_of_a_stage_though_a_run_has_another(self, asked):
        stage = "stages:\n  s:\n    cmd: date +%s%N > out.txt\n    outs: [out.txt]\n"
        operation = "operations:\n  op:\n    cmd: cat out.txt\n    requires: [{dvcfile: out.txt, always-pull: yes}]\n"
        write(asked.root, {"dvc.yaml": stage, "dvc_magic.yaml": operation})
        dvc(asked.root, "repro", "--quiet")
        recorded = (asked.root / "out.txt").read_text().strip()

        with Project.open(asked.root) as project:
            project.run("s")
            run = project.run("op")

        assert (run.upstream, run.deps["out.txt"].source) == ({}, "dvcfile")
        assert recorded in str(run.log)

    @pytest.mark.parametrize("path", ["plain.txt", "gone.txt"])
    def test_nothing_recorded_is_one_clear_message(self, asked, path):
        found = asked.facts(Taking(path=path, recorded=True))[path]

        assert (found.present, found.hash) == (False, "")
        assert found.problem == (
            f"always-pull needs a .dvc file or dvc.lock entry for {path!r}, and there is none; dvc add {path}"
        )

    def test_of_a_folder_around_tracked_data_the_data_is_named(self, asked):
        write(asked.root, {"raw/x.csv": "x\n", "raw/y.csv": "y\n"})
        dvc(asked.root, "add", "--quiet", "raw/x.csv")
        assert asked.facts(Taking(path="raw", recorded=True))["raw"].problem.endswith(
            "or take what DVC tracks in it: raw/x.csv"
        )

    def test_an_out_without_cache_can_be_had_nowhere(self, asked):
        stage = "stages:\n  s:\n    cmd: echo 1 > m.json\n    metrics:\n      - m.json: {cache: false}\n"
        write(asked.root, {"dvc.yaml": stage})
        dvc(asked.root, "repro", "--quiet")
        assert "dvc.lock has it as cache: false" in asked.facts(Taking(path="m.json", recorded=True))["m.json"].problem

    def test_no_remote_to_ask_is_told_without_asking_for_the_workspace(self, asked):
        forget(asked)
        (asked.root / ".dvc/config").write_text("")
        problem = asked.facts(RECORDED)["data.csv"].problem
        assert "no remote is configured" in problem
        assert "leave out always-pull" in problem

    def test_a_damaged_object_of_the_remote_is_refused(self, asked):
        forget(asked)
        far_object(asked, MD5).write_text("a,b\n1,3\n")
        with pytest.raises(MissingInputError, match=f"'data.csv' is damaged in remote 'far'.*expected {MD5}"):
            asked.taken(Taking(path="data.csv", remote="far", recorded=True))
        assert not asked.kept(MD5).exists()

    @pytest.mark.parametrize("path", ["data.csv", "folder"])
    def test_a_damaged_object_of_the_projects_cache_is_pulled_instead_and_left_as_it_is(self, asked, path):
        damaged = [place for place in (asked.root / ".dvc/cache/files/md5").rglob("*") if place.is_file()]
        for place in damaged:
            place.chmod(0o644)
            place.write_text("[]" if place.suffix == ".dir" else "no")
        before = project_digest(asked.root)

        taken = asked.taken(Taking(path=path, remote="far", recorded=True))

        assert taken == ({"": TEXT} if path == "data.csv" else {"a.txt": "A\n", "sub/b.txt": "B\n"})
        assert changes(before, project_digest(asked.root)) == []

    def test_data_of_dvc_2_is_taken_from_cache_and_remote(self, asked):
        text = b"one\r\ntwo\r\n"
        old = hashlib.md5(text.replace(b"\r\n", b"\n")).hexdigest()
        write(asked.root, {"old.txt": "mine\n", "old.txt.dvc": f"outs:\n- md5: {old}\n  size: 10\n  path: old.txt\n"})
        write(asked.root.parent / "near", {f"{old[:2]}/{old[2:]}": text})
        taking = Taking(path="old.txt", recorded=True)

        pulled = hash_in(asked.call(taking), "old.txt")
        shutil.rmtree(asked.store.paths.cache)
        write(asked.root, {f".dvc/cache/{old[:2]}/{old[2:]}": text})
        found = asked.facts(taking)["old.txt"]

        assert pulled == found.hash == hashlib.md5(text).hexdigest()
        assert (found.origin, hash_in(asked.call(taking), "old.txt")) == ("cache", pulled)

    def test_a_damaged_object_of_dvc_2_is_pulled_instead(self, asked):
        old = hashlib.md5(b"one\n").hexdigest()
        write(asked.root, {"old.txt.dvc": f"outs:\n- md5: {old}\n  path: old.txt\n"})
        write(asked.root, {f".dvc/cache/{old[:2]}/{old[2:]}": "two\n"})
        write(asked.root.parent / "near", {f"{old[:2]}/{old[2:]}": "one\n"})

        assert asked.taken(Taking(path="old.txt", recorded=True)) == {"": "one\n"}

    def test_an_operation_says_what_it_needs_of_the_record(self, asked):
        source = "{dvcfile: plain.txt, always-pull: yes, help: Ask Ada for it.}"
        write(asked.root, {"dvc_magic.yaml": f"operations:\n  op:\n    cmd: cat plain.txt\n    requires: [{source}]\n"})
        said = "operation 'op' needs 'plain.txt', as DVC has recorded it: always-pull needs .*\nAsk Ada for it."
        with Project.open(asked.root) as project, pytest.raises(MissingInputError, match=said):
            project.run("op")


class TestMeanwhile:
    """What a call keeps is what it has captured."""

    def test_an_edit_of_the_workspace_is_no_matter(self, asked):
        call = asked.call(RECORDED)
        (asked.root / "data.csv").write_text("mine\n")
        assert asked.kept(hash_in(call, "data.csv")).read_text() == TEXT

    def test_another_record_is_a_change(self, asked):
        call = asked.call(RECORDED)
        (asked.root / "data.csv").write_text("mine\n")
        dvc(asked.root, "add", "--quiet", "data.csv")
        with pytest.raises(ProjectError, match="'data.csv' changed in the project"):
            asyncio.run(call.keep(["data.csv"]))

    def test_what_has_gone_from_the_cache_is_pulled(self, asked):
        call = asked.call(Taking(path="data.csv", remote="far", recorded=True))
        asked.before["IngestRequest"] = lambda: shutil.rmtree(asked.root / ".dvc/cache")
        assert asked.kept(hash_in(call, "data.csv")).read_text() == TEXT
        assert call["data.csv"].origin == "remote"


class TestConfigTemplate:
    """``dvc.config.in`` in the root, where there is no ``.dvc/config``."""

    @pytest.fixture
    def template(self, asked: Asked) -> Path:
        """The remotes, in ``dvc.config.in`` alone."""
        (asked.root / ".dvc/config").rename(asked.root / "dvc.config.in")
        return asked.root / "dvc.config.in"

    @pytest.mark.parametrize("remote", ["near", ""])
    def test_its_remotes_are_pulled_from_relative_to_the_dvc_folder(self, asked, template, remote):
        forget(asked, "data.csv")
        template.write_text(REMOTES.replace("remote = near", "remote = far"))
        shutil.copytree(asked.root.parent / "far", asked.root.parent / "near", dirs_exist_ok=True)
        before = project_digest(asked.root)

        assert asked.taken(Taking(path="data.csv", remote=remote)) == {"": TEXT}
        assert asked.facts(Taking(path="folder/a.txt"))["folder/a.txt"].origin == "project"
        assert changes(before, project_digest(asked.root)) == []

    @pytest.mark.usefixtures("template")
    def test_config_local_is_merged_over_it(self, asked):
        forget(asked, "data.csv")
        (asked.root / ".dvc/config.local").write_text("['remote \"near\"']\n    url = ../../far\n")

        assert asked.taken(Taking(path="data.csv")) == {"": TEXT}

    def test_its_cache_folder_is_the_projects_cache(self, asked, template):
        template.write_text("[cache]\n    dir = ../../elsewhere\n")
        shutil.move(asked.root / ".dvc/cache", asked.root.parent / "elsewhere")

        assert asked.facts(RECORDED)["data.csv"].origin == "cache"

    @pytest.mark.usefixtures("template")
    def test_a_config_of_the_project_counts_alone(self, asked):
        (asked.root / ".dvc/config").write_text("['remote \"other\"']\n    url = /nowhere\n")
        with pytest.raises(MissingInputError, match=r"\(DVC knows other\)"):
            asked.facts(Taking(path="data.csv", remote="far"))

    def test_it_is_noticed_when_it_comes_changes_and_goes(self, asked, template):
        taking = Taking(path="data.csv", remote="far")
        assert asked.facts(taking)["data.csv"].present
        template.write_text("['remote \"second\"']\n    url = /nowhere\n")
        with pytest.raises(MissingInputError, match="DVC knows second"):
            asked.facts(taking)
        template.unlink()
        with pytest.raises(MissingInputError, match="the project has no remote"):
            asked.facts(taking)
        (asked.root / ".dvc/config").write_text(REMOTES)
        assert asked.facts(taking)["data.csv"].present

    def test_a_run_has_its_remotes(self, asked, template):
        reader = ProjectReader(asked.root, asked.store)
        assert str(asked.root.parent / "far") in run_config(reader)
        template.write_text("['remote \"second\"']\n    url = s3://me:s3cr3t@bucket/x\n")
        assert '    url = "s3://bucket/x"' in run_config(reader)

    def test_a_broken_one_is_named(self, asked, template):
        template.write_text("[nonsense]\n    a = b\n")
        with pytest.raises(PipelineError, match=r"^dvc\.config\.in: "):
            asked.facts(RECORDED)

    def test_a_stage_runs_with_data_that_is_pulled_by_it(self, asked, template):
        forget(asked, "data.csv")
        template.write_text(REMOTES.replace("remote = near", "remote = far"))
        stage = "stages:\n  copy:\n    cmd: cat data.csv > copy.csv\n    deps: [data.csv]\n    outs: [copy.csv]\n"
        write(asked.root, {"dvc.yaml": stage})

        with Project.open(asked.root) as project:
            run = project.run("copy")

        assert run.deps["data.csv"].origin == "data.csv.dvc from remote 'far'"
        assert Path(run.outs["copy.csv"]).read_text() == TEXT

    @pytest.mark.usefixtures("template")
    def test_a_clone_of_a_committed_one_pulls(self, asked, clone):
        git(asked.root, "add", "--all")
        git(asked.root, "commit", "--quiet", "-m", "Leave the config to the template")
        copy = Asked(clone(asked.root), RunStore(asked.root.parent / "store-2"), asked.service, {})
        (asked.root / ".dvc/config.local").write_text("")

        assert not (copy.root / ".dvc/config").exists()
        assert copy.taken(Taking(path="folder", remote="far")) == {"a.txt": "A\n", "sub/b.txt": "B\n"}

"""Which upstream outputs runs take, and what makes a stage run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dvc_magic.errors import MissingInputError, RequestError
from dvc_magic.project import Project, Run
from tests.support.small import prepare_and_train

pytestmark = pytest.mark.integration

FILES = prepare_and_train(
    "prepare.n",
    "train.lr",
    prepare="""
import importlib, json, pathlib, yaml
helper = importlib.import_module("hel" + "per")
n = yaml.safe_load(open("params.yaml"))["prepare"]["n"]
settings = json.load(open("conf/settings.json"))
template = pathlib.Path("template.txt").read_text()
pathlib.Path("data.txt").write_text(helper.twist(open("raw.txt").read()) * n + template + str(settings))
""",
    train="""
import json, pathlib, yaml
lr = yaml.safe_load(open("params.yaml"))["train"]["lr"]
data = pathlib.Path("data.txt").read_text()
pathlib.Path("model.txt").write_text(str(len(data) * lr))
json.dump({"loss": lr, "size": len(data)}, open("m.json", "w"))
print("trained with", lr)
""",
    deps="prepare.py, raw.txt",
    outs="model.txt",
    **{
        "params.yaml": "prepare:\n  n: 2\ntrain:\n  lr: 0.5\n",
        "raw.txt": "abc\n",
        "helper.py": "def twist(text):\n    return text.upper()\n",
        "conf/settings.json": '{"a": 1}\n',
        "template.txt": "T\n",
        "unused.py": "x = 1\n",
        "README.md": "hello\n",
    },
)


@pytest.fixture
def project(make_project: Any) -> Iterator[Project]:
    """A two-stage project whose first stage reads more than it declares."""
    with Project.open(make_project(FILES)) as opened:
        yield opened


def _upstream_numbers(run: Run) -> dict[str, int]:
    return {stage: above.number for stage, above in run.upstream.items()}


def test_a_missing_upstream_runs_first_and_an_equal_one_is_reused(project: Project) -> None:
    first = project.run("train")
    second = project.run("train", {"lr": 0.25})

    assert _upstream_numbers(first) == {"prepare": 1}
    assert _upstream_numbers(second) == {"prepare": 1}
    assert (second.metrics["loss"], second.params["train.lr"]) == (0.25, 0.25)
    assert second.deps["data.txt"].run == project.runs[1].id


def test_running_the_same_thing_twice_executes_it_twice(project: Project) -> None:
    runs = [project.run("train"), project.run("train")]

    assert [run.number for run in runs] == [2, 3]
    assert [run.log.text() for run in runs] == ["trained with 0.5\n"] * 2
    assert runs[0].started != runs[1].started


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("helper.py", "def twist(text):\n    return text.lower()\n"),
        ("conf/settings.json", '{"a": 2}\n'),
        ("template.txt", "U\n"),
        ("prepare.py", FILES["prepare.py"] + "# edited\n"),
        ("raw.txt", "abd\n"),
        ("params.yaml", "prepare:\n  n: 3\ntrain:\n  lr: 0.5\n"),
    ],
)
def test_an_edit_of_anything_that_the_upstream_stage_reads_makes_it_run_again(
    project: Project, file: str, text: str
) -> None:
    project.run("train")

    (project.root / file).write_text(text)
    again = project.run("train")

    assert _upstream_numbers(again) == {"prepare": 3}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.md", "bye\n"),
        ("unused.py", "x = 2\n"),
        ("train.py", FILES["train.py"] + "# edited\n"),
        ("params.yaml", "# a comment\nprepare:\n  n: 2\ntrain:\n  lr: 0.7\n"),
        ("new.py", "y = 1\n"),
    ],
)
def test_an_edit_of_anything_else_does_not(project: Project, file: str, text: str) -> None:
    project.run("train")

    (project.root / file).write_text(text)
    again = project.run("train")

    assert _upstream_numbers(again) == {"prepare": 1}


def test_a_stage_that_calls_git_status_has_not_read_the_whole_project(make_project: Any) -> None:
    files = {
        **FILES,
        "dvc.yaml": FILES["dvc.yaml"].replace("cmd: python prepare.py", "cmd: git status && python prepare.py"),
    }
    with Project.open(make_project(files)) as project:
        project.run("train")
        assert "README.md" not in project.runs[1].record.read

        (project.root / "README.md").write_text("edited\n")

        assert _upstream_numbers(project.run("train")) == {"prepare": 1}


def test_an_override_of_an_upstream_param_runs_upstream_with_it(project: Project) -> None:
    project.run("train")

    again = project.run("train", {"n": 5})

    assert _upstream_numbers(again) == {"prepare": 3}
    assert project.runs[3].params["n"] == 5


def test_use_names_the_run_whose_output_is_taken(project: Project) -> None:
    project.run("train")
    project.run("train", {"n": 5})

    chosen = project.run("train", use={"prepare": 1})

    assert _upstream_numbers(chosen) == {"prepare": 1}


def test_never_says_what_would_have_to_run(project: Project) -> None:
    with pytest.raises(MissingInputError, match="'prepare' would have to run first"):
        project.run("train", upstream="never")

    assert len(project.runs) == 0


def test_latest_takes_a_stale_run(project: Project) -> None:
    project.run("train")
    (project.root / "helper.py").write_text("def twist(text):\n    return ''\n")

    assert _upstream_numbers(project.run("train", upstream="latest")) == {"prepare": 1}


def test_project_takes_what_lies_there_and_says_when_there_is_nothing(project: Project) -> None:
    with pytest.raises(MissingInputError, match=r"data\.txt"):
        project.run("train", upstream="project")

    (project.root / "data.txt").write_text("made by hand")
    run = project.run("train", upstream="project")

    assert run.metrics["size"] == len("made by hand")
    assert run.upstream == {}


def test_a_grid_runs_in_order_and_shares_its_upstream(project: Project) -> None:
    runs = project.grid("train", {"lr": [0.1, 0.2, 0.3]}, jobs=2)

    assert [run.metrics["loss"] for run in runs] == [0.1, 0.2, 0.3]
    assert len({run.upstream["prepare"].id for run in runs}) == 1
    assert len(project.runs.unfolded()) == 4


def test_edits_during_a_run_do_not_reach_it(make_project: Any, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    slow = f"import os, time\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.01)\n"
    files = {**FILES, "prepare.py": slow + FILES["prepare.py"]}
    import threading

    with Project.open(make_project(files)) as project:
        before = project.run  # the call is made here; edits come from another thread once the run goes

        def edit() -> None:
            while not list(project.root.glob(".dvc_magic/runs/*/output.log")):
                pass
            (project.root / "helper.py").write_text("def twist(text):\n    return 'EDITED'\n")
            (project.root / "train.py").write_text("raise SystemExit('edited code ran')\n")
            (project.root / "raw.txt").write_text("EDITED")
            (project.root / "params.yaml").write_text("prepare:\n  n: 9\ntrain:\n  lr: 9.0\n")
            flag.touch()

        editor = threading.Thread(target=edit)
        editor.start()
        run = before("train")
        editor.join()

    assert run.metrics["loss"] == 0.5
    assert (run.workspace / "data.txt").read_text().startswith("ABC\nABC\n")


def test_what_a_stage_reads_undeclared_is_said_once(project: Project) -> None:
    first = project.run("prepare")
    again = project.run("prepare")

    assert "conf/settings.json, helper.py, template.txt" in first.record.warnings[0]
    assert again.record.warnings == ()


def test_a_run_cannot_spoil_a_linked_input_for_another(make_project: Any) -> None:
    files = {
        "dvc.yaml": "stages:\n  spoil:\n    cmd: wc -c big.bin > n.txt; chmod +w big.bin; echo more >> big.bin\n"
        "    deps: [big.bin]\n    outs: [n.txt]\n",
        ".dvc/config": "[cache]\n    type = hardlink\n",
    }
    root = make_project(files)
    (root / ".gitignore").write_text("big.bin\n")
    (root / "big.bin").write_bytes(b"x" * 2_000_000)

    with Project.open(root) as project:
        runs = [project.run("spoil"), project.run("spoil")]

        assert [run.deps["big.bin"].placed for run in runs] == ["hardlink"] * 2
        assert [(run.workspace / "n.txt").read_text() for run in runs] == ["2000000 big.bin\n"] * 2
        assert "wrote into its dependency big.bin" in "\n".join(runs[0].record.warnings)
    assert (root / "big.bin").stat().st_size == 2_000_000


def test_what_the_engine_reads_itself_is_not_taken_for_the_stages_reading(make_project: Any) -> None:
    files = {
        "dvc.yaml": "vars: [vars.yaml]\nstages:\n  one:\n    cmd: echo ${greeting} > one.txt\n    outs: [one.txt]\n"
        "  two:\n    cmd: cat one.txt\n    deps: [one.txt]\n    params: [b]\n",
        "params.yaml": "a: 1\nb: 2\n",
        "vars.yaml": "greeting: hi\n",
    }
    with Project.open(make_project(files)) as project:
        first = project.run("two")

        assert first.upstream["one"].record.read == {}
        assert _upstream_numbers(project.run("two", {"b": 3})) == {"one": 1}


def test_an_output_that_was_altered_is_never_passed_on(project: Project) -> None:
    first = project.run("train")
    data = first.upstream["prepare"].outs["data.txt"].path
    data.chmod(0o644)
    data.write_text("forged")

    again = project.run("train")

    assert again.metrics["size"] == first.metrics["size"]
    assert _upstream_numbers(again) != {"prepare": 1}
    assert "was changed" in project.runs[1].record.spoiled["data.txt"]


def test_a_value_that_no_stage_of_the_call_takes_is_refused(project: Project) -> None:
    project.run("train")

    with pytest.raises(RequestError, match=r"prepare\.n has no effect"):
        project.run("train", {"n": 7}, use={"prepare": 1})


def test_a_named_run_without_the_output_is_refused_before_anything_runs(project: Project) -> None:
    project.run("train")
    text = (project.root / "dvc.yaml").read_text()
    (project.root / "dvc.yaml").write_text(text.replace("data.txt", "other.txt"))

    with pytest.raises(MissingInputError, match=r"has 'other\.txt' \(prepare has data\.txt\)"):
        project.run("train", upstream="latest")


def test_the_reason_for_a_run_is_told_from_the_nearest_one(project: Project) -> None:
    project.run("train")
    project.run("train", {"n": 9})
    (project.root / "prepare.py").write_text(FILES["prepare.py"] + "# edited\n")

    plan = project.plan("train")

    assert "prepare runs (code changed: prepare.py)" in repr(plan)


def test_a_table_shows_the_upstream_param_that_a_grid_varies(project: Project) -> None:
    runs = project.grid("train", {"n": [1, 2]})

    assert "prepare.n" in repr(runs)
    assert "none of" in repr(project.runs.where("metrics.loss > 100"))


def test_a_wrong_path_of_an_out_is_answered_with_those_that_there_are(project: Project) -> None:
    with pytest.raises(RequestError, match=r"Did you mean 'model\.txt'"):
        _ = project.run("train").outs["modle.txt"]


def test_use_of_a_stage_that_is_not_upstream_is_refused(project: Project) -> None:
    project.run("prepare")

    with pytest.raises(RequestError, match="does not build on 'train'; it builds on no stage"):
        project.run("prepare", use={"train": 1})

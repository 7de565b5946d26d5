"""Which scripts and notebooks a stage starts from."""

from __future__ import annotations

from dvc_magic.engine.scripts import notebooks_of, scripts_of
from dvc_magic.model.stage import Dep, Stage


def _stage(command: str, *, wdir: str = ".") -> Stage:
    return Stage(
        address="s",
        name="s",
        dvcfile="dvc.yaml",
        wdir=wdir,
        cmd=command,
        commands=(command,),
        deps=(Dep(path="lib/model.py", declared="lib/model.py"), Dep(path="data.csv", declared="data.csv")),
    )


def test_deps_and_words_of_the_command_count_when_they_are_sources() -> None:
    sources = {"lib/model.py", "src/train.py", "data.csv"}

    assert scripts_of(_stage("python src/train.py --out x.py"), sources) == ("lib/model.py", "src/train.py")


def test_words_are_seen_from_the_wdir() -> None:
    assert scripts_of(_stage("python train.py", wdir="src"), {"src/train.py", "train.py"}) == ("src/train.py",)


def test_a_command_that_only_a_shell_understands_is_split_at_blanks() -> None:
    assert scripts_of(_stage("echo 'a && python run.py"), {"run.py"}) == ("run.py",)


def test_notebooks_that_a_command_names_are_found() -> None:
    command = "jupyter execute ../nb/report.ipynb --output out.ipynb"

    assert notebooks_of(_stage(command, wdir="src")) == ("nb/report.ipynb", "src/out.ipynb")


def test_words_that_lead_up_are_paths_from_the_root() -> None:
    assert scripts_of(_stage("python ../train.py", wdir="src"), {"train.py"}) == ("train.py",)

"""Scalars in a log: the bounds that hold whatever is printed, and whatever patterns look for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvc_magic.engine.runs import scalars as module
from dvc_magic.engine.runs.scalars import ScalarWatch
from dvc_magic.model.operation import Operation, PrintedScalars, ScalarPattern
from dvc_magic.model.paths import RunPaths
from dvc_magic.runs import PointsFile
from tests.support.stages import made_up_stage

EVIL = ScalarPattern(key="evil", pattern=r"(a+)+$")
LOSS = ScalarPattern(key="loss", pattern=r"loss (\value)")


def watch(folder: Path, *patterns: ScalarPattern, scalars: PrintedScalars | None = None) -> ScalarWatch:
    operation = Operation(name="fit", origin="guild.yml", scalars=scalars or PrintedScalars(patterns=patterns))
    stage = replace(made_up_stage("op:fit", {"lr": 1}, file="fit.py"), operation=operation)
    return ScalarWatch(stage, RunPaths(folder))


def write(folder: Path, output: bytes) -> None:
    with RunPaths(folder).log.open("ab") as log:
        log.write(output)


def test_what_is_printed_is_read_while_it_comes_and_at_the_end(tmp_path: Path) -> None:
    file = PointsFile(RunPaths(tmp_path).scalars)
    following = watch(tmp_path)
    following.look()
    write(tmp_path, b"lr: 0.1\nloss: 2\nlo")
    following.look()
    assert file.new() == [("loss", 0, 2)]
    write(tmp_path, b"ss: 1\nloss: 0.5")
    found = following.finish()
    assert found.last == {"loss": 0.5}
    assert found.warnings == ()
    assert file.new() == [("loss", 1, 1), ("loss", 2, 0.5)]


def test_what_the_log_has_of_an_earlier_attempt_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, b"loss: 1\n")
    following = watch(tmp_path)
    write(tmp_path, b"acc: 2\n")
    assert following.finish().last == {"acc": 2}


def test_output_of_which_nothing_is_asked_is_left_alone(tmp_path: Path) -> None:
    operation = Operation(name="fit", origin="guild.yml")
    stage = made_up_stage("t")
    for one in (stage, replace(made_up_stage("op:t"), operation=operation)):
        following = ScalarWatch(one, RunPaths(tmp_path))
        write(tmp_path, b"loss: 1\n")
        following.look()
        assert following.finish().last == {}
    assert not RunPaths(tmp_path).scalars.exists()


def test_a_pattern_that_would_take_for_ever_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    following = watch(tmp_path, EVIL, LOSS)
    write(tmp_path, b"loss 3\n" + b"a" * 40 + b"!\n" + b"loss 2\n")
    began = time.process_time()
    found = following.finish()
    assert time.process_time() - began < 4
    assert found.last == {"loss": 2}
    [warning] = found.warnings
    assert "(a+)+$ took more than 1 s for 64 kB of output and was used no further" in warning


def test_of_a_flood_the_beginning_and_the_end_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST", 0.0)
    following = watch(tmp_path)
    write(tmp_path, b"first: 1\n" + b"x: 2\n" * 600_000 + b"last: 3\n")
    found = following.finish()
    assert found.last == {"first": 1, "x": 2, "last": 3}
    assert found.warnings == ("3 MB of its output were not searched for scalars: it has too much of it",)


def test_the_steps_that_are_kept_end_at_a_size_and_the_last_values_stay_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FILE", 1000)
    following = watch(tmp_path)
    for number in range(100):
        write(tmp_path, b"loss: %d\n" % number)
        following.look()
    found = following.finish()
    assert found.last == {"loss": 99}
    assert len(found.warnings) == 1
    assert RunPaths(tmp_path).scalars.stat().st_size <= 1000


def test_a_million_names_are_a_thousand_metrics_and_a_warning(tmp_path: Path) -> None:
    following = watch(tmp_path)
    write(tmp_path, b"".join(b"n%d: 1\n" % number for number in range(20_000)))
    found = following.finish()
    assert len(found.last) == 1000
    assert found.warnings == ("it printed more than 1000 different names of numbers; the later ones are no metrics",)


def test_a_look_is_short_whatever_there_is_to_read(tmp_path: Path) -> None:
    following = watch(tmp_path)
    write(tmp_path, b"loss: 1\n" * 300_000)
    began = time.process_time()
    following.look()
    assert time.process_time() - began < 1

from __future__ import annotations

import json
import math
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dvc_magic.codec import from_data, to_data
from dvc_magic.model.operation import Operation, PrintedScalars, ScalarPattern
from dvc_magic.model.record import OutRecord, RunRecord, RunStatus
from dvc_magic.model.stage import OutKind
from dvc_magic.runs import LineCutter, PointsFile, ScalarReader, compiled, history_of, metrics_of, written_points

BY_DEFAULT = PrintedScalars()


def points(output: str, scalars: PrintedScalars = BY_DEFAULT, *, flags=()):
    reader = ScalarReader(scalars, flags=flags)
    return [point for line in LineCutter().lines(output.encode()) for point in reader.points(line)]


def by(*patterns: str | tuple[str, str]) -> PrintedScalars:
    found = (("", one) if isinstance(one, str) else one for one in patterns)
    return PrintedScalars(patterns=tuple(ScalarPattern(key=key, pattern=pattern) for key, pattern in found))


# --- Guild's default --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("loss: 0.5", {"loss": 0.5}),
        ("loss:\t0.5", {"loss": 0.5}),
        ("train/loss:   -1e-3", {"train/loss": -0.001}),
        ("test:acc: .5", {"test:acc": 0.5}),
        ("count: 16777217", {"count": 16777217}),
        ("big: 9007199254740993", {"big": 9007199254740993}),
        ("plus: +1E3", {"plus": 1000.0}),
        ("loss: inf", {"loss": math.inf}),
        ("loss: 0.5  ", {"loss": 0.5}),
        ("loss: 0.5 (better)", {"loss": 0.5}),
        ("loss: 0.5 better", {}),
        ("loss: 0.5%", {}),
        ("loss:0.5", {}),
        (" loss: 0.5", {}),
        ("the loss: 0.5", {}),
        ("loss = 0.5", {}),
        ("version: 1.2.3", {}),
        ("date: 2024-01-31", {}),
        ("loss: 1_000", {}),
        (f"n{'a' * 300}: 1", {}),
        (f"loss: {'9' * 100}", {}),
        ("\x1b[32mloss\x1b[0m: \x1b[1m0.5\x1b[0m", {"loss": 0.5}),
        ("50%|#####     |\rloss: 0.5", {"loss": 0.5}),
        ("loss: 0.5\r50%|#####     |", {}),
        ("loss: 0.5\r", {"loss": 0.5}),
    ],
)
def test_a_line_of_a_key_and_a_number_is_a_scalar(line, found):
    values = {name: value for name, _, value in points(f"{line}\n")}
    assert values == found
    assert list(map(type, values.values())) == list(map(type, found.values()))


def test_nan_is_a_value():
    [(name, step, value)] = points("loss: nan\n")
    assert (name, step) == ("loss", 0)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("output", "steps"),
    [
        ("x: 1\ny: 2\nz: 3\n", "x0 y0 z0"),
        ("x: 1\nx: 2\nx: 3\n", "x0 x1 x2"),
        ("x: 1\ny: 2\nx: 3\ny: 4\n", "x0 y0 x1 y1"),
        ("x: 1\ny: 2\ny: 3\ny: 4\nx: 5\ny: 6\n", "x0 y0 y1 y2 x2 y3"),
        ("x: 1 (10)\ny: 2 (step 10)\nz: 3\n", "x10 y10 z10"),
        ("x: 1\nx: 2\ny: 3 (7)\nx: 4\n", "x0 x1 y7 x7"),
        ("step: 3\nx: 1\nstep: 4\nx: 2\n", "x3 x4"),
        ("step: 3.0\nx: 1\nstep: nan\nx: 2\n", "x3 x3"),
        ("Epoch 2, loss: 0.5 (step 9)\nx: 1\n", "x9"),
        ("step: 5 (2)\nx: 1\n", "x5"),
    ],
)
def test_a_step_holds_until_the_next_and_is_counted_while_there_is_none(output, steps):
    assert " ".join(f"{name}{step}" for name, step, _ in points(output)) == steps


def test_what_is_called_like_a_flag_is_no_scalar_by_default():
    assert points("lr: 0.1\nloss: 2\n", flags=["lr"]) == [("loss", 0, 2)]
    assert points("lr: 0.1\n", by(r"(\key): (\value)"), flags=["lr"]) == [("lr", 0, 0.1)]


# --- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "line", "found"),
    [
        ([("loss", r"loss is (\value)")], "the loss is 0.5!", [("loss", 0, 0.5)]),
        ([("loss", r"loss is (.*)")], "loss is high", []),
        ([r"^(\key): (\value)"], "a: 1 b: 2", [("a", 0, 1)]),
        ([r"(\key)=(\value)"], "a=1 b=2", [("a", 0, 1), ("b", 0, 2)]),
        ([r"(?P<_val>\value) (?P<_key>\key)"], "3 apples", [("apples", 0, 3)]),
        (
            [r"epoch (?P<step>\step)  train loss (?P<loss>\value)  val loss (?P<val_loss>\value)"],
            "epoch 4  train loss 0.5  val loss 0.6",
            [("loss", 4, 0.5), ("val_loss", 4, 0.6)],
        ),
        ([("step", r"Epoch (\step)/"), ("loss", r"- loss: (\S+)")], "Epoch 7/10 - loss: 1e-2 - x", [("loss", 7, 0.01)]),
        ([("a", r"(\key) (\value)")], "b 2", [("b", 0, 2)]),
        ([r"(?P<a>\value)?;(?P<b>\value)?"], ";2", [("b", 0, 2)]),
    ],
    ids=str,
)
def test_patterns_name_numbers_anywhere_in_a_line(patterns, line, found):
    assert points(f"{line}\n", by(*patterns)) == found


@pytest.mark.parametrize(
    ("key", "pattern", "reason"),
    [
        ("loss", "loss: (", "it is no regular expression: missing )"),
        ("loss", r"loss: \value", "it has 0 groups; expected one"),
        ("", r"loss: (\value)", "nothing names its number"),
        ("loss", r"(\key)(\key)(\value)", "it has 3 groups"),
        ("loss", "x" * 1001, "it has 1,001 characters"),
        ("loss", "(" * 500 + ")" * 500, "it "),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(key, pattern, reason):
    with pytest.raises(ValueError, match=r"^it |^nothing") as error:
        compiled(ScalarPattern(key=key, pattern=pattern))
    assert str(error.value).startswith(reason)


# --- hostile output ---------------------------------------------------------------------------------------------------


@given(data=st.binary(max_size=300), places=st.lists(st.integers(0, 300), max_size=4))
@example(data=b"a\rb\nloss: 1\n", places=[1, 2])
def test_lines_are_the_same_in_whatever_pieces_output_comes(data, places):
    whole, pieces = LineCutter(), LineCutter()
    cuts = [0, *sorted(places), len(data)]
    expected = [*whole.lines(data), whole.rest()]
    found = [line for start, end in pairwise(cuts) for line in pieces.lines(data[start:end])]
    assert [*found, pieces.rest()] == expected


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a" * 5000, b"loss: 1\nloss: 2\n"], ["loss: 2"]),
        ([b"a" * 5000, b"\rloss: 1\n"], ["loss: 1"]),
        ([b"\r50%" * 5000, b"\rloss: 1\n"], ["loss: 1"]),
        ([b"a" * 5000 + b"\nloss: 2\n"], ["loss: 2"]),
        ([b"a" * 5000] * 3 + [b"b\nloss: 2"], []),
    ],
)
def test_a_line_that_is_too_long_is_left_out(pieces, lines):
    cutter = LineCutter()
    assert [line for piece in pieces for line in cutter.lines(piece)] == lines


@pytest.mark.parametrize(
    "line", ["a:" * 2000, "a: " * 1300 + ")", "a" * 4000 + " (3)", ": " * 2000, "a: 1" + " (" * 2000]
)
def test_no_line_takes_long_by_default(line):
    began = time.process_time()
    points(f"{line}\n" * 50)
    assert time.process_time() - began < 1


def test_only_so_many_names_are_kept():
    reader = ScalarReader(BY_DEFAULT)
    found = [point for number in range(3000) for point in reader.points(f"n{number}: 1")]
    assert len(found) == 1000
    assert reader.too_many
    assert reader.points("n1: 2") == [("n1", 1, 2)]


# --- what a run keeps -------------------------------------------------------------------------------------------------


def test_points_come_back_exactly_as_they_were_written(tmp_path):
    path = tmp_path / "points"
    one = [("a b\n", 3, 2**70), ("loss", 0, 0.1), ("loss", 1, math.inf)]
    path.write_bytes(written_points(one) + written_points([("x", 1.5, -0.0)]) + b'[["cut", 1')
    file = PointsFile(path)
    assert file.new() == [*one, ("x", 1.5, -0.0)]
    assert file.new() == []
    with path.open("ab") as stream:
        stream.write(b", 2]]\n")
    assert file.last() == {"cut": 2}


@pytest.mark.parametrize(
    "content", [b"3\n", b'{"a": 1}\n', b"\xff\n", b"[[1, 2]]\n", b'[["a", "b", 1]]\n', b"[" * 9000 + b"\n"]
)
def test_a_file_of_points_that_is_damaged_has_those_that_can_be_read(tmp_path, content):
    path = tmp_path / "points"
    path.write_bytes(content + written_points([("loss", 0, 1)]))
    assert PointsFile(path).new() == [("loss", 0, 1)]
    assert PointsFile(tmp_path / "missing").new() == []


@pytest.mark.parametrize("content", [{"loss": 1}, {"loss": 1, "b.json": 0}])
def test_the_value_of_a_metric_file_wins_over_a_printed_one_of_its_name(make_run, content):
    run = make_run(metrics={"m.json": content, "n.json": {"loss": 3, "other": {"acc": 1}}}, scalars={"loss": 9, "x": 4})
    metrics = metrics_of(run.record)
    assert metrics["x"] == 4
    assert 9 not in metrics.values()
    assert metrics["m.json:loss"] == 1
    assert metrics_of(make_run(metrics={"m": {"loss": 1}}, scalars={"loss": 9}).record) == {"loss": 1}
    assert metrics_of(make_run(metrics={"m": {"train": {"loss": 1}}}, scalars={"loss": 9}).record)["loss"] == 9


def test_what_a_run_has_printed_so_far_is_read_from_its_file(tmp_path, make_run):
    outs = {"m.json": OutRecord(kind=OutKind.METRIC)}
    for status in (RunStatus.RUNNING, RunStatus.LOST):
        run = make_run(folder=tmp_path / status, status=status, outs=outs)
        run.paths.workspace.mkdir(parents=True, exist_ok=True)
        (run.paths.workspace / "m.json").write_text(json.dumps({"acc": 1}))
        run.paths.scalars.write_bytes(written_points([("loss", 0, 2), ("loss", 1, 1.5), ("acc", 0, 7)]))
        assert metrics_of(run.record, run.paths) == {"acc": 1, "loss": 1.5}
        assert metrics_of(run.record) == {}


def test_a_record_from_before_there_were_scalars_has_none(make_run):
    data = to_data(make_run(op=Operation(name="fit", origin="guild.yml"), scalars={"loss": 1}).record)
    del data["scalars"], data["op"]["scalars"]
    record = from_data(data, RunRecord)
    assert (record.scalars, record.op.scalars, metrics_of(record)) == ({}, None, {})


def test_printed_numbers_are_step_series_unless_a_file_has_one_of_the_name(tmp_path, make_run):
    run = make_run(folder=tmp_path, outs={"p.csv": OutRecord(kind=OutKind.PLOT)})
    run.paths.workspace.mkdir(parents=True, exist_ok=True)
    (run.paths.workspace / "p.csv").write_text("step,loss\n0,1\n1,2\n")
    run.paths.scalars.write_bytes(written_points([("loss", 0, 9), ("acc", 0, 0.1), ("acc", 5, 0.3)]))
    history = history_of(run)
    assert history.names == ("loss", "acc")
    acc = history.get("acc")
    assert (acc.file, acc.axis, acc.steps, acc.values) == ("output.log", "step", (0, 5), (0.1, 0.3))
    assert history.get("loss").values == (1, 2)

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import QueryError
from dvc_magic.model.record import CallInfo, Notes, Times
from dvc_magic.runs import order_key, parse_query, probable_query, run_row, with_operations
from dvc_magic.runs.query import And, Comparison, Not, Or

ROW = {
    "stage": "train",
    "status": "completed",
    "number": 41,
    "label": "",
    "tags": ["good", "night run"],
    "started": datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
    "metrics.loss": 0.05,
    "metrics.nan": math.nan,
    "params.shuffle": True,
    "params.version": "1.10",
    "params.sizes": [1, 2],
    "odd name": 3,
}


@pytest.mark.parametrize(
    "text",
    [
        "stage = train",
        "stage == 'train'",
        'stage = "train"',
        "metrics.loss < 0.1 and stage == 'train'",
        "metrics.loss<=5e-2",
        "number >= 41 and number <= 41.0",
        "number > -1",
        "stage in [prepare, train]",
        "stage not in ['prepare']",
        "not stage = prepare",
        "stage = prepare or stage = train",
        "(stage = prepare or stage = train) and number = 41",
        "tags contains good",
        "'night run' in tags",
        "bad not in [tags] or 'bad' not in tags",
        "stage contains rai",
        "stage ~ '^tr.*n$'",
        "params.shuffle = true",
        "params.shuffle = True",
        "params.version = 1.10.0 or params.version = '1.10'",
        "params.sizes = [1, 2]",
        "label = ''",
        "label != x",
        "started > 2026-01-30",
        "started < '2026-01-31T12:00:01+00:00'",
        "metrics.nan = nan",
        "`odd name` = 3",
        "stage = train AND number = 41",
        "  stage\n=\ntrain  ",
    ],
)
def test_a_query_that_holds(text):
    assert parse_query(text).matches(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "missing = 1",
        "missing != 1",
        "missing = null",
        "missing < 1",
        "missing not in [1]",
        "missing contains x",
        "number = '41'",
        "number < '50'",
        "params.shuffle = 1",
        "params.version = 1.1",
        "metrics.nan < 1",
        "metrics.nan >= 1",
        "metrics.loss > 0.1 and stage = train",
        "stage = prepare or stage = test and number = 41",
        "not (stage = train)",
        "stage ~ '^rain'",
        "number contains 4",
        "'goo' in tags",
        "stage < 5",
    ],
)
def test_a_query_that_does_not_hold(text):
    assert not parse_query(text).matches(ROW)


def test_and_binds_closer_than_or():
    one, other, third = (Comparison(name, "=", 1) for name in "abc")
    assert parse_query("a = 1 or b = 1 and c = 1").node == Or(one, And(other, third))
    assert parse_query("not a = 1 and b = 1").node == And(Not(one), other)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("loss <", 6, "expected a value"),
        ("loss 5", 5, "expected a comparison after 'loss'"),
        ("loss", 4, "expected a comparison"),
        ("0.1 > loss", 0, "begins with a name"),
        ("(a = 1", 0, "never closed"),
        ("a = 1)", 5, "expected 'and', 'or' or the end"),
        ("a = 'x", 4, "quote is never closed"),
        ("a = [1, 2", 4, "list is never closed"),
        ("a = 1 b = 2", 6, "expected 'and', 'or' or the end"),
        ("a = 1 and", 9, "expected the name"),
        ("a & b", 2, "'&' means nothing here"),
        ("a ~ '('", 4, "not a regular expression"),
        (f"a ~ '{'(' * 20_000}'", 4, "not a regular expression"),
        (f"a ~ 'x{{{'9' * 30}}}'", 4, "not a regular expression"),
        ("a ~ 5", 4, "quoted regular expression"),
        ("a in x", 5, "expected a list"),
        ("a not x", 6, "expected 'in'"),
        ("started > soon", 10, "expected a date"),
        ("__import__('os').system('true')", 16, "'.' means nothing here"),
    ],
)
def test_an_error_points_at_its_place(text, at, message):
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    first, line, caret = str(caught.value).split("\n")
    assert message in first
    assert line == f"  {text}" if len(text) < 500 else line.startswith(f"  {text[:500]}")
    assert caret == f"  {' ' * at}^"


@pytest.mark.parametrize("text", ["", "  ", "(" * 5000, "not " * 5000, "a = " + "[" * 5000])
def test_empty_and_endless_queries_are_refused(text):
    with pytest.raises(QueryError):
        parse_query(text)


@given(text=st.text(max_size=30) | st.text(alphabet="ab1.'\"`[](),=<>~! \\", max_size=30))
def test_any_text_is_a_query_or_an_error(text):
    try:
        query = parse_query(text)
    except QueryError:
        return
    assert parse_query(str(query)) == query
    query.matches(ROW)


def test_an_ambiguous_name_is_an_error_unless_another_part_decides(make_run):
    row = run_row(make_run(metrics={"m.json": {"a": {"loss": 1}, "b": {"loss": 2}}}))
    with pytest.raises(QueryError, match=r"a\.loss, b\.loss"):
        parse_query("loss < 3").matches(row)
    assert not parse_query("stage = prepare and loss < 3").matches(row)


def test_a_query_reads_the_row_of_a_run(make_run):
    run = make_run(
        41,
        notes=Notes(tags=("good",), note="note"),
        params={"params.yaml": {"train.lr": 0.1}},
        metrics={"m.json": {"train": {"loss": 0.05}}},
        times=Times(created=datetime(2026, 1, 31, tzinfo=UTC), duration=2.5),
    )
    text = "number = 41 and lr = 0.1 and loss < 0.1 and good in [good] and duration > 2 and status = completed"
    assert parse_query(text.replace("good in [good]", "'good' in tags")).matches(run_row(run))
    assert not parse_query("exit_code != 0").matches(run_row(run))


def test_values_of_all_types_have_an_order_and_missing_ones_come_last():
    values = [None, math.nan, "b", [1], 2, True, "a", 1.5, -math.inf]
    ordered = sorted(values, key=order_key)
    assert ordered[:7] == [-math.inf, True, 1.5, 2, "a", "b", [1]]
    assert math.isnan(ordered[7])
    assert ordered[8] is None


def test_a_query_tells_the_names_that_it_asks_for():
    query = parse_query("not (a.b < 1 or 'x' in tags) and `odd name` = 1 and a.b > 0")

    assert query.names() == ("a.b", "tags", "odd name")


def test_run_is_another_word_for_number(make_run):
    assert parse_query("run = 7").matches(run_row(make_run(7)))


def test_a_word_alone_is_answered_with_the_stage_of_that_name():
    with pytest.raises(QueryError, match="write stage = 'train'"):
        parse_query("train")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("stage = look", "stage = 'op:look'"),
        ("stage != look and not stage in [look, train]", "stage != 'op:look' and not stage in ['op:look', 'train']"),
        ("stage = op:look or stage = fit", "stage = 'op:look' or stage = 'fit'"),
        ("stage = train", "stage = 'train'"),
        ("label = look and stage ~ 'look'", "label = 'look' and stage ~ 'look'"),
    ],
)
def test_a_name_that_no_stage_has_means_the_operation(text, meant):
    assert str(with_operations(parse_query(text), ["train", "op:train", "op:look"])) == meant


@pytest.mark.parametrize("name", ["id", "call"])
@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        ("= c3f2", True),
        ("= C3F2", True),
        ("in [b0b, c3f]", True),
        ("!= c3f", False),
        ("= 3f2", False),
        ("= ''", False),
        ("= c3f2a9d01e77", True),
        ("= c3f2a9d01e770", False),
        ("= 41", False),
    ],
)
def test_the_start_of_an_id_names_a_run_and_a_call(make_run, name, comparison, holds):
    run = make_run(id="c3f2a9d01e77", call=CallInfo(id="c3f2a9d01e77"))

    assert parse_query(f"{name} {comparison}").matches(run_row(run)) is holds


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("train failed", "stage = 'train' and status = 'failed'"),
        ("train and failed", "stage = 'train' and status = 'failed'"),
        ("train loss < 1", "stage = 'train' and loss < 1"),
        ("loss < 1 failed", "loss < 1 and status = 'failed'"),
        ("loss < 1 lr = 2", "loss < 1 and lr = 2"),
        ("train test", "stage in ['train', 'test']"),
        ("train or test", "stage = 'train' or stage = 'test'"),
        ("(train failed) or loss < 1", "stage = 'train' and status = 'failed' or loss < 1"),
        ("not failed", "not status = 'failed'"),
    ],
)
def test_names_alone_are_put_into_the_query_that_was_probably_meant(text, meant):
    kinds = {"train": "stage", "test": "stage", "failed": "status"}

    def meaning(name):
        return parse_query(f"{kinds[name]} = {name}") if name in kinds else None

    assert str(probable_query(text, meaning)) == meant
    assert parse_query(meant) == probable_query(text, meaning)


@pytest.mark.parametrize("text", ["train other", "loss <", "train (", "in"])
def test_what_means_nothing_stays_an_error(text):
    with pytest.raises(QueryError):
        probable_query(text, lambda name: parse_query("stage = train") if name == "train" else None)

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.operations.hints import hints


def found(code):
    return hints(ast.parse(code))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('data/a.csv')", ["data/a.csv"]),
        ("f('./a//b.csv', x='a/b.csv', y=['c', {'d': 'e'}])", ["a/b.csv", "c", "d", "e"]),
        ("Path('a') / 'b' / 'c.csv'", ["a/b/c.csv"]),
        ("Path('a', 'b.csv')", ["a/b.csv"]),
        ("os.path.join('a', 'b.csv')", ["a/b.csv"]),
        ("', '.join('ab')", [", ", "ab"]),
        ("D = Path('a')\nopen(D / 'b.csv')\nopen(f'{D}/c.csv')", ["a", "a/b.csv", "a/c.csv"]),
        ("for d in x:\n    open(d / 'b.csv')", ["b.csv"]),
        ("D = 'a'\nD = 'b'\nopen(f'{D}/c.csv')", ["a", "b"]),
        ("open(f'{x}/c.csv'); open(f'{1:x}')", []),
        ("glob('img/2*/*.png'); glob('*.csv')", ["img"]),
        ("a = b\nb = a\nPath(a)", []),
    ],
)
def test_texts_that_may_be_paths_are_found(code, expected):
    assert list(found(code)) == expected


def test_what_is_no_path_of_the_project_is_left_out():
    texts = ["/etc/passwd", "~/a", "../up", "http://a/b", "s3://a", "two\nlines", "", " ", ".", "x" * 201, "a\0b"]

    assert found(f"print({texts!r})") == ()


def test_documentation_is_no_hint():
    assert found('"""a"""\ndef f():\n    """b"""\nclass C:\n    "c"\n    x: str = "d"\n') == ("d",)


@pytest.mark.parametrize(
    "code",
    [
        "open('out/a.csv', 'w')",
        "open('out/a.csv', mode='xb')",
        "Path('out/a.csv').open('w')",
        "D = 'out'\ndf.to_csv(f'{D}/a.csv')",
        "Path('out/a.csv').write_text(x)",
        "plt.savefig(fname='out/a.csv')",
        "joblib.dump(model, 'out/a.csv')",
        "os.makedirs('out')",
    ],
)
def test_what_the_code_writes_is_no_hint(code):
    assert found(code) == ()


def test_what_is_read_beside_what_is_written_is_a_hint():
    assert found("open('data/in.csv')\nopen('data/out.csv', 'w')\nopen('log', 'a')") == ("data/in.csv", "log")


@given(st.lists(st.text()))
def test_hints_are_relative_paths_each_once(texts):
    paths = found(f"print({texts!r})")

    assert len(set(paths)) == len(paths)
    assert not any(path.startswith(("/", "../")) or path in ("", ".", "..") for path in paths)

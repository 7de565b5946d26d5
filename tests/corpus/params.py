"""Params: keys, groups, whole files, formats, odd suffixes and values, each with an override where one is the point."""

from __future__ import annotations

from tests.support.cases import Case

CASES = (
    Case(
        name="params-nested",
        shows="Single nested keys, out of a file with comments and quotes that stay what they are.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: cat params.yaml > seen.txt
    params: [train.lr, train.opt.name, "flat"]
    outs: [seen.txt]
""",
            "params.yaml": """\
# the params
train:   # of training
  lr: 0.1   # learning rate
  'opt': {"name": 'adam', beta: [0.9, 0.99]}
flat: "yes"
unused: ~
""",
        },
        options="--lr 0.2 --opt.name sgd",
        edits={"params.yaml": {"0.1 ": "0.2 ", "'adam'": "'sgd'"}},
    ),
    Case(
        name="params-group",
        shows="A group as one param: the lock keeps the map, and each leaf is a flag.",
        files={
            "dvc.yaml": "stages:\n  train:\n    cmd: cat params.yaml > o.txt\n    params: [train]\n    outs: [o.txt]\n",
            "params.yaml": "train:\n  lr: 0.1\n  layers: [1, 2]\n  deep:\n    er: {x: 1}\n",
        },
        options="--x 2",
        edits={"params.yaml": {"{x: 1}": "{x: 2}"}},
    ),
    Case(
        name="params-whole-files",
        shows="Whole files as params, in YAML, JSON, TOML and Python, all changed in one call.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: cat a.yaml b.json c.toml d.py > o.txt
    params:
      - a.yaml:
      - b.json:
      - c.toml:
      - d.py:
    outs: [o.txt]
""",
            "a.yaml": "x: 1\ny: {z: [1, 2]}\n",
            "b.json": '{"bx": 1, "by": {"z": null}}',
            "c.toml": 'cx = 1\n[cy]\nz = "t"  # comment\n',
            "d.py": """\
DX = 1


class Model:
    depth: int = 3
    names = ["a", "b"]

    def __init__(self):
        self.width = 4
""",
        },
        options="--x 2 --bx 3 --cx 4 --DX 5 --Model.depth 6 --Model.width 7",
        edits={
            "a.yaml": {"x: 1": "x: 2"},
            "b.json": {'"bx": 1': '"bx": 3'},
            "c.toml": {"cx = 1": "cx = 4"},
            "d.py": {"DX = 1": "DX = 5", "int = 3": "int = 6", "width = 4": "width = 7"},
        },
    ),
    Case(
        name="params-odd-suffix",
        shows="A param file with an odd suffix is YAML to DVC, even when JSON is in it.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: sed s/lr/LR/ params.json.in > params.json
    deps: [params.json.in]
    params:
      - params.json.in:
          - lr
          - model.depth
    outs: [params.json]
""",
            "params.json.in": '{\n  "lr": 0.1,\n  "model": {"depth": 3}\n}\n',
        },
        options="--lr 0.3 --depth 5",
        edits={"params.json.in": {"0.1": "0.3", "3}": "5}"}},
    ),
    Case(
        name="params-in-other-folders",
        shows="Param files above and beside the wdir, shared by two stages of two dvc.yaml files.",
        files={
            "a/dvc.yaml": """\
stages:
  one:
    wdir: job
    cmd: cat ../../conf/p.yaml > o.txt
    params:
      - ../../conf/p.yaml:
          - lr
    outs: [o.txt]
""",
            "b/dvc.yaml": """\
stages:
  two:
    cmd: cat ../a/job/o.txt ../conf/p.yaml > o.txt
    deps: [../a/job/o.txt]
    params:
      - ../conf/p.yaml:
          - lr
          - n
    outs: [o.txt]
""",
            "conf/p.yaml": "lr: 0.1\nn: 1\n",
            "a/job/.gitkeep": "",
        },
        options="--lr 0.5",
        edits={"conf/p.yaml": {"0.1": "0.5"}},
    ),
    Case(
        name="params-values",
        shows="Exponents, infinities, big and octal numbers, nulls, empty texts, unicode, nested lists.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: cat params.yaml more.json > o.txt
    params:
      - exponent
      - tiny
      - inf
      - big
      - octal
      - nothing
      - empty
      - "ключ"
      - deep
      - more.json:
          - rate
          - text
    outs: [o.txt]
""",
            "params.yaml": """\
exponent: 1e-5
tiny: 1.0e-05
inf: .inf
big: 12345678901234567890
octal: 010
nothing:
empty: ''
ключ: "значение ☃"
deep: [[1, 2], {a: [3]}]
""",
            "more.json": '{"rate": 1e-05, "text": "caf\\u00e9"}\n',
        },
        options="--tiny 0.000001",
        edits={"params.yaml": {"1.0e-05": "1.0e-06"}},
    ),
    Case(
        name="params-odd-keys",
        shows="Keys with blanks, dashes, numbers and colons, and positions in lists.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: cat params.yaml > o.txt
    params: ["with blank", with-dash, "7", list.1, "a:b", "on"]
    outs: [o.txt]
""",
            "params.yaml": "with blank: 1\nwith-dash: 2\n7: 3\nlist: [4, 5]\n'a:b': 6\n'on': 7\n",
        },
        options="--with-dash 8 --list.1 9",
        edits={"params.yaml": {"with-dash: 2": "with-dash: 8", "[4, 5]": "[4, 9]"}},
    ),
    Case(
        name="params-anchors",
        shows="YAML anchors, aliases and merge keys in a param file.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: echo ${two.lr} ${two.n} > o.txt
    params: [one, two]
    outs: [o.txt]
""",
            "params.yaml": "one: &base\n  lr: 0.1\n  n: 1\ntwo:\n  <<: *base\n  n: 2\nthree: *base\n",
        },
        options="--two.n 5",
        edits={"params.yaml": {"n: 2": "n: 5"}},
    ),
    Case(
        name="params-override-upstream",
        shows="An override of a param that only an upstream stage tracks runs that stage anew.",
        files={
            "dvc.yaml": """\
stages:
  prepare:
    cmd: grep size params.yaml > d.txt
    params: [prepare.size]
    outs: [d.txt]
  train:
    cmd: cat d.txt > o.txt
    deps: [d.txt]
    params: [train.lr]
    outs: [o.txt]
""",
            "params.yaml": "prepare:\n  size: 3\ntrain:\n  lr: 1\n",
        },
        options="--size 4",
        edits={"params.yaml": {"size: 3": "size: 4"}},
    ),
    Case(
        name="params-types-kept",
        shows="A float given as a whole number stays a float, a text that looks like a number a text.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat params.yaml > o.txt
    params: [lr, version, flag, none, list]
    outs: [o.txt]
""",
            "params.yaml": "lr: 0.5\nversion: '1.0'\nflag: false\nnone: null\nlist: [1]\n",
        },
        options="--lr 1 --version 1.10 --flag true --none 3 --list [1,2]",
        edits={
            "params.yaml": {
                "0.5": "1.0",
                "'1.0'": "'1.10'",
                "false": "true",
                "null": "3",
                "[1]": "[1, 2]",
            }
        },
    ),
    Case(
        name="params-file-is-a-dep-too",
        shows="A param file that is also a dependency, and lies in a folder that is one.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat conf/p.yaml conf/more.txt > o.txt
    deps: [conf]
    params:
      - conf/p.yaml:
          - lr
    outs: [o.txt]
""",
            "conf/p.yaml": "lr: 1\n",
            "conf/more.txt": "more\n",
        },
        options="--lr 2",
        edits={"conf/p.yaml": {"lr: 1": "lr: 2"}},
    ),
    Case(
        name="params-of-data",
        shows="A param file that an upstream stage makes is a dep, a template var and a param at once.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: 'echo "best: 3" > best.yaml'
    outs:
      - best.yaml:
          cache: false
  use:
    cmd: cat best.yaml > o.txt
    deps: [best.yaml]
    params:
      - best.yaml:
          - best
    outs: [o.txt]
""",
            "best.yaml": "best: 3\n",
        },
    ),
    Case(
        name="top-level-params",
        shows="Top-level params name files that no stage tracks; dvc.api.params_show() in a stage sees them.",
        files={
            "dvc.yaml": """\
params:
  - extra.yaml
stages:
  t:
    cmd: python show.py
    deps: [show.py]
    params: [lr]
    outs: [o.json]
  u:
    cmd: cat other.json > u.txt
    params:
      - other.json:
    outs: [u.txt]
""",
            "show.py": """\
import json
import dvc.api
json.dump(dvc.api.params_show(), open('o.json', 'w'), sort_keys=True)
""",
            "params.yaml": "lr: 1\n",
            "extra.yaml": "note: text\n",
            "other.json": '{"other": 1}\n',
        },
    ),
    Case(
        name="params-undeclared",
        shows="Values for a folder of top-level params, by a flag, and for a key that no stage declares, by -S.",
        files={
            "dvc.yaml": "params: [conf]\nstages:\n  t:\n    cmd: cat conf/* params.yaml > o.txt\n    outs: [o.txt]\n",
            "conf/net.yaml": "width: 3\n",
            "params.yaml": "lr: 1\n",
        },
        options="--width 4 -S lr=2",
        edits={"conf/net.yaml": {"3": "4"}, "params.yaml": {"1": "2"}},
    ),
    Case(
        name="params-python-values",
        shows="Python params: tuples, sets, negative numbers, nested maps, annotated and in classes.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat p.py > o.txt
    params:
      - p.py:
          - NEG
          - MAP
          - Net.sizes
          - Net.rate
          - Net.inner
    outs: [o.txt]
""",
            "p.py": """\
import os

NEG = -1
MAP = {"a": {"b": [1, 2]}, "c": None}
OTHER = os.getcwd()


class Net:
    sizes = [1, 2]
    rate: float = 1e-3

    def __init__(self):
        self.inner = "text"
""",
        },
        options="--NEG -2 --rate 0.5 --inner other",
        edits={"p.py": {"NEG = -1": "NEG = -2", "1e-3": "0.5", '"text"': '"other"'}},
    ),
    Case(
        name="params-python-tuple",
        shows="A tuple is a list in dvc.lock; one inside a map DVC then takes for changed.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat p.py > o.txt
    params:
      - p.py:
          - T
          - M
    outs: [o.txt]
""",
            "p.py": "T = (1, 2)\nM = {'a': (1, 2)}\n",
        },
        unclean={"t": "DVC compares the inner tuple with the list of dvc.lock"},
    ),
    Case(
        name="params-toml-values",
        shows="TOML: nested tables, arrays of tables, inline tables, dotted keys, long and literal texts.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat c.toml > o.txt
    params:
      - c.toml:
          - a.b.c
          - list
          - inline.x
          - rows
          - text
    outs: [o.txt]
""",
            "c.toml": """\
list = [1, 2.5, -3]   # numbers
inline = { x = 1, y = "z" }
text = '''a
b'''

[a.b]
c = 1_000

[[rows]]
n = 1
[[rows]]
n = 2
""",
        },
        options="--a.b.c 2000 --inline.x 5",
        edits={"c.toml": {"1_000": "2000", "x = 1": "x = 5"}},
    ),
    Case(
        name="params-empty-file",
        shows="An empty params.yaml, and one that only has comments, are no trouble.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n",
            "params.yaml": "",
            "sub/dvc.yaml": "stages:\n  t:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n",
            "sub/params.yaml": "# nothing\n",
        },
    ),
    Case(
        name="params-changed-by-the-stage",
        shows="A stage that writes its own param file: the lock has what it wrote, the project what it had.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: 'echo \"lr: 7\" > params.yaml && cp params.yaml o.txt'\n"
            "    params: [lr]\n    outs: [o.txt]\n",
            "params.yaml": "lr: 1\n",
        },
    ),
    Case(
        name="params-made-upstream",
        shows="A param file that an upstream stage makes, and that is not there before: a dep and a param.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: 'echo "best: 3" > best.yaml'
    outs: [best.yaml]
  use:
    cmd: cat best.yaml > o.txt
    deps: [best.yaml]
    params:
      - best.yaml:
          - best
    outs: [o.txt]
""",
        },
    ),
    Case(
        name="params-made-upstream-no-dep",
        shows="The same as a param alone, which orders the two stages in DVC as well.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: 'echo "best: 3" > best.yaml'
    outs: [best.yaml]
  use:
    cmd: cat best.yaml > o.txt
    params:
      - best.yaml:
          - best
    outs: [o.txt]
""",
        },
        targets=("use",),
    ),
)

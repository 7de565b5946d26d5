"""Templates: ``vars``, escapes, maps in commands, ``foreach``, ``matrix``, and params that only templates use."""

from __future__ import annotations

from tests.support.cases import Case

CASES = (
    Case(
        name="vars-inline",
        shows="vars in dvc.yaml fill commands, deps and outs, and reach into maps.",
        files={
            "dvc.yaml": """\
vars:
  - greeting: hello
    place: {name: world, times: 2}
stages:
  greet:
    cmd: echo ${greeting} ${place.name} ${place.times} > ${greeting}.txt
    outs:
      - ${greeting}.txt
  shout:
    cmd: tr a-z A-Z < ${greeting}.txt > loud.txt
    deps:
      - ${greeting}.txt
    outs: [loud.txt]
""",
        },
    ),
    Case(
        name="vars-files",
        shows="vars from a whole file, from one key of a file, and inline, in one dvc.yaml.",
        files={
            "dvc.yaml": """\
vars:
  - conf/vars.yaml
  - conf/all.json:paths,names
  - suffix: v1
stages:
  make:
    cmd: echo ${size} ${names[1]} > ${paths.out}/${suffix}.txt
    outs:
      - ${paths.out}/${suffix}.txt
""",
            "conf/vars.yaml": "size: 3\n",
            "conf/all.json": '{"paths": {"out": "made"}, "names": ["a", "b"], "unused": 1}\n',
            "made/.gitkeep": "",
        },
    ),
    Case(
        name="vars-of-a-stage",
        shows="vars of one stage, inline and from a file, are seen by that stage alone.",
        files={
            "dvc.yaml": """\
stages:
  one:
    vars:
      - word: one
      - more.toml
    cmd: echo ${word} ${more.deep} > one.txt
    outs: [one.txt]
  two:
    vars:
      - word: two
    cmd: cat one.txt - < /dev/null > two.txt && echo ${word} >> two.txt
    deps: [one.txt]
    outs: [two.txt]
""",
            "more.toml": "[more]\ndeep = 7\n",
        },
    ),
    Case(
        name="vars-in-wdir",
        shows="A stage's vars file is looked for in its wdir.",
        files={
            "dvc.yaml": """\
stages:
  inner:
    wdir: sub
    vars:
      - local.yaml
    cmd: echo ${value} > o.txt
    outs: [o.txt]
""",
            "sub/local.yaml": "value: 12\n",
        },
    ),
    Case(
        name="template-escape",
        shows="An escaped \\${VAR} reaches the shell, where it is a variable.",
        files={
            "dvc.yaml": """\
stages:
  show:
    cmd: word=shell; echo \\${word} ${word} > o.txt
    outs: [o.txt]
""",
            "params.yaml": "word: template\n",
        },
    ),
    Case(
        name="wdir-templated",
        shows="The working directory comes from a template.",
        files={
            "dvc.yaml": """\
stages:
  there:
    wdir: ${place.dir}
    cmd: pwd | sed 's,.*/,,' > where.txt
    outs: [where.txt]
""",
            "params.yaml": "place:\n  dir: some/where\n",
            "some/where/.gitkeep": "",
        },
    ),
    Case(
        name="map-in-command",
        shows="A map in a command becomes options: nested keys, lists, and flags for what is true.",
        files={
            "dvc.yaml": """\
stages:
  args:
    cmd: echo ${train} > args.txt
    params: [train]
    outs: [args.txt]
""",
            "params.yaml": """\
train:
  epochs: 3
  layers: [1, 2]
  verbose: true
  quiet: false
  opt: {name: adam, lr: 0.001}
""",
        },
        options="--train.epochs 5 --quiet",
        edits={"params.yaml": {"epochs: 3": "epochs: 5", "quiet: false": "quiet: true"}},
    ),
    Case(
        name="map-in-command-parsing-config",
        shows="parsing.bool and parsing.list of the project's config change how a map becomes options.",
        files={
            "dvc.yaml": "stages:\n  args:\n    cmd: echo ${train} > args.txt\n    outs: [args.txt]\n",
            "params.yaml": "train: {layers: [1, 2], verbose: true, quiet: false}\n",
            ".dvc/config": "[core]\n    analytics = false\n[parsing]\n    bool = boolean_optional\n    list = append\n",
        },
    ),
    Case(
        name="foreach-list",
        shows="foreach over a list; the items are stages of their own, and another depends on all.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: [us, uk]
    do:
      cmd: echo ${item} > ${item}.txt
      outs:
        - ${item}.txt
  join:
    cmd: cat us.txt uk.txt > all.txt
    deps: [us.txt, uk.txt]
    outs: [all.txt]
""",
        },
    ),
    Case(
        name="foreach-map",
        shows="foreach over a map: ${key} and the fields of ${item}, with an override of one field.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: ${models}
    do:
      cmd: echo ${key} ${item.depth} ${item.names[0]} > ${key}.txt
      outs:
        - ${key}.txt
""",
            "params.yaml": "models:\n  rf: {depth: 3, names: [a]}\n  gb: {depth: 5, names: [b, c]}\n",
        },
        options="-S models.rf.depth=4",
        edits={"params.yaml": {"depth: 3": "depth: 4"}},
    ),
    Case(
        name="foreach-list-of-maps",
        shows="foreach over a list of maps names its items by position.",
        files={
            "dvc.yaml": """\
vars:
  - items:
      - {name: a, n: 1}
      - {name: b, n: 2}
stages:
  each:
    foreach: ${items}
    do:
      cmd: echo ${item.name} ${item.n} > ${item.name}.txt
      outs:
        - ${item.name}.txt
""",
        },
    ),
    Case(
        name="foreach-odd-items",
        shows="Items that are numbers, bools, dotted or with blanks and slashes in them.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: [1, 0.5, true, a.b, a-b_c]
    do:
      cmd: echo ${item} > o-${item}.txt
      outs:
        - o-${item}.txt
""",
        },
    ),
    Case(
        name="foreach-list-override",
        shows="An override changes the list of a foreach, and with it which stages there are.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: ${names}
    do:
      cmd: echo ${item} > ${item}.txt
      outs:
        - ${item}.txt
""",
            "params.yaml": "names: [a, b]\n",
        },
        targets=("each@a",),
        options="-S 'names=[a,c]'",
        edits={"params.yaml": {"[a, b]": "[a, c]"}},
    ),
    Case(
        name="several-targets",
        shows="A stage, a group whose items an override changes, and part of a matrix are the targets of one call.",
        files={
            "dvc.yaml": """\
stages:
  prepare:
    cmd: echo ${n} > data.txt
    params: [n]
    outs:
      - data.txt
  each:
    foreach: ${names}
    do:
      cmd: cat data.txt > ${item}.txt
      deps: [data.txt]
      outs:
        - ${item}.txt
  cell:
    matrix: {size: [1, 2], kind: [x, y]}
    cmd: cat a.txt > ${item.kind}${item.size}.txt
    deps: [a.txt]
    outs:
      - ${item.kind}${item.size}.txt
""",
            "params.yaml": "n: 1\nnames: [a, b]\n",
        },
        targets=("cell@*-y each@a each prepare",),
        options="--n 2 -S 'names=[a]'",
        edits={"params.yaml": {"[a, b]": "[a]", "n: 1": "n: 2"}},
    ),
    Case(
        name="foreach-item-of-override",
        shows="A stage that only the override brings about is the target.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: ${names}
    do:
      cmd: echo ${item} > ${item}.txt
      outs:
        - ${item}.txt
""",
            "params.yaml": "names: [a, b]\n",
        },
        targets=("each@c",),
        options="-S 'names=[a,c]'",
        repro="repro each@c",
        edits={"params.yaml": {"[a, b]": "[a, c]"}},
    ),
    Case(
        name="foreach-with-wdir-and-vars",
        shows="foreach items with a working directory and vars files of their own.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: [a, b]
    do:
      wdir: ${item}
      vars:
        - own.yaml
      cmd: echo ${own} ${item} > o.txt
      params:
        - own.yaml:
            - own
      outs: [o.txt]
""",
            "a/own.yaml": "own: 1\n",
            "b/own.yaml": "own: 2\n",
        },
    ),
    Case(
        name="matrix",
        shows="matrix of lists with dotted items: names with dots, ${key}, and a metric for each.",
        files={
            "dvc.yaml": """\
stages:
  fit:
    matrix:
      model: [rf, gb.v2]
      size: ${sizes}
    cmd: echo '{"${item.model}":' ${item.size}'}' > m-${key}.json
    metrics:
      - m-${key}.json:
          cache: false
""",
            "params.yaml": "sizes: [1, 2]\n",
        },
    ),
    Case(
        name="matrix-of-maps",
        shows="matrix with maps and lists as items, which DVC names by position.",
        files={
            "dvc.yaml": """\
stages:
  fit:
    matrix:
      grid: ${grid}
      pair:
        - [1, 2]
        - [3, 4]
    cmd: echo ${item.grid.lr} ${item.grid.opts} ${item.pair[0]} > ${item.grid.name}-${item.pair[1]}.txt
    outs:
      - ${item.grid.name}-${item.pair[1]}.txt
""",
            "params.yaml": """\
grid:
  - {name: x, lr: 0.1, opts: {deep: true}}
  - {name: y, lr: 1.0e-05, opts: {deep: false}}
""",
        },
    ),
    Case(
        name="param-only-in-template",
        shows="A param that no stage tracks but a template uses can be overridden.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: echo ${train.lr} > ${out}
    outs:
      - ${out}
""",
            "params.yaml": "train:\n  lr: 0.1\nout: o.txt\n",
        },
        options="--lr 0.2",
        edits={"params.yaml": {"0.1": "0.2"}},
    ),
    Case(
        name="override-of-vars-file",
        shows="A value of a vars file can be overridden, and moves an output.",
        files={
            "dvc.yaml": """\
vars:
  - names.yaml
stages:
  first:
    cmd: echo x > ${name}
    outs:
      - ${name}
  second:
    cmd: cat ${name} > copy.txt
    deps:
      - ${name}
    outs: [copy.txt]
""",
            "names.yaml": "name: a.txt # of the file\n",
        },
        options="-S names.yaml:name=b.txt",
        edits={"names.yaml": {"a.txt": "b.txt"}},
    ),
    Case(
        name="templated-top-level",
        shows="Top-level params, metrics, plots and artifacts, all templated.",
        files={
            "dvc.yaml": """\
vars:
  - folder: res
params:
  - ${folder}/extra.yaml
metrics:
  - ${folder}/m.json
plots:
  - ${folder}/p.csv:
      x: step
      y: loss
  - curve:
      x: step
      y: {"${folder}/p.csv": loss}
artifacts:
  model:
    path: ${folder}/model.txt
    type: model
    desc: the ${folder} model
    labels: [a]
    meta: {any: thing}
stages:
  train:
    cmd: >-
      cd ${folder} && echo '{"loss": 0.5}' > m.json && printf 'step,loss\\n0,1\\n1,0.5\\n' > p.csv && echo m > model.txt
    outs:
      - ${folder}/m.json
      - ${folder}/p.csv
      - ${folder}/model.txt
""",
            "res/extra.yaml": "note: 1\n",
        },
    ),
    Case(
        name="template-types",
        shows="Null, bools, floats, dates and texts that look like them, in commands and params.",
        files={
            "dvc.yaml": """\
stages:
  show:
    cmd: echo ${v.none} ${v.yes} ${v.f} ${v.small} ${v.text} ${v.day} ${v.version} > o.txt
    params:
      - v
    outs: [o.txt]
""",
            "params.yaml": """\
v:
  none: null
  yes: true
  f: 1.0
  small: 0.00001
  text: "no"
  day: '2024-01-02'
  version: "1.10"
""",
        },
    ),
    Case(
        name="template-in-lists-and-keys",
        shows="Templates as names of param files, as keys in them, and in list items of plots and deps.",
        files={
            "dvc.yaml": """\
vars:
  - file: conf.json
    key: a
stages:
  show:
    cmd: cat ${file} > o.txt
    deps:
      - ${file}
    params:
      - ${file}:
          - ${key}.b
    plots:
      - o.txt:
          x: ${key}
          cache: false
""",
            "conf.json": '{"a": {"b": 1}, "c": 2}\n',
        },
    ),
    Case(
        name="escape-in-foreach",
        shows="Escaped templates in a foreach, beside ${item} and ${key}, and items that hold dollars and braces.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach:
      a: {n: 1, text: "x$y"}
      b: {n: 2, text: "{z}"}
    do:
      cmd: v=${key}; echo \\${v} ${item.n} '${item.text}' > ${key}.txt
      outs:
        - ${key}.txt
""",
        },
    ),
    Case(
        name="matrix-of-numbers",
        shows="matrix over floats, exponents, bools, nulls and texts that look like numbers.",
        files={
            "dvc.yaml": """\
stages:
  fit:
    matrix:
      lr: [0.1, 1e-3, 1.0e-3]
      kind: [true, "1.10"]
    cmd: echo ${item.lr} ${item.kind} > "o-${key}.txt"
    outs:
      - o-${key}.txt
""",
        },
    ),
    Case(
        name="anchors-in-dvc-yaml",
        shows="Anchors, aliases and merge keys in dvc.yaml.",
        files={
            "dvc.yaml": """\
stages:
  one: &one
    cmd: &cmd echo one
    deps: &deps [in.txt]
  two:
    <<: *one
    cmd: cat in.txt > two.txt
    outs: [two.txt]
  three:
    cmd: *cmd
    deps: *deps
""",
            "in.txt": "in\n",
        },
    ),
    Case(
        name="map-in-command-of-foreach",
        shows="A map of an item becomes options, and a key of an item names a param of a file.",
        files={
            "dvc.yaml": """\
stages:
  each:
    foreach: ${models}
    do:
      cmd: echo ${item.args} > ${key}.txt
      params:
        - models.${key}
      outs:
        - ${key}.txt
""",
            "params.yaml": "models:\n  a: {args: {x: 1, on: true, l: [1, 2]}}\n  b: {args: {x: 2, on: false, l: []}}\n",
        },
        options="-S models.a.args.x=5",
        edits={"params.yaml": {"x: 1": "x: 5"}},
    ),
)

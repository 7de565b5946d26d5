"""Outputs: their options, folders, empty ones; metrics, plots and artifacts in every form."""

from __future__ import annotations

from tests.support.cases import Case

CASES = (
    Case(
        name="persist-fresh",
        shows="A persist output that is not there yet: the stage begins without it.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: test -e acc.txt || echo fresh > acc.txt; echo more >> acc.txt
    outs:
      - acc.txt:
          persist: true
""",
        },
    ),
    Case(
        name="persist-seeded",
        shows="A persist output in git: the stage goes on from what the project has.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat in.txt >> acc.txt
    deps: [in.txt]
    outs:
      - acc.txt:
          persist: true
          cache: false
""",
            "in.txt": "new\n",
            "acc.txt": "old\n",
        },
        unclean={},
    ),
    Case(
        name="cache-false",
        shows="Outputs, metrics and plots that git keeps, as files and as a folder, used downstream.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir -p d && echo 1 > d/a && echo 2 > b && echo '{"c":1}' > c.json && printf 'x,y\\n1,2\\n' > p.csv
    outs:
      - d:
          cache: false
      - b:
          cache: false
    metrics:
      - c.json:
          cache: false
    plots:
      - p.csv:
          cache: false
  use:
    cmd: cat d/a b c.json p.csv > o.txt
    deps: [d, b, c.json, p.csv]
    outs: [o.txt]
""",
        },
    ),
    Case(
        name="out-options",
        shows="push: false, a remote of its own, desc, type, labels and meta of outs; desc and meta of a stage.",
        files={
            "dvc.yaml": """\
stages:
  t:
    desc: writes three files
    meta:
      owner: [a, {b: c}]
    cmd: echo 1 > a; echo 2 > b; echo 3 > c
    outs:
      - a:
          push: false
      - b:
          remote: second
          desc: of b
          type: model
          labels: [x, y]
          meta: {k: v}
      - c
""",
            ".dvc/config": """\
[core]
    remote = first
['remote "first"']
    url = ../../first
['remote "second"']
    url = ../../second
""",
        },
    ),
    Case(
        name="out-folder",
        shows="A folder as output, with folders in it, as a whole and in part a dependency.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir -p out/deep/er && echo 1 > out/a.txt && echo 2 > out/deep/b.txt && echo 3 > out/deep/er/c.txt
    outs: [out]
  whole:
    cmd: find out -type f | sort > whole.txt
    deps: [out]
    outs: [whole.txt]
  part:
    cmd: cat out/deep/b.txt out/deep/er/c.txt > part.txt
    deps: [out/deep]
    outs: [part.txt]
  file:
    cmd: cat out/deep/er/c.txt > file.txt
    deps: [out/deep/er/c.txt]
    outs: [file.txt]
""",
        },
    ),
    Case(
        name="outs-in-one-folder",
        shows="Two stages write into one folder, and a third depends on the folder.",
        files={
            "dvc.yaml": """\
stages:
  one:
    cmd: echo 1 > all/one.txt
    outs: [all/one.txt]
  two:
    cmd: echo 2 > all/two.txt
    outs: [all/two.txt]
  sum:
    cmd: cat all/*.txt > sum.txt
    deps: [all]
    outs: [sum.txt]
""",
            "all/zero.txt": "0\n",
            "all/.gitignore": "/one.txt\n/two.txt\n",
        },
    ),
    Case(
        name="empty-outs",
        shows="An empty file and an empty folder as outputs, and as dependencies.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: 'mkdir -p void && : > nothing.txt'
    outs: [void, nothing.txt]
  use:
    cmd: ls void | cat - nothing.txt > o.txt
    deps: [void, nothing.txt]
    outs: [o.txt]
""",
        },
    ),
    Case(
        name="out-in-new-folder",
        shows="An output in a folder that nobody made: DVC removes outs, not their folders; the command makes it.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: mkdir -p deep/er && echo 1 > deep/er/o.txt
    outs: [deep/er/o.txt]
""",
        },
    ),
    Case(
        name="out-without-name-suffix",
        shows="Outputs with odd names: no suffix, a leading dot, several dots, a name like a DVC file's.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: for f in model .hidden a.tar.gz dvc.yaml.txt; do echo $f > $f; done
    outs: [model, .hidden, a.tar.gz, dvc.yaml.txt]
""",
        },
    ),
    Case(
        name="out-symlinks",
        shows="A stage makes a link as its output, and a folder with links in it.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir -p d && echo 1 > d/real && ln -s real d/alias && echo 2 > real.txt && ln -s real.txt link.txt
    outs: [d, real.txt, link.txt]
  use:
    cmd: cat d/alias link.txt > o.txt
    deps: [d, link.txt]
    outs: [o.txt]
""",
        },
    ),
    Case(
        name="previous-outs-go",
        shows="Outputs that git holds from an earlier time are gone before the command begins.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: test -e o.txt && exit 1; test -e d/old && exit 1; mkdir -p d; echo new > o.txt; echo new > d/new
    outs:
      - o.txt:
          cache: false
      - d:
          cache: false
""",
            "o.txt": "old\n",
            "d/old": "old\n",
        },
    ),
    Case(
        name="metrics-formats",
        shows="Metrics in JSON, YAML, TOML and Python, nested, with texts, bools, lists and nulls in them.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cp a.in a.json && cp b.in b.yaml && cp c.in c.toml && cp b.in odd.metric
    deps: [a.in, b.in, c.in]
    metrics:
      - a.json
      - b.yaml:
          cache: false
      - c.toml
      - odd.metric:
          cache: false
""",
            "a.in": '{"loss": 0.1, "deep": {"er": {"acc": 1}}, "flag": true, "text": "t", "list": [1], "none": null}',
            "b.in": "loss: 1e-5\ndeep:\n  acc: 0.5\n  n: 3\n",
            "c.in": "loss = 3\n[t]\nacc = 1.5\n",
        },
    ),
    Case(
        name="metrics-odd-values",
        shows="Metrics that are NaN and infinite, and a metric file that is one number.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cp a.in a.json && echo 0.5 > one.yaml
    deps: [a.in]
    metrics: [a.json, one.yaml]
""",
            "a.in": '{"a": NaN, "b": Infinity, "c": 1e-300, "d": 123456789012345678901234567890}',
        },
    ),
    Case(
        name="metrics-as-dep",
        shows="Metrics and plots of one stage are dependencies of the next.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd: mkdir -p r && echo '{"acc":0.5}' > r/m.json && printf 'x,y\\n1,2\\n' > r/p.csv
    metrics:
      - r/m.json:
          cache: false
    plots:
      - r/p.csv
  report:
    cmd: cat r/m.json r/p.csv > report.txt
    deps: [r/m.json, r/p.csv]
    outs: [report.txt]
""",
        },
    ),
    Case(
        name="top-level-metrics-in-an-out",
        shows="A top-level metric file inside a folder that is the stage's output.",
        files={
            "dvc.yaml": """\
metrics:
  - out/m.json
stages:
  t:
    cmd: mkdir -p out && echo '{"acc":0.5}' > out/m.json
    outs: [out]
""",
        },
    ),
    Case(
        name="plots",
        shows="Plots with axes, titles and built-in and custom templates, a folder of images, CSV, TSV, JSON and YAML.",
        files={
            "dvc.yaml": """\
plots:
  - together:
      template: mine
      x: step
      y:
        a.csv: [loss, acc]
        b.json: loss
stages:
  t:
    cmd: cp a.in a.csv; cp b.in b.json; tr , '\\t' < a.in > c.tsv; mkdir -p img; printf png > img/1.png
    deps: [a.in, b.in]
    plots:
      - a.csv:
          x: step
          y: loss
          x_label: Steps
          y_label: Loss
          title: The loss
          template: mine
      - b.json:
          x: step
          y: loss
          template: scatter
          cache: false
      - c.tsv:
          header: false
      - img
""",
            "a.in": "step,loss,acc\n0,1,0\n1,0.5,1\n",
            "b.in": '[{"step": 0, "loss": 1}, {"step": 1, "loss": 0.5}]\n',
            ".dvc/plots/mine.json": """\
{"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "data": {"values": "<DVC_METRIC_DATA>"}}
""",
        },
    ),
    Case(
        name="dvclive-folder",
        shows="What DVCLive leaves: a folder with metrics.json, params.yaml and TSV files, and top-level entries.",
        files={
            "dvc.yaml": """\
params:
  - dvclive/params.yaml
metrics:
  - dvclive/metrics.json
plots:
  - dvclive/plots/metrics:
      x: step
stages:
  train:
    cmd: python live.py
    deps: [live.py]
    params: [lr]
    outs:
      - dvclive:
          cache: false
""",
            "params.yaml": "lr: 0.1\n",
            "live.py": """\
import json
from pathlib import Path

home = Path("dvclive")
(home / "plots/metrics/train").mkdir(parents=True)
rows = [(step, 1 / (step + 1)) for step in range(3)]
(home / "plots/metrics/train/loss.tsv").write_text("step\\tloss\\n" + "".join(f"{s}\\t{v}\\n" for s, v in rows))
(home / "metrics.json").write_text(json.dumps({"train": {"loss": rows[-1][1]}, "step": 2}))
(home / "params.yaml").write_text("lr: 0.1\\n")
""",
        },
        options="--lr 0.2",
        edits={"params.yaml": {"0.1": "0.2"}},
    ),
    Case(
        name="dvclive-metrics-declared",
        shows="The same with metrics.json and the plots folder as outs of the stage.",
        files={
            "dvc.yaml": """\
stages:
  train:
    cmd:
      - mkdir -p live/plots/metrics
      - echo '{"loss":0.5}' > live/metrics.json
      - printf 'step\\tl\\n0\\t1\\n' > live/plots/metrics/l.tsv
    metrics:
      - live/metrics.json:
          cache: false
    plots:
      - live/plots/metrics:
          cache: false
          x: step
""",
        },
    ),
    Case(
        name="artifacts",
        shows="Artifacts with templated paths in two dvc.yaml files.",
        files={
            "dvc.yaml": """\
artifacts:
  one:
    path: one.bin
    type: model
stages:
  t:
    cmd: echo 1 > one.bin
    outs: [one.bin]
""",
            "sub/dvc.yaml": """\
artifacts:
  two:
    path: two.bin
    desc: the second
stages:
  t:
    cmd: cat ../one.bin > two.bin
    deps: [../one.bin]
    outs: [two.bin]
""",
        },
    ),
    Case(
        name="old-keywords",
        shows="checkpoint: true is accepted and ignored, as DVC does since 3.0.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: echo 1 > o.txt
    outs:
      - o.txt:
          checkpoint: true
""",
        },
    ),
    Case(
        name="undeclared-files",
        shows="Files that a stage writes without declaring them are no concern of the lock.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: mkdir -p tmp && echo x > tmp/x && echo 1 > o.txt && rm -f in.txt
    outs: [o.txt]
""",
            "in.txt": "in\n",
        },
    ),
)

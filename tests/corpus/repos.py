"""Repositories: without git, in part of one, worktrees, submodules, links, many stages, everything at once."""

from __future__ import annotations

from tests.support.cases import Case

TWO = {
    "dvc.yaml": """\
stages:
  prepare:
    cmd: cat in.txt > d.txt
    deps: [in.txt]
    params: [size]
    outs: [d.txt]
  train:
    cmd: cat d.txt > o.txt && echo '{"acc":1}' > m.json
    deps: [d.txt]
    outs: [o.txt]
    metrics:
      - m.json:
          cache: false
""",
    "params.yaml": "size: 1\n",
    "in.txt": "in\n",
}

CASES = (
    Case(
        name="no-scm",
        shows="A project without git.",
        files={**TWO, ".dvc/config": "[core]\n    no_scm = True\n"},
        git=False,
        options="--size 2",
        edits={"params.yaml": {"1": "2"}},
    ),
    Case(
        name="no-scm-tracked",
        shows="A project without git, with tracked data and ignored files.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat data/a in.txt > o.txt
    deps: [data, in.txt]
    outs: [o.txt]
""",
            "data/a": "a\n",
            "in.txt": "in\n",
            "secret.tmp": "ignored\n",
            ".dvcignore": "*.tmp\n",
            ".dvc/config": "[core]\n    no_scm = True\n",
        },
        git=False,
        track=("data",),
    ),
    Case(
        name="subdir-of-git",
        shows="The DVC project lies in a folder of a bigger git repository (dvc init --subdir).",
        files={f"ml/project/{name}": content for name, content in TWO.items()}
        | {"README.md": "around\n", "ml/other/x.py": "x = 1\n"},
        project="ml/project",
        options="--size 2",
        edits={"params.yaml": {"1": "2"}},
    ),
    Case(
        name="dep-above-in-the-same-repository",
        shows="A project in a folder of a git repository, with a dep and an imported module above itself.",
        files={
            "ml/dvc.yaml": """\
stages:
  t:
    cmd: cat ../shared/in.txt ../shared/more.txt > o.txt
    deps: [../shared]
    outs: [o.txt]
""",
            "shared/in.txt": "in\n",
            "shared/more.txt": "more\n",
        },
        project="ml",
    ),
    Case(
        name="project-in-a-project",
        shows="A DVC project inside another one: the outer does not see the inner's stages.",
        files={**TWO, "inner/dvc.yaml": "stages:\n  t:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n"},
        steps="mkdir -p inner/.dvc && cp .dvc/config .dvc/.gitignore inner/.dvc/",
    ),
    Case(
        name="inner-project",
        shows="The inner one of two, which is run.",
        files={f"inner/{name}": content for name, content in TWO.items()}
        | {"dvc.yaml": "stages:\n  t:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n", ".dvc/config": ""},
        project="inner",
    ),
    Case(
        name="worktree",
        shows="The project is a git worktree, and its stage asks git.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat in.txt > o.txt && git log -1 --format=%s >> o.txt && git status --porcelain -- in.txt >> o.txt
    deps: [in.txt]
    outs: [o.txt]
""",
            "in.txt": "in\n",
        },
        worktree="../work tree",
    ),
    Case(
        name="submodule",
        shows="A git submodule with code and data that stages depend on.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: python sub/t.py
    deps: [sub/t.py, sub/folder]
    outs: [o.txt]
""",
        },
        steps="""\
mkdir ../other && git -C ../other init -q -b main && mkdir ../other/folder
echo "import helper; open('o.txt', 'w').write(helper.W + open('sub/folder/x').read())" > ../other/t.py
echo "W = 'w'" > ../other/helper.py && echo x > ../other/folder/x && echo __pycache__ > ../other/.gitignore
git -C ../other add -A && git -C ../other commit -qm other
git -c protocol.file.allow=always submodule --quiet add ../other sub
""",
    ),
    Case(
        name="links-to-files",
        shows="Links to files, inside the project, out of it, and to nothing.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat inside.txt outside.txt undeclared.txt > o.txt
    deps: [inside.txt, outside.txt]
    outs: [o.txt]
""",
            "real.txt": "real\n",
        },
        beside={"shared.txt": "shared\n"},
        steps="""\
ln -s real.txt inside.txt
ln -s ../shared.txt outside.txt
ln -s real.txt undeclared.txt
ln -s nowhere dangling.txt
""",
    ),
    Case(
        name="links-to-folders",
        shows="A dep that is a link to a folder, and one below such a link.",
        files={
            "dvc.yaml": """\
stages:
  whole:
    cmd: cat link/a link/deep/b > w.txt
    deps: [link]
    outs: [w.txt]
  below:
    cmd: cat link/deep/b > b.txt
    deps: [link/deep/b]
    outs: [b.txt]
""",
            "real/a": "a\n",
            "real/deep/b": "b\n",
        },
        steps="ln -s real link",
    ),
    Case(
        name="link-to-folder-outside",
        shows="A dep that is a link to a folder outside of the project.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat data/a data/deep/b > o.txt\n    deps: [data]\n    outs: [o.txt]\n",
        },
        served={"a": "a\n", "deep/b": "b\n"},
        steps="ln -s @SERVED@ data",
    ),
    Case(
        name="links-in-a-dep",
        shows="A folder as dep with links to files in it, one of them tracked by DVC.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat data/a data/alias > o.txt\n    deps: [data]\n    outs: [o.txt]\n",
            "data/a": "a\n",
        },
        steps="ln -s a data/alias",
    ),
    Case(
        name="linked-param-file",
        shows="params.yaml is a link to another file, and is overridden.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat params.yaml > o.txt\n    params: [lr]\n    outs: [o.txt]\n",
            "conf/real.yaml": "lr: 1\n",
        },
        steps="ln -s conf/real.yaml params.yaml",
        options="--lr 2",
        edits={"conf/real.yaml": {"lr: 1": "lr: 2"}},
    ),
    Case(
        name="linked-dvc-yaml",
        shows="dvc.yaml is a link to a file elsewhere in the project.",
        files={"pipelines/main.yaml": TWO["dvc.yaml"], "params.yaml": "size: 1\n", "in.txt": "in\n"},
        steps="ln -s pipelines/main.yaml dvc.yaml",
    ),
    Case(
        name="linked-dvc-folder",
        shows="The .dvc folder is a link to one beside the project, which has no git.",
        files={**TWO, ".dvc/config": "[core]\n    no_scm = True\n"},
        steps="mv .dvc ../elsewhere\nln -s ../elsewhere .dvc",
        git=False,
    ),
    Case(
        name="uncommitted-files",
        shows="Files that git does not know yet are sources as well.",
        files={**TWO, "dvc.yaml": str(TWO["dvc.yaml"]).replace("cat in.txt >", "cat in.txt more.txt >")},
        after="echo more > more.txt",
        clean=False,
    ),
    Case(
        name="config-local",
        shows="A committed and a local config, with a remote and a cache of the project's own.",
        files={
            **TWO,
            ".dvc/config": """\
[core]
    remote = r
[cache]
    dir = ../../cache
['remote "r"']
    url = ../../r
""",
        },
        steps="dvc add -q in.txt\ndvc config --local core.checksum_jobs 1",
    ),
    Case(
        name="many-stages",
        shows="170 stages, of which one at the end of a chain is run.",
        files={
            "dvc.yaml": """\
stages:
  leaf:
    foreach: ${names}
    do:
      cmd: echo ${item} > leaves/${item}.txt
      params: [lr]
      outs:
        - leaves/${item}.txt
  pair:
    foreach: ${names}
    do:
      cmd: cat leaves/${item}.txt in.txt > pairs/${item}.txt
      deps: [in.txt, "leaves/${item}.txt"]
      outs:
        - pairs/${item}.txt
""",
            "params.yaml": "lr: 1\nnames: [" + ", ".join(f"n{number}" for number in range(85)) + "]\n",
            "in.txt": "in\n",
            "leaves/.gitkeep": "",
            "pairs/.gitkeep": "",
        },
        targets=("pair@n84",),
        repro="repro pair@n84",
    ),
    Case(
        name="long-chain",
        shows="Twelve stages in a row.",
        files={
            "dvc.yaml": "stages:\n"
            + "".join(
                f"  s{at}:\n    cmd: cat f{at - 1} > f{at}\n    deps: [f{at - 1}]\n    outs: [f{at}]\n"
                for at in range(1, 13)
            ),
            "f0": "start\n",
        },
    ),
    Case(
        name="diamond",
        shows="A diamond of stages across two folders, with an override at its top.",
        files={
            "dvc.yaml": """\
stages:
  top:
    cmd: grep seed params.yaml > top.txt
    params: [seed]
    outs: [top.txt]
  left:
    cmd: cat top.txt > left.txt
    deps: [top.txt]
    outs: [left.txt]
  join:
    cmd: cat left.txt right/o.txt top.txt > join.txt
    deps: [left.txt, right/o.txt, top.txt]
    outs: [join.txt]
""",
            "right/dvc.yaml": """\
stages:
  right:
    cmd: cat ../top.txt > o.txt
    deps: [../top.txt]
    outs: [o.txt]
""",
            "params.yaml": "seed: 1\n",
        },
        options="--seed 2",
        edits={"params.yaml": {"1": "2"}},
    ),
    Case(
        name="all-at-once",
        shows="matrix, foreach, wdir, vars, param files, tracked data, folders, metrics and plots together.",
        files={
            "src/dvc.yaml": """\
vars:
  - ../conf/vars.yaml
  - where: ../out
stages:
  split:
    foreach: ${parts}
    do:
      wdir: ${where}
      cmd: >-
        mkdir -p ${item.name}/${item.at} && cat ../data/raw/${item.name} > ${item.name}/${item.at}/x.txt
      deps: ["../data/raw/${item.name}"]
      outs:
        - ${item.name}
  fit:
    matrix:
      model: [rf, gb.v2]
      part: [us, uk]
    wdir: ${where}
    cmd: 'cat ${item.part}/*/x.txt > ${key}.model && echo "acc: ${fit.rate}" > ${key}.yaml'
    deps:
      - ${item.part}
    params:
      - ../conf/all.toml:
          - fit
      - ../conf/Hyper.py:
          - Net.depth
    outs:
      - ${key}.model:
          desc: of ${item.model}
    metrics:
      - ${key}.yaml:
          cache: false
""",
            "dvc.yaml": """\
plots:
  - out/scores.csv:
      x: name
      y: acc
stages:
  score:
    cmd:
      - printf 'name,acc\\n' > out/scores.csv
      - for f in rf-us rf-uk gb.v2-us gb.v2-uk; do printf '%s,%s\\n' $f "$(cat out/$f.yaml)" >> out/scores.csv; done
    deps: [out/rf-us.yaml, out/rf-uk.yaml, out/gb.v2-us.yaml, out/gb.v2-uk.yaml, out/rf-us.model]
    params:
      - conf/opts.json:
    outs: [out/scores.csv]
""",
            "conf/vars.yaml": "parts:\n  - {name: us, at: 1}\n  - {name: uk, at: 2}\nfit: {rate: 0.5}\n",
            "conf/all.toml": "[fit]\nrate = 0.5 # of learning\ndeep = [1, 2]\n",
            "conf/Hyper.py": "class Net:\n    depth = 3\n",
            "conf/opts.json": '{"a": {"b": [1, null]}, "c": 1.0}\n',
            "data/raw/us": "us\n",
            "data/raw/uk": "uk\n",
            "out/.gitkeep": "",
        },
        track=("data/raw",),
        options="--depth 4 -S conf/opts.json:c=2.5",
        edits={"conf/Hyper.py": {"depth = 3": "depth = 4"}, "conf/opts.json": {"1.0": "2.5"}},
    ),
    Case(
        name="deleted-file",
        shows="A file that git has and the project has no more is not there for the stage either.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: ls a b > o.txt 2> /dev/null || true
    deps: [a]
    outs: [o.txt]
""",
            "a": "a\n",
            "b": "b\n",
        },
        after="rm b",
        clean=False,
    ),
    Case(
        name="nested-repository-as-dep",
        shows="A folder as dep that is a git repository of its own, and no submodule.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat vendor/x > o.txt\n    deps: [vendor]\n    outs: [o.txt]\n",
        },
        after="""\
git init -q -b main vendor
echo x > vendor/x
git -C vendor add -A
git -C vendor commit -qm vendor
""",
        clean=False,
    ),
)

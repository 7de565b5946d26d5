"""Places and names: dvc.yaml in folders, deps above and beside, absolute ones and URLs, odd names."""

from __future__ import annotations

from tests.support.cases import Case

ACROSS = {
    "dvc.yaml": """\
stages:
  join:
    cmd: cat sub/o.txt sub/deep/b.txt > all.txt
    deps: [sub/o.txt, sub/deep/b.txt]
    outs: [all.txt]
""",
    "sub/dvc.yaml": """\
stages:
  train:
    foreach: [a, b]
    do:
      cmd: cat ../in.txt > deep/${item}.txt
      deps: [../in.txt]
      outs:
        - deep/${item}.txt
  last:
    cmd: cat deep/a.txt > o.txt
    deps: [deep/a.txt]
    outs: [o.txt]
""",
    "sub/deep/.gitkeep": "",
    "in.txt": "in\n",
}

CASES = (
    Case(
        name="across-folders",
        shows="dvc.yaml files in two folders that need each other's outputs.",
        files=ACROSS,
    ),
    Case(
        name="address-from-below",
        shows="sub/dvc.yaml:train@b, called from a folder two levels below the root.",
        files=ACROSS,
        cwd="sub/deep",
        targets=("sub/dvc.yaml:train@b", "./sub/dvc.yaml:last", "dvc.yaml:join"),
        repro="repro ../dvc.yaml:train@b && repro ../dvc.yaml:last && repro ../../dvc.yaml:join",
    ),
    Case(
        name="address-relative-to-cwd",
        shows="train@b, called from the folder of its dvc.yaml, as DVC takes it.",
        files=ACROSS,
        cwd="sub",
        targets=("train@b",),
        repro="repro train@b",
    ),
    Case(
        name="same-names",
        shows="Stages of the same name in three dvc.yaml files.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: echo root > o.txt\n    outs: [o.txt]\n",
            "a/dvc.yaml": "stages:\n  t:\n    cmd: cat ../o.txt > o.txt\n    deps: [../o.txt]\n    outs: [o.txt]\n",
            "a/b/dvc.yaml": "stages:\n  t:\n    cmd: cat ../o.txt > o.txt\n    deps: [../o.txt]\n    outs: [o.txt]\n",
        },
    ),
    Case(
        name="vars-and-params-beside-each-dvc-yaml",
        shows="Each dvc.yaml is filled from the params.yaml beside it, and only by that.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: echo ${x} > o.txt\n    params: [x]\n    outs: [o.txt]\n",
            "params.yaml": "x: 1\n",
            "sub/dvc.yaml": "stages:\n  t:\n    cmd: echo ${x} > o.txt\n    params: [x]\n    outs: [o.txt]\n",
            "sub/params.yaml": "x: 2\n",
        },
        targets=("sub/dvc.yaml:t",),
        repro="repro sub/dvc.yaml:t",
        options="--x 3",
        edits={"sub/params.yaml": {"x: 2": "x: 3"}},
    ),
    Case(
        name="wdir",
        shows="Working directories below and above the dvc.yaml; all paths go from there.",
        files={
            "pipe/dvc.yaml": """\
stages:
  down:
    wdir: job/here
    cmd: cat ../../../in.txt > o.txt
    deps: [../../../in.txt]
    params:
      - ../../conf.yaml:
          - n
    outs: [o.txt]
  up:
    wdir: ..
    cmd: cat pipe/job/here/o.txt > up.txt
    deps: [pipe/job/here/o.txt]
    outs: [up.txt]
""",
            "pipe/conf.yaml": "n: 1\n",
            "pipe/job/here/.gitkeep": "",
            "in.txt": "in\n",
        },
    ),
    Case(
        name="dep-above-the-project",
        shows="Dependencies above the project's root, a file and a folder.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat ../shared.txt ../more/a.txt ../more/deep/b.txt > o.txt
    deps: [../shared.txt, ../more]
    outs: [o.txt]
""",
        },
        beside={"shared.txt": "shared\n", "more/a.txt": "a\n", "more/deep/b.txt": "b\n"},
    ),
    Case(
        name="params-above-the-project",
        shows="A param file above the project's root is read.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat ../params.yaml > o.txt
    params:
      - ../params.yaml:
          - lr
    outs: [o.txt]
""",
        },
        beside={"params.yaml": "lr: 1\n"},
    ),
    Case(
        name="absolute-dep",
        shows="Dependencies with absolute paths, a file and a folder, are read in place.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat @SERVED@/in.txt @SERVED@/more/a.txt @SERVED@/more/deep/b.txt > o.txt
    deps: ['@SERVED@/in.txt', '@SERVED@/more']
    outs: [o.txt]
  u:
    cmd: cat o.txt > p.txt
    deps: [o.txt]
    outs: [p.txt]
""",
        },
        served={"in.txt": "in\n", "more/a.txt": "a\n", "more/deep/b.txt": "b\n"},
    ),
    Case(
        name="url-dep",
        shows="A dependency on an http URL is known by its ETag, and fetched by the stage.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: python t.py @HTTP@/in.txt
    deps: [t.py, '@HTTP@/in.txt']
    outs: [o.txt]
  u:
    cmd: cat o.txt > p.txt
    deps: [o.txt]
    outs: [p.txt]
""",
            "t.py": "import sys\nfrom urllib.request import urlopen\n\n"
            "open('o.txt', 'wb').write(urlopen(sys.argv[1]).read())\n",
        },
        served={"in.txt": "in\n"},
    ),
    Case(
        name="remote-url-dep",
        shows="A dependency on remote://NAME/path, where the remote is a folder or a URL.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat @SERVED@/in.txt > o.txt
    deps: ['remote://store/in.txt', 'remote://web/in.txt']
    outs: [o.txt]
""",
            ".dvc/config": "['remote \"store\"']\n    url = @SERVED@\n['remote \"web\"']\n    url = @HTTP@\n",
        },
        served={"in.txt": "in\n"},
    ),
    Case(
        name="names-with-blanks",
        shows="Blanks, quotes, ampersands and hashes in the names of folders, deps, outs and params.",
        files={
            "dvc.yaml": """\
stages:
  t:
    wdir: a folder
    cmd: |
      cat "../in put/it's # 1 & 2.txt" > "o & p.txt"
    deps: ["../in put/it's # 1 & 2.txt"]
    params:
      - ../my params.yaml:
          - my key
    outs: ["o & p.txt"]
  u:
    cmd: cat "a folder/o & p.txt" > "last one"
    deps: ["a folder/o & p.txt"]
    outs: ["last one"]
""",
            "a folder/.gitkeep": "",
            "in put/it's # 1 & 2.txt": "in\n",
            "my params.yaml": "my key: 1\n",
        },
    ),
    Case(
        name="names-with-unicode",
        shows="Names in other scripts, with composed letters and symbols.",
        files={
            "dvc.yaml": """\
stages:
  größe:
    cmd: cat "данные/日本 ☃.txt" > "résumé.txt"
    deps: ["данные/日本 ☃.txt"]
    metrics: []
    outs: ["résumé.txt"]
  after:
    cmd: cat résumé.txt > é/o.txt
    deps: [résumé.txt]
    outs: [é/o.txt]
""",
            "данные/日本 ☃.txt": "ü\n",
            "é/.gitkeep": "",
        },
    ),
    Case(
        name="names-with-patterns",
        shows="Characters that mean something in globs, regular expressions and ignore files.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat 'in[1].txt' 'a*b?.txt' '(x|y)+.txt' '!not.txt' '{z}.txt' > 'o[1]*.txt'
    deps: ["in[1].txt", "a*b?.txt", "(x|y)+.txt", "!not.txt", "{z}.txt"]
    outs: ["o[1]*.txt"]
  u:
    cmd: cat 'o[1]*.txt' > '#last $HOME.txt'
    deps: ["o[1]*.txt"]
    outs: ["#last $HOME.txt"]
""",
            "in[1].txt": "1\n",
            "in1.txt": "no\n",
            "a*b?.txt": "2\n",
            "axbx.txt": "no\n",
            "(x|y)+.txt": "3\n",
            "!not.txt": "4\n",
            "{z}.txt": "5\n",
        },
    ),
    Case(
        name="project-with-odd-path",
        shows="The project itself lies in a folder with blanks, quotes and unicode in its name.",
        repository="my pro'jéct (1) [x]",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat in.txt > o.txt && git rev-parse --is-inside-work-tree >> o.txt
    deps: [in.txt]
    outs: [o.txt]
  u:
    cmd: cat o.txt > p.txt
    deps: [o.txt]
    outs: [p.txt]
""",
            "in.txt": "in\n",
        },
    ),
    Case(
        name="names-that-look-like-others",
        shows="A dep named as an out's folder with a suffix, and names that differ by case alone.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir -p data && echo 1 > data/x && echo 2 > data.txt && echo 3 > Data.txt
    outs: [data, data.txt, Data.txt]
  use:
    cmd: cat data.txt data-2/x > o.txt
    deps: [data.txt, data-2]
    outs: [o.txt]
  both:
    cmd: cat data/x Data.txt > b.txt
    deps: [data/x, Data.txt]
    outs: [b.txt]
""",
            "data-2/x": "other\n",
        },
    ),
    Case(
        name="paths-not-normal",
        shows="Paths with slashes at the end, ./ before, and detours in them.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir -p out && cat data/a in.txt > out/a && echo 1 > o.txt
    deps: [data/, ./in.txt]
    outs: [out/, ./sub/../o.txt]
  use:
    wdir: ./sub/
    cmd: cat ../out/a ../o.txt > p.txt
    deps: [../out/, ../sub/../o.txt]
    params:
      - ../sub/./p.yaml:
          - lr
    outs: [./p.txt]
""",
            "data/a": "a\n",
            "in.txt": "in\n",
            "sub/p.yaml": "lr: 1\n",
        },
        options="--lr 2",
        edits={"sub/p.yaml": {"1": "2"}},
        unclean={"use": "DVC finds a param file that is not spelled plainly new"},
    ),
    Case(
        name="dvc-yaml-without-stages",
        shows="dvc.yaml files that only name metrics and plots, and an empty one, beside one with stages.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: echo 1 > o.txt\n    outs: [o.txt]\n",
            "dvclive/dvc.yaml": "metrics:\n  - metrics.json\nplots:\n  - plots\n",
            "dvclive/metrics.json": '{"loss": 1}\n',
            "empty/dvc.yaml": "{}\n",
        },
    ),
    Case(
        name="dvc-yaml-in-odd-folder",
        shows="A dvc.yaml in a folder with blanks, brackets and unicode, addressed from the root.",
        files={
            "mÿ dir [1]/dvc.yaml": """\
stages:
  t:
    foreach: [a]
    do:
      cmd: echo 1 > o.txt
      outs: [o.txt]
""",
            "dvc.yaml": """\
stages:
  u:
    cmd: cat 'mÿ dir [1]/o.txt' > p.txt
    deps: ['mÿ dir [1]/o.txt']
    outs: [p.txt]
""",
        },
        targets=("'mÿ dir [1]/dvc.yaml:t@a'", "u"),
    ),
    Case(
        name="outs-elsewhere",
        shows="Outputs beside and above the dvc.yaml, and above the project's root.",
        files={
            "sub/dvc.yaml": """\
stages:
  t:
    cmd: echo 1 > ../other/o.txt && echo 2 > ../p.txt && echo 3 > ../../above.txt
    outs:
      - ../other/o.txt
      - ../p.txt
      - ../../above.txt:
          cache: false
""",
            "dvc.yaml": """\
stages:
  u:
    cmd: cat other/o.txt p.txt ../above.txt > q.txt
    deps: [other/o.txt, p.txt, ../above.txt]
    outs: [q.txt]
""",
            "other/.gitkeep": "",
        },
    ),
    Case(
        name="dep-folder-with-dvc-yaml",
        shows="A folder as dep that holds a dvc.yaml of its own, with a stage that makes a part of that folder.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat sub/in.txt sub/o.txt > all.txt
    deps: [sub]
    outs: [all.txt]
""",
            "sub/dvc.yaml": "stages:\n  s:\n    cmd: cat in.txt > o.txt\n    deps: [in.txt]\n"
            "    outs:\n      - o.txt:\n          cache: false\n",
            "sub/in.txt": "in\n",
        },
        steps="dvc repro -q -R sub",
    ),
    Case(
        name="dep-folder-with-other-pipeline",
        shows="A folder as dep with a dvc.yaml whose stage has nothing to do with it.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat sub/in.txt > all.txt\n    deps: [sub]\n    outs: [all.txt]\n",
            "sub/dvc.yaml": "stages:\n  s:\n    cmd: echo hello\n    deps: [in.txt]\n",
            "sub/in.txt": "in\n",
        },
        targets=("t",),
        repro="repro t",
        unclean={"t": "the dep brings a dvc.yaml along, whose stage was never run"},
    ),
)

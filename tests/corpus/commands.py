"""Commands: lists, lines, shells, environment, git and DVC inside a stage, Python packages."""

from __future__ import annotations

from tests.support.cases import Case

CASES = (
    Case(
        name="command-list",
        shows="A list of commands: one process each, in order.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd:
      - echo one > o.txt
      - X=two
      - echo "$X" three >> o.txt
      - cd / && pwd >> "$OLDPWD/o.txt"
      - echo four >> o.txt
    outs: [o.txt]
""",
        },
    ),
    Case(
        name="command-of-lines",
        shows="A command of several lines: one shell for each, blank lines and all.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: |
      X=1
      echo "<$X>" > o.txt

      echo two >> o.txt
    outs: [o.txt]
  folded:
    cmd: >-
      echo a
      b
      > f.txt
    outs: [f.txt]
""",
        },
    ),
    Case(
        name="command-shell-words",
        shows="Quotes, dollars, pipes, globs, redirections and unicode reach the shell as they are.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: printf '%s|' "it's" a\\ b "$UNSET" 'ü ☃' *.in '# no comment' | tr a-z A-Z > o.txt && ! test -s a.in
    deps: [a.in, b.in]
    outs: [o.txt]
""",
            "a.in": "",
            "b.in": "",
        },
    ),
    Case(
        name="shell-bash",
        shows="Where SHELL is bash, stages are bash.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: '[[ abc == a* ]] && a=(1 2 3) && echo "${a[1]}" <(true) > /dev/null; echo "${#a[@]}" > o.txt'
    outs: [o.txt]
""".replace("${", "\\${"),
        },
        environ={"SHELL": "/bin/bash"},
    ),
    Case(
        name="shell-sh",
        shows="Without SHELL, stages are /bin/sh.",
        files={"dvc.yaml": 'stages:\n  t:\n    cmd: echo "$0" > o.txt\n    outs: [o.txt]\n'},
        environ={"SHELL": ""},
    ),
    Case(
        name="stage-environment",
        shows="DVC_STAGE, a DVC_ROOT with the project in it, and the caller's own variables.",
        files={
            "dvc.yaml": """\
stages:
  one:
    cmd: echo $DVC_STAGE $MINE > o.txt && cat "$DVC_ROOT/mark" >> o.txt && test -d "$DVC_ROOT/.dvc"
    deps: [mark]
    outs: [o.txt]
""",
            "sub/dvc.yaml": """\
stages:
  two:
    foreach: [x]
    do:
      wdir: deep
      cmd: echo $DVC_STAGE > o.txt && cat "$DVC_ROOT/mark" >> o.txt
      deps: [../../o.txt, ../../mark]
      outs: [o.txt]
""",
            "sub/deep/.gitkeep": "",
            "mark": "here\n",
        },
        environ={"MINE": "set"},
    ),
    Case(
        name="no-standard-input",
        shows="A stage that reads its standard input finds it empty.",
        files={"dvc.yaml": "stages:\n  t:\n    cmd: cat > o.txt; echo end >> o.txt\n    outs: [o.txt]\n"},
    ),
    Case(
        name="git-inside",
        shows="A stage that asks git for the commit, the tracked files and whether they changed.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd:
      - git log -1 --format=%s > o.txt
      - git ls-files -- src >> o.txt
      - git diff --quiet -- src && echo same >> o.txt
      - git rev-parse --show-prefix --is-inside-work-tree >> o.txt
    deps: [src]
    outs: [o.txt]
""",
            "src/a.py": "a = 1\n",
            "src/b c.py": "b = 1\n",
        },
    ),
    Case(
        name="dvc-api-inside",
        shows="A stage that uses dvc.api.params_show, and dvc.api.open for its own dependency.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: python t.py
    deps: [t.py, data.txt]
    params: [train]
    outs: [o.json]
""",
            "params.yaml": "train: {lr: 0.1}\nother: 1\n",
            "data.txt": "content\n",
            "t.py": """\
import json

import dvc.api

with dvc.api.open("data.txt") as stream:
    text = stream.read()
json.dump([text, dvc.api.params_show(stages="t")], open("o.json", "w"), sort_keys=True)
""",
        },
        track=("data.txt",),
    ),
    Case(
        name="src-layout",
        shows="A package in src, found by PYTHONPATH, with undeclared modules and package data.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: python -m pack.main
    deps: [src/pack/main.py]
    outs: [o.txt]
""",
            "src/pack/__init__.py": "",
            "src/pack/main.py": """\
from pathlib import Path
from pack.helper import text
Path('o.txt').write_text(text())
""",
            "src/pack/helper.py": (
                "from importlib.resources import files\n\n\n"
                "def text():\n    return files('pack').joinpath('data.txt').read_text()\n"
            ),
            "src/pack/data.txt": "of the package\n",
            ".gitignore": "__pycache__/\n",
        },
        environ={"PYTHONPATH": "src"},
    ),
    Case(
        name="src-layout-absolute-path",
        shows="The same with an absolute PYTHONPATH: each run imports its own copy.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: python t.py\n    deps: [t.py]\n    outs: [o.txt]\n",
            "t.py": "import sys\nsys.path.insert(0, 'lib')\nimport helper\nopen('o.txt', 'w').write(helper.WORD)\n",
            "lib/helper.py": "WORD = 'lib'\n",
            ".gitignore": "__pycache__/\n",
        },
    ),
    Case(
        name="executable-script",
        shows="A script with its executable bit and a shebang, called by its path.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: ./bin/run.sh x\n    deps: [bin/run.sh]\n    outs: [o.txt]\n",
            "bin/run.sh": "#!/bin/sh\necho $0 $1 > o.txt\n",
        },
        steps="chmod +x bin/run.sh",
    ),
    Case(
        name="file-modes",
        shows="A stage sees which of its sources and data are executable, and makes an executable output.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: printf '#!/bin/sh\\necho made\\n' > tool.sh && chmod +x tool.sh
    outs: [tool.sh]
  use:
    cmd: sh tool.sh > o.txt; for f in a b; do test -x $f && echo $f x >> o.txt || echo $f - >> o.txt; done
    deps: [tool.sh, a, b]
    outs: [o.txt]
""",
            "a": "1\n",
            "b": "2\n",
        },
        steps="chmod +x a",
    ),
    Case(
        name="no-deps",
        shows="A stage without dependencies, and one that depends on what it makes.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: echo made > a.txt
    outs: [a.txt]
  use:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
""",
        },
    ),
    Case(
        name="no-outs",
        shows="A stage without outputs.",
        files={"dvc.yaml": "stages:\n  check:\n    cmd: grep -q a in.txt\n    deps: [in.txt]\n", "in.txt": "a\n"},
    ),
    Case(
        name="no-deps-no-outs",
        shows="A stage with neither deps nor outs: DVC never calls it unchanged.",
        files={"dvc.yaml": "stages:\n  hello:\n    cmd: echo hello\n"},
        unclean={"hello": "DVC takes a stage without deps and outs for changed, always"},
    ),
    Case(
        name="always-changed",
        shows="An always_changed stage runs each time, with a stage behind it.",
        files={
            "dvc.yaml": """\
stages:
  fetch:
    cmd: echo fetched > a.txt
    always_changed: true
    outs: [a.txt]
  use:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
""",
        },
        targets=("fetch",),
        repro="repro fetch",
        unclean={"fetch": "always_changed stages are never clean in DVC either"},
    ),
    Case(
        name="always-changed-upstream",
        shows="What depends on an always_changed stage is clean itself.",
        files={
            "dvc.yaml": """\
stages:
  fetch:
    cmd: echo fetched > a.txt
    always_changed: true
    outs: [a.txt]
  use:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
""",
        },
        unclean={"fetch": "always_changed stages are never clean in DVC either"},
    ),
    Case(
        name="frozen-target",
        shows="A frozen stage that is asked for is executed.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat a > o.txt\n    frozen: true\n    deps: [a]\n    outs: [o.txt]\n",
            "a": "1\n",
        },
        repro="unfreeze t && repro && freeze t",
    ),
    Case(
        name="frozen-upstream",
        shows="A frozen stage upstream is left alone: its output in the project serves, stale or not.",
        files={
            "dvc.yaml": """\
stages:
  old:
    cmd: cat a > o.txt
    frozen: true
    deps: [a]
    outs:
      - o.txt:
          cache: false
  use:
    cmd: cat o.txt > p.txt
    deps: [o.txt]
    outs: [p.txt]
""",
            "a": "new\n",
            "o.txt": "old\n",
        },
        targets=("use",),
        repro="repro use",
    ),
    Case(
        name="dep-changed-by-the-stage",
        shows="A stage that writes into its dependencies: the lock has what it wrote, the project what it had.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: echo more >> in.txt && echo new > folder/new && cat in.txt folder/* > o.txt
    deps: [in.txt, folder]
    outs: [o.txt]
""",
            "in.txt": "in\n",
            "folder/old": "old\n",
        },
    ),
    Case(
        name="package-folder-as-dep",
        shows="A folder of modules as dep, which Python writes its caches into; .dvcignore names these.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: python src/main.py\n    deps: [src]\n    outs: [o.txt]\n",
            "src/main.py": "import helper\nopen('o.txt', 'w').write(helper.W)\n",
            "src/helper.py": "W = 'w'\n",
            ".dvcignore": "__pycache__\n",
            ".gitignore": "__pycache__\n",
        },
    ),
    Case(
        name="undeclared-upstream-file",
        shows="A stage that reads a script of another stage, a config and a template that no stage declares.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: sh scripts/make.sh
    deps: [scripts/make.sh]
    outs: [a.txt]
  use:
    cmd: . conf/env.sh && cat a.txt templates/*.txt scripts/make.sh > b.txt && echo $WORD >> b.txt
    deps: [a.txt]
    outs: [b.txt]
""".replace(". conf/env.sh", ". ./conf/env.sh"),
            "scripts/make.sh": "echo a > a.txt\n",
            "conf/env.sh": "WORD=word\n",
            "templates/t.txt": "t\n",
        },
    ),
    Case(
        name="copied-paths",
        shows="Ignored files that a stage needs, by copy-paths in dvc_magic.yaml and by -C.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat local/a b.local > o.txt\n    outs: [o.txt]\n",
            ".gitignore": "/local\n*.local\n",
            "local/a": "a\n",
            "b.local": "b\n",
            "dvc_magic.yaml": "copy-paths: [local]\n",
        },
        clean=False,
        options="-C b.local",
    ),
    Case(
        name="tracked-data-undeclared",
        shows="A stage that reads tracked data which it does not declare gets it by -C.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: cat data/a > o.txt\n    outs: [o.txt]\n",
            "data/a": "a\n",
        },
        track=("data",),
        options="-C data",
    ),
    Case(
        name="stage-that-checks-out",
        fault="a limit in docs/what-a-run-sees.md: data that is neither declared nor in a remote cannot be checked out",
        shows="A stage that calls dvc checkout for tracked data that it does not declare.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: python -m dvc checkout -q data.txt.dvc && cat data.txt > o.txt
    outs: [o.txt]
""",
            "data.txt": "data\n",
        },
        track=("data.txt",),
    ),
    Case(
        name="dvc-api-of-undeclared-data",
        fault="a limit in docs/what-a-run-sees.md: data that is neither declared nor in a remote cannot be read",
        shows="A stage that opens tracked data, which it does not declare, by dvc.api.open.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: python t.py\n    deps: [t.py]\n    outs: [o.txt]\n",
            "t.py": "import dvc.api\nopen('o.txt', 'w').write(dvc.api.read('data/a'))\n",
            "data/a": "a\n",
        },
        track=("data",),
    ),
    Case(
        name="notebook-as-dep",
        shows="A notebook as dependency, and one that only the command names.",
        files={
            "dvc.yaml": """\
stages:
  dep:
    cmd: cat nb.ipynb > o.ipynb
    deps: [nb.ipynb]
    outs: [o.ipynb]
  command:
    cmd: cat other.ipynb > p.ipynb
    outs: [p.ipynb]
""",
            "nb.ipynb": '{"cells": []}',
            "other.ipynb": '{"cells": [], "n": 1}',
        },
    ),
    Case(
        name="odd-stage-names",
        shows="Stages that are named like numbers, bools and with blanks and dashes.",
        files={
            "dvc.yaml": """\
stages:
  1:
    cmd: echo 1 > 1.txt
    outs: [1.txt]
  "no":
    cmd: cat 1.txt > no.txt
    deps: [1.txt]
    outs: [no.txt]
  a-b_c d:
    cmd: cat no.txt > d.txt
    deps: [no.txt]
    outs: [d.txt]
""".replace("  1:\n", "  '1':\n"),
        },
    ),
    Case(
        name="dvc-yaml-with-crlf",
        shows="A dvc.yaml and params with CRLF line ends, and a command of several lines in it.",
        files={
            "dvc.yaml": "stages:\r\n  t:\r\n    cmd: |\r\n      echo 1 > o.txt\r\n      echo ${n} >> o.txt\r\n"
            "    params: [n]\r\n    outs: [o.txt]\r\n",
            "params.yaml": "n: 2\r\n",
        },
        options="--n 3",
        edits={"params.yaml": {"2": "3"}},
    ),
)

"""Data that DVC tracks: files, folders and parts of them, imports, old and cloud-versioned hashes, ignore files."""

from __future__ import annotations

from tests.support.cases import Case

USE = "stages:\n  use:\n    cmd: cat data.txt > o.txt\n    deps: [data.txt]\n    outs: [o.txt]\n"
SOURCE = """\
mkdir ../source
git -C ../source init -q -b main
cp -r .dvc ../source/.dvc
printf 'imported\\n' > ../source/data.txt
mkdir -p ../source/folder/deep
printf 'a\\n' > ../source/folder/a
printf 'b\\n' > ../source/folder/deep/b
printf 'plain\\n' > ../source/plain.txt
cd ../source && python -m dvc add -q data.txt folder
git -C ../source add -A
git -C ../source commit -qm source
"""

CASES = (
    Case(
        name="tracked-file",
        shows="A file given to dvc add, in the project's folder.",
        files={"dvc.yaml": USE, "data.txt": "data\n"},
        track=("data.txt",),
    ),
    Case(
        name="tracked-file-in-the-cache-only",
        shows="The same, where only the project's DVC cache has the content.",
        files={"dvc.yaml": USE, "data.txt": "data\n"},
        track=("data.txt",),
        after="rm data.txt",
    ),
    Case(
        name="tracked-folder",
        shows="A tracked folder as a whole, a folder in it and a file in it.",
        files={
            "dvc.yaml": """\
stages:
  whole:
    cmd: find data -type f | sort > whole.txt
    deps: [data]
    outs: [whole.txt]
  part:
    cmd: cat data/deep/b.txt data/deep/c.txt > part.txt
    deps: [data/deep]
    outs: [part.txt]
  file:
    cmd: cat data/a.txt > file.txt
    deps: [data/a.txt]
    outs: [file.txt]
""",
            "data/a.txt": "a\n",
            "data/deep/b.txt": "b\n",
            "data/deep/c.txt": "",
        },
        track=("data",),
    ),
    Case(
        name="tracked-folder-in-the-cache-only",
        shows="The same folder, gone from the project's own files: whole, in part, and one file.",
        files={
            "dvc.yaml": """\
stages:
  whole:
    cmd: find data -type f | sort > whole.txt
    deps: [data]
    outs: [whole.txt]
  part:
    cmd: cat data/deep/b.txt > part.txt
    deps: [data/deep]
    outs: [part.txt]
  file:
    cmd: cat data/a.txt > file.txt
    deps: [data/a.txt]
    outs: [file.txt]
""",
            "data/a.txt": "a\n",
            "data/deep/b.txt": "b\n",
        },
        track=("data",),
        after="rm -r data",
    ),
    Case(
        name="tracked-below",
        shows=".dvc files in folders below, for a stage in another folder.",
        files={
            "pipe/dvc.yaml": """\
stages:
  t:
    cmd: cat ../data/raw/x.csv ../data/y.csv > o.txt
    deps: [../data/raw/x.csv, ../data/y.csv]
    outs: [o.txt]
""",
            "data/raw/x.csv": "1,2\n",
            "data/y.csv": "3,4\n",
        },
        track=("data/raw/x.csv", "data/y.csv"),
    ),
    Case(
        name="folder-around-tracked-data",
        shows="A dep on a folder in which some files are git's, some DVC's, and some a stage's.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: echo made > all/made.txt
    outs: [all/made.txt]
  use:
    cmd: cat all/git.txt all/dvc.txt all/made.txt > o.txt
    deps: [all]
    outs: [o.txt]
""",
            "all/git.txt": "git\n",
            "all/dvc.txt": "dvc\n",
            "all/.gitignore": "/dvc.txt\n/made.txt\n",
        },
        steps="dvc add -q all/dvc.txt",
    ),
    Case(
        name="tracked-data-changed",
        shows="Tracked data that was changed but not added again: the file in the project counts.",
        files={"dvc.yaml": USE, "data.txt": "old\n"},
        track=("data.txt",),
        steps="rm data.txt\necho new > data.txt\ndvc commit -q -f data.txt.dvc",
    ),
    Case(
        name="tracked-links",
        shows="cache.type symlink: the tracked files of the project are links into its cache.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat data.txt more/a > o.txt
    deps: [data.txt, more]
    outs: [o.txt]
""",
            "data.txt": "data\n",
            "more/a": "a\n",
            ".dvc/config": "[cache]\n    type = symlink\n",
        },
        track=("data.txt", "more"),
    ),
    Case(
        name="tracked-hardlinks",
        shows="cache.type hardlink: inputs and outputs are read-only links.",
        files={"dvc.yaml": USE, "data.txt": "data\n", ".dvc/config": "[cache]\n    type = hardlink\n"},
        track=("data.txt",),
    ),
    Case(
        name="many-files",
        shows="A tracked folder and an output of 300 files each.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir out && cp data/f* out/
    deps: [data]
    outs: [out]
  count:
    cmd: ls out | wc -l > n.txt
    deps: [out]
    outs: [n.txt]
""",
            **{f"data/f{number}": f"{number}\n" for number in range(300)},
        },
        track=("data",),
    ),
    Case(
        name="big-file",
        shows="A tracked file of several MB goes through two stages.",
        files={
            "dvc.yaml": """\
stages:
  copy:
    cmd: cat big.bin small.txt > copy.bin
    deps: [big.bin, small.txt]
    outs: [copy.bin]
  size:
    cmd: wc -c < copy.bin > size.txt
    deps: [copy.bin]
    outs: [size.txt]
""",
            "big.bin": bytes(range(256)) * 16384,
            "small.txt": "small\n",
        },
        track=("big.bin",),
    ),
    Case(
        name="import",
        shows="Data brought by dvc import from another repository, a file, a folder and what git has there.",
        files={
            "dvc.yaml": """\
stages:
  use:
    cmd: cat data.txt folder/a folder/deep/b plain.txt > o.txt
    deps: [data.txt, folder, plain.txt]
    outs: [o.txt]
""",
        },
        steps=SOURCE
        + "dvc import -q ../source data.txt\ndvc import -q ../source folder\ndvc import -q ../source plain.txt\n",
    ),
    Case(
        name="import-gone",
        shows="Imported data that only the project's cache still has.",
        files={"dvc.yaml": USE},
        steps=SOURCE + "dvc import -q ../source data.txt\n",
        after="rm data.txt\nrm -rf ../source",
    ),
    Case(
        name="import-url",
        shows="Data brought by dvc import-url from a folder, beside the project and over http.",
        files={
            "dvc.yaml": """\
stages:
  use:
    cmd: cat data.txt web.txt > o.txt
    deps: [data.txt, web.txt]
    outs: [o.txt]
""",
        },
        served={"in.txt": "served\n"},
        steps="dvc import-url -q @SERVED@/in.txt data.txt\ndvc import-url -q @HTTP@/in.txt web.txt\n",
    ),
    Case(
        name="legacy-hashes",
        shows="Data tracked by DVC 2, whose md5 takes CRLF for LF and whose cache has no files/md5.",
        files={
            "dvc.yaml": USE,
            "data.txt": "a\r\nb\r\n",
            "data.txt.dvc": "outs:\n- md5: dd8c6a395b5dd36c56d23275028f526c\n  size: 6\n  path: data.txt\n",
            ".gitignore": "/data.txt\n",
            ".dvc/cache/dd/8c6a395b5dd36c56d23275028f526c": "a\r\nb\r\n",
        },
    ),
    Case(
        name="legacy-lock",
        fault="a limit in README.md: DVC keeps an unchanged dep's hash name (md5-dos2unix), a run does not",
        shows="A dvc.lock of DVC 2, without the names of hashes: upstream runs anew, as in DVC.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: cat in.txt > a.txt
    deps: [in.txt]
    outs: [a.txt]
  use:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
""",
            "in.txt": "in\n",
            "dvc.lock": """\
schema: '2.0'
stages:
  make:
    cmd: cat in.txt > a.txt
    deps:
    - path: in.txt
      md5: ba8d2b9408ed255ee92a112fe7ba59be
      size: 3
    outs:
    - path: a.txt
      md5: ba8d2b9408ed255ee92a112fe7ba59be
      size: 3
""",
        },
    ),
    Case(
        name="cloud-versioned-lock",
        shows="Lock entries of a version-aware remote, with etag and version_id for each file.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: mkdir -p out && echo a > out/a && echo b > b.txt
    outs: [out, b.txt]
  use:
    cmd: cat out/a b.txt > o.txt
    deps: [out, b.txt]
    outs: [o.txt]
""",
            "dvc.lock": """\
schema: '2.0'
stages:
  make:
    cmd: mkdir -p out && echo a > out/a && echo b > b.txt
    outs:
    - path: b.txt
      hash: md5
      md5: 3b0332e02daabf31651a5a0d81ba830a
      size: 2
      cloud:
        store:
          etag: aaa
          version_id: v1
    - path: out
      hash: md5
      md5: 8a5a6bde77a2de4bb13bf3e0d7eb3b7a.dir
      files:
      - relpath: a
        md5: 60b725f10c9c85c70d97880dfe8191b3
        size: 2
        cloud:
          store:
            etag: bbb
            version_id: v2
""",
            ".dvc/config": """\
[core]
    remote = store
['remote "store"']
    url = s3://bucket/x
    version_aware = true
""",
        },
    ),
    Case(
        name="lock-is-current",
        shows="A project that was reproduced and committed: upstream outputs of dvc.lock serve as they are.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: cat in.txt > a.txt
    deps: [in.txt]
    outs: [a.txt]
  use:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
""",
            "in.txt": "in\n",
        },
        steps="dvc repro -q",
        repro="repro --force",
    ),
    Case(
        name="lock-is-stale",
        shows="A project that was reproduced before its input changed: both stages run.",
        files={
            "dvc.yaml": """\
stages:
  make:
    cmd: cat in.txt > a.txt
    deps: [in.txt]
    outs: [a.txt]
  use:
    cmd: cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
""",
            "in.txt": "in\n",
        },
        steps="dvc repro -q\necho new > in.txt",
    ),
    Case(
        name="dvcignore",
        shows="Files that .dvcignore names are no part of folders that are deps and outs.",
        files={
            ".dvcignore": "*.tmp\n/data/skip\n!keep.tmp\n",
            "dvc.yaml": """\
stages:
  t:
    cmd: mkdir -p out && cp data/a out/a && echo x > out/x.tmp && echo k > out/keep.tmp
    deps: [data]
    outs: [out]
  u:
    cmd: ls out | grep -v x.tmp > u.txt
    deps: [out]
    outs: [u.txt]
""",
            "data/a": "a\n",
            "data/b.tmp": "b\n",
            "data/keep.tmp": "k\n",
            "data/skip/c": "c\n",
        },
    ),
    Case(
        name="line-ends",
        shows="CRLF, a missing last line end, a byte order mark and NULs are kept byte for byte.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat crlf.txt bom.txt nul.bin last.txt > o.bin
    deps: [crlf.txt, bom.txt, nul.bin, last.txt]
    params:
      - crlf.yaml:
          - lr
    outs: [o.bin]
""",
            "crlf.txt": b"a\r\nb\r\n",
            "bom.txt": b"\xef\xbb\xbfbom\n",
            "nul.bin": b"\x00\xff\x00",
            "last.txt": b"no end",
            "crlf.yaml": b"lr: 1  # rate\r\nn: 2\r\n",
        },
        options="--lr 3",
        edits={"crlf.yaml": {"lr: 1": "lr: 3"}},
    ),
    Case(
        name="empty-files",
        shows="Empty files, and folders with nothing but empty folders in them, as deps.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: wc -c < nothing.txt > o.txt; ls folder >> o.txt
    deps: [nothing.txt, folder]
    outs: [o.txt]
""",
            "nothing.txt": "",
            "folder/.keep": "",
        },
    ),
    Case(
        name="datasets",
        shows="A dvc.yaml with datasets, and a stage that depends on one.",
        files={
            "dvc.yaml": """\
datasets:
  - name: words
    url: @HTTP@/in.txt
    type: url
stages:
  t:
    cmd: echo x > o.txt
    deps: ['ds://words']
    outs: [o.txt]
  plain:
    cmd: echo y > p.txt
    outs: [p.txt]
""".replace("@HTTP@/in.txt", "'@HTTP@/in.txt'"),
            "dvc.lock": """\
schema: '2.0'
datasets:
  - name: words
    type: url
    url: '@HTTP@/in.txt'
    meta:
      isdir: false
      size: 7
      etag: abc
""",
        },
        served={"in.txt": "served\n"},
    ),
    Case(
        name="tracked-executable",
        shows="A program that DVC tracks keeps its executable bit.",
        files={
            "dvc.yaml": "stages:\n  t:\n    cmd: ./tool.sh > o.txt\n    deps: [tool.sh]\n    outs: [o.txt]\n",
            "tool.sh": "#!/bin/sh\necho ran\n",
        },
        steps="chmod +x tool.sh\ndvc add -q tool.sh",
    ),
    Case(
        name="ignored-dep",
        shows="Dependencies that git ignores and DVC does not track are taken from the project as they are.",
        files={
            "dvc.yaml": """\
stages:
  t:
    cmd: cat raw/a raw/deep/b one.csv > o.txt
    deps: [raw, one.csv]
    outs: [o.txt]
""",
            "raw/a": "a\n",
            "raw/deep/b": "b\n",
            "one.csv": "1\n",
            ".gitignore": "/raw\n*.csv\n",
        },
        clean=False,
    ),
)

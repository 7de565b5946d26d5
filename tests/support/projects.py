"""Five small pipelines, each with several stages, that between them use what DVC projects use.

Stages take some 20 to 50 ms and need nothing but the standard library (`FLOWERS`: PyYAML, which DVC brings).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import dvc, git

Files = Mapping[str, str | bytes]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleProject:
    """A pipeline as data.

    Attributes:
        name: of its folder. files: path -> content.
        track: paths for ``dvc add``.
        stages: ``dvc.yaml`` -> names of its stages in ``dvc.lock``.
        target: address of a stage that everything else is upstream of, or nearly so.
        edit: a change of one param for `tests.support.locks.apply_edits`: file -> {old text: new text}.
        override: the same change as DVC's ``-S`` says it.
        rerun: the addresses of the stages that DVC runs again after it.
    """

    name: str
    files: Files
    stages: Mapping[str, tuple[str, ...]]
    target: str
    edit: Mapping[str, Mapping[str, str]]
    override: str
    rerun: tuple[str, ...]
    track: tuple[str, ...] = ()


def write(folder: Path, files: Files) -> None:
    """Write `files` below `folder`, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def create(folder: Path, *, files: Files, template: Path, track: Sequence[str] = ()) -> Path:
    """A committed DVC project in `folder`: `files`, ``.dvc`` as in `template`, the paths of `track` given to DVC."""
    write(folder, files)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore"):
        target = folder / name
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copy(template / name, target)
    if track:
        dvc(folder, "add", "--quiet", *track)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Start")
    return folder


def _read(folder: Path) -> dict[str, str | bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


FLOWERS = SampleProject(
    name="flowers",
    files=_read(_HERE / "flowers"),
    track=("data/flowers.csv",),
    stages={"dvc.yaml": ("prepare", "train", "evaluate")},
    target="evaluate",
    edit={"params.yaml": {"lr: 0.5": "lr: 0.1"}},
    override="train.lr=0.1",
    rerun=("train", "evaluate"),
)
"""Scripts and data in files of their own: nested params, DVC-tracked data, a directory out, plots without cache."""


REGIONS = SampleProject(
    name="regions",
    files={
        "dvc.yaml": """\
vars:
  - vars.yaml
  - settings.json:paths
  - suffix: v1
    titles:
      head: "Sales per region"

stages:
  clean:
    foreach: ${regions}
    do:
      wdir: .
      cmd: python clean.py ${item} --minimum ${clean.minimum} --out ${paths.out}/${item}_${suffix}.json
      deps:
        - clean.py
        - raw/${item}.csv
      outs:
        - ${paths.out}/${item}_${suffix}.json
  total:
    foreach:
      north: {files: "n1 n2", weight: 1}
      south: {files: "s1", weight: 2}
    do:
      cmd: python total.py ${key} ${item.weight} ${paths.out} ${suffix} ${item.files}
      deps:
        - total.py
        - ${paths.out}
      metrics:
        - totals/${key}.json:
            cache: false
  report:
    cmd: 'python report.py "${titles.head}" ${report}'
    deps:
      - report.py
      - totals/north.json
      - totals/south.json
    params:
      - report
    outs:
      - report.txt
""",
        "vars.yaml": "regions: [n1, n2, s1]\n",
        # As committed after a first `dvc repro`: DVC hashes it with the folder that `total` depends on.
        "clean/.gitignore": "/n1_v1.json\n/n2_v1.json\n/s1_v1.json\n",
        "settings.json": '{"paths": {"out": "clean"}, "unused": 1}\n',
        "params.yaml": """\
clean:
  minimum: 3   # smaller sales are noise
report:
  digits: 2
  loud: true
  rounding: [1, 2]
""",
        "raw/n1.csv": "1\n5\n7\n",
        "raw/n2.csv": "4\n2\n9\n",
        "raw/s1.csv": "3\n3\n11\n",
        "clean.py": """\
import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("region")
parser.add_argument("--minimum", type=int)
parser.add_argument("--out", type=Path)
args = parser.parse_args()
sales = [int(line) for line in Path(f"raw/{args.region}.csv").read_text().split()]
args.out.parent.mkdir(exist_ok=True)
args.out.write_text(json.dumps([sale for sale in sales if sale >= args.minimum]))
""",
        "total.py": """\
import json
import sys
from pathlib import Path

key, weight, folder, suffix, *names = sys.argv[1:]
parts = [json.loads(Path(folder, f"{name}_{suffix}.json").read_text()) for name in names]
Path("totals").mkdir(exist_ok=True)
result = {"total": sum(map(sum, parts)) * int(weight), "parts": len(parts)}
Path(f"totals/{key}.json").write_text(json.dumps(result))
""",
        "report.py": """\
import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("title")
parser.add_argument("--digits", type=int)
parser.add_argument("--loud", action="store_true")
parser.add_argument("--rounding", nargs="*", type=int)
args = parser.parse_args()
lines = [args.title.upper() if args.loud else args.title]
for path in sorted(Path("totals").glob("*.json")):
    lines.append(f"{path.stem}: {json.loads(path.read_text())['total']:.{args.digits}f}")
Path("report.txt").write_text("\\n".join([*lines, str(args.rounding), ""]))
""",
    },
    stages={"dvc.yaml": ("clean@n1", "clean@n2", "clean@s1", "total@north", "total@south", "report")},
    target="report",
    edit={"params.yaml": {"minimum: 3 ": "minimum: 4 "}},
    override="clean.minimum=4",
    rerun=("clean@n1", "clean@n2", "clean@s1", "total@north", "total@south", "report"),
)
"""Templates filled from params, a vars file, a part of one and inline vars; ``foreach`` over a list and a dict; a map
as arguments; a params section that only templates use (``clean``)."""


FOLDERS = SampleProject(
    name="folders",
    files={
        "dvc.yaml": """\
stages:
  tokens:
    wdir: job/text
    cmd: python ../../tools/tokens.py
    deps:
      - ../../tools/tokens.py
      - ../../corpus.txt
    params:
      - ../../conf/tokens.json:
          - lower
          - limits.shortest
    outs:
      - tokens.json
""",
        "models/dvc.yaml": """\
stages:
  count:
    cmd: python count.py
    deps:
      - count.py
      - ../job/text/tokens.json
    params:
      - settings.toml:
          - count.top
          - count.weights
    outs:
      - out/counts.json
    metrics:
      - count.json:
          cache: false
  rank:
    wdir: out
    cmd: python ../rank.py
    deps:
      - ../rank.py
      - counts.json
    params:
      - ../settings.toml:
          - rank
    outs:
      - ranks.txt:
          cache: false
""",
        "corpus.txt": "The cat and the dog saw the other cat near the dog house\n" * 3,
        "job/text/.gitkeep": "",
        "conf/tokens.json": """\
{
  "lower": true,
  "limits": {"shortest": 3, "longest": 12},
  "note": "caf\\u00e9"
}
""",
        "models/settings.toml": """\
title = 'words'

[count]
top = 4                 # how many words to keep
weights = [
    1.0,                # first
    0.5,
]

[rank]
reverse = true
start = 1
""",
        "tools/tokens.py": """\
import json
from pathlib import Path

conf = json.loads(Path("../../conf/tokens.json").read_text())
text = Path("../../corpus.txt").read_text()
words = (text.lower() if conf["lower"] else text).split()
Path("tokens.json").write_text(json.dumps([word for word in words if len(word) >= conf["limits"]["shortest"]]))
""",
        "models/count.py": """\
import collections
import json
import tomllib
from pathlib import Path

conf = tomllib.loads(Path("settings.toml").read_text())["count"]
words = json.loads(Path("../job/text/tokens.json").read_text())
counts = collections.Counter(words).most_common(conf["top"])
Path("out").mkdir(exist_ok=True)
Path("out/counts.json").write_text(json.dumps({word: count * conf["weights"][0] for word, count in counts}))
Path("count.json").write_text(json.dumps({"words": len(words), "kept": len(counts)}))
""",
        "models/rank.py": """\
import json
import tomllib
from pathlib import Path

conf = tomllib.loads(Path("../settings.toml").read_text())["rank"]
words = json.loads(Path("counts.json").read_text())
ranked = sorted(words, key=lambda word: (words[word], word), reverse=conf["reverse"])
Path("ranks.txt").write_text("".join(f"{at} {word}\\n" for at, word in enumerate(ranked, conf["start"])))
""",
        "models/out/.gitkeep": "",
    },
    stages={"dvc.yaml": ("tokens",), "models/dvc.yaml": ("count", "rank")},
    target="models/dvc.yaml:rank",
    edit={"models/settings.toml": {"top = 4 ": "top = 2 "}},
    override="models/settings.toml:count.top=2",
    rerun=("models/dvc.yaml:count", "models/dvc.yaml:rank"),
)
"""Working directories, a ``dvc.yaml`` in a folder, params in JSON and TOML that are reached by ``../``."""


SHARDS = SampleProject(
    name="shards",
    files={
        "dvc.yaml": """\
stages:
  split:
    cmd: python split.py
    deps:
      - split.py
      - raw
    params:
      - conf/hyper.py:
          - SHARDS
          - Split.offset
          - Split.names
    outs:
      - shards
  peek:
    cmd: python peek.py
    deps:
      - peek.py
      - shards/a/values.txt
    outs:
      - peek.txt:
          desc: a sub-path of a directory out as a dependency
  merge:
    cmd: |
      python merge.py first
      python merge.py second
    deps:
      - merge.py
      - shards
    params:
      - conf/hyper.py:
          - Merge.scale
    outs:
      - merged
  check:
    cmd:
      - python check.py
      - python -c "print('checked')"
    deps:
      - check.py
      - merged
      - peek.txt
    metrics:
      - check.json
""",
        "conf/hyper.py": """\
\"\"\"Settings of the pipeline.\"\"\"

SHARDS: int = 2  # folders to make
UNUSED = None


class Split:
    offset = 10
    names = ["a", "b", "c"]


class Merge:
    def __init__(self):
        self.scale = 1.5
""",
        "raw/one.txt": "1\n2\n3\n",
        "raw/more/two.txt": "4\n5\n",
        "split.py": """\
import sys
from pathlib import Path

sys.path.insert(0, "conf")
sys.dont_write_bytecode = True
import hyper

values = [int(line) for path in sorted(Path("raw").rglob("*.txt")) for line in path.read_text().split()]
for at, name in enumerate(hyper.Split.names[: hyper.SHARDS]):
    folder = Path("shards") / name
    folder.mkdir(parents=True)
    shard = values[at :: hyper.SHARDS]
    (folder / "values.txt").write_text("".join(f"{value + hyper.Split.offset}\\n" for value in shard))
""",
        "peek.py": """\
from pathlib import Path

Path("peek.txt").write_text(Path("shards/a/values.txt").read_text().split()[0] + "\\n")
""",
        "merge.py": """\
import sys
from pathlib import Path

sys.path.insert(0, "conf")
sys.dont_write_bytecode = True
import hyper

folder = Path("merged")
folder.mkdir(exist_ok=True)
values = [int(line) for path in sorted(Path("shards").rglob("*.txt")) for line in path.read_text().split()]
(folder / f"{sys.argv[1]}.txt").write_text(f"{sum(values) * hyper.Merge().scale}\\n")
""",
        "check.py": """\
import json
from pathlib import Path

merged = [float(path.read_text()) for path in sorted(Path("merged").iterdir())]
peek = int(Path("peek.txt").read_text())
Path("check.json").write_text(json.dumps({"same": len(set(merged)) == 1, "merged": merged[0], "peek": peek}))
""",
    },
    stages={"dvc.yaml": ("split", "peek", "merge", "check")},
    target="check",
    edit={"conf/hyper.py": {"offset = 10": "offset = 20"}},
    override="conf/hyper.py:Split.offset=20",
    rerun=("split", "peek", "merge", "check"),
)
"""A Python param file, directories as outs and deps, a path inside a directory out, commands of several lines."""


DIAMOND = SampleProject(
    name="diamond",
    files={
        "dvc.yaml": """\
stages:
  source:
    cmd: python code/source.py
    deps:
      - code/source.py
    params:
      - settings.json:
    outs:
      - data/source.json
  side:
    matrix:
      way: [left, right]
      power: ${powers}
    cmd: python code/side.py ${item.way} ${item.power}
    deps:
      - code/side.py
      - data/source.json
    outs:
      - data/${key}.json
  join:
    wdir: reports
    cmd: python ../code/join.py
    deps:
      - ../code/join.py
      - ../data/left-1.json
      - ../data/left-2.json
      - ../data/right-1.json
      - ../data/right-2.json
    metrics:
      - scores.json:
          cache: false
      - details/sides.yaml
    plots:
      - sides.csv:
          cache: false
  report:
    cmd: python code/report.py
    deps:
      - code/report.py
      - reports/scores.json
      - reports/details/sides.yaml
    params:
      - report.title
    outs:
      - report.md:
          cache: false
""",
        "params.yaml": 'powers: [1, 2]\nreport:\n  title: "no" # text, not a bool\n',
        "settings.json": '{"count": 5, "start": 2, "nested": {"rate": 1e-05, "on": false}}\n',
        "reports/.gitkeep": "",
        "code/source.py": """\
import json
from pathlib import Path

conf = json.loads(Path("settings.json").read_text())
Path("data").mkdir(exist_ok=True)
numbers = list(range(conf["start"], conf["start"] + conf["count"]))
Path("data/source.json").write_text(json.dumps(numbers))
""",
        "code/side.py": """\
import json
import sys
from pathlib import Path

way, power = sys.argv[1], int(sys.argv[2])
numbers = json.loads(Path("data/source.json").read_text())
half = numbers[: len(numbers) // 2] if way == "left" else numbers[len(numbers) // 2 :]
Path(f"data/{way}-{power}.json").write_text(json.dumps([number**power for number in half]))
""",
        "code/join.py": """\
import json
from pathlib import Path

totals = {path.stem: sum(json.loads(path.read_text())) for path in sorted(Path("../data").glob("*-*.json"))}
Path("details").mkdir(exist_ok=True)
Path("scores.json").write_text(json.dumps({"total": sum(totals.values()), "ratio": totals["left-1"] / 3}))
Path("details/sides.yaml").write_text("".join(f"{name}: {total}\\n" for name, total in totals.items()))
Path("sides.csv").write_text("side,total\\n" + "".join(f"{name},{total}\\n" for name, total in totals.items()))
""",
        "code/report.py": """\
import json
from pathlib import Path

scores = json.loads(Path("reports/scores.json").read_text())
sides = Path("reports/details/sides.yaml").read_text()
title = Path("params.yaml").read_text().split('"')[1]
Path("report.md").write_text(f"# {title}\\n\\n{scores['total']} of\\n\\n{sides}")
""",
    },
    stages={"dvc.yaml": ("source", "side@left-1", "side@left-2", "side@right-1", "side@right-2", "join", "report")},
    target="report",
    edit={"settings.json": {'"count": 5': '"count": 6'}},
    override="settings.json:count=6",
    rerun=("source", "side@left-1", "side@left-2", "side@right-1", "side@right-2", "join", "report"),
)
"""A diamond by ``matrix``, a whole param file, metrics as deps of a report, ``../`` deps from a working directory."""


ALL = (FLOWERS, REGIONS, FOLDERS, SHARDS, DIAMOND)

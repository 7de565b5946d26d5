"""Params that Hydra composes: what ``dvc exp run -S`` makes of them, as ``dvc repro`` never composes."""

from __future__ import annotations

from tests.support.cases import Case

ENABLED = ".dvc/config"
CONFIG = "[hydra]\n    enabled = True\n"
PIPELINE = """\
stages:
  prepare:
    cmd: cat in.txt > p.txt
    deps: [in.txt]
    outs: [p.txt]
  train:
    cmd: cat params.yaml p.txt > o.txt && cp in.json m.json
    deps: [in.json, p.txt]
    params: [db, model, optimizer, seed, train.lr]
    outs: [o.txt]
    metrics:
      - m.json: {cache: false}
"""
CONF = {
    "conf/config.yaml": """\
defaults:
  - model: small
  - db: mysql
  - optimizer: adam
  - _self_
seed: 1  # a comment
train:
  lr: 0.5
  tags: [a, b]
  name: ${model.name}-${train.lr}
""",
    "conf/model/small.yaml": "name: small\nlayers: 1\n",
    "conf/model/full.yaml": "name: full\nlayers: 3\ndropout: 1e-3\n",
    "conf/db/mysql.yaml": "name: mysql\n",
    "conf/db/pg.yaml": "name: pg\nport: 5432\n",
    "conf/optimizer/adam.yaml": "defaults:\n  - lr_schedule: step\nname: adam\n",
    "conf/optimizer/lr_schedule/step.yaml": "gamma: 0.1\n",
    "conf/optimizer/lr_schedule/cosine.yaml": "tmax: 5\n",
    "conf/experiment/big.yaml": "# @package _global_\ndefaults:\n  - override /model: full\nseed: 9\n",
}
PROJECT = {
    **CONF,
    "dvc.yaml": PIPELINE,
    "in.txt": "in\n",
    "in.json": '{"loss": 1}\n',
    "params.yaml": "seed: 7  # of some earlier call\n",
    ENABLED: CONFIG,
}

CASES = (
    Case(
        name="hydra-as-it-stands",
        shows="A project with hydra.enabled and no values: params.yaml is composed all the same.",
        files=PROJECT,
        repro="exp run",
    ),
    Case(
        name="hydra-groups",
        shows="Config groups of several depths and single values are overridden.",
        files=PROJECT,
        options="-S model=full -S optimizer/lr_schedule=cosine -S db=pg -S train.lr=0.25 -S seed=5",
        repro="exp run -S model=full -S optimizer/lr_schedule=cosine -S db=pg -S train.lr=0.25 -S seed=5",
    ),
    Case(
        name="hydra-flags",
        shows="The same by flags, a key of the chosen config among them.",
        files=PROJECT,
        options="--model full --lr_schedule cosine --db pg --dropout 0.25 --seed 5",
        repro="exp run -S model=full -S optimizer/lr_schedule=cosine -S db=pg -S model.dropout=0.25 -S seed=5",
    ),
    Case(
        name="hydra-appended-group",
        shows="A config group that no defaults list names, whose config overrides another group.",
        files=PROJECT,
        options="-S +experiment=big",
        repro="exp run -S +experiment=big",
    ),
    Case(
        name="hydra-keys-added-and-removed",
        shows="Keys are added, set or added, and removed; texts that need quotes, maps and lists.",
        files=PROJECT,
        options="""-S "+train.note='a: b, c'" -S ++train.lr=1e-3 -S ~train.tags -S "+new={a:[1,2.5],b:null}" """
        """-S db.name='01'""",
        repro="""exp run -S "+train.note='a: b, c'" -S ++train.lr=1e-3 -S ~train.tags -S "+new={a:[1,2.5],b:null}" """
        """-S "db.name='01'" """,
    ),
    Case(
        name="hydra-without-params-file",
        shows="The project has no params.yaml: it comes from the config alone.",
        files={path: content for path, content in PROJECT.items() if path != "params.yaml"},
        options="-S seed=3",
        repro="exp run -S seed=3",
    ),
    Case(
        name="hydra-templates",
        shows="Templates, a foreach and vars are filled from the composed params.",
        files={
            **PROJECT,
            "dvc.yaml": """\
vars:
  - more.yaml
stages:
  each:
    foreach: ${train.tags}
    do:
      cmd: echo ${item} ${model.name} ${depth} > ${item}.txt
      outs:
        - ${item}.txt
  all:
    cmd: echo ${train} > o.txt
    deps: [b.txt]
    outs: [o.txt]
""",
            "more.yaml": "depth: 2\n",
        },
        targets=("all",),
        options="-S train.tags=[b] -S model=full -S more.yaml:depth=4",
        repro="exp run all -S train.tags=[b] -S model=full -S more.yaml:depth=4",
    ),
    Case(
        name="hydra-no-hydra",
        shows="With --no-hydra params.yaml is taken as it stands.",
        files={**PROJECT, "params.yaml": "seed: 7\ndb: {}\nmodel: 1\noptimizer: sgd\ntrain:\n  lr: 0.5\n"},
        options="--no-hydra --seed 8",
        repro="exp run --no-hydra -S seed=8",
    ),
    Case(
        name="hydra-elsewhere",
        shows="Another folder and name of configs, another param file, params.yaml as a dep, in part of a repository.",
        files={
            "sub/settings/main/base.yaml": "defaults:\n  - /data@source: web\nlr: ${oc.env:LR}\n",
            "sub/settings/main/data/web.yaml": "url: http://here\n",
            "sub/settings/main/data/disk.yaml": "path: /dev/null\n",
            "sub/dvc.yaml": """\
stages:
  train:
    wdir: job
    cmd: cat ../params.yaml > o.txt
    deps: [../params.yaml]
    params:
      - ../params.yaml: [source, lr]
      - ../more.json: [lr]
    outs: [o.txt]
""",
            "sub/job/.gitkeep": "",
            "sub/more.json": '{"lr": 1}\n',
            "sub/.dvc/config": f"{CONFIG}    config_dir = settings/main\n    config_name = base\n",
        },
        project="sub",
        environ={"LR": "0.125"},
        options="-S +data@other=web -S more.json:lr=2",
        repro="exp run -S +data@other=web -S more.json:lr=2",
    ),
    Case(
        name="hydra-plugins",
        shows="A plugin of the project adds a folder to the search path, and a resolver.",
        files={
            **PROJECT,
            ENABLED: f"{CONFIG}    plugins_path = plugins\n",
            "plugins/hydra_plugins/ours.py": """\
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

OmegaConf.register_new_resolver("twice", lambda value: 2 * value)


class Ours(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("ours", "file://further")
""",
            "further/model/further.yaml": "name: further\nlayers: ${twice:${seed}}\n",
        },
        options="-S model=further -S seed=4",
        repro="exp run -S model=further -S seed=4",
    ),
)

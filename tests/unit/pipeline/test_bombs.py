"""What DVC loads for us, in a process of bounded memory: one that a bomb goes off in took 23 GB."""

from __future__ import annotations

import json

import pytest

from tests.support.bombs import bounded, odd_yaml_bomb, yaml_bomb
from tests.support.projects import write

STAGES = "stages:\n  train: {cmd: echo, params: [lr], outs: [m]}\n"
VARS = f"vars: [vars.yaml]\n{STAGES}"
DATA = "outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  path: data\n"
DEEP_JSON = '{"a": ' * 3000 + "1" + "}" * 3000
HALF_DEEP_JSON = '{"lr": ' * 150 + "1" + "}" * 150

PROJECTS = {
    "params.yaml": {"dvc.yaml": STAGES, "params.yaml": yaml_bomb("lr")},
    "odd names": {"dvc.yaml": STAGES, "params.yaml": odd_yaml_bomb()},
    "vars": {"dvc.yaml": VARS, "params.yaml": "lr: 1\n", "vars.yaml": yaml_bomb()},
    "dvc.yaml": {"dvc.yaml": f"{yaml_bomb('artifacts')}{STAGES}", "params.yaml": "lr: 1\n"},
    "dvc.lock": {"dvc.yaml": STAGES, "params.yaml": "lr: 1\n", "dvc.lock": yaml_bomb("schema")},
    ".dvc file": {"dvc.yaml": STAGES, "params.yaml": "lr: 1\n", "data.dvc": f"{DATA}{yaml_bomb('meta')}"},
    "below": {"dvc.yaml": STAGES, "params.yaml": "lr: 1\n", "a/dvc.yaml": f"{yaml_bomb('artifacts')}{STAGES}"},
    "deep YAML": {"dvc.yaml": STAGES, "params.yaml": f"lr: {'[' * 5000}{']' * 5000}\n"},
    "deep dvc.yaml": {"dvc.yaml": f"{STAGES}meta: {'{a: ' * 5000}{'}' * 5000}\n", "params.yaml": "lr: 1\n"},
    "deep JSON": {"dvc.yaml": STAGES.replace("lr", "{p.json: }"), "p.json": DEEP_JSON},
    "half deep JSON": {"dvc.yaml": STAGES.replace("lr", "{p.json: }"), "p.json": HALF_DEEP_JSON},
    "deep TOML": {"dvc.yaml": STAGES.replace("lr", "{p.toml: }"), "p.toml": f"a = {'[' * 3000}{']' * 3000}\n"},
    "deep keys": {"dvc.yaml": STAGES.replace("lr", "{p.toml: }"), "p.toml": f"{'.'.join('a' * 600)} = 1\n"},
    "deep Python": {"dvc.yaml": STAGES.replace("lr", "{p.py: }"), "p.py": f"a = {'-' * 50_000}1\n"},
    "deep vars": {"dvc.yaml": "vars: [v.json]\n" + STAGES, "params.yaml": "lr: 1\n", "v.json": DEEP_JSON},
    "long": {"dvc.yaml": STAGES, "params.yaml": "lr: 1\n" + "# long\n" * 800_000},
    "legitimate": {"dvc.yaml": STAGES, "params.yaml": "base: &b {x: 1}\nlr: {<<: *b, y: *b}\n"},
}
EXPECTED = {
    "params.yaml": "params.yaml: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    "odd names": "params.yaml: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    "vars": "vars.yaml: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    "dvc.yaml": "dvc.yaml: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    "dvc.lock": "dvc.lock: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    ".dvc file": "data.dvc: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    "below": "a/dvc.yaml: its aliases (*NAME) repeat more than 100,000 values; write out what is meant",
    "deep YAML": "params.yaml: it has values nested more than 100 deep; make it flatter",
    "deep dvc.yaml": "dvc.yaml: it has values nested more than 100 deep; make it flatter",
    "deep TOML": "p.toml",  # tomlkit has a bound of its own
    "deep keys": "p.toml",
    "long": "params.yaml: it has 5,600,006 characters, more than the 4,194,304 that are read",
    "legitimate": "train",
}

DESCRIBE = """
import json, sys, time
from pathlib import Path
from dvc_magic.codec import encode
from dvc_magic.errors import DvcMagicError
from dvc_magic.store import RunStore
from dvc_magic.pipeline import ProjectReader
answers = {}
for name in json.loads(sys.argv[1]):
    began = time.process_time()
    try:
        reader = ProjectReader(Path(name), RunStore(Path("store")))
        pipeline = reader.describe()
        answer = "; ".join([*(stage.address for stage in pipeline.stages), *pipeline.problems])
        encode(pipeline)
    except DvcMagicError as error:
        answer = str(error)
    answers[name] = [answer, time.process_time() - began]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the reader says of each project, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, files in PROJECTS.items():
        write(folder / name, {".dvc/config": "[core]\n    no_scm = true\n", **files})
    return json.loads(bounded(DESCRIBE, json.dumps(list(PROJECTS)), cwd=folder, seconds=120))


@pytest.mark.parametrize("name", PROJECTS)
def test_a_file_that_means_or_nests_too_much_is_one_error_within_seconds(answers, name):
    answer, seconds = answers[name]

    assert seconds < 5
    assert "\n" not in answer
    if name in EXPECTED:
        assert EXPECTED[name] in answer
    else:
        assert "nested" in answer
        assert "make it flatter" in answer


FINISH = """
import json, sys
from pathlib import Path
from dvc_magic.errors import PipelineError
from dvc_magic.pipeline import RunRepo
from dvc_magic.store import RunStore
answers = {}
for name, bomb in json.loads(sys.argv[1]).items():
    run = RunRepo(Path("."), Path("site"))
    run.load("dvc.yaml", "train")
    before = Path(name).read_text() if Path(name).exists() else None
    Path(name).write_text(bomb)
    try:
        answers[name] = [run.reads_params(name), run.reads_lock(name), str(run.finish(RunStore(Path("store")).cache))]
    except PipelineError as error:
        answers[name] = [run.reads_params(name), run.reads_lock(name), str(error)]
    Path(name).write_text(before) if before is not None else Path(name).unlink()
print(json.dumps(answers))
"""


def test_a_bomb_that_the_command_wrote_in_the_place_of_dvcs_files_does_not_hold_up_the_end_of_its_run(tmp_path):
    write(
        tmp_path, {".dvc/config": "[core]\n    no_scm = true\n", "dvc.yaml": STAGES, "params.yaml": "lr: 1\n", "m": "m"}
    )

    bombs = {"params.yaml": yaml_bomb("lr"), "dvc.lock": yaml_bomb("schema")}
    answers = json.loads(bounded(FINISH, json.dumps(bombs), cwd=tmp_path))

    assert answers == {
        name: [False, False, f"{name}: its aliases (*NAME) repeat more than 100,000 values; write out what is meant"]
        for name in bombs
    }

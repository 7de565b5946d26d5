from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from dvc_magic.codec import from_data, to_data
from dvc_magic.errors import MissingInputError, NotAProjectError, PipelineError, StageNotFoundError
from dvc_magic.model.stage import DepKind, OutKind, Pipeline
from dvc_magic.pipeline import ProjectReader
from dvc_magic.store import RunStore
from tests.support.digest import changes, project_digest

TRAIN = """\
stages:
  train:
    desc: learns
    cmd: python train.py --lr ${lr} ${net}
    deps: [train.py, /etc/hostname, https://example.com/x]
    params: [lr, seed]
    outs:
      - model.bin: {persist: true, push: false, remote: r}
    metrics:
      - m.json: {cache: false}
    plots:
      - p.csv
"""
PARAMS = "lr: 0.1\nseed: 3\nnet: {width: 4, deep: true, sizes: [1, 2]}\n"


def test_a_folder_without_dvc_is_no_project(tmp_path):
    with pytest.raises(NotAProjectError, match="dvc init"):
        ProjectReader(tmp_path, RunStore(tmp_path / "store"))


def test_a_project_without_pipeline_has_no_stages(make_reader):
    assert make_reader({}).describe().stages == ()


def test_deps_and_outs_carry_what_the_entry_says(make_reader):
    stage = make_reader({"dvc.yaml": TRAIN, "params.yaml": PARAMS}).describe().get("train")
    assert [dep.kind for dep in stage.deps] == [DepKind.LOCAL, DepKind.ABSOLUTE, DepKind.URL]


def test_outs_know_their_kind_and_options(make_reader):
    text = TRAIN.replace(", https://example.com/x", "")
    stage = make_reader({"dvc.yaml": text, "params.yaml": PARAMS}).describe().get("train")
    model, metric, plot = stage.outs
    assert (model.kind, model.persist, model.push, model.remote, model.cache) == (OutKind.OUT, True, False, "r", True)
    assert (metric.kind, metric.cache) == (OutKind.METRIC, False)
    assert plot.kind is OutKind.PLOT
    assert (stage.desc, stage.deps[1].path) == ("learns", "/etc/hostname")


def test_flags_are_tracked_leaves_first_then_those_of_templates(make_reader):
    text = TRAIN.replace(", https://example.com/x", "")
    stage = make_reader({"dvc.yaml": text, "params.yaml": PARAMS}).describe().get("train")
    assert [(flag.key, flag.value, flag.tracked) for flag in stage.flags] == [
        ("lr", 0.1, True),
        ("seed", 3, True),
        ("net.width", 4, False),
        ("net.deep", True, False),
        ("net.sizes", [1, 2], False),
    ]


def test_the_leaves_of_top_level_params_are_flags_of_every_stage_of_that_file(make_reader):
    stages = "stages:\n  a: {cmd: a, params: [lr], outs: [made.yaml]}\n  b: {cmd: b}\n"
    reader = make_reader(
        {
            "dvc.yaml": f"params: [params.yaml, conf, made.yaml, dvclive/params.yaml, gone.yaml]\n{stages}",
            "params.yaml": "lr: 1\ndeep: {er: 2}\n",
            "conf/model.yaml": "width: 3\n",
            "conf/sub/data.json": '{"rows": 4}',
            "conf/broken.json": "{",
            "conf/notes.md": "some text",
            "made.yaml": "best: 1\n",
            "dvclive/params.yaml": "lr: 9\n",
            "sub/dvc.yaml": "stages:\n  c: {cmd: c}\n",
        }
    )

    def flags(address, overlay=None):
        stage = reader.describe(overlay).get(address)
        return [(flag.file, flag.key, flag.value, flag.listed) for flag in stage.flags]

    conf = [("conf/model.yaml", "width", 3, True), ("conf/sub/data.json", "rows", 4, True)]
    assert flags("a") == [("params.yaml", "lr", 1, False), ("params.yaml", "deep.er", 2, True), *conf]
    assert flags("b") == [("params.yaml", "lr", 1, True), ("params.yaml", "deep.er", 2, True), *conf]
    assert flags("sub/dvc.yaml:c") == []
    assert ("conf/model.yaml", "width", 7, True) in flags("b", {"conf/model.yaml": b"width: 7"})
    (reader.root / "conf/sub/new.yaml").write_text("fresh: 5\n")
    assert ("conf/sub/new.yaml", "fresh", 5, True) in flags("b")


def test_a_lock_of_dvc_1_is_told_in_one_sentence(make_reader):
    lock = "t:\n  cmd: echo 1 > o.txt\n  outs:\n  - path: o.txt\n    md5: b026324c6904b2a9cb4b88d6d61c81d1\n"
    stages = {"dvc.yaml": "stages: {t: {cmd: echo 1 > o.txt, outs: [o.txt]}}\n"}

    with pytest.raises(PipelineError, match=r"^dvc.lock was written by DVC 1, .* `rm dvc.lock`, then `dvc") as old:
        make_reader({**stages, "dvc.lock": lock}).describe()
    with pytest.raises(PipelineError, match="not allowed at schem") as broken:
        make_reader({**stages, "dvc.lock": f"schem: 3\n{lock}"}).describe()

    assert "\n" not in str(old.value)
    assert "DVC 1" not in str(broken.value)


def test_every_file_format_is_read_as_dvc_reads_it(make_reader):
    stage = (
        make_reader(
            {
                "dvc.yaml": "stages:\n  s:\n    cmd: x\n    params:\n      - a.json: [n.x]\n"
                "      - b.toml: [t]\n      - c.py: [T, C]\n      - d.yaml:\n      - e.conf: [y]\n",
                "a.json": '{"n": {"x": [1, {"y": null}]}}',
                "b.toml": "[t]\nf = 2.5\n",
                "c.py": "T = (1, 2)\nclass C:\n    v: int = 3\n    def __init__(self):\n        self.w = 'w'\n",
                "d.yaml": "k: 1e-05\nz: {}\n",
                "e.conf": "y: no\n",
            }
        )
        .describe()
        .get("s")
    )
    assert stage.locked == {
        "a.json": {"n.x": [1, {"y": None}]},
        "b.toml": {"t": {"f": 2.5}},
        "c.py": {"C": {"v": 3, "w": "w"}, "T": [1, 2]},
        "d.yaml": {"k": 1e-05, "z": {}},
        "e.conf": {"y": "no"},
    }
    assert [flag.key for flag in stage.flags] == ["n.x", "t.f", "T", "C.v", "C.w", "k", "z", "y"]


def test_keys_of_lists_and_numbers_are_found(make_reader):
    stage = (
        make_reader(
            {
                "dvc.yaml": "stages:\n  s:\n    cmd: x\n    params: [layers.1, years.2020]\n",
                "params.yaml": "layers: [8, 16]\nyears: {2020: a}\n",
            }
        )
        .describe()
        .get("s")
    )
    assert stage.locked == {"params.yaml": {"layers.1": 16, "years.2020": "a"}}


def test_an_overlay_stands_for_the_files_on_disk(make_reader):
    reader = make_reader({"dvc.yaml": TRAIN.replace(", https://example.com/x", ""), "params.yaml": PARAMS})
    changed = reader.describe({"params.yaml": PARAMS.replace("0.1", "7").encode()}).get("train")
    assert changed.cmd == "python train.py --lr 7 --width 4 --deep --sizes 1 2"
    assert changed.locked["params.yaml"]["lr"] == 7
    assert reader.describe().get("train").locked["params.yaml"]["lr"] == 0.1


def test_an_overlay_may_bring_a_file_that_is_not_there(make_reader):
    reader = make_reader({"dvc.yaml": "vars: [v.yaml]\nstages:\n  s:\n    cmd: echo ${v}\n"})
    stage = reader.describe({"v.yaml": b"v: 1\n"}).get("s")
    assert (stage.cmd, stage.vars_files) == ("echo 1", ("v.yaml",))


def test_the_result_does_not_depend_on_the_working_directory(make_reader, tmp_path, monkeypatch):
    files = {
        "params.yaml": "a: 1\n",
        "sub/dvc.yaml": "stages:\n  s:\n    wdir: deep\n    cmd: echo ${a}\n"
        "    deps: [../../d.txt]\n    params: [../p.yaml: ]\n",
        "sub/params.yaml": "a: 2\n",
        "sub/p.yaml": "k: 1\n",
    }
    here = make_reader(files).describe()
    (tmp_path / "project/sub/deep").mkdir()
    for place in (tmp_path / "project/sub/deep", Path("/")):
        monkeypatch.chdir(place)
        assert ProjectReader(tmp_path / "project", RunStore(tmp_path / "store")).describe() == here
    (stage,) = here.stages
    assert (stage.address, stage.wdir, stage.cmd) == ("sub/dvc.yaml:s", "sub/deep", "echo 2")
    assert ([dep.path for dep in stage.deps], stage.locked) == (["d.txt"], {"../p.yaml": {"k": 1}})


def test_an_edit_of_any_file_that_was_read_is_seen(make_reader, tmp_path):
    reader = make_reader({"dvc.yaml": "vars: [v.yaml]\nstages:\n  s:\n    cmd: echo ${v}\n", "v.yaml": "v: 1\n"})
    for value in range(2, 8):
        reader.describe()
        (tmp_path / "project/v.yaml").write_text(f"v: {value}\n")
        assert reader.describe().get("s").cmd == f"echo {value}"


def test_a_new_pipeline_file_is_seen(make_reader, tmp_path):
    reader = make_reader({"dvc.yaml": "stages:\n  s:\n    cmd: x\n", "sub/x.txt": ""})
    time.sleep(0.03)
    reader.describe()
    (tmp_path / "project/sub/dvc.yaml").write_text("stages:\n  t:\n    cmd: y\n")
    assert [stage.address for stage in reader.describe().stages] == ["s", "sub/dvc.yaml:t"]


def test_a_settled_project_is_described_from_memory(make_reader):
    reader = make_reader({"dvc.yaml": "stages:\n  s:\n    cmd: x\n"})
    time.sleep(0.03)
    assert reader.describe() is reader.describe()


def test_reading_writes_nothing_into_the_project_nor_into_the_working_directory(make_reader, tmp_path, monkeypatch):
    reader = make_reader({"dvc.yaml": TRAIN.replace(", https://example.com/x", ""), "params.yaml": PARAMS})
    before, umask = project_digest(tmp_path / "project"), os.umask(0o022)
    reader.describe()
    reader.check_stages(["train"])
    assert changes(before, project_digest(tmp_path / "project")) == []
    assert os.umask(umask) == 0o022


def test_nothing_is_printed(make_reader, capfd):
    files = {
        "dvc.yaml": "stages:\n  s:\n    foreach: [a]\n    do:\n      cmd: echo ${item}\n",
        "params.yaml": "item: 1\n",
    }
    make_reader(files).describe()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages:\n  a: [\n", "dvc.yaml: line 3, column 1"),
        ("stages:\n  a:\n    cmd: x\n    live: y\n", "dvc.yaml: line 3: extra keys not allowed at stages.a.live"),
        ("stages:\n  a:\n    cmd: echo ${gone}\n", "dvc.yaml': Could not find 'gone'"),
        ("vars: [gone.yaml]\nstages: {}\n", "'gone.yaml' does not exist"),
    ],
)
def test_a_broken_pipeline_is_named_with_file_and_place(make_reader, text, said):
    with pytest.raises(PipelineError) as error:
        make_reader({"dvc.yaml": text}).describe()
    assert said in str(error.value)
    assert "\x1b" not in str(error.value)


SLIPS = {
    "params.yaml": [
        ("lr: 1\nb: 2\nlr: 3\n", 'line 3, column 1: found duplicate key "lr" with value "3" (original value: "1")'),
        ("lr: 1\nb:\n\tc: 1\n", "line 3, column 1: found character '\\t' that cannot start any token"),
        ("lr: 1\nc: d: e\n", "line 2, column 5: mapping values are not allowed here"),
        ("lr: *gone\n", "line 1, column 5: found undefined alias 'gone'"),
        ("a: 1\n---\nb: 1\n", "line 2, column 1: expected a single document in the stream, but found another document"),
        (b"a: 1\nlr: '\xe9'\n", "line 2: byte 0xe9 is no UTF-8; save the file as UTF-8"),
    ],
    "conf/p.json": [
        ('{"lr": 1,\n ,}', "line 2, column 2: Expecting property name enclosed in double quotes"),
        ('{"lr": 1} x', "line 1, column 11: Extra data"),
    ],
    "conf/p.toml": [
        ("lr = 1\nb = = 2\n", "line 2, column 5: Invalid value"),
        ("[a]\nlr = 1\n[a]\nb = 1\n", "line 3, column 3: Cannot declare ('a',) twice"),
        ("lr = [1\n", "end of document: Unclosed array"),
    ],
    "conf/p.py": [
        ("lr = 1\ndef (\n", "line 2, column 5: invalid syntax"),
        ("lr = 1\n  b = 2\n", "line 2, column 2: unexpected indent"),
    ],
}


@pytest.mark.parametrize("stage", ["params: [{file}: [lr]]", "vars: [{file}]"])
@pytest.mark.parametrize("cwd", ["project", "project/conf", "elsewhere"])
def test_a_slip_in_a_param_file_is_told_once_with_file_line_and_reason(make_reader, tmp_path, monkeypatch, stage, cwd):
    (tmp_path / cwd).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / cwd)
    for file, slips in SLIPS.items():
        entry = "    cmd: x\n    " + stage.format(file=file)
        for text, said in slips:
            reader = make_reader({"dvc.yaml": f"stages:\n  s:\n{entry}\n", file: text})
            with pytest.raises(PipelineError) as error:
                reader.describe()
            assert str(error.value) == f"{file}: {said}"
        (tmp_path / "project" / file).unlink()


def test_two_pipelines_with_one_broken_param_file_have_one_problem(make_reader):
    stage = "stages:\n  s:\n    cmd: x\n    params: [../p.json: [lr]]\n"
    files = {"dvc.yaml": "stages: {}\n", "a/dvc.yaml": stage, "b/dvc.yaml": stage, "p.json": "{]"}
    problem = "p.json: line 1, column 2: Expecting property name enclosed in double quotes"
    assert make_reader(files).describe().problems == (problem,)


def test_a_broken_file_beside_a_good_one_is_a_problem_only(make_reader):
    reader = make_reader({"dvc.yaml": "stages:\n  a:\n    cmd: x\n", "sub/dvc.yaml": "stages: 3\n"})
    pipeline = reader.describe()
    assert [stage.name for stage in pipeline.stages] == ["a"]
    assert pipeline.problems[0].startswith("sub/dvc.yaml:")


def test_missing_params_do_not_hide_the_stage_but_are_named_when_it_is_asked_for(make_reader):
    reader = make_reader(
        {
            "dvc.yaml": "stages:\n  a:\n    cmd: x\n    params: [lr, k]\n"
            "  b:\n    cmd: x\n    params:\n      - no.json: [q]\n",
            "params.yaml": "k: 1\n",
        }
    )
    assert reader.describe().get("a").locked == {"params.yaml": {"k": 1}}
    with pytest.raises(MissingInputError, match="stage 'a' needs the param 'lr' of params.yaml"):
        reader.check_stages(["a"])
    with pytest.raises(MissingInputError, match="needs the param file no.json"):
        reader.check_stages(["b"])
    reader.check_stages(["a"], {"params.yaml": b"k: 1\nlr: 2\n"})
    with pytest.raises(StageNotFoundError, match="no stage 'c'"):
        reader.check_stages(["c"])


def test_the_store_is_not_looked_into(tmp_path, make_reader):
    make_reader({"dvc.yaml": "stages:\n  a:\n    cmd: x\n", "store/runs/1/dvc.yaml": "stages: 3\n"})
    reader = ProjectReader(tmp_path / "project", RunStore(tmp_path / "project/store"))
    assert reader.describe().problems == ()


def test_the_configuration_is_kept_until_one_of_its_files_changes(make_reader):
    reader = make_reader({})
    file = reader.root / ".dvc/config"
    os.utime(file, (1, 1))
    time.sleep(0.03)  # a younger file is read each time

    kept = reader.config
    assert reader.config is kept

    file.write_text(f"{file.read_text()}[cache]\n    type = copy\n")
    assert reader.config["cache"]["type"] == ["copy"]


def test_a_lock_with_marks_of_a_merge_is_named_itself(make_reader):
    lock = "schema: '2.0'\nstages:\n<<<<<<< HEAD\n  a:\n    cmd: x\n=======\n>>>>>>> other\n"
    reader = make_reader({"dvc.yaml": "stages:\n  a:\n    cmd: x\n", "dvc.lock": lock})

    with pytest.raises(PipelineError, match=r"^dvc\.lock: line 4.*merge conflicts"):
        reader.describe()


def test_a_command_that_yaml_takes_for_something_else_does_not_hide_the_other_stages(make_reader):
    pipeline = make_reader({"dvc.yaml": "stages:\n  a:\n    cmd: [echo, false, 5]\n  b:\n    cmd: x\n"}).describe()

    assert from_data(to_data(pipeline), Pipeline) == pipeline
    assert [stage.cmd for stage in pipeline.stages] == [["echo", "False", "5"], "x"]


def test_a_dep_in_a_storage_that_dvc_has_no_plugin_for_says_what_to_install(make_reader, monkeypatch):
    monkeypatch.setitem(sys.modules, "dvc_s3", None)  # where it is installed, importing it fails as if it were not
    reader = make_reader({"dvc.yaml": "stages:\n  a:\n    cmd: x\n    deps: ['s3://bucket/x']\n"})

    with pytest.raises(PipelineError, match=r"^dvc\.yaml: .*dvc-s3"):
        reader.describe()


def test_a_param_file_without_keys_stands_in_the_way_of_its_stage_only(make_reader):
    whole, single = (
        "stages:\n  a:\n    cmd: x\n    params: [p.json: ]\n",
        "  b:\n    cmd: y\n    params: [p.json: ['0']]\n",
    )
    reader = make_reader({"dvc.yaml": whole + single, "p.json": "[1]"})

    assert [stage.flags for stage in reader.describe().stages if stage.address == "a"] == [()]
    reader.check_stages(["b"])
    with pytest.raises(MissingInputError, match="'a' takes all params of p.json, which has no keys but one list"):
        reader.check_stages(["a"])


def test_a_stage_without_a_command_does_not_hide_the_others(make_reader):
    reader = make_reader({"dvc.yaml": "stages:\n  a:\n    cmd: ''\n  b:\n    cmd: x\n"})

    assert [stage.commands for stage in reader.describe().stages] == [(), ("x",)]
    with pytest.raises(PipelineError, match="'a' has an empty cmd"):
        reader.check_stages(["b", "a"])


def test_what_is_kept_of_a_project_shows_no_password_of_a_url(make_reader):
    text = "stages:\n  get:\n    cmd: 'true'\n    deps: ['https://ann:s3cret@example.com/x']\n    outs: [x]\n"
    reader = make_reader({"dvc.yaml": text})

    addresses = reader.addresses([reader.describe().get("get")])

    assert "s3cret" in str(addresses)
    assert "s3cret" not in repr(reader._state)

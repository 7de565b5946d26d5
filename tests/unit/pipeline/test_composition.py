"""Params that Hydra composes: what DVC writes, what there is to choose from, and what goes wrong in which words."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.utils.hydra import compose_and_dump
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from msgspec.structs import replace

from dvc_magic.errors import ParamError, PipelineError
from dvc_magic.model.stage import ParamsFile, Pipeline
from dvc_magic.pipeline import Composer, composition
from dvc_magic.pipeline.hydra_settings import HydraSettings
from tests.corpus.hydra import CONF
from tests.support.projects import write
from tests.support.stages import made_up_stage

SECTION = {"enabled": True}
PLUGIN = """
import time
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

OmegaConf.register_new_resolver("wait", lambda value: time.sleep(float(value)))


class Ours(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        pass
"""


@pytest.fixture(autouse=True)
def in_a_folder_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Paths count from the project's root, wherever the process stands."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Singleton._instances.pop(Plugins, None)  # which plugins there are, Hydra asks once in a process; workers never do
    path, modules = list(sys.path), set(sys.modules)
    yield
    assert sys.path == path
    assert not any(name.startswith("hydra_plugins.ours") for name in set(sys.modules) - modules)


def composer(root: Path, files: dict[str, str], **section: object) -> Composer:
    write(root, files)
    settings = HydraSettings.of({"hydra": {**SECTION, **section}}, root)
    assert settings is not None
    return Composer(root, settings)


def problem(root: Path, files: dict[str, str], *overrides: str, **section: object) -> str:
    found = composer(root, files, **section).composed(overrides).problem
    assert found is not None
    return f"{type(found).__name__}: {found}"


def test_nothing_is_composed_where_dvcs_configuration_does_not_say_so(tmp_path: Path) -> None:
    assert HydraSettings.of({"hydra": {"enabled": False, "config_dir": "conf"}}, tmp_path) is None
    assert HydraSettings.of({}, tmp_path) is None


SETS: tuple[tuple[str, ...], ...] = (
    (),
    ("model=full", "model.dropout=0.5"),
    ("optimizer/lr_schedule=cosine", "seed=5", "train.lr=1e-5"),
    ("+experiment=big",),
    ("seed=3", "+experiment=big"),
    ("~train.tags", "+new={a:[1,b],c:null}", "++train.lr=2", "train.name='yes: 1'"),
    ("+db@other=pg", "+other.more=1"),
    ("~db", "model={layers:7}"),
    ("hydra.job.name=x", "seed=${train.lr}"),
    ("train.tags.1=c", "train.tags=[d]"),
)


def test_each_text_is_the_one_that_dvc_writes_also_for_many_at_once(tmp_path: Path) -> None:
    root = tmp_path / "project"
    found = composer(root, CONF)

    together, _ = found.anew(SETS, None)

    for overrides in SETS:
        target = tmp_path / "params.yaml"
        compose_and_dump(target, os.fspath(root / "conf"), None, "config", os.fspath(root), list(overrides))
        assert together[overrides].problem is None
        assert together[overrides].text == found.composed(overrides).text == target.read_text()


def test_configs_may_be_in_a_module_and_plugins_in_a_folder_and_neither_leaves_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    files = {
        "code/settings/__init__.py": "",
        "code/settings/base.yaml": "defaults:\n  - model: small\nn: ${wait:0}\n",
        "code/settings/model/small.yaml": "layers: 1\n",
        "code/settings/model/__init__.py": "",
        "plugins/hydra_plugins/ours.py": PLUGIN,
    }
    found = composer(root, files, config_module="settings", config_name="base", plugins_path="plugins")
    before = sorted(root.rglob("*"))

    composed = found.composed((), {**os.environ, "PYTHONPATH": str(root / "code")})

    assert composed.problem is None
    assert composed.text == "model:\n  layers: 1\n'n': null\n"
    assert found.groups == {"model": ("small",)}
    assert found.settings.source == "settings:base"
    assert sorted(root.rglob("*")) == before


def test_the_groups_are_those_below_the_config_with_their_choices(tmp_path: Path) -> None:
    found = composer(tmp_path, CONF)

    composed = found.composed(("model=full", "+experiment=big"))

    assert found.groups == {
        "db": ("mysql", "pg"),
        "experiment": ("big",),
        "model": ("full", "small"),
        "optimizer": ("adam",),
        "optimizer/lr_schedule": ("cosine", "step"),
    }
    ours = {name: choice for name, choice in composed.choices.items() if not name.startswith("hydra/")}
    assert ours == {
        "db": "mysql", "experiment": "big", "model": "full", "optimizer": "adam", "optimizer/lr_schedule": "step"
    }  # fmt: skip


def test_the_variables_are_those_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "here")
    found = composer(tmp_path, {"conf/config.yaml": "at: ${oc.env:WHERE}\n"})

    assert found.composed((), {**os.environ, "WHERE": "there"}).text == "at: there\n"
    assert found.composed(()).text == "at: there\n"
    assert found.composed((), {**os.environ, "WHERE": "far"}).text == "at: far\n"


def test_what_is_known_is_composed_again_only_when_a_file_of_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forks: list[int] = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(1) or fork())
    found = composer(tmp_path, CONF)
    time.sleep(0.05)  # until what was just written is sure to show a change

    texts = [found.composed(("model=full",)).text, found.composed(("model=full",)).text]
    assert len(forks) == 1
    (tmp_path / "conf/model/small.yaml").write_text("name: other\n")  # not chosen, not read
    found.composed(("model=full",))
    assert len(forks) == 1
    (tmp_path / "conf/model/full.yaml").write_text("name: changed\n")
    assert found.composed(("model=full",)).text == texts[0].replace("full", "changed").replace(
        "  layers: 3\n  dropout: 0.001\n", ""
    )
    time.sleep(0.05)
    (tmp_path / "conf/model/new.yaml").write_text("name: new\n")
    found.composed(("model=full",))
    assert found.groups["model"] == ("full", "new", "small")


def test_all_points_of_a_call_are_composed_in_one_process_and_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forks: list[int] = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(1) or fork())
    found = composer(tmp_path, CONF)

    composed, steady = found.anew([("seed=1",), ("seed=2",), ("seed=1",)], None)

    assert (len(forks), list(composed), steady) == (1, [("seed=1",), ("seed=2",)], True)


@pytest.mark.parametrize(
    ("files", "overrides", "said"),
    [
        ({"conf/x.yaml": ""}, (), "PipelineError: Hydra cannot compose params.yaml from conf/config.yaml: the folder"),
        ({"a": ""}, (), "the folder 'conf' has no config.yaml. Write it, or name another in DVC's configuration"),
        (CONF, ("model=ful",), "ParamError: -S model=ful: the config group 'model' has no 'ful'. Did you mean 'full'?"),
        (CONF, ("model=ful",), "Its choices are full, small."),
        (CONF, ("modle=full",), "has no key or config group 'modle'. Did you mean 'model'"),
        (CONF, ("trian.lr=1",), "the composed config has no key 'trian.lr'. Did you mean 'train.lr'"),
        (CONF, ("experiment=big",), "To add it: -S +experiment=big"),
        (CONF, ("++model=full",), "ParamError: -S ++model=full: force-add of config groups is not supported"),
        (CONF, ("~nope",), "ParamError: -S ~nope: Could not delete from config. 'nope' does not exist"),
        (
            {**CONF, "conf/config.yaml": "defaults:\n  - model: ???\n"},
            (),
            "ParamError: conf/config.yaml leaves the choice of 'model' open: add --model full. It can be full, small",
        ),
        (
            {**CONF, "conf/config.yaml": "defaults:\n  - model: nope\n"},
            (),
            "In 'config': Could not find 'model/nope'. It has full, small. Correct the defaults list that names it",
        ),
        (
            {"conf/config.yaml": "a:\n  b: ${sed}\n"},
            (),
            "the key 'a.b' cannot be resolved: Interpolation key 'sed' not found. Correct it in the config, or set it",
        ),
        ({"conf/config.yaml": "a: [1, '${oc.env:NO_SUCH}']\n"}, (), "the key 'a.1' cannot be resolved: KeyError"),
        ({"conf/config.yaml": "a: ${b}\nb: ${a}\n"}, (), "cannot be resolved: Recursive interpolation detected"),
        ({"conf/config.yaml": "a: ${b\n"}, (), "conf/config.yaml: no viable alternative at input '${b'"),
        ({"conf/config.yaml": "a: [1\nb: 2\n"}, (), "conf/config.yaml: line 2, column 2: expected ',' or ']'"),
        (
            {**CONF, "conf/db/mysql.yaml": "b:\n\tc: 3\n"},
            (),
            "conf/db/mysql.yaml: line 2, column 1: found character '\\t'",
        ),
        (
            {**CONF, "conf/db/mysql.yaml": "b: 1\nb: 2\n"},
            (),
            "conf/db/mysql.yaml: line 2, column 1: found duplicate key",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_that_names_it(
    tmp_path: Path, files: dict[str, str], overrides: tuple[str, ...], said: str
) -> None:
    found = problem(tmp_path, files, *overrides)

    assert said in found
    assert "Traceback" not in found
    assert "\n" not in found


def test_bombs_bytes_and_missing_modules_are_told_as_well(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    write(tmp_path, {"conf/latin.yaml": b"name: caf\xe9\n"})

    assert "conf/model/small.yaml: its aliases (*NAME) repeat more than" in problem(
        tmp_path, {**CONF, "conf/model/small.yaml": bomb}
    )
    assert "conf/latin.yaml: line 1: byte 0xe9 is no UTF-8" in problem(tmp_path, {}, config_name="latin")
    assert "has no config.yaml" in problem(tmp_path, {}, config_module="no_such_module")


def test_a_resolver_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "_DEADLINE", 0.5)
    files = {"conf/config.yaml": "a: ${wait:30}\n", "hydra_plugins/ours.py": PLUGIN}
    began = time.monotonic()

    said = problem(tmp_path, files)

    assert "did not compose params.yaml from conf/config.yaml within" in said
    assert "--no-hydra leaves the file as it is" in said
    assert time.monotonic() - began < 10


def test_problems_are_errors_of_ours(tmp_path: Path) -> None:
    found = composer(tmp_path, CONF)

    assert isinstance(found.composed(("model=nope",)).problem, ParamError)
    assert isinstance(composer(tmp_path / "empty", {}).composed().problem, PipelineError)


def test_a_stage_has_the_groups_that_can_change_its_params(tmp_path: Path) -> None:
    files = {
        **CONF,
        "conf/config.yaml": "defaults: [model: small, db: mysql, size: large, _self_]\nn: 1\n",
        "conf/size/large.yaml": "# @package _global_\nn: 5\n",
    }
    found = composer(tmp_path, files)
    base = found.composed()

    def flags(*keys: str, whole: bool = False) -> list[str]:
        tracked = (ParamsFile(path="params.yaml", declared="params.yaml", keys=keys),) if keys or whole else ()
        stage = replace(made_up_stage("t"), params=tracked)
        (with_groups,) = found.with_groups(Pipeline(stages=(stage,)), base, base).stages
        return [flag.key for flag in with_groups.flags]

    assert flags() == []
    assert flags("n") == ["size", "experiment", "optimizer", "optimizer/lr_schedule"]
    assert flags("model.layers", "n") == ["model", "size", "experiment", "optimizer", "optimizer/lr_schedule"]
    assert flags("db") == ["db", "size", "experiment", "optimizer", "optimizer/lr_schedule"]
    assert flags(whole=True)[:3] == ["db", "model", "size"]

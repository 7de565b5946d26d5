"""What we take from Hydra: each name of its grammar and of its composing, of another version as of this one."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir, initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
)
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf, open_dict


def _read(text: str) -> Override:
    return OverridesParser.create().parse_override(text)


def _value(text: str) -> Any:
    return _read(f"key={text}").value()


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("a.b=1", OverrideType.CHANGE, "a.b"),
        ("+a=1", OverrideType.ADD, "a"),
        ("++a=1", OverrideType.FORCE_ADD, "a"),
        ("~a", OverrideType.DEL, "a"),
    ],
)
def test_an_override_has_a_type_a_key_and_no_package(text: str, kind: OverrideType, key: str) -> None:
    override = _read(text)

    assert (override.type, override.key_or_group, override.package) == (kind, key, None)


def test_several_values_are_a_choice_that_can_be_walked_over() -> None:
    for text in ("1,2", "choice(1,2)"):
        override = _read(f"key={text}")

        assert isinstance(override.value(), ChoiceSweep)
        assert list(override.sweep_iterator()) == [1, 2]


def test_a_range_has_its_ends_its_step_and_may_be_shuffled() -> None:
    sweep = _value("range(1,9,2)")

    assert isinstance(sweep, RangeSweep)
    assert (sweep.start, sweep.stop, sweep.step, sweep.shuffle) == (1, 9, 2, False)
    assert _value("shuffle(range(1,9))").shuffle


def test_an_interval_has_its_ends_and_its_tags() -> None:
    sweep = _value("tag(log,interval(1,9))")

    assert isinstance(sweep, IntervalSweep)
    assert (sweep.start, sweep.end, sweep.tags) == (1, 9, {"log"})


def test_a_quoted_text_keeps_its_text_and_a_pattern_is_a_glob() -> None:
    quoted = _value("'a b'")

    assert isinstance(quoted, QuotedString | str)
    assert getattr(quoted, "text", quoted) == "a b"
    assert isinstance(_value("glob(*)"), Glob)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-5", 1e-5),
        ("true", True),
        ("null", None),
        ("[1,a]", [1, "a"]),
        ("{a:1}", {"a": 1}),
        ("yes", "yes"),
    ],
)
def test_a_plain_value_has_the_type_that_it_had(text: str, value: object) -> None:
    assert _value(text) == value
    assert type(_value(text)) is type(value)


def test_functions_of_ours_can_be_added_to_those_that_there_are() -> None:
    functions = create_functions()
    functions.register(name="twice", func=lambda value: 2 * value)

    assert {"int", "choice", "range", "interval", "tag", "twice"} <= functions.functions.keys()
    with pytest.raises(HydraException, match="Unknown function 'nothing'"):
        _value("nothing(1)")


@pytest.fixture
def configs(tmp_path: Path) -> Iterator[Any]:
    """A config of two groups, one in the other; gives what lists the groups."""
    for path, text in {
        "config.yaml": "defaults: [model: small, _self_]\nseed: 1\n",
        "model/small.yaml": "defaults: [head: one, _self_]\nlayers: 1\n",
        "model/head/one.yaml": "n: ${seed}\n",
        "extra/big.yaml": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    with initialize_config_dir(str(tmp_path), version_base=None):
        yield GlobalHydra.instance().hydra.config_loader


def test_the_loader_lists_groups_and_their_choices(configs: Any) -> None:
    assert set(configs.list_groups("")) == {"extra", "hydra", "model"}
    assert configs.list_groups("model") == ["head"]
    assert configs.get_group_options("model", results_filter=ObjectType.CONFIG) == ["small"]
    assert configs.get_group_options("model/head", results_filter=ObjectType.CONFIG) == ["one"]


def test_a_composed_config_tells_its_choices_and_is_resolved_without_hydras_own(configs: Any) -> None:
    config = compose("config", overrides=["+extra=big"], return_hydra_config=True)

    choices = OmegaConf.to_container(config.hydra.runtime.choices)
    with open_dict(config):
        del config["hydra"]
    OmegaConf.resolve(config)

    ours = {name: choice for name, choice in choices.items() if not name.startswith("hydra/")}
    assert ours == {"model": "small", "model/head": "one", "extra": "big"}
    assert OmegaConf.to_yaml(config) == "model:\n  head:\n    'n': 1\n  layers: 1\nseed: 1\nextra: {}\n"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model=no", "Could not find 'model/no'"),
        ("extra=big", "Could not override 'extra'. No match in the defaults list."),
        ("nope=1", "Could not override 'nope'."),
        ("a.b=1", "Could not override 'a.b'."),
    ],
)
def test_what_hydra_says_of_a_wrong_override_begins_as_we_know_it(configs: Any, override: str, said: str) -> None:
    with pytest.raises(HydraException) as raised:
        compose("config", overrides=[override])

    assert said in str(raised.value).split("\n")[0]
    if isinstance(raised.value, MissingConfigException):
        assert (raised.value.missing_cfg_file, raised.value.options) == ("model/no", ["small"])


def test_other_errors_of_composing_are_told_apart(configs: Any, tmp_path: Path) -> None:
    with pytest.raises(OverrideParseException) as unread:
        compose("config", overrides=["a=[1"])
    (tmp_path / "open.yaml").write_text("defaults:\n  - model: ???\n")
    with pytest.raises(HydraException, match="You must specify 'model'"):
        compose("open")
    with pytest.raises(MissingConfigException) as missing:
        compose("absent")

    assert unread.value.override == "a=[1"
    assert missing.value.missing_cfg_file == "absent"


def test_configs_of_a_module_that_is_not_there_are_missing() -> None:
    with pytest.raises(MissingConfigException) as missing, initialize_config_module("no_such", version_base=None):
        compose("config")

    assert not missing.value.missing_cfg_file


def test_values_that_are_open_or_refer_to_others_are_told_apart() -> None:
    config = OmegaConf.create({"a": "???", "b": "${c}", "c": 1})

    assert [OmegaConf.is_missing(config, key) for key in config] == [True, False, False]
    assert [OmegaConf.is_interpolation(config, key) for key in config] == [False, True, False]


def test_overrides_of_values_are_applied_to_a_copy_of_a_composed_config_as_hydra_applies_them(configs: Any) -> None:
    overrides = ["seed=2", "model.layers=3", "+new={a:1}"]
    copy = deepcopy(compose("config"))

    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(overrides), copy)

    assert copy == compose("config", overrides=overrides)

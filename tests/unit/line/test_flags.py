from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_magic.errors import ParamError
from dvc_magic.line import Wording, find_param
from dvc_magic.model.stage import Param

WORDS = st.sampled_from(["lr", "max_iter", "max-iter", "model", "seed"])
PARAMS = st.lists(
    st.builds(
        lambda file, words, listed: Param(file=file, key=".".join(words), value=1, listed=listed),
        st.sampled_from(["params.yaml", "conf/model.json"]),
        st.lists(WORDS, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=6,
)


def params(*keys, file="params.yaml"):
    return [Param(file=file, key=key, value=1) for key in keys]


def find(spelling, own=(), upstream=(), options=()):
    return find_param(spelling, own, upstream, options=options).name


def test_an_end_of_a_key_will_do():
    own = params("train.lr", "train.opt.beta")
    assert find("lr", own) == "params.yaml:train.lr"
    assert find("opt.beta", own) == "params.yaml:train.opt.beta"


def test_a_piece_of_a_word_will_not():
    with pytest.raises(ParamError, match="no flag --r"):
        find("r", params("train.lr"))


def test_a_whole_key_wins_even_upstream():
    assert find("lr", params("train.lr"), params("lr")) == "params.yaml:lr"


def test_the_targets_own_params_win_over_those_upstream():
    assert find("lr", params("train.lr"), params("prepare.lr")) == "params.yaml:train.lr"


def test_a_file_tells_equal_keys_apart():
    own = params("lr") + params("lr", file="conf/a.json")
    assert find("conf/a.json:lr", own) == find("a.json:lr", own) == "conf/a.json:lr"
    assert find("params.yaml:lr", own) == "params.yaml:lr"


def test_a_files_whole_path_wins_over_its_name():
    root, below = params("lr", "a.beta"), params("lr", "beta", file="sub/params.yaml")
    for own, upstream in ((root + below, []), (below, root), (root, below)):
        assert find("params.yaml:lr", own, upstream) == "params.yaml:lr"
        assert find("params.yaml:beta", own, upstream) == "params.yaml:a.beta"
        assert find("sub/params.yaml:lr", own, upstream) == "sub/params.yaml:lr"


def test_a_tie_shows_every_way_to_write_it():
    with pytest.raises(ParamError, match=r"--a\.lr or --b\.lr"):
        find("lr", params("a.lr", "b.lr"))
    with pytest.raises(ParamError, match=r"--params\.yaml:lr or --c\.json:lr"):
        find("lr", params("lr") + params("lr", file="c.json"))


def test_dashes_and_underscores_are_one_when_nothing_is_spelled_so():
    assert find("max-iter", params("train.max_iter")) == "params.yaml:train.max_iter"
    assert find("max_iter", params("max-iter")) == "params.yaml:max-iter"
    assert find("max-iter", params("max_iter", "max-iter")) == "params.yaml:max-iter"


def test_the_name_of_an_option_shows_both_ways():
    with pytest.raises(ParamError, match=r"--option:label .* --train\.label"):
        find("label", params("train.label"), options={"label"})
    with pytest.raises(ParamError, match=r"--option:label .* --params\.yaml:label"):
        find("label", params("label"), options={"label"})


def test_an_unknown_flag_gets_near_ones_and_the_list():
    with pytest.raises(ParamError, match=r"Did you mean 'max_iter'.*The flags are train\.max_iter, train\.lr"):
        find("max_itr", params("train.max_iter", "train.lr"))
    with pytest.raises(ParamError, match="no stage here has params"):
        find("lr")


def test_a_param_that_only_the_top_level_lists_never_takes_the_place_of_a_stages_own():
    listed = [Param(file=file, key="lr", value=1, listed=True) for file in ("params.yaml", "more.yaml")]

    assert find("lr", listed, params("train.lr")) == "params.yaml:train.lr"
    assert find("lr", listed[:1]) == "params.yaml:lr"
    assert find("params.yaml:lr", listed, params("lr", file="sub/params.yaml")) == "params.yaml:lr"
    with pytest.raises(ParamError, match=r"Write --params.yaml:lr or --more.yaml:lr"):
        find("lr", listed)


@given(PARAMS, PARAMS)
def test_a_file_and_a_whole_key_always_name_that_param(own, upstream):
    for wanted in [*own, *upstream]:
        assert find(wanted.name, own, upstream) == wanted.name


@given(PARAMS, PARAMS, st.lists(WORDS, min_size=1, max_size=2).map(".".join))
def test_what_is_found_is_the_best_that_there_is(own, upstream, spelling):
    try:
        found = find_param(spelling, own, upstream, options=())
    except ParamError:
        return
    of_stages = [param for param in [*own, *upstream] if not param.listed]
    if any(param.key == spelling for param in of_stages):
        assert found.key == spelling
    elif any(param.key.endswith(f".{spelling}") for param in own if param in of_stages):
        assert found in own
    assert found.key.replace("-", "_").endswith(spelling.replace("-", "_"))


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        ("lrr", "There is no param 'lrr'. Did you mean 'lr'? The params are a.lr, b.lr, a.n."),
        ("lr", "'lr' can mean several params. Write 'a.lr' or 'b.lr'."),
    ],
)
def test_an_error_of_the_api_speaks_python(spelling, said):
    with pytest.raises(ParamError) as caught:
        find_param(spelling, params("a.lr", "b.lr", "a.n"), (), options=(), wording=Wording.API)

    assert str(caught.value) == said

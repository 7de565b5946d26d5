"""Which param a flag means."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from itertools import product

from dvc_magic.errors import ParamError, close_matches
from dvc_magic.line.wording import Wording
from dvc_magic.model.stage import Param
from dvc_magic.model.values import ends_with_key
from dvc_magic.untrusted import first_few

_SHOWN = 40


def find_param(
    spelling: str,
    own: Sequence[Param],
    upstream: Sequence[Param],
    *,
    options: Collection[str],
    wording: Wording = Wording.LINE,
) -> Param:
    """The param that a flag means.

    A flag is a key or the end of one, after ``FILE:`` if need be. A file's whole path wins over its name alone, then a
    whole key over an end, then a param of the target over one upstream. Only when nothing is spelled so, ``-`` and
    ``_`` count as the same.

    Args:
        spelling: the flag without its dashes: ``lr``, ``train.lr``, ``params.yaml:lr``.
        own: the params of the stages asked for.
        upstream: the params of the stages before them.
        options: the names of the magic's options, without dashes.
        wording: whom an error speaks to.

    Raises:
        ParamError: no such param, several, or an option of the same name.
    """
    found = matching(spelling, own, upstream)
    if not found:
        raise ParamError(_unknown(spelling, [*own, *upstream], options, wording))
    if len(found) > 1:
        raise ParamError(_tie(spelling, found, wording))
    if spelling in options:
        raise ParamError(option_or_param(spelling, found[0]))
    return found[0]


def matching(spelling: str, own: Sequence[Param], upstream: Sequence[Param]) -> tuple[Param, ...]:
    """The params that `spelling` means equally well: one, several in a tie, or none.

    Those of the top level's ``params`` count only when no stage has one of that spelling: what a flag of a stage means
    does not change when a file is added to that list.
    """
    named = tuple(param for param in (*own, *upstream) if param.name == spelling)
    of_stages = [[param for param in params if not param.listed] for params in (own, upstream)]
    return named[:1] or _best(spelling, *of_stages) or _best(spelling, own, upstream)


def _best(spelling: str, own: Sequence[Param], upstream: Sequence[Param]) -> tuple[Param, ...]:
    for levelled, whole_path, exact, params in product((False, True), (True, False), (True, False), (own, upstream)):
        means = partial(_means, spelling, levelled=levelled, whole_path=whole_path, exact=exact)
        found = {param.name: param for param in params if means(param)}
        if found:
            return tuple(found.values())
    return ()


def _means(spelling: str, param: Param, *, levelled: bool, whole_path: bool, exact: bool) -> bool:
    key = param.key if param.group is None else param.key.replace("/", ".")  # optimizer/schedule
    spelling = spelling if param.group is None else spelling.replace("/", ".")
    key = _levelled(key) if levelled else key
    file = param.file if whole_path else param.file.rpartition("/")[2]
    for prefix in ("", f"{file}:"):
        if not spelling.startswith(prefix):
            continue
        end = spelling[len(prefix) :]
        end = _levelled(end) if levelled else end
        if end and (key == end if exact else ends_with_key(key, end)):
            return True
    return False


def _levelled(key: str) -> str:
    return key.replace("-", "_")


def _tie(spelling: str, found: Sequence[Param], wording: Wording) -> str:
    ways = " or ".join(wording.param(_unmistakable(param, found)) for param in found)
    return f"{wording.param(spelling)} can mean several params. Write {ways}."


def _unmistakable(param: Param, others: Sequence[Param]) -> str:
    same = [other for other in others if other.key == param.key or other.key.endswith(f".{param.key}")]
    return param.key if len(same) == 1 else param.name


def option_or_param(spelling: str, param: Param) -> str:
    """The message for a spelling that is an option of the magic and a param as well."""
    key = param.key if param.key != spelling else param.name
    return (
        f"--{spelling} is an option of this magic, and {param.key} in {param.file} is a param. "
        f"Write --option:{spelling} for the option or --{key} for the param."
    )


def _unknown(spelling: str, params: Sequence[Param], options: Collection[str], wording: Wording) -> str:
    below = [param for param in params if f".{spelling}." in f".{param.key}"]
    if below:
        ways = ", ".join(wording.param(param.key) for param in below[:_SHOWN])
        return f"{spelling} is a map in {below[0].file}, which takes no value as a whole. What is in it: {ways}."
    names = list(dict.fromkeys(param.key for param in params))
    ends = [key.rpartition(".")[2] for key in names]
    hint = close_matches(spelling, [*dict.fromkeys([*names, *ends, *sorted(options)])])
    kind, other = ("flag", " Set another key with -S KEY=V.") if wording is Wording.LINE else ("param", "")
    if not names:
        return f"There is no {kind} {wording.param(spelling)}: no stage here has params.{other}"
    return f"There is no {kind} {wording.param(spelling)}.{hint} The {kind}s are {first_few(names, _SHOWN)}.{other}"

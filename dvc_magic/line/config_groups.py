"""The config groups of Hydra that a line chooses, told before its flags are: these depend on the choices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice, product

from dvc_magic.errors import DvcMagicError
from dvc_magic.line.expansion import Passed, expand, expand_text
from dvc_magic.line.fit import fit
from dvc_magic.line.flags import matching
from dvc_magic.line.options import Option, is_dashed
from dvc_magic.line.overrides import override_text, read_override
from dvc_magic.line.scope import Known
from dvc_magic.line.spaces import Grid
from dvc_magic.line.tokens import Token, partition
from dvc_magic.line.values import parse_values
from dvc_magic.model.request import Change, ChangeKind
from dvc_magic.model.stage import Param

NO_HYDRA = Option(name="--no-hydra", takes=False)
"""The option that leaves the params file as it is."""

_MOST = 16  # combinations of choices whose flags are looked up; of a larger grid the first ones


def chosen_groups(tokens: Sequence[Token], known: Known) -> tuple[tuple[str, ...], ...]:
    """Each combination of choices that a line asks for, as overrides; nothing when it leaves all groups as they are.

    What cannot be read is passed over: the reading of the line itself says what is wrong with it.
    """
    groups = {flag.name: flag for stage in known.pipeline.every for flag in stage.flags if flag.group is not None}
    changes = {change.key: change for change in _changes(tokens, [*groups.values()], known)} if groups else {}
    return combinations([*changes.values()])


def combinations(changes: Sequence[Change]) -> tuple[tuple[str, ...], ...]:
    """Each combination of these choices, as overrides; nothing when there are none."""
    texts = [[override_text(one.key, value, one.kind) for value in one.values] for one in changes]
    return tuple(islice(product(*texts), _MOST)) if texts else ()


def group_change(param: Param, values: Sequence[object]) -> Change:
    """The choice of a config group; of one that no defaults list names it is added."""
    appended = param.group is not None and param.group.appended
    kind = ChangeKind.ADD if appended else ChangeKind.SET
    return Change(file=param.file, key=param.key, values=tuple(values), kind=kind)


def _changes(tokens: Sequence[Token], groups: Sequence[Param], known: Known) -> Iterator[Change]:
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        with contextlib.suppress(DvcMagicError):
            if is_dashed(token) and token.raw.startswith("--"):
                yield from _flag(token, following, groups, known)
            elif "=" in token.raw:  # behind -S, or bare
                yield from _override(token, groups, known)


def _flag(token: Token, following: Token | None, groups: Sequence[Param], known: Known) -> Iterator[Change]:
    name, value = partition(token, "=")
    value = following if value is None else value
    means = matching(name.raw.removeprefix("--"), groups, ())
    if value is None or len(means) != 1:
        return
    read = expand(value, known.namespace, scalar=True)
    if isinstance(read, Passed):
        pairs: list[tuple[object, str | None]] = [(one, None) for one in read.values]
    elif read.quoted:
        pairs = [(read.text, None)]
    else:
        parsed = parse_values(read.raw, where=name.raw)
        pairs = [*parsed.pairs] if isinstance(parsed, Grid) else []
    if pairs:
        yield group_change(means[0], [fit(one, means[0], raw) for one, raw in pairs])


def _override(token: Token, groups: Sequence[Param], known: Known) -> Iterator[Change]:
    change = read_override(expand_text(token, known.namespace), packages=True)
    if any((change.file, change.key) == (group.file, group.key) for group in groups):
        yield change

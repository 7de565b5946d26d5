"""What the words of a run line can mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from dvc_magic.line.flags import find_param, matching
from dvc_magic.line.options import Option
from dvc_magic.model.stage import Param, Pipeline


class Describe(Protocol):
    """Resolves a project's stages with other params than those that they usually have."""

    def __call__(self, *, hydra: bool, choices: Sequence[tuple[str, ...]]) -> Pipeline:
        """The stages.

        Args:
            hydra: False for params as their files have them.
            choices: sets of overrides that choose config groups; flags are those that any of them gives.
        """


class Known(Struct, frozen=True, kw_only=True):
    """What the words of a line can mean already, which goes before any answer.

    Attributes:
        command: the magic, as it stands before a line that is shown.
        pipeline: the project's stages.
        namespace: the names that ``{name}`` can mean.
        options: of the magic.
        target: the address of what runs, when the line's word is not the name of a stage.
        folder: the folder of the project in which the line is typed, from the root.
        described: resolves the stages with other params, if somebody can.
    """

    command: str
    pipeline: Pipeline
    namespace: Mapping[str, object]
    options: Sequence[Option]
    target: str = ""
    folder: str = ""
    described: Describe | None = None


class Scope(Struct, frozen=True, kw_only=True):
    """What the names in a line can mean.

    Attributes:
        composed: whether params are composed of config groups.
        like_sets: the stages whose address looks like an override, ``KEY=V``: an item's key or a folder has an ``=``.
    """

    namespace: Mapping[str, object]
    own: Sequence[Param]
    upstream: Sequence[Param]
    options: Sequence[Option]
    folder: str = ""
    composed: bool = False
    like_sets: frozenset[str] = frozenset()

    def matching(self, spelling: str) -> tuple[Param, ...]:
        """The params that `spelling` can mean."""
        return matching(spelling, self.own, self.upstream)

    def param(self, spelling: str) -> Param:
        """The param that a flag means.

        Raises:
            ParamError: no such param, several, or an option of the same name.
        """
        options = {option.name.removeprefix("--") for option in self.options}
        return find_param(spelling, self.own, self.upstream, options=options)

    def is_bool(self, spelling: str) -> bool:
        """Whether `spelling` means booleans only."""
        found = self.matching(spelling)
        return bool(found) and all(param.type == "bool" for param in found)

    def negated(self, spelling: str) -> str:
        """The boolean that ``--no-NAME`` turns off; empty when it is no such spelling."""
        name = re.sub(r"^no[-_]", "", spelling)
        return name if name != spelling and not self.matching(spelling) and self.is_bool(name) else ""

"""What a stage still reaches of the live project, named in its order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dvc_magic.model.stage import DepKind, Stage
from dvc_magic.model.surroundings import ProjectLinks
from dvc_magic.workspace import linkable


def project_links(
    stage: Stage, *, environments: Sequence[str], secrets: Iterable[str], git_objects: str = ""
) -> ProjectLinks:
    """The links of a stage's workspace into the project.

    Args:
        stage: to be executed.
        environments: those of the project that its wdir may use, from the root.
        secrets: the snapshot's files that are linked instead of kept.
        git_objects: the folder of git's objects, absolute; empty without git.
    """
    outs = [out.path for out in stage.outs]
    absolute = [dep.path for dep in stage.deps if dep.kind is DepKind.ABSOLUTE]
    return ProjectLinks(
        environments=linkable(environments, commands=stage.commands, outs=outs),
        secrets=tuple(secrets),
        absolute=(*absolute, *(out for out in outs if out.startswith("/"))),
        git_objects=git_objects,
    )

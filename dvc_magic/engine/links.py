"""What a stage still reaches of the live project, named in its order."""

from __future__ import annotations

from collections.abc import Iterable

from dvc_magic.engine.order import Capture
from dvc_magic.model.stage import DepKind, Stage
from dvc_magic.model.surroundings import ProjectLinks
from dvc_magic.workspace import linkable


def project_links(stage: Stage, capture: Capture, secrets: Iterable[str]) -> ProjectLinks:
    """The links of a stage's workspace into the project of a call.

    Args:
        stage: to be executed.
        capture: of the call.
        secrets: the snapshot's files that are linked instead of kept.
    """
    outs = [out.path for out in stage.outs]
    absolute = [dep.path for dep in stage.deps if dep.kind is DepKind.ABSOLUTE]
    return ProjectLinks(
        environments=linkable(capture.environments.get(stage.wdir, ()), commands=stage.commands, outs=outs),
        secrets=tuple(secrets),
        absolute=(*absolute, *(out for out in outs if out.startswith("/"))),
        git_objects=capture.git_objects,
    )

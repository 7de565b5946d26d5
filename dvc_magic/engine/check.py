"""Checking the run store, and what of the project touches it, in a worker."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from dvc_magic.engine.requests import CheckRequest
from dvc_magic.errors import DvcMagicError
from dvc_magic.model.checkup import CheckProgress, Finding, FindingKind, Remedy, Repair, StoreCheckup
from dvc_magic.pipeline import ProjectReader, open_secrets, project_cache
from dvc_magic.store import Hasher, RunStore, examine, kept_aside, repair


def check(
    request: CheckRequest, *, store: RunStore, reader: ProjectReader, tell: Callable[[CheckProgress], None]
) -> StoreCheckup:
    """Look at all that is in the store; with `CheckRequest.repair`, put right what can be.

    Side effects: brings the index up to date; those of `dvc_magic.store.repair`.

    Args:
        tell: is called every now and then; what it raises ends the check.

    Raises:
        StoreError: the store cannot be listed, or another repair goes on.
    """
    hasher = Hasher(tell)
    findings = (*examine(store, hasher), *_secrets(reader))
    repairs: tuple[Repair, ...] = ()
    if request.repair:
        repairs = repair(store, findings, hasher, project=Path(request.project), caches=_caches(reader))
    return StoreCheckup(
        home=str(store.home),
        runs=len(store.index.ids()),
        read=hasher.progress,
        findings=findings,
        repairs=repairs,
        aside=kept_aside(store),
    )


def _caches(reader: ProjectReader) -> list[Path]:
    with suppress(DvcMagicError):  # a project that DVC cannot read is no reason not to mend the store
        return [project_cache(reader)]
    return []


def _secrets(reader: ProjectReader) -> Iterator[Finding]:
    file = reader.root / ".dvc" / "config.local"
    with suppress(DvcMagicError):
        if options := open_secrets(reader):
            mode = file.stat().st_mode & 0o777
            yield Finding(
                kind=FindingKind.SECRET,
                path=str(file),
                seen=f"has {', '.join(options)}, and other users may read it: its mode is {mode:o}",
                remedy=Remedy.NOTHING,
                advice=f"left as it is, since it is the project's: chmod 600 {shlex.quote(str(file))}",
            )

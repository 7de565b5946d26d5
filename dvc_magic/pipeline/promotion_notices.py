"""What people have to know of a stage that a run of an operation becomes: where the project is not as the run was."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from dvc_magic.model.promotion import Promotion
from dvc_magic.model.stage import Pipeline, Stage, overlaps
from dvc_magic.model.values import same
from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.untrusted import first_few

_SHOWN = 3


class Notices:
    """Those of one promotion, against the project as it is now."""

    def __init__(
        self,
        promotion: Promotion,
        pipeline: Pipeline,
        *,
        reader: ProjectReader,
        scm: Any,
        hash_file: Callable[[Path], tuple[str, int]],
    ) -> None:
        self._promotion = promotion
        self._pipeline = pipeline
        self._reader = reader
        self._root = reader.root
        self._scm = scm
        self._hash_file = hash_file

    def of(self, loaded: Stage) -> Iterator[str]:
        """All of them, given the stage as DVC will read it."""
        yield from self._of_values(loaded)
        yield from self._of_deps()
        yield from self._of_changes()
        yield from self._of_outs()

    def _of_values(self, loaded: Stage) -> Iterator[str]:
        for file, values in self._promotion.locked.items():
            now = loaded.locked.get(file, {})
            gone = [key for key in values if key not in now]
            if gone:
                yield f"{file} of the project has no {', '.join(gone)}, which the stage needs"
            differing = [key for key, value in values.items() if key in now and not same(value, now[key])]
            if differing:
                told = ", ".join(f"{key} {now[key]!r} (the run had {values[key]!r})" for key in differing)
                yield f"{file} of the project has {told}; dvc repro takes the project's values"
        if not loaded.commands:
            yield "the command is empty with the project's values"

    def _of_deps(self) -> Iterator[str]:
        outside = [path for path in self._promotion.deps if not _is_inside(path)]
        if outside:
            yield f"{first_few(outside, _SHOWN)} lies outside of the project: a clone will not have it"
        written = {file.path for file in self._promotion.files}
        plain = [path for path in plain_deps(self._promotion, self._pipeline) if path not in written]
        missing = [path for path in plain if not os.path.lexists(self._root / path)]
        if missing:
            yield f"{first_few(missing, _SHOWN)} is not in the project any more: dvc repro needs it"
        hidden = [path for path in plain if path not in missing and self._is_lost(path)]
        # DVC refuses to write a .dvc file that git ignores, as it does in a folder that git ignores.
        for_dvc = [path for path in hidden if not self._is_lost(f"{path}.dvc")]
        if for_dvc:
            listed, command = first_few(for_dvc, _SHOWN), f"dvc add {_words(for_dvc)}"
            yield f"git ignores {listed}, and DVC does not track it: a clone will not have it: {command}"
        for_git = [path for path in hidden if path not in for_dvc]
        if for_git:
            listed, command = first_few(for_git, _SHOWN), f"git add -f {_words(for_git)}"
            yield f"git ignores {listed}, and would a .dvc file there: a clone will not have it: {command}"
        scripts = [path for path in written if self._is_lost(path)]
        if scripts:
            yield f"git ignores {first_few(scripts, _SHOWN)}: git add -f {_words(scripts)}"

    def _is_lost(self, path: str) -> bool:
        """Whether git ignores a path and does not have it all the same."""
        place = os.fspath(self._root / path)
        named = f"{place}/" if os.path.isdir(place) else place  # git's rule ``data/`` is for folders only
        return bool(self._scm.is_ignored(named)) and not self._scm.is_tracked(place)

    def _of_changes(self) -> Iterator[str]:
        """Inputs that are not what the run had: the stage will make something else."""
        told = {file.path for file in self._promotion.files} | {file.path for file in self._promotion.params}
        known = {path: md5 for path, md5 in self._promotion.deps.items() if md5 and path not in told}
        facts = self._reader.inputs([path for path in known if path not in self._promotion.taken], self._hash_file)
        now = {path: fact.hash for path, fact in facts.items() if fact.hash}
        now |= {path: md5 for path in self._promotion.taken if (md5 := self._made(path))}
        differing = [path for path, md5 in now.items() if path in known and md5 != known[path]]
        if differing:
            yield f"{first_few(differing, _SHOWN)} is not what the run had: the stage takes what the project has"

    def _made(self, path: str) -> str:
        """The md5 that ``dvc.lock`` has for an out; empty where it has none."""
        for stage in self._pipeline.producers(path):
            for entry in (stage.lock or {}).get("outs", ()):
                if any(out.path == path and out.declared == entry["path"] for out in stage.outs):
                    return str(entry.get("md5", ""))
        return ""

    def _of_outs(self) -> Iterator[str]:
        there = [path for path, out in self._promotion.outs.items() if os.path.lexists(self._root / path)]
        if there:
            yield f"{first_few(there, _SHOWN)} is in the project already: dvc repro replaces it"


def plain_deps(promotion: Promotion, pipeline: Pipeline) -> list[str]:
    """Deps inside the project that DVC does not keep: git has to."""
    return [path for path in promotion.deps if _is_inside(path) and not _is_kept(path, pipeline)]


def _words(paths: Iterable[str]) -> str:
    return " ".join(map(shlex.quote, paths))


def _is_inside(path: str) -> bool:
    return not (os.path.isabs(path) or path.startswith("../") or "://" in path)


def _is_kept(path: str, pipeline: Pipeline) -> bool:
    tracked = any(overlaps(path, data.path) for data in pipeline.tracked)
    return tracked or bool(pipeline.producers(path))

"""Param files that are more than sources: DVC counts them by their values, and a run has to be given them like deps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from dvc_magic.model.stage import Dep, ParamsFile, Stage, folders_around


def with_implied_deps(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages, with an implied dep for each param file that another stage makes or that lies above the root.

    What a stage makes has no values before that stage has run: such a file gives no flags, not even to the stage that
    makes it, and is no part of what is compared beforehand (`Stage.locked`); its content is. DVC orders stages by such
    files as well (`dvc.repo.graph`).
    """
    makers = makers_of(stages)
    return tuple(with_implied(stage, makers) for stage in stages)


def makers_of(stages: Sequence[Stage]) -> dict[str, str]:
    """The path of each out -> the address of the stage that makes it."""
    return {out.path: stage.address for stage in stages for out in stage.outs}


def with_implied(stage: Stage, makers: Mapping[str, str]) -> Stage:
    """The same as `with_implied_deps` for one stage, `makers` being those of all."""
    return _with_implied(_without_made(stage, makers), makers)


def _without_made(stage: Stage, makers: Mapping[str, str]) -> Stage:
    if not any(flag.listed for flag in stage.flags):
        return stage
    flags = (flag for flag in stage.flags if not (flag.listed and _is_made(flag.file, makers)))
    return replace(stage, flags=tuple(flags))


def _with_implied(stage: Stage, makers: Mapping[str, str]) -> Stage:
    generated = [entry for entry in stage.params if _is_made_by_another(entry.path, stage, makers)]
    above = [entry for entry in stage.params if entry.path.startswith("../")]
    if not generated and not above:
        return stage
    files = {entry.path for entry in generated}
    return replace(
        stage,
        deps=(*stage.deps, *_missing_deps(stage, [*generated, *above])),
        flags=tuple(flag for flag in stage.flags if flag.file not in files),
        locked={
            file: values for file, values in stage.locked.items() if file not in {entry.declared for entry in generated}
        },
    )


def _is_made(path: str, makers: Mapping[str, str]) -> bool:
    return any(out in makers for out in (path, *folders_around(path)))


def _is_made_by_another(path: str, stage: Stage, makers: Mapping[str, str]) -> bool:
    return any(makers.get(out, stage.address) != stage.address for out in (path, *folders_around(path)))


def _missing_deps(stage: Stage, entries: Sequence[ParamsFile]) -> list[Dep]:
    declared = {dep.path for dep in stage.deps}
    found = {entry.path: entry for entry in entries if entry.path not in declared}
    return [Dep(path=path, declared=entry.declared, implied=True) for path, entry in found.items()]

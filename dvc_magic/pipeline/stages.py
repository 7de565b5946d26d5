"""DVC's stages turned into the frozen nouns of `dvc_magic.model.stage`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from dvc.dependency import loads_from
from dvc.dependency.dataset import DatasetDependency
from dvc.dependency.param import ParamsDependency
from dvc.stage.run import _enforce_cmd_list
from msgspec import Struct
from msgspec.structs import replace

from dvc_magic.model.stage import Dep, DepKind, Out, OutKind, Param, ParamsFile, Stage
from dvc_magic.model.values import FlatValues
from dvc_magic.pipeline.trim import Trimmer
from dvc_magic.pipeline.values import leaves, plain, tracked
from dvc_magic.untrusted import without_secrets

_DEFAULT_PARAMS = ParamsDependency.DEFAULT_PARAMS_FILE


def _kind(dep: Any) -> DepKind:
    if isinstance(dep, DatasetDependency) or dep.fs.protocol != "local":
        return DepKind.URL
    if urlparse(dep.def_path).scheme == "remote":
        return DepKind.URL
    return DepKind.ABSOLUTE if os.path.isabs(dep.def_path) else DepKind.LOCAL


class Places(Struct, frozen=True):
    """Turns DVC's absolute paths into POSIX paths from the project's root."""

    root: Path

    def of(self, path: str) -> str:
        """`path`, absolute or from the root, as POSIX text from the root."""
        absolute = os.path.join(self.root, path)
        return Path(os.path.relpath(absolute, self.root)).as_posix()

    def path(self, item: Any) -> str:
        """The path of one of DVC's deps or outs, from the root; an absolute one as it is, a URL without its secrets."""
        return self.of(item.fs_path) if _kind(item) is DepKind.LOCAL else without_secrets(str(item.def_path))


def _dep(dep: Any, places: Places) -> Dep:
    return Dep(path=places.path(dep), declared=without_secrets(dep.def_path), kind=_kind(dep))


def _out(out: Any, places: Places) -> Out:
    kind = OutKind.METRIC if out.metric else OutKind.PLOT if out.plot else OutKind.OUT
    return Out(
        path=places.path(out),
        declared=without_secrets(out.def_path),
        kind=kind,
        cache=bool(out.use_cache),
        persist=bool(out.persist),
        push=bool(out.can_push),
        remote=out.remote,
    )


def address(dvcfile: str, name: str) -> str:
    """What DVC calls the stage `name` of `dvcfile` when it stands in the project's root."""
    return name if dvcfile == "dvc.yaml" else f"{dvcfile}:{name}"


def _locked(entries: Iterable[ParamsFile], contents: Mapping[str, Any]) -> dict[str, FlatValues]:
    """The rule of `dvc.stage.serialize`: files and keys sorted, the default file first."""
    locked = {}
    for entry in sorted(entries, key=lambda entry: (entry.declared != _DEFAULT_PARAMS, entry.declared)):
        config = contents[entry.path]
        if config is not None:
            found = tracked(config, entry.keys)
            locked[entry.declared] = {str(key): plain(found[key]) for key in sorted(found, key=str)}
    return locked


def _tracked_flags(entries: Iterable[ParamsFile], contents: Mapping[str, Any]) -> dict[str, Param]:
    flags = {}
    for entry in entries:
        config = contents[entry.path]
        found = leaves(tracked(config, entry.keys)) if config is not None else {}
        for key, value in found.items():
            param = Param(file=entry.path, key=key, value=value)
            flags[param.name] = param
    return flags


def _template_flags(used: Mapping[str, Any], content: Callable[[str], Any], places: Places) -> dict[str, Param]:
    flags = {}
    for source, keys in used.items():
        config = content(source)
        found = leaves(tracked(config, [*keys])) if keys and config is not None else {}
        for key, value in found.items():
            param = Param(file=places.of(source), key=key, value=value, tracked=False)
            flags[param.name] = param
    return flags


def _template_files(loaded: Iterable[str], params: Iterable[ParamsFile], places: Places) -> tuple[str, ...]:
    taken = {entry.path for entry in params}
    named = dict.fromkeys(places.of(path) for path in loaded)
    return tuple(path for path in named if path not in taken)


def _stage_vars(definition: Mapping[str, Any], wdir: str) -> list[str]:
    """Files that the stage's own ``vars`` load; DVC reads them from the stage's wdir."""
    entries = definition.get("do", definition).get("vars") or []
    return [os.path.join(wdir, entry.partition(":")[0]) for entry in entries if isinstance(entry, str)]


def _values(
    params: Sequence[ParamsFile],
    used: Mapping[str, Any],
    listed: Sequence[Param],
    content: Callable[[str], Any],
    places: Places,
) -> tuple[tuple[Param, ...], dict[str, FlatValues]]:
    """The flags and the locked values of a stage."""
    contents = {entry.path: content(entry.path) for entry in params}
    used_flags = {**_template_flags(used, content, places), **_tracked_flags(params, contents)}
    flags = {**used_flags, **{flag.name: flag for flag in listed if flag.name not in used_flags}}
    ordered = sorted(flags.values(), key=lambda flag: (not flag.tracked, flag.listed))
    return tuple(ordered), _locked(params, contents)


def _without_secrets(definition: dict[str, Any]) -> dict[str, Any]:
    """The entry of a stage, the URLs of its deps and outs without their secrets."""
    if isinstance(definition.get("do"), dict):
        return {**definition, "do": _without_secrets(definition["do"])}
    return {**definition, **_bare_lists(definition)}


def _bare_lists(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of paths in the entry of a stage in ``dvc.yaml`` or ``dvc.lock``."""
    lists = {key: entry[key] for key in ("deps", "outs", "metrics", "plots") if isinstance(entry.get(key), list)}
    return {key: [_bare_item(item) for item in items] for key, items in lists.items()}


def _bare_item(item: Any) -> Any:
    if isinstance(item, str):
        return without_secrets(item)
    if not isinstance(item, dict):
        return item
    if isinstance(item.get("path"), str):
        return {**item, "path": without_secrets(item["path"])}
    return {without_secrets(str(key)): value for key, value in item.items()}


def full_addresses(stage: Any) -> dict[str, str]:
    """The URLs of a DVC stage's deps that have secrets, by what they are called here."""
    urls = [str(dep.def_path) for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    return {without_secrets(url): url for url in urls if without_secrets(url) != url}


def with_full_addresses(stage: Any, addresses: Mapping[str, str]) -> None:
    """Let a DVC stage fetch the URLs of its deps by their full addresses, and write them without their secrets."""
    for place, dep in enumerate(stage.deps):
        if isinstance(dep, ParamsDependency) or _kind(dep) is not DepKind.URL:
            continue
        name = without_secrets(str(dep.def_path))
        if name == dep.def_path and name in addresses:
            (stage.deps[place],) = loads_from(stage, [addresses[name]])
        stage.deps[place].def_path = name  # what dvc.lock and messages say; DVC fetches by fs_path


def with_values(
    stage: Stage,
    used: Mapping[str, Any],
    *,
    listed: Sequence[Param],
    places: Places,
    content: Callable[[str], Any],
) -> Stage:
    """A noun of before with the values that its params have now, as `noun` would make it.

    Args:
        stage: of a file whose templates come out as they did then.
        used: DVC's tracked variables of the stage: param file -> keys that its templates use.
        listed, places, content: as for `noun`.
    """
    flags, locked = _values(stage.params, used, listed, content, places)
    return replace(stage, flags=flags, locked=locked)


def noun(
    stage: Any,
    *,
    trimmer: Trimmer,
    imports: Iterable[str],
    resolved: Mapping[str, Any],
    listed: Sequence[Param],
    places: Places,
    lock: dict[str, Any] | None,
    content: Callable[[str], Any],
) -> Stage:
    """The frozen noun for a `dvc.stage.PipelineStage`.

    Args:
        stage: DVC's.
        trimmer: of the file that defines the stage.
        imports: what that file's ``vars`` load.
        resolved: the stage's data after templating.
        listed: the leaves of the param files that the top level of its ``dvc.yaml`` names.
        places: of the project.
        lock: its raw ``dvc.lock`` entry.
        content: reads a param file (absolute, or from the root), None when it does not exist.
    """
    dvcfile = places.of(stage.path)
    params = tuple(
        ParamsFile(path=places.of(entry.fs_path), declared=entry.def_path, keys=tuple(entry.params))
        for entry in stage.params
    )
    flags, locked = _values(params, stage.tracked_vars, listed, content, places)
    definition_name, definition = trimmer.trimmed(stage.name, resolved)
    template_files = [*imports, *_stage_vars(definition, stage.wdir)]
    return Stage(
        address=address(dvcfile, stage.name),
        name=stage.name,
        dvcfile=dvcfile,
        wdir=places.of(stage.wdir),
        cmd=str(stage.cmd) if isinstance(stage.cmd, str) else [str(command) for command in stage.cmd],
        commands=tuple(str(command) for command in _enforce_cmd_list(stage.cmd)) if stage.cmd else (),
        deps=tuple(_dep(dep, places) for dep in stage.deps if not isinstance(dep, ParamsDependency)),
        outs=tuple(_out(out, places) for out in stage.outs),
        params=params,
        flags=flags,
        locked=locked,
        vars_files=_template_files(template_files, params, places),
        frozen=bool(stage.frozen),
        always_changed=bool(stage.always_changed),
        desc=stage.desc or "",
        definition_name=definition_name,
        definition=_without_secrets(definition),
        lock=lock and {**lock, **_bare_lists(lock)},
    )

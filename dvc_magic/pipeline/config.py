"""The DVC configuration of a run: its own cache, the project's remotes, no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.pipeline.remotes import PUBLIC_OPTIONS
from dvc_magic.untrusted import bare_url

_KEPT = ("parsing", "hydra", "feature")


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or ('"' in text and "'" in text):
        return f'"""{text}"""'
    return f"'{text}'" if '"' in text else f'"{text}"'


def _section(name: str, options: Mapping[str, Any]) -> str:
    lines = [f"    {key} = {_quoted(value)}" for key, value in options.items() if not isinstance(value, Mapping)]
    return "\n".join([f"[{name}]", *lines, ""])


def _remote(options: Mapping[str, Any]) -> dict[str, Any]:
    """Where a remote is; ``endpointurl`` and the like can have a password as well."""
    public = {key: value for key, value in options.items() if key in PUBLIC_OPTIONS}
    return {key: bare_url(value) if isinstance(value, str) else value for key, value in public.items()}


def run_config(reader: ProjectReader, cache_relative: str) -> str:
    """The text of a run's ``.dvc/config.local``.

    The remotes are those of the committed ``.dvc/config``, else of ``dvc.config.in`` in the root, with
    absolute urls and without credentials.

    Args:
        reader: the project.
        cache_relative: the runs' cache, from the run's ``.dvc`` folder.

    Raises:
        PipelineError: DVC cannot read the configuration.
    """
    committed = reader.config.load_one("repo")
    own = reader.config.load_one("local")
    remotes = {name: options for name, options in committed.get("remote", {}).items() if "url" in options}
    core: dict[str, Any] = {"no_scm": True, "analytics": False, "autostage": False, "check_update": False}
    default = committed.get("core", {}).get("remote")
    if default in remotes:
        core["remote"] = default
    sections = [
        _section("core", core),
        _section("cache", {"dir": cache_relative, "type": "reflink,hardlink,copy"}),
        *(_section(name, committed.get(name, {}) | own.get(name, {})) for name in _KEPT),
        *(_section(f"'remote \"{name}\"'", _remote(options)) for name, options in remotes.items()),
    ]
    return "\n".join(section for section in sections if section.count("\n") > 1)


def project_cache_types(reader: ProjectReader) -> tuple[str, ...] | None:
    """The project's ``cache.type``, in its order, or None when it says nothing."""
    types = reader.config["cache"].get("type")
    return tuple(types) if types else None

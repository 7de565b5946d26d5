"""The DVC configuration of a run: its own cache, the project's remotes, no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.pipeline.remotes import PUBLIC_OPTIONS
from dvc_magic.untrusted import bare_url, url_secrets

_SECRET = re.compile(r"password|passphrase|secret|token$|key(_id)?$|connection_string|auth_header")
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


def run_config(reader: ProjectReader) -> str:
    """The text of a run's ``.dvc/config.local``, but for its cache (see `with_cache`).

    The remotes are those of the committed ``.dvc/config``, else of ``dvc.config.in`` in the root, with
    absolute urls and without credentials.

    Args:
        reader: the project.

    Raises:
        PipelineError: DVC cannot read the configuration.
    """
    config = reader.config  # the same object while its files stay what they are
    if reader.text_of_config is None or reader.text_of_config[0] is not config:
        reader.text_of_config = config, _text(config)
    return reader.text_of_config[1]


def _text(config: Any) -> str:
    committed = config.load_one("repo")
    own = config.load_one("local")
    remotes = {name: options for name, options in committed.get("remote", {}).items() if "url" in options}
    core: dict[str, Any] = {"no_scm": True, "analytics": False, "autostage": False, "check_update": False}
    default = committed.get("core", {}).get("remote")
    if default in remotes:
        core["remote"] = default
    sections = [
        _section("core", core),
        *(_section(name, committed.get(name, {}) | own.get(name, {})) for name in _KEPT),
        *(_section(f"'remote \"{name}\"'", _remote(options)) for name, options in remotes.items()),
    ]
    return "\n".join(section for section in sections if section.count("\n") > 1)


def with_cache(config: str, cache: str) -> str:
    """The whole text of a run's ``.dvc/config.local``.

    Args:
        config: of `run_config`.
        cache: the runs' cache, from the run's ``.dvc`` folder.
    """
    return f"{config}\n{_section('cache', {'dir': cache, 'type': 'reflink,hardlink,copy'})}"


def project_cache(reader: ProjectReader) -> Path:
    """The folder of the project's DVC cache, which holds ``files/md5``; it may be missing.

    Raises:
        PipelineError: DVC cannot read the configuration.
    """
    return Path(reader.config["cache"].get("dir") or reader.root / ".dvc" / "cache")


def open_secrets(reader: ProjectReader) -> tuple[str, ...]:
    """The options with credentials in ``.dvc/config.local``, such as ``remote.web.password``, if others may read it.

    DVC makes it with the umask's mode, which mostly is 644.

    Raises:
        PipelineError: DVC cannot read the configuration.
    """
    file = reader.root / ".dvc" / "config.local"
    if not file.is_file() or not file.stat().st_mode & 0o044:
        return ()
    return tuple(_secret_options(reader.config.load_one("local"), ""))


def _secret_options(options: Mapping[str, Any], above: str) -> Iterator[str]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _secret_options(value, f"{above}{key}.")
        elif isinstance(value, str) and ((value and _SECRET.search(key)) or url_secrets(value)):
            yield f"{above}{key}"


def project_cache_types(reader: ProjectReader) -> tuple[str, ...] | None:
    """The project's ``cache.type``, in its order, or None when it says nothing."""
    types = reader.config["cache"].get("type")
    return tuple(types) if types else None

"""The DVC configuration of a run: its own cache, the project's remotes, no secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from dvc.config import Config

from dvc_magic.pipeline.border import translated
from dvc_magic.pipeline.reader import ProjectReader
from dvc_magic.pipeline.rooted import RootedFileSystem

# A remote's options that say where and how, not who: whatever is not named here may be a credential.
_PUBLIC = frozenset(
    [
        "url",
        "region",
        "profile",
        "endpointurl",
        "use_ssl",
        "ssl_verify",
        "allow_anonymous_login",
        "listobjects",
        "sse",
        "acl",
        "grant_read",
        "grant_read_acp",
        "grant_write_acp",
        "grant_full_control",
        "cache_regions",
        "read_timeout",
        "connect_timeout",
        "connection_timeout",
        "timeout",
        "verify",
        "version_aware",
        "worktree",
        "jobs",
        "checksum_jobs",
        "no_traverse",
        "type",
        "shared",
        "slow_link_warning",
        "protected",
        "projectname",
        "port",
        "user",
        "ask_password",
        "ask_passphrase",
        "gss_auth",
        "allow_agent",
        "max_sessions",
        "replication",
        "kerberos",
        "kerberos_principal",
        "proxy_to",
        "use_https",
        "data_proxy_target",
        "account_name",
        "tenant_id",
        "exclude_environment_credential",
        "exclude_visual_studio_code_credential",
        "exclude_shared_token_cache_credential",
        "exclude_managed_identity_credential",
        "oss_endpoint",
        "gdrive_use_service_account",
        "gdrive_trash_only",
        "gdrive_acknowledge_abuse",
        "auth",
        "method",
    ]
)
_KEPT = ("parsing", "hydra", "feature")


def _bare_url(url: str) -> str:
    """`url` without user, password, query and fragment; ssh keeps the user, who is part of the address."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url
    account, _, host = parts.netloc.rpartition("@")
    user = account.partition(":")[0]
    keep = f"{user}@" if parts.scheme == "ssh" and user else ""
    return urlunsplit((parts.scheme, f"{keep}{host}", parts.path, "", ""))


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or ('"' in text and "'" in text):
        return f'"""{text}"""'
    return f"'{text}'" if '"' in text else f'"{text}"'


def _section(name: str, options: Mapping[str, Any]) -> str:
    lines = [f"    {key} = {_quoted(value)}" for key, value in options.items() if not isinstance(value, Mapping)]
    return "\n".join([f"[{name}]", *lines, ""])


def _committed(reader: ProjectReader) -> Any:
    """``.dvc/config``, else ``dvc.config.in`` in its place, paths made absolute."""
    template = reader.root / "dvc.config.in"
    if (reader.root / ".dvc" / "config").is_file() or not template.is_file():
        return reader.config.load_one("repo")
    folder = os.fspath(reader.root / ".dvc")
    fs = RootedFileSystem(reader.root, overlay={".dvc/config": template.read_bytes()})
    with translated(root=reader.root, path=template.name):
        return Config(folder, local_dvc_dir=folder, fs=fs).load_one("repo")


def _remote(options: Mapping[str, Any]) -> dict[str, Any]:
    public = {key: value for key, value in options.items() if key in _PUBLIC}
    return public | {"url": _bare_url(str(options["url"]))}


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
    committed = _committed(reader)
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

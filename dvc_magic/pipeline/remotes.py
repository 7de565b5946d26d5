"""The remotes of a project, opened through DVC; their credentials never leave the worker's memory."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.data_cloud import Remote
from dvc.exceptions import DvcException
from dvc.fs import AuthError, Callback, RemoteMissingDepsError, generic, get_cloud_fs, localfs
from dvc.fs import ConfigError as FileSystemConfigError
from msgspec import Struct

from dvc_magic.errors import MissingInputError, close_matches
from dvc_magic.untrusted import bare_url, scrubbed, url_secrets

# A remote's options that say where and how, not who: whatever is not named here may be a credential.
PUBLIC_OPTIONS = frozenset(
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
_PACKAGE = re.compile(r"dvc-[a-z0-9]+")
_REFUSED = (401, 403)
_LONGEST = 200  # characters of a library's own message
_PLACES = frozenset(["host", "path", "bucket"])  # parts of the url that some file systems hand on as options
_ASKED = {"ask_password": "password", "ask_passphrase": "passphrase"}


class RefusedError(MissingInputError):
    """What asking again will not change: access refused, a package that is not installed, a wrong setting."""


class Beats(Callback):  # type: ignore[misc]
    """Counts the signs of life of transfers, whatever their file system tells of them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def branched(self, path_1: Any, path_2: Any, **kwargs: Any) -> Beats:
        """One counter for all files."""
        return self

    def relative_update(self, inc: int = 1) -> None:
        """Some bytes have come."""
        self.count += 1

    def absolute_update(self, value: int) -> None:
        """Some bytes have come."""
        self.count += 1


class OpenRemote(Struct, frozen=True, kw_only=True):
    """One remote. What it raises is a `MissingInputError` without a secret in it, or `FileNotFoundError`.

    Attributes:
        name: as in DVC's configuration. url: without credentials.
    """

    name: str
    url: str
    _remote: Any
    _secrets: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name and url, for messages."""
        return f"remote {self.name!r} ({self.url})"

    @property
    def there(self) -> bool:
        """Whether the remote exists, as far as that can be seen: a folder may not."""
        return self._remote.fs.protocol != "local" or Path(self._remote.path).is_dir()

    @property
    def jobs(self) -> int:
        """How many objects are transferred at once."""
        return int(self._remote.fs.jobs)

    def place(self, oid: str, *, legacy: bool) -> str:
        """Where the remote has an object, without credentials."""
        return bare_url(self._store(legacy=legacy).oid_to_path(oid))

    def fetch(self, oid: str, target: Path, *, legacy: bool, alone: bool, beats: Beats) -> None:
        """Copy one object to the file `target`.

        Args:
            oid: md5, ``.dir`` at the end for a listing.
            target: appears when all bytes have come; whatever is half done lies beside it.
            legacy: whether DVC 2 stored it.
            alone: whether it is the only one under way, and may have all connections.
            beats: told when bytes come.

        Raises:
            FileNotFoundError: the remote does not have it.
        """
        store = self._store(legacy=legacy)
        with self._spoken(), _own_disk(target):
            jobs = None if alone else 1
            path = store.oid_to_path(oid)
            generic.copy(self._remote.fs, [path], localfs, [str(target)], callback=beats, batch_size=jobs)

    def missing(self, oids: Sequence[str], *, legacy: bool) -> set[str]:
        """Which of these objects the remote does not have."""
        if not oids:
            return set()
        with self._spoken():
            return {*oids} - {*self._store(legacy=legacy).oids_exist(list(oids), jobs=self.jobs)}

    def _store(self, *, legacy: bool) -> Any:
        return self._remote.legacy_odb if legacy else self._remote.odb

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, RefusedError):
            raise
        except Exception as error:  # noqa: BLE001 - each file system brings errors of its own
            raise _complaint(error, self.label, self._secrets) from None


class Remotes:
    """The remotes of one merged configuration, each opened once."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._opened: dict[str, OpenRemote] = {}

    @property
    def default(self) -> str:
        """The name of the default remote, empty when there is none."""
        return str(self._config["core"].get("remote") or "")

    def url(self, name: str) -> str:
        """The url of a remote as configured, without credentials; empty when there is no such remote."""
        return bare_url(str(self._config["remote"].get(name.lower(), {}).get("url", "")))

    def problem(self, name: str) -> str:
        """Why a remote of this name cannot be asked, in words; empty when it can."""
        known = sorted(self._config["remote"])
        if not name and not known:
            return "no remote is configured (add one with: dvc remote add -d NAME URL)"
        if not name:
            return f"no remote is the default (choose one with: dvc remote default {known[0]})"
        if name.lower() not in self._config["remote"]:
            return f"its remote {name!r} is not configured (DVC knows {', '.join(known) or 'none'})"
        return ""

    def check(self, name: str, path: str) -> None:
        """Make sure that there is a remote of this name, which was given for `path`.

        Raises:
            MissingInputError: there is none.
        """
        known = sorted(self._config["remote"])
        if name.lower() in known:
            return
        shown = bare_url(name)  # somebody may have put a url there
        there = f"DVC knows {', '.join(known)}" if known else "the project has no remote"
        message = (
            f"remote {shown!r}, from which {path!r} is to be pulled, is not configured ({there}); name another, or add "
            f"it with: dvc remote add NAME URL.{close_matches(shown.lower(), known)}"
        )
        raise MissingInputError(message)

    def open(self, name: str) -> OpenRemote:
        """The remote of this name; nothing is asked of it yet.

        Raises:
            MissingInputError: it is not configured as it has to be, or a package for it is not installed.
        """
        if name not in self._opened:
            self._opened[name] = self._open(name)
        return self._opened[name]

    def _open(self, name: str) -> OpenRemote:
        label = f"remote {name!r} ({self.url(name)})"
        secrets: tuple[str, ...] = ()
        try:
            kind, options, path = get_cloud_fs(self._config, name=name)
            secrets = tuple(_secrets(options)) + tuple(_secrets(self._config["remote"].get(name.lower(), {})))
            _refuse_versions(options, label)
            _refuse_questions(options, label)
            remote = Remote(name, path, kind(**options), **options)
            if getattr(remote.fs, "version_aware", False):
                _refuse_versions({"version_aware": True}, label)
        except MissingInputError:
            raise
        except Exception as error:  # noqa: BLE001 - each file system brings errors of its own
            raise _complaint(error, label, secrets) from None
        return OpenRemote(name=name, url=self.url(name), _remote=remote, _secrets=secrets)


@contextmanager
def _own_disk(target: Path) -> Iterator[None]:
    """Tell what is the matter with the disk that `target` is on from what is the matter with the remote."""
    try:
        yield
    except OSError as error:
        folder = os.fspath(target.parent)
        named = any(str(name).startswith(folder) for name in (error.filename, error.filename2) if name)
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or (named and not isinstance(error, FileNotFoundError)):
            message = f"{folder} in the run store cannot take it: {error.strerror}"
            raise RefusedError(message) from None
        raise


def _secrets(options: Mapping[str, Any]) -> Iterable[str]:
    for key, value in options.items():
        if key not in PUBLIC_OPTIONS | _PLACES and not isinstance(value, bool | Mapping):
            yield str(value)
        elif isinstance(value, str):
            yield from url_secrets(value)


def _refuse_versions(options: Mapping[str, Any], label: str) -> None:
    if options.get("version_aware") or options.get("worktree"):
        message = (
            f"{label} is version-aware (cloud versioning), which is not supported yet; bring the data into the "
            "project's cache with: dvc pull"
        )
        raise MissingInputError(message)


def _refuse_questions(options: Mapping[str, Any], label: str) -> None:
    for key, wanted in _ASKED.items():
        if options.get(key) and not options.get(wanted):
            message = (
                f"{label} asks for a {wanted} ({key}), and nobody can answer here; set it with: "
                f"dvc remote modify --local NAME {wanted} ..., or bring the data with: dvc pull"
            )
            raise MissingInputError(message)


def _complaint(error: BaseException, label: str, secrets: Iterable[str]) -> MissingInputError:
    """One line on what went wrong with a remote."""
    if isinstance(error, ImportError | RemoteMissingDepsError):
        found = _PACKAGE.search(str(error))
        package = found.group() if found else f"dvc-{getattr(error, 'protocol', 'PROTOCOL')}"
        message = f"{label} needs the package {package}; install it where dvc_magic runs: pip install {package}"
        return RefusedError(message)
    status = getattr(error, "status", None)
    if isinstance(error, AuthError | PermissionError) or status in _REFUSED or "redential" in type(error).__name__:
        what = f"status {status}" if status else type(error).__name__
        message = (
            f"{label} refuses access ({what}); check its credentials in .dvc/config.local, in DVC's global "
            "configuration or in the environment"
        )
        return RefusedError(message)
    text = scrubbed((str(error).strip() or type(error).__name__).split("\n")[0], secrets)
    known = isinstance(error, DvcException | FileSystemConfigError)
    spoken = text if known else f"{type(error).__name__}: {text}"
    return (RefusedError if known else MissingInputError)(f"{label} cannot be used: {spoken[:_LONGEST]}")

"""Addresses without what must not be shown or kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

# Bounds keep the search linear: a text of a megabyte without an end of a scheme would take hours.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?:[^\s@]{0,300}@)?[^\s'\"<>)\]]+")
_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>[^/].*)", re.DOTALL)
_AUTHORITY_END = re.compile("[/?#]")
_PLACE = re.compile(r"[^@:]*(?::\d*)?|\[[^\]]*\](?::\d*)?")  # host and port, without credentials
_HIDDEN = "***"
_WEB = frozenset({"http", "https", "webdav", "webdavs", "ftp", "ftps"})  # their user can be a token
_SECRET = re.compile(
    r"(?:^|[-_])(?:token|sig|signature|secret|password|passwd|pwd|(?:api|access)?-?key|credential)$", re.IGNORECASE
)
_SHORTEST = 3  # characters; hiding each "a" of a message would hide nothing but the message


def bare_url(url: str) -> str:
    """`url` without user, password, query and fragment; ssh keeps the user, who is part of the address.

    It may be no valid address: people forget to quote the ``/``, ``#`` or ``?`` of a password.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return url
    account, place = _split(parts["rest"])
    user = account.partition(":")[0]
    keep = f"{user}@" if parts["scheme"].lower() == "ssh" and user else ""
    return f"{parts['scheme']}://{keep}{re.split('[?#]', place, maxsplit=1)[0]}"


def _split(rest: str) -> tuple[str, str]:
    """Credentials, and what follows them, of what stands behind ``://``."""
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    end = authority.rfind("@")
    if end < 0 and not _PLACE.fullmatch(authority):
        end = rest.find("@")
    return (rest[:end], rest[end + 1 :]) if end >= 0 else ("", rest)


def without_secrets(url: str, *, mark: str = "") -> str:
    """`url` as it can be kept and compared: without password, without what a query calls a token or the like.

    A user alone stays where it is part of the address, and so does the rest of the query. `mark` stands for what was
    taken out.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return url
    account, place = _split(parts["rest"])
    user, colon, _ = account.partition(":")
    if account and (colon or parts["scheme"].lower() in _WEB):
        kept = "" if parts["scheme"].lower() in _WEB else user
        account = "".join([kept, ":" * bool(kept and mark), mark])
    address, question, query = place.partition("?")
    fields = [field for field in query.split("&") if mark or not _is_secret(field)]
    shown = "&".join(f"{field.partition('=')[0]}={mark}" if _is_secret(field) else field for field in fields)
    return f"{parts['scheme']}://{account}{'@' * bool(account)}{address}{question * bool(shown or not query)}{shown}"


def _is_secret(field: str) -> bool:
    return _SECRET.search(field.partition("=")[0]) is not None


def hidden(text: str) -> str:
    """`text` with the secrets of every URL in it hidden."""
    if "://" not in text:
        return text
    return _URL.sub(lambda url: without_secrets(url.group(), mark=_HIDDEN), text)


def url_secrets(url: str) -> tuple[str, ...]:
    """The password of `url`, as it stands there and as it is meant; nothing without one."""
    parts = _PARTS.fullmatch(url)
    password = _split(parts["rest"])[0].partition(":")[2] if parts is not None else ""
    return tuple(dict.fromkeys([password, unquote(password)])) if password else ()


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every URL in it made bare and each of `secrets` hidden."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _HIDDEN)
    return _URL.sub(lambda found: bare_url(found.group()), text)

"""Addresses without what must not be shown or kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>)\]]+")
_HIDDEN = "***"
_SHORTEST = 3  # characters; hiding each "a" of a message would hide nothing but the message


def bare_url(url: str) -> str:
    """`url` without user, password, query and fragment; ssh keeps the user, who is part of the address."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url
    account, _, host = parts.netloc.rpartition("@")
    user = account.partition(":")[0]
    keep = f"{user}@" if parts.scheme == "ssh" and user else ""
    return urlunsplit((parts.scheme, f"{keep}{host}", parts.path, "", ""))


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every URL in it made bare and each of `secrets` hidden."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _HIDDEN)
    return _URL.sub(lambda found: bare_url(found.group()), text)

"""What a check of the run store has seen, and what a repair has done: frozen data that crosses from a worker."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class FindingKind(StrEnum):
    """What a finding is about."""

    RECORD = "record"
    NOTES = "notes"
    ORDER = "order"
    NUMBER = "number"
    LOCK = "lock"
    SNAPSHOT = "snapshot"
    SOURCE = "source"
    ENVIRONMENT = "environment"
    CACHE = "cache"
    OUT = "out"
    INDEX = "index"
    LITTER = "litter"
    STORE = "store"
    SECRET = "secret"  # noqa: S105 - a kind, not a password


class Remedy(StrEnum):
    """What a repair does about a finding.

    Attributes:
        SET_ASIDE: moves the file or folder into the store's ``quarantine``, under its path in the store.
        RESTORE: the same, then writes the right bytes in its place, from wherever they are still whole. A run whose out
            cannot be restored is marked, so that it is neither reused nor used upstream.
        REMOVE: removes what nobody needs.
        REBUILD: removes a cache of other files, which comes back.
        REWRITE: puts the store's own mode or ignore file right.
        NOTHING: only the user can do something; the finding's `advice` says what.
    """

    SET_ASIDE = "set aside"
    RESTORE = "restore"
    REMOVE = "remove"
    REBUILD = "rebuild"
    REWRITE = "rewrite"
    NOTHING = "nothing"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing in the store that is not as it should be.

    Attributes:
        kind: what it is about.
        path: the file or folder, from the store's.
        seen: what was seen there, as the rest of a sentence that begins with the path.
        remedy: what a repair does.
        advice: what that comes to, or what the user can do where a repair does nothing.
        hash: md5 that the content should have, ``.dir`` behind it for a directory; empty where there is none.
        run: id of the run that the path belongs to, or an empty text.
        runs: the runs that need it, as people call them: ``train 41``.
    """

    kind: FindingKind
    path: str
    seen: str
    remedy: Remedy
    advice: str = ""
    hash: str = ""
    run: str = ""
    runs: tuple[str, ...] = ()


class Repair(Struct, frozen=True, kw_only=True):
    """What a repair came to.

    Attributes:
        finding: what it was for.
        done: False when the finding stands as it was.
        said: what was done, or why nothing was.
    """

    finding: Finding
    done: bool
    said: str


class CheckProgress(Struct, frozen=True, kw_only=True):
    """How far a check has come: files and bytes read, seconds since it began."""

    files: int = 0
    size: int = 0
    seconds: float = 0.0


class StoreCheckup(Struct, frozen=True, kw_only=True):
    """The whole answer.

    Attributes:
        home: the store's folder.
        runs: how many it has.
        read: what was read for it.
        findings: all that was found.
        repairs: one for each finding, in the order in which they were made; empty unless a repair was asked for.
        aside: file kept aside in the store's quarantine, from the store's folder -> bytes.
    """

    home: str
    runs: int = 0
    read: CheckProgress = field(default_factory=CheckProgress)
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    aside: dict[str, int] = field(default_factory=dict)

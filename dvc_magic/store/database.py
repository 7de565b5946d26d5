"""When a database that is only a cache has to be thrown away."""

from __future__ import annotations

import sqlite3

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What Python's ``sqlite3`` raises; the second where a message of SQLite quotes a damaged schema that is no UTF-8."""

_NO_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}


def is_damage(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether a database is damaged; a full disk, a lock or a failed read leaves what it holds as it is."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF not in _NO_DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ

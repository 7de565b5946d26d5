"""One noun in one JSON file that is either the old one or the new one, whole, and says so by a checksum.

The text has no line end and no blanks, so that every shorter text is not JSON. The checksum is over the content in a
canonical spelling (sorted keys, no blanks), not over the bytes: a file that was laid out anew by hand still reads.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from dvc_magic.codec import from_data, to_data
from dvc_magic.errors import RecordDamagedError, RecordVersionError, StoreError
from dvc_magic.model.record import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

_CHECKSUM = "checksum"


def _text(data: Any, *, sort: bool) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=sort)


def _digest(data: dict[str, Any]) -> str:
    # a lone surrogate, which a file name may hold, has no UTF-8
    content = _text(data, sort=True).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def encode_noun(noun: Any) -> bytes:
    """A noun as the content of its file, with the schema version and the checksum."""
    data = {"schema": SCHEMA, **to_data(noun)}
    return _text({**data, _CHECKSUM: _digest(data)}, sort=False).encode("utf-8", "surrogatepass")


def _refuse_constant(word: str) -> Any:
    message = f"{word} is not JSON"
    raise ValueError(message)


def _checked(content: bytes, *, path: Path) -> dict[str, Any]:
    """The data of a file whose checksum is right."""
    try:
        data = json.loads(content.decode("utf-8", "surrogatepass"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordDamagedError(f"{path} is not whole JSON ({error}). {_DAMAGED_NEXT}") from error
    if not isinstance(data, dict) or data.pop(_CHECKSUM, None) != _digest(data):
        raise RecordDamagedError(f"{path} does not match its checksum. {_DAMAGED_NEXT}")
    return data


_DAMAGED_NEXT = "It was torn or altered outside dvc_magic; put a backup of the file in its place, or remove the run."


def decode_noun(content: bytes, kind: type[T], *, path: Path) -> T:
    """The noun in the content of a file.

    Args:
        content: what `encode_noun` made.
        kind: the noun's class.
        path: where it came from, for messages.

    Raises:
        RecordDamagedError: it is torn, altered, or not of that shape.
        RecordVersionError: a newer dvc_magic wrote it.
    """
    data = _checked(content, path=path)
    schema = data.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise RecordVersionError(
            f"{path} has schema {schema}, but this dvc_magic knows schemas up to {SCHEMA}. "
            "Upgrade dvc_magic (pip install -U dvc-magic) to use it."
        )
    try:
        return from_data(data, kind)
    except (ValueError, RecursionError) as error:
        raise RecordDamagedError(f"{path} is no {kind.__name__} ({error}). {_DAMAGED_NEXT}") from error


def read_noun(path: Path, kind: type[T]) -> T:
    """The noun of class `kind` in the file at `path`.

    Raises:
        FileNotFoundError: there is no such file.
        RecordDamagedError: it is torn, altered, or not of that shape.
        RecordVersionError: a newer dvc_magic wrote it.
        StoreError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
    return decode_noun(content, kind, path=path)


def write_noun(path: Path, noun: Any, *, durable: bool = True) -> None:
    """Put a noun into the file at `path`, mode 0600; whatever fails, the old file stays and no other one is left.

    Args:
        path: the file; its folder exists.
        noun: a frozen noun of `dvc_magic.model` or the like.
        durable: survive a power cut (fsync of file and folder) once this returns.

    Raises:
        RecordVersionError: the file there is of a newer dvc_magic.
        StoreError: it cannot be written; the message names the path and, on a full disk, the bytes left.
    """
    _refuse_newer(path)
    content = encode_noun(noun)
    try:
        _replace(path, content, durable=durable)
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror}.{_room(path, error)}") from error


def _refuse_newer(path: Path) -> None:
    # only a newer one is in the way: a damaged file is what a new write heals
    with suppress(OSError, RecordDamagedError):
        decode_noun(path.read_bytes(), object, path=path)


def _room(path: Path, error: OSError) -> str:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    free = shutil.disk_usage(path.parent).free
    return f" {free} bytes are free there; make room, then try again."


def _replace(path: Path, content: bytes, *, durable: bool) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        _write_new(temporary, content, durable=durable)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def _write_new(path: Path, content: bytes, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # whatever the umask took away
        file.write(content)
        file.flush()
        if durable:
            os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut.

    Raises:
        OSError: the file system refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""One noun in one JSON file that is either the old one or the new one, whole, and says so by a checksum.

The text has no line end and no blanks, so that every shorter text is not JSON. The checksum is over the content in a
canonical spelling (sorted keys, no blanks), not over the bytes: a file that was laid out anew by hand still reads.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from dvc_magic.codec import from_data, to_data
from dvc_magic.errors import RecordDamagedError, RecordVersionError, StoreError
from dvc_magic.model.call import CALL_SCHEMA, CallPlan, CallRecord
from dvc_magic.model.record import SCHEMA, RunRecord
from dvc_magic.store.sound import fault_of
from dvc_magic.store.whole_files import FULL, cannot, write_whole

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

_CHECKSUM = "checksum"
_RESERVE = 64 << 10  # bytes; records have 2 to 10 kB


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
    newest = CALL_SCHEMA if kind in (CallRecord, CallPlan) else SCHEMA
    if isinstance(schema, int) and schema > newest:
        raise RecordVersionError(
            f"{path} has schema {schema}, but this dvc_magic knows schemas up to {newest}. "
            "Upgrade dvc_magic (pip install -U dvc-magic) to use it."
        )
    try:
        noun = from_data(data, kind)
    except (ValueError, RecursionError, OverflowError) as error:
        raise RecordDamagedError(f"{path} is no {kind.__name__} ({error}). {_DAMAGED_NEXT}") from error
    if isinstance(noun, RunRecord) and (fault := fault_of(noun)):
        raise RecordDamagedError(f"{path} is not used: {fault}. {_DAMAGED_NEXT}")
    return noun


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


def write_noun(path: Path, noun: Any, *, durable: bool = True, reserve: Path | None = None) -> None:
    """Put a noun into the file at `path`, mode 0600; whatever fails, the old file stays and no other one is left.

    Args:
        path: the file; its folder exists.
        noun: a frozen noun of `dvc_magic.model` or the like.
        durable: survive a power cut (fsync of file and folder) once this returns.
        reserve: a file in the same folder that `make_reserve` made: on a full disk the content goes there.

    Raises:
        RecordVersionError: the file there is of a newer dvc_magic.
        StoreError: it cannot be written; the message names the path and, on a full disk, the bytes left.
    """
    try:
        _refuse_newer(path)
    except OSError as error:
        raise cannot(f"write {path}", error, at=path) from error
    replace_noun(path, noun, durable=durable, reserve=reserve)


def replace_noun(
    path: Path, noun: Any, *, durable: bool = True, reserve: Path | None = None
) -> tuple[bytes, os.stat_result | None]:
    """Do what `write_noun` does, without a look at the old file, which the caller has read.

    Returns:
        The content, and the stat of the new file; None for that where the content went into the reserve.

    Raises:
        StoreError: as `write_noun`.
    """
    content = encode_noun(noun)
    try:
        return content, write_whole(path, content, mode=0o600, durable=durable)
    except OSError as error:
        if reserve is None or error.errno not in FULL or not _write_into(reserve, path, content):
            raise cannot(f"write {path}", error, at=path) from error
    return content, None


def _refuse_newer(path: Path) -> None:
    # Only a newer one is in the way: a damaged file is what a new write heals. One that cannot be read may be newer.
    with suppress(FileNotFoundError, RecordDamagedError):
        decode_noun(path.read_bytes(), object, path=path)


def make_reserve(path: Path) -> None:
    """Make a file that owns its blocks already, for a record that has to be written on a full disk.

    Raises:
        StoreError: it cannot be made, so that the disk is full now.
    """
    # Written, not `posix_fallocate`d: on ext4 that waits for the journal, 2 ms beside processes that sync, and a write
    # takes 0.03 ms. Both own their blocks at once; where each write takes new ones (btrfs, ZFS), neither would help.
    try:
        path.write_bytes(bytes(_RESERVE))
    except OSError as error:
        path.unlink(missing_ok=True)
        raise cannot(f"make {path}", error, at=path) from error


def _write_into(reserve: Path, path: Path, content: bytes) -> bool:
    """Write over the blocks of a reserve, then rename it to `path`; False when it is gone or too small."""
    try:
        descriptor = os.open(reserve, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_size < len(content):
            return False
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
        reserve.replace(path)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True

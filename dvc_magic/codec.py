"""Strict JSON for the frozen nouns of `dvc_magic.model`: records on disk and messages to workers.

JSON has no NaN and no infinity, and many readers round large integers, so such values are tagged:
``{"$float": "nan"}``, ``{"$int": "36893488147419103232"}``. A map that has such a key of its own is wrapped as
``{"$map": {...}}``. Decoding checks types; what a newer version added is ignored.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_TAGS = ("$float", "$int", "$map")
_SAFE_INTEGER = 2**53
_LONG_INTEGER = re.compile(r"[:,\[-][0-9]{16}")


def _tag(value: Any) -> Any:
    if isinstance(value, dict):
        tagged = {str(key): _tag(item) for key, item in value.items()}
        return {"$map": tagged} if any(tag in tagged for tag in _TAGS) else tagged
    if isinstance(value, list | tuple):
        return [_tag(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _SAFE_INTEGER:
        return {"$int": str(value)}
    return value


def _untag(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            if "$float" in value:
                return float(value["$float"])
            if "$int" in value:
                return int(value["$int"])
            if "$map" in value:
                return {key: _untag(item) for key, item in value["$map"].items()}
        return {key: _untag(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_untag(item) for item in value]
    return value


def to_data(noun: Any) -> Any:
    """Plain JSON-able data for a noun, non-finite numbers and large integers tagged."""
    return _tag(msgspec.to_builtins(noun))


def from_data(data: Any, kind: type[T]) -> T:
    """The noun of type `kind` that `to_data` took apart.

    Raises:
        ValueError: the data does not have the shape of `kind`.
    """
    return msgspec.convert(_untag(data), kind, strict=True)


def encode(noun: Any) -> str:
    """A noun as one line of JSON."""
    return _encoded(noun, ensure_ascii=False)


def encode_bytes(noun: Any) -> bytes:
    """The same as `encode`, of a noun whose texts may have bytes that are no UTF-8 (PEP 383)."""
    return _encoded(noun, ensure_ascii=True).encode("ascii")


def _encoded(noun: Any, *, ensure_ascii: bool) -> str:
    # Nearly every noun has nothing to tag, which its text shows: that takes a quarter of the time of a look at each
    # value. ValueError is for NaN and infinity, TypeError for keys that json spells otherwise than str().
    with suppress(ValueError, TypeError):
        text = _text(msgspec.to_builtins(noun, str_keys=True), ensure_ascii=ensure_ascii)
        if not (any(f'"{tag}"' in text for tag in _TAGS) or _LONG_INTEGER.search(f":{text}")):
            return text
    return _text(to_data(noun), ensure_ascii=ensure_ascii)


def _text(data: Any, *, ensure_ascii: bool) -> str:
    return json.dumps(data, ensure_ascii=ensure_ascii, allow_nan=False, separators=(",", ":"))


def decode(text: str | bytes, kind: type[T]) -> T:
    """The noun of type `kind` in a JSON text.

    Raises:
        ValueError: the text is not JSON, or not of that shape.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if b"$" not in data and b"\xed" not in data and b"\\ud" not in data:
        return msgspec.json.decode(data, type=kind)  # nothing tagged, no lone surrogate: a sixth of the time
    return from_data(json.loads(text), kind)

"""Settings of custom operators: FlexBuffers that are one map of numbers, every access checked.

Format: "FlexBuffers", flatbuffers.dev.  It is read from its end: the last byte is the width of the
root in bytes, the one before it the root's type (upper six bits), and before these the root.
"""

from __future__ import annotations

import struct
from typing import Any

from fxpsim.errors import DataError

__all__ = ["read_numbers"]

_INT, _UINT, _FLOAT, _MAP, _BOOL = 1, 2, 3, 9, 26
_CODES = {
    _INT: {1: "<b", 2: "<h", 4: "<i", 8: "<q"},
    _UINT: {1: "<B", 2: "<H", 4: "<I", 8: "<Q"},
    _FLOAT: {4: "<f", 8: "<d"},
}
_CODES[_BOOL] = _CODES[_UINT]
MOST_SETTINGS = 64


def read_numbers(data: bytes) -> dict[str, int | float]:
    """Return the numbers of a map by name; no bytes are an empty map.

    Raises
    ------
    DataError
        The bytes are damaged, or something else than a map of numbers.
    """
    if not data:
        return {}
    if len(data) < 3 or data[-2] >> 2 != _MAP:
        raise DataError("the settings of a custom operator must be a map")
    root = len(data) - 2 - data[-1]
    values, width = root - _count(data, root, data[-1]), 1 << (data[-2] & 3)
    count = _count(data, values - width, width)
    if count > MOST_SETTINGS:
        raise DataError(f"a custom operator must have at most {MOST_SETTINGS} settings")
    keys_width = _count(data, values - 2 * width, width)
    keys_at = values - 3 * width
    keys = keys_at - _count(data, keys_at, width)
    if _count(data, keys - keys_width, keys_width) != count:
        raise DataError("a custom operator must have as many settings as names of settings")
    numbers: dict[str, int | float] = {}
    for i in range(count):
        place = keys + i * keys_width
        name = _name(data, place - _count(data, place, keys_width))
        kind = _count(data, values + count * width + i, 1)
        numbers[name] = _number(data, values + i * width, width, kind >> 2)
    return numbers


def _count(data: bytes, place: int, width: int) -> int:
    found: int = _number(data, place, width, _UINT)
    return found


def _number(data: bytes, place: int, width: int, kind: int) -> Any:
    code = _CODES.get(kind, {}).get(width)
    if code is None:
        raise DataError(f"a custom operator's setting of type {kind} and {width} bytes is not read")
    if not 0 <= place <= len(data) - width:
        raise DataError("the settings of a custom operator are damaged or cut off")
    return struct.unpack_from(code, data, place)[0]


def _name(data: bytes, place: int) -> str:
    end = data.find(b"\0", place) if 0 <= place < len(data) else -1
    if end < 0:
        raise DataError("the settings of a custom operator are damaged or cut off")
    return data[place:end].decode("utf-8", "replace")

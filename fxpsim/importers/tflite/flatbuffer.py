"""Reading FlatBuffers that may be damaged: every access is checked, and there is a budget.

Format: "FlatBuffer Internals", flatbuffers.dev.  A table is a place in the file with an offset to
its vtable, which has the offset of every field, 0 where the field is absent.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError

__all__ = ["Flatbuffer", "Table"]

#: A whole file holds no more items than this many for each of its bytes: offsets can be shared, and
#: a small damaged file must not read like a large one.
ITEMS_PER_BYTE = 4


class Flatbuffer:
    """The bytes of a file.

    Parameters
    ----------
    data : bytes
        All of it.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._budget = 4096 + ITEMS_PER_BYTE * len(data)

    def root(self, identifier: bytes) -> Table:
        """Return the outermost table; DataError where the file has another identifier."""
        if self.data[4:8] != identifier:
            raise DataError(
                f"not a file of this kind: bytes 4 to 8 must be {identifier.decode()!r}, "
                f"not {bytes(self.data[4:8])!r}"
            )
        return Table(self, self.number("<I", 0))

    def number(self, code: str, position: int) -> Any:
        """Return the number at a position; DataError where the file does not reach so far."""
        size = struct.calcsize(code)
        if not 0 <= position <= len(self.data) - size:
            raise DataError(f"damaged or cut off: byte {position} lies outside the file")
        return struct.unpack_from(code, self.data, position)[0]

    def spend(self, items: int) -> None:
        """Count items read; DataError beyond what a whole file can have."""
        self._budget -= items
        if self._budget < 0:
            raise DataError("its parts refer to one another more often than whole files' do")

    def vector(self, position: int, item_bytes: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and how many there are."""
        count = self.number("<I", position)
        if position + 4 + count * item_bytes > len(self.data):
            raise DataError(f"damaged or cut off: {count} items at byte {position} are not there")
        return position + 4, count


class Table:
    """One table; fields are numbered in the order of the schema.

    Parameters
    ----------
    file : Flatbuffer
        Where it stands.
    position : int
        Its first byte.
    """

    __slots__ = ("_fields", "_file", "_position")

    def __init__(self, file: Flatbuffer, position: int) -> None:
        file.spend(1)
        vtable = position - file.number("<i", position)
        size = file.number("<H", vtable)
        if size < 4 or size % 2 or vtable + size > len(file.data):
            raise DataError(f"the table at byte {position} has no whole vtable")
        self._file, self._position = file, position
        self._fields = struct.unpack_from(f"<{size // 2 - 2}H", file.data, vtable + 4)

    def _place(self, field: int) -> int | None:
        if field >= len(self._fields) or not self._fields[field]:
            return None
        return self._position + int(self._fields[field])

    def _target(self, field: int) -> int | None:
        place = self._place(field)
        return None if place is None else place + int(self._file.number("<I", place))

    def number(self, field: int, code: str, default: Any = 0) -> Any:
        """Return a number, ``code`` as for :mod:`struct` (little-endian)."""
        place = self._place(field)
        return default if place is None else self._file.number(f"<{code}", place)

    def table(self, field: int) -> Table | None:
        """Return a table, or None where there is none."""
        target = self._target(field)
        return None if target is None else Table(self._file, target)

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables."""
        target = self._target(field)
        if target is None:
            return []
        start, count = self._file.vector(target, 4)
        self._file.spend(count)
        places = (start + 4 * i for i in range(count))
        return [Table(self._file, place + self._file.number("<I", place)) for place in places]

    def array(self, field: int, dtype: str) -> NDArray[Any]:
        """Return a vector of numbers, read-only; empty where there is none."""
        target = self._target(field)
        kind = np.dtype(dtype)
        if target is None:
            return np.zeros(0, kind)
        start, count = self._file.vector(target, kind.itemsize)
        if kind.itemsize > 1:
            self._file.spend(count)
        return np.frombuffer(self._file.data, kind, count, start)

    def text(self, field: int) -> str:
        """Return a string; what is no UTF-8 in it is replaced."""
        raw = self.array(field, "u1")
        self._file.spend(len(raw))
        return raw.tobytes().decode("utf-8", "replace")

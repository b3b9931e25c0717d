"""Reads the number of values in a Parquet file from its footer, without pyarrow.

pyarrow crashes the whole process on the columns of some damaged files, and allocates the memory for their values before
it can be stopped. So the numbers are read and checked here first. Format:
https://parquet.apache.org/docs/file-format/metadata, in Thrift's compact protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidResultError

_MAGIC = b"PAR1"
_DEEPEST = 16
_NUM_ROWS, _ROW_GROUPS, _COLUMNS, _COLUMN_METADATA, _NUM_VALUES, _UNPACKED_SIZE = 3, 4, 1, 3, 5, 6
"""Field numbers in the file's metadata, its row groups, their columns, and the metadata of the columns."""


@dataclass(frozen=True)
class Footer:
    """The sizes in a file's footer.

    Attributes:
        rows: Number of rows of the table.
        values: Number of values in all columns; every item of a list counts.
        unpacked_bytes: Total size of all columns, encoded but not compressed.
    """

    rows: int
    values: int
    unpacked_bytes: int


def read_footer(data: bytes) -> Footer:
    """Read the footer of a file.

    Raises:
        InvalidResultError: It is damaged.
    """
    length = int.from_bytes(data[-8:-4], "little")
    if data[-4:] != _MAGIC or length > len(data) - 12:
        raise InvalidResultError("the Parquet file is cut off")
    try:
        metadata = _Compact(data[-8 - length : -8]).struct()
        columns = [
            column[_COLUMN_METADATA]
            for group in metadata.get(_ROW_GROUPS, [])
            for column in group.get(_COLUMNS, [])
            if _COLUMN_METADATA in column
        ]
        return Footer(
            _natural(metadata.get(_NUM_ROWS, 0)),
            sum(_natural(column[_NUM_VALUES]) for column in columns),
            sum(_natural(column[_UNPACKED_SIZE]) for column in columns),
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InvalidResultError(f"the footer of the Parquet file is damaged: {error}") from None


def _natural(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a number in it is none")
    return value


class _Compact:
    """Reads Thrift's compact protocol into dictionaries by field number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deep")
        read: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 0x0F
            read[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return read

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2 | 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                return self._bytes(8)
            case 8:
                return self._bytes(self._varint())
            case 9 | 10:
                return self._list(depth)
            case 12:
                return self.struct(depth + 1)
        raise ValueError(f"a field of it has the unknown type {kind}")

    def _list(self, depth: int) -> list[Any]:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deep")
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        if size > len(self._data) - self._at:
            raise ValueError("a list of it is longer than the file")
        return [self._value(head & 0x0F, depth + 1) for _ in range(size)]

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = shift = 0
        while shift < 70:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
        raise ValueError("a number of it is too long")

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise ValueError("it is cut off")
        self._at += count
        return found

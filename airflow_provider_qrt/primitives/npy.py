"""Arrays in the tagged encoding: base64 of zlib of an ``.npy`` file, read without trusting it.

The text is decoded and decompressed piece by piece straight into the array, whose size is known and checked from
the header before its memory is taken. So at no time is there a second copy of the data, and a small text cannot
grow into more memory than the limit. Format: NEP 1, with pickled objects refused.
"""

from __future__ import annotations

import binascii
import io
import zlib
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 1 << 20
"""Base64 characters taken at a time; a multiple of four."""
_MAX_HEADER = 4096
"""An ``.npy`` header is 128 bytes in practice; this bounds what is read in search of its end."""
_MAX_DEFLATE_RATIO = 1032
"""Deflate cannot compress better than this, so a short text cannot stand for a large array (zlib's manual)."""


def read_array(text: str, max_bytes: int) -> NDArray[Any]:
    """Decode one array.

    Args:
        text: base64 of zlib of an ``.npy`` file.
        max_bytes: The most bytes the array may take.

    Raises:
        InvalidResult: The text is damaged, too large, holds Python objects, or more or less data than it says.
    """
    import numpy as np

    inflater = _Inflater(text)
    head = inflater.read(10)
    try:
        version = np.lib.format.read_magic(io.BytesIO(head))
    except ValueError as error:
        raise InvalidResult(f"an array is not in the .npy format: {error}") from None
    length_size = 2 if version[0] == 1 else 4
    head += inflater.read(8 + length_size - len(head))
    length = int.from_bytes(head[8 : 8 + length_size], "little")
    if length > _MAX_HEADER:
        raise InvalidResult(f"an array has a header of {length} bytes; at most {_MAX_HEADER} are read")
    head += inflater.read(8 + length_size + length - len(head))
    shape, fortran_order, dtype = _parse_header(io.BytesIO(head), version)
    if dtype.kind not in "biufc":
        raise InvalidResult(f"an array holds {dtype}; only numbers are read, never Python objects")
    if any(axis < 0 for axis in shape):
        raise InvalidResult(f"an array has the impossible shape {shape}")
    size = prod(shape) * dtype.itemsize
    if size > max_bytes:
        raise InvalidResult(
            f"an array of shape {shape} takes {size:,} bytes; {max_bytes:,} are left of the limit. If the result is "
            "meant to be that large, raise max_bytes"
        )
    if size > _MAX_DEFLATE_RATIO * (len(text) + 1):
        raise InvalidResult(f"an array claims {size:,} bytes, more than {len(text):,} characters can hold")
    data = np.empty(size, dtype=np.uint8)
    inflater.read_into(data.data)
    array = data.view(dtype)
    return array.reshape(shape[::-1]).transpose() if fortran_order else array.reshape(shape)


def _parse_header(file: io.BytesIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    try:
        return read(file, max_header_size=_MAX_HEADER)
    except (ValueError, TypeError, SyntaxError, EOFError) as error:
        raise InvalidResult(f"an array has a damaged header: {error}") from None


class _Inflater:
    """A forward-only reader over base64 of zlib data that never holds more than a piece of it."""

    def __init__(self, text: str) -> None:
        if any(space in text for space in "\n\r \t"):
            text = "".join(text.split())
        self._text = text
        self._position = 0
        self._zlib = zlib.decompressobj()
        self._pending = b""

    def read(self, count: int) -> bytes:
        buffer = bytearray(count)
        self._fill(memoryview(buffer))
        return bytes(buffer)

    def read_into(self, target: memoryview) -> None:
        """Fill the target; the data must end there."""
        self._fill(target)
        if self._next(1):
            raise InvalidResult("an array holds more data than its header says")

    def _fill(self, target: memoryview) -> None:
        filled = 0
        while filled < len(target):
            piece = self._next(len(target) - filled)
            if not piece:
                raise InvalidResult(
                    f"an array ends after {filled:,} of {len(target):,} bytes; the result arrived incomplete"
                )
            target[filled : filled + len(piece)] = piece
            filled += len(piece)

    def _next(self, at_most: int) -> bytes:
        """Return some of the following bytes, at most that many; empty at the end."""
        at_most = min(at_most, _CHUNK)
        while not self._zlib.eof:
            if not self._pending:
                self._pending = self._more_base64()
            ended = not self._pending
            try:
                piece = self._zlib.decompress(self._pending, at_most)
            except zlib.error as error:
                raise InvalidResult(f"an array cannot be decompressed: {error}") from None
            self._pending = self._zlib.unconsumed_tail
            if piece or ended:
                return piece
        return b""

    def _more_base64(self) -> bytes:
        chunk = self._text[self._position : self._position + _CHUNK]
        self._position += _CHUNK
        try:
            return binascii.a2b_base64(chunk.encode("ascii"), strict_mode=True) if chunk else b""
        except (binascii.Error, UnicodeEncodeError) as error:
            raise InvalidResult(f"an array is not base64: {error}") from None

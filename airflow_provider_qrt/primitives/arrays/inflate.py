"""Base64 of zlib data, read piece by piece into memory of a known size.

So at no time is there a second copy of the data, and a small text cannot grow into more memory than was meant for it.
"""

from __future__ import annotations

import binascii
import zlib

from airflow_provider_qrt.primitives.errors import InvalidResult

MAX_DEFLATE_RATIO = 1032
"""Deflate cannot compress better than this, so a short text cannot stand for a large array (zlib's manual)."""
_CHUNK = 1 << 20
"""Base64 characters taken at a time; a multiple of four."""


class Inflater:
    """A forward-only reader over base64 of zlib data that never holds more than a piece of it."""

    def __init__(self, text: str) -> None:
        if any(space in text for space in "\n\r \t"):
            text = "".join(text.split())
        self._text = text
        self._position = 0
        self._zlib = zlib.decompressobj()
        self._pending = b""

    def read(self, count: int) -> bytes:
        """Return so many of the following bytes.

        Raises:
            InvalidResult: There are fewer, or the text is damaged.
        """
        buffer = bytearray(count)
        self._fill(memoryview(buffer))
        return bytes(buffer)

    def read_into(self, target: memoryview) -> None:
        """Fill the target, with which the data must end.

        Raises:
            InvalidResult: There is more or less data, or the text is damaged.
        """
        self._fill(target)
        if self._next(1):
            raise InvalidResult("an array holds more data than its header says")

    def count(self, at_most: int) -> int:
        """Count the bytes that follow, keeping none of them; stop at the first piece that goes beyond a number.

        Raises:
            InvalidResult: The text is damaged.
        """
        counted = 0
        while counted <= at_most and (piece := self._next(_CHUNK)):
            counted += len(piece)
        return counted

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

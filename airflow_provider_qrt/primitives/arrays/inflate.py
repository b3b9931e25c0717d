"""Decodes zlib data in base64 piece by piece into memory of a known size.

So there is never a second copy of the data, and a small text cannot use more memory than the caller intended.
"""

from __future__ import annotations

import binascii
import zlib
from typing import TYPE_CHECKING

from airflow_provider_qrt.primitives.errors import InvalidResultError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_DEFLATE_RATIO = 1032
"""The best compression ratio of deflate (zlib's manual); it limits the size of an array by the length of its text."""
_CHUNK = 1 << 20
"""Base64 characters decoded at a time; a multiple of four."""


class InflatedText(str):
    """Stands in a document for a text of zlib data in base64 that was decoded while it arrived.

    Attributes:
        content: The data. The array that is read from it shares its memory.
        characters: The length of the base64.
        was_read: Whether an ``Inflater`` has been given it.
    """

    content: bytearray
    characters: int
    was_read: bool

    @classmethod
    def of(cls, name: str, content: bytearray, characters: int) -> InflatedText:
        """Make one whose own text is ``name``."""
        text = cls(name)
        text.content, text.characters, text.was_read = content, characters, False
        return text


def most_bytes(text: str) -> int:
    """Return the bytes that a text of zlib data in base64 cannot exceed, judged by its length."""
    return MAX_DEFLATE_RATIO * ((text.characters if isinstance(text, InflatedText) else len(text)) + 1)


class Inflater:
    """A forward-only reader of zlib data in base64 that never holds more than one piece of it.

    Args:
        text: The base64, or what stands for it after it was decoded.
    """

    def __init__(self, text: str) -> None:
        self._inflated: memoryview | None = None
        if isinstance(text, InflatedText):
            text.was_read = True
            self._inflated = memoryview(text.content)
        elif any(space in text for space in "\n\r \t"):
            text = "".join(text.split())
        self._text = text
        self._position = 0
        self._zlib = zlib.decompressobj()
        self._pending = b""

    def read(self, count: int) -> bytes:
        """Return the next ``length`` bytes.

        Raises:
            InvalidResultError: There are fewer bytes, or the text is damaged.
        """
        buffer = bytearray(count)
        self._fill(memoryview(buffer))
        return bytes(buffer)

    def read_into(self, target: memoryview) -> None:
        """Fill the target with the rest of the data, which must have exactly its size.

        Raises:
            InvalidResultError: There is more or less data, or the text is damaged.
        """
        self._fill(target)
        if self._next(1):
            raise InvalidResultError("an array holds more data than its header says")

    def rest(self, size: int) -> NDArray[np.uint8]:
        """Return the rest of the data, which must have exactly this size in bytes.

        Raises:
            InvalidResultError: There is more or less data, or the text is damaged.
        """
        import numpy as np

        if self._inflated is not None and len(self._inflated) - self._position == size:
            start, self._position = self._position, len(self._inflated)
            return np.frombuffer(self._inflated[start:], dtype=np.uint8)
        data = np.empty(size, dtype=np.uint8)
        self.read_into(data.data)
        return data

    def count(self, at_most: int) -> int:
        """Count the following bytes without keeping them; stop at the first piece that exceeds a limit.

        Raises:
            InvalidResultError: The text is damaged.
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
                raise InvalidResultError(
                    f"an array ends after {filled:,} of {len(target):,} bytes; the result arrived incomplete"
                )
            target[filled : filled + len(piece)] = piece
            filled += len(piece)

    def _next(self, at_most: int) -> bytes:
        """Return some of the following bytes up to a maximum; empty at the end."""
        at_most = min(at_most, _CHUNK)
        if self._inflated is not None:
            start = self._position
            self._position = min(start + at_most, len(self._inflated))
            return bytes(self._inflated[start : self._position])
        while not self._zlib.eof:
            if not self._pending:
                self._pending = self._more_base64()
            ended = not self._pending
            try:
                piece = self._zlib.decompress(self._pending, at_most)
            except zlib.error as error:
                raise InvalidResultError(f"an array cannot be decompressed: {error}") from None
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
            raise InvalidResultError(f"an array is not base64: {error}") from None

"""Decompress untrusted data up to a size limit."""

from __future__ import annotations

import zlib


class TooLargeError(ValueError):
    """Decompressed data exceeds its size limit."""


def inflate(data: bytes, most: int) -> bytes:
    """Decompress zlib data.

    Args:
        data: The complete data.
        most: Maximum number of decompressed bytes.

    Raises:
        TooLargeError: The decompressed data is larger.
        zlib.error: It is not zlib data, or it is truncated.
    """
    engine = zlib.decompressobj()
    read = engine.decompress(data, most + 1)
    if len(read) > most:
        raise TooLargeError(f"it takes more than {most:,} bytes when it is unpacked")
    if not engine.eof:
        raise zlib.error("the data ends too early")
    return read

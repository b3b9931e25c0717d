"""Compressed data that somebody else made: read up to a bound, never beyond it."""

from __future__ import annotations

import zlib


class TooLarge(ValueError):
    """Data that grows beyond what was allowed for it."""


def inflate(data: bytes, most: int) -> bytes:
    """Decompress zlib data.

    Args:
        data: All of it.
        most: Bytes that it may become.

    Raises:
        TooLarge: It becomes more.
        zlib.error: It is no zlib data, or it is cut off.
    """
    engine = zlib.decompressobj()
    read = engine.decompress(data, most + 1)
    if len(read) > most:
        raise TooLarge(f"it takes more than {most:,} bytes when it is unpacked")
    if not engine.eof:
        raise zlib.error("the data ends too early")
    return read

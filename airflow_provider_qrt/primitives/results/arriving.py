"""A result whose arrays are decoded while its text still arrives.

Nearly all of a large result are a few long strings of base64 that hold arrays in zlib. Each is unpacked as its
characters arrive, so that after the last byte only the short rest is parsed. The body is kept until the result has been
decoded: whatever is unusual about it (damaged, too large, of another form) is then decoded from its text as if nothing
had been done before, with the same outcome.
"""

from __future__ import annotations

import binascii
import re
import secrets
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_qrt.primitives.arrays.inflate import InflatedText
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, load_document

Result = TypeVar("Result")

SHORTEST = 1 << 14
"""Characters of the shortest string that is decoded while it arrives; others are decoded afterwards."""
_MOST_STRINGS = 10_000
_HEADER_BYTES = 8192
"""Bytes that an array's own header may take beside the array."""
_OUTPUT = 1 << 20
"""Bytes that are unpacked at a time."""
_KEY = re.compile(rb'"(?:__value__|data)"')
_LONGEST_KEY = len(b'"__value__"')
_START = re.compile(rb'"(?:__value__|data)"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}"(?=e[AFJN])')
"""Begins a string of zlib data in base64: under the key of an array of the primitives, or of a tensor of executor."""
_LONGEST_START = _LONGEST_KEY + 20


class ArrivingResult:
    """Takes the body of ``GET /jobs/{id}/results`` in pieces, and unpacks its arrays meanwhile.

    Args:
        max_bytes: Maximum total size of all arrays in bytes, unpacked; a result with more is not unpacked here.
    """

    def __init__(self, max_bytes: int = MAX_DECODED_BYTES) -> None:
        self._pieces: list[bytes] = []
        self._scanner: _Scanner | None = _Scanner(max_bytes)

    def write(self, piece: bytes) -> None:
        """Take the next bytes of the body; never fails because of what they are."""
        self._pieces.append(piece)
        if self._scanner is not None:
            try:
                self._scanner.write(piece)
            except _NotHereError:
                self._scanner = None

    def text(self) -> str:
        """Return the whole text."""
        return b"".join(self._pieces).decode("utf-8", "replace")

    def decode(self, reader: Callable[[Any], Result]) -> Result:
        """Decode the result, which has arrived completely.

        Args:
            reader: Decodes the result's text or its parsed JSON.

        Raises:
            InvalidResultError: As ``reader`` raises it for the text.
        """
        try:
            return self._decode_unpacked(reader)
        except (InvalidResultError, _NotHereError):
            # Outside of this block, so that the memory of what was unpacked is free.
            pass
        return reader(self.text())

    def _decode_unpacked(self, reader: Callable[[Any], Result]) -> Result:
        scanner, self._scanner = self._scanner, None
        if scanner is None:
            raise _NotHereError
        rest, unpacked = scanner.finish()
        if not unpacked:
            raise _NotHereError
        document = load_document(rest)
        del rest
        texts = list(unpacked.values())
        _place(document, unpacked)
        result = reader(document)
        # Otherwise the name of an unpacked text may be part of the result.
        if not all(text.was_read for text in texts):
            raise _NotHereError
        return result


class _NotHereError(Exception):
    """The result is to be decoded from its text."""


class _Scanner:
    """Finds long strings of zlib data in base64 in pieces of JSON, and unpacks them.

    Args:
        max_bytes: Maximum size of all unpacked data.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes + _HEADER_BYTES
        self._mark = secrets.token_hex(16)
        self._rest: list[bytes] = []
        self._unread = b""
        self._open: _OpenText | None = None
        self._texts: dict[str, InflatedText] = {}

    def write(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            _NotHereError: There is something unusual about them.
        """
        data = self._unread + piece if self._unread else piece
        self._unread = b""
        while data:
            data = self._inside(data) if self._open is not None else self._outside(data)

    def finish(self) -> tuple[bytes, dict[str, InflatedText]]:
        """Return the JSON with names in the place of the strings that were unpacked, and these by their names.

        Raises:
            _NotHereError: A string is not complete.
        """
        if self._open is not None:
            raise _NotHereError
        return b"".join((*self._rest, self._unread)), self._texts

    def _outside(self, data: bytes) -> bytes:
        """Look for the next string; return what is to be looked at next."""
        position = 0
        while (at := _first_key(data, position)) >= 0:
            start = _START.match(data, at)
            if start is None:
                if len(data) - at < _LONGEST_START:
                    break
                position = at + 1
                continue
            quote = data.find(b'"', start.end(), start.end() + SHORTEST)
            if quote >= 0:
                position = quote
                continue
            if len(data) - start.end() < SHORTEST:
                break
            if len(self._texts) == _MOST_STRINGS:
                raise _NotHereError
            self._rest.append(data[: start.end()])
            self._open = _OpenText(self._left)
            return data[start.end() :]
        # What may be the beginning of a string is looked at again with the next piece.
        keep = at if at >= 0 else max(position, len(data) - _LONGEST_KEY)
        self._rest.append(data[:keep])
        self._unread = data[keep:]
        return b""

    def _inside(self, data: bytes) -> bytes:
        """Unpack what belongs to the open string; return what follows it."""
        assert self._open is not None
        quote = data.find(b'"')
        self._open.write(data if quote < 0 else data[:quote])
        if quote < 0:
            return b""
        name = f"{self._mark}-{len(self._texts)}"
        self._texts[name] = text = self._open.finish(name)
        self._left -= len(text.content)
        self._open = None
        self._rest.append(name.encode())
        return data[quote:]


class _OpenText:
    """Unpacks one string as its characters arrive.

    Args:
        max_bytes: Maximum size of the unpacked data.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._zlib = zlib.decompressobj()
        self._odd = b""
        self._ended = False
        self._characters = 0
        self._content = bytearray()

    def write(self, text: bytes) -> None:
        """Take the next characters.

        Raises:
            _NotHereError: They are no base64, no zlib data, or too much.
        """
        self._characters += len(text)
        text = self._odd + text
        whole = len(text) // 4 * 4
        self._odd = text[whole:]
        if not whole:
            return
        if self._ended or self._zlib.eof:
            raise _NotHereError
        text = text[:whole]
        self._ended = text.endswith(b"=")
        try:
            packed = binascii.a2b_base64(text, strict_mode=True)
            while True:
                piece = self._zlib.decompress(packed, _OUTPUT)
                self._left -= len(piece)
                if self._left < 0:
                    raise _NotHereError
                self._content += piece
                packed = self._zlib.unconsumed_tail
                # Once more when all is taken in: what was too much for the last piece is still to come out.
                if not packed and not piece:
                    break
        except (binascii.Error, zlib.error):
            raise _NotHereError from None
        if self._zlib.unused_data:
            raise _NotHereError

    def finish(self, name: str) -> InflatedText:
        """Return what was unpacked.

        Raises:
            _NotHereError: It is not complete.
        """
        if self._odd or not self._zlib.eof:
            raise _NotHereError
        return InflatedText.of(name, self._content, self._characters)


def _first_key(data: bytes, start: int) -> int:
    """Return the position of the first key that may have such a string as its value; -1 if there is none."""
    found = _KEY.search(data, start)
    return -1 if found is None else found.start()


def _place(document: Any, texts: dict[str, InflatedText]) -> None:
    """Put what was unpacked into parsed JSON, in the place of its names."""
    unseen = [document]
    while unseen:
        one = unseen.pop()
        parts = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, part in list(parts):
            if isinstance(part, str):
                if part in texts:
                    one[key] = texts.pop(part)
            elif isinstance(part, dict | list):
                unseen.append(part)

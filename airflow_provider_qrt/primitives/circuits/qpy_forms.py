"""Reads circuits that were saved as QPY: bytes, base64 text, or a file. Only the header is read, without Qiskit.

Source: Qiskit's description of QPY (``qiskit.qpy``): a file begins with ``QISKIT``, its version (1 byte), the version
of Qiskit (3 bytes) and the number of circuits (8 bytes, big-endian).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import zlib
from pathlib import Path
from typing import Any

from airflow_provider_qrt.primitives.circuits.qpy import tag_qpy
from airflow_provider_qrt.primitives.circuits.qpy_names import names_a_file
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.untrusted.files import read_file
from airflow_provider_qrt.untrusted.inflate import TooLargeError, inflate

MAX_QPY_BYTES = 64 * 1024 * 1024
"""Maximum uncompressed bytes of one circuit, enough for some million gates; a few kilobytes of zlib data could
otherwise expand to gigabytes."""
_MAGIC = b"QISKIT"
_HEADER_BYTES = 18
_BASE64 = re.compile(r"(?:UUlTS0lU|e[AFJN])[A-Za-z0-9+/\s]++=*+\s*+")
"""Base64 of ``QISKIT``, or of the first two bytes of zlib data."""


def is_qpy(item: Any) -> bool:
    """Return whether a value stands for saved QPY: bytes, base64 text, a path, or text that ends in ``.qpy``."""
    if isinstance(item, str):
        return names_a_file(item) or _BASE64.fullmatch(item.strip()) is not None
    return isinstance(item, bytes | bytearray | os.PathLike)


def refuse_name(item: Any, where: str) -> None:
    """Refuse a file name that is text, which may come from anybody; a path object can only come from a program.

    Raises:
        InvalidInputError: The value is a file name. The file system is not accessed, so the message does not reveal
            whether the file exists.
    """
    if names_a_file(item):
        raise InvalidInputError(
            f"{where}: {item.strip()[:200]!r} is the name of a file. A name that is a text is not opened here: in "
            "Python give pathlib.Path(name), or the QPY itself."
        )


def tag_saved_qpy(item: Any, where: str) -> dict[str, str]:
    """Return saved QPY, for which :func:`is_qpy` is true, in the form that is sent to the service.

    Args:
        item: QPY bytes, uncompressed or compressed with zlib; base64 of either; or the path of a file of these bytes.
        where: The place named at the start of an error message.

    Raises:
        InvalidInputError: The file cannot be read, the bytes are not QPY, or they do not contain exactly one circuit.
    """
    data = _unpacked(_bytes(item, where), where)
    if not data.startswith(_MAGIC) or len(data) < _HEADER_BYTES:
        raise InvalidInputError(f"{where}: expected QPY, which begins with {_MAGIC!r}; this begins with {data[:6]!r}.")
    number = int.from_bytes(data[10:_HEADER_BYTES], "big")
    if number != 1:
        raise InvalidInputError(
            f"{where}: the QPY holds {number} circuits, and one is expected here. Write each into QPY of its own, or "
            "give the list that qiskit.qpy.load() returns."
        )
    return tag_qpy(data)


def _bytes(item: Any, where: str) -> bytes:
    if isinstance(item, bytes | bytearray):
        return bytes(item)
    if isinstance(item, os.PathLike) or names_a_file(item):
        path = Path(item.strip() if isinstance(item, str) else item)
        try:
            return read_file(path, MAX_QPY_BYTES)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InvalidInputError(
                f"{where}: the file {str(path)!r} cannot be read: {why}. Give its full path on the worker."
            ) from error
    try:
        return base64.b64decode("".join(item.split()), validate=True)
    except binascii.Error as error:
        raise InvalidInputError(f"{where}: expected base64 of QPY: {error}.") from None


def _unpacked(data: bytes, where: str) -> bytes:
    if data.startswith(_MAGIC):
        return data
    try:
        return inflate(data, MAX_QPY_BYTES)
    except TooLargeError as error:
        raise InvalidInputError(f"{where}: the QPY is too large: {error}.") from None
    except zlib.error as error:
        raise InvalidInputError(f"{where}: expected QPY, as it is or compressed with zlib: {error}.") from None

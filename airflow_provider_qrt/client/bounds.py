"""Limits for the size and duration of every HTTP answer.

``requests`` limits neither: its timeout restarts with each byte, and a megabyte of gzip can become a gigabyte. So bytes
are counted after decompression, and seconds from the moment the answer is expected.
"""

from __future__ import annotations

import http.client
import io
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_qrt.client.errors import InvalidAnswerError

MEBIBYTE = 1 << 20
ACCEPTED_ENCODINGS = "gzip, deflate"
"""Encodings that requests accept; others are rejected, since they could not be decompressed piece by piece."""
_PIECE = 1 << 16
_FORMATS = {"gzip": 31, "x-gzip": 31}


@dataclass(frozen=True)
class AnswerLimits:
    """Limits of one answer.

    Attributes:
        max_bytes: Decompressed bytes of an answer that describes jobs, backends, usage and the like.
        max_result_bytes: Bytes of a result, or of a job with its input. Ten million executions at 156 bits, the most
            that IBM accepts in a job, are 200 MB.
        patience: Limit for the total time, as a multiple of the read timeout, even if bytes keep arriving.
        least_rate: Bytes per second; data that arrives extends the time limit at this rate.
    """

    max_bytes: int = 16 * MEBIBYTE
    max_result_bytes: int = 256 * MEBIBYTE
    patience: float = 2.0
    least_rate: int = 64 * 1024


class _Deadline:
    """Time left for an answer; each received byte extends it."""

    def __init__(self, seconds: float, least_rate: int, most_bytes: int) -> None:
        self._ends = time.monotonic() + seconds
        self._rate = least_rate
        self._worth_time = most_bytes

    def left(self) -> float:
        return self._ends - time.monotonic()

    def extend(self, count: int) -> None:
        # Limited: bytes before an answer's headers are not counted anywhere else.
        count = min(count, self._worth_time)
        self._worth_time -= count
        self._ends += count / self._rate


_deadline: ContextVar[_Deadline | None] = ContextVar("airflow_provider_qrt_answer_deadline", default=None)


@contextmanager
def within(read_timeout: float, limits: AnswerLimits) -> Iterator[None]:
    """Limit the time of answers that begin in this block.

    Args:
        read_timeout: Longest time without any data, seconds.
        limits: Determine the total time allowed.
    """
    token = _deadline.set(_Deadline(limits.patience * read_timeout, limits.least_rate, limits.max_result_bytes))
    try:
        yield
    finally:
        _deadline.reset(token)


class _PatientFile(io.RawIOBase):
    """Reads from a socket until the deadline has passed."""

    def __init__(self, file: Any, socket: Any, deadline: _Deadline) -> None:
        self._file = file
        self._socket = socket
        self._deadline = deadline
        self._patience = socket.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left()
        if left <= 0:
            raise TimeoutError("the answer took too long in all")
        # urllib3 may have closed the socket while the response is still read, if the connection is not kept.
        if self._socket.fileno() >= 0:
            self._socket.settimeout(left if self._patience is None else min(left, self._patience))
        count: int | None = self._file.readinto(buffer)
        self._deadline.extend(count or 0)
        return count

    def fileno(self) -> int:
        return int(self._file.fileno())

    def close(self) -> None:
        if not self.closed:
            try:
                self._file.close()
            finally:
                super().close()


class _Response(http.client.HTTPResponse):
    """An answer that times out at the deadline, in its headers or in its body."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = _deadline.get()
        if deadline is not None and isinstance(self.fp, io.BufferedReader):
            self.fp = io.BufferedReader(_PatientFile(self.fp.detach(), sock, deadline))


class _HttpConnection(HTTPConnection):
    response_class = _Response


class _HttpsConnection(HTTPSConnection):
    response_class = _Response


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class BoundedAdapter(HTTPAdapter):
    """Sends as ``requests`` does, over connections that apply the deadline of :func:`within`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use our connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_ours(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Use our connections through an HTTP proxy too; the SOCKS manager has its own."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if type(manager) is urllib3.ProxyManager:
            _use_ours(manager)
        return manager


def _use_ours(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class BodyReader(Protocol):
    """Takes the body of an answer in pieces, in the place of the answer's ``content``."""

    def write(self, piece: bytes, /) -> object:
        """Take the next decompressed bytes."""


def read_body(response: requests.Response, max_bytes: int, label: str, reader: BodyReader | None = None) -> None:
    """Read the body of an answer requested with ``stream=True``; ``content`` holds it afterwards.

    Args:
        response: The answer.
        max_bytes: The maximum decompressed size.
        label: The request, for the message.
        reader: Takes the body while it arrives, and ``content`` is empty afterwards.

    Raises:
        InvalidAnswerError: It is larger, damaged, or has an encoding that was not requested.
        requests.RequestException: The connection broke, or the answer took too long.
    """
    inner = vars(response)
    # The answer of a mock may already have been read.
    if inner.get("_content", False) is not False:
        if len(response.content) > max_bytes:
            raise _too_large(label, max_bytes)
        if reader is not None:
            reader.write(response.content)
        return
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    try:
        pieces = _pieces(response.raw, encoding, max_bytes, label)
        if reader is not None:
            for piece in pieces:
                reader.write(piece)
            pieces = iter(())
        inner["_content"] = b"".join(pieces)
        inner["_content_consumed"] = True
    finally:
        # A connection whose answer was not read completely must not be reused.
        response.close()


def _pieces(raw: Any, encoding: str, max_bytes: int, label: str) -> Iterator[bytes]:
    unpacker = None if encoding in ("", "identity") else _Unpacker(encoding, label)
    size = 0
    try:
        for packed in raw.stream(_PIECE, decode_content=False):
            for piece in unpacker.unpack(packed) if unpacker else (packed,):
                size += len(piece)
                if size > max_bytes:
                    raise _too_large(label, max_bytes)
                yield piece
        if unpacker:
            unpacker.finish()
    except urllib3.exceptions.ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
        raise requests.exceptions.ConnectionError(error) from error
    except urllib3.exceptions.SSLError as error:
        raise requests.exceptions.SSLError(error) from error
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


class _Unpacker:
    """Unpacks gzip and deflate piece by piece.

    Args:
        encoding: Of the answer.
        label: The request, for messages.
    """

    def __init__(self, encoding: str, label: str) -> None:
        if encoding not in (*_FORMATS, "deflate"):
            raise InvalidAnswerError(f"{label}: the answer has an encoding that was not requested.")
        self._encoding = encoding
        self._label = label
        self._engine: Any = None

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """Unpack the next bytes of the body."""
        while packed:
            if self._engine is None:
                self._engine = zlib.decompressobj(_FORMATS.get(self._encoding) or _deflate_bits(packed))
            elif self._engine.eof:
                # A gzip file may have several members. Whatever follows the only one of deflate is not looked at.
                if self._encoding == "deflate":
                    return
                self._engine = zlib.decompressobj(_FORMATS[self._encoding])
            yield from self._pieces(packed)
            # Some servers pad with zeros.
            packed = self._engine.unused_data.lstrip(b"\0")

    def finish(self) -> None:
        """Check that the body was whole.

        Raises:
            ValueError: It was cut off.
        """
        if self._engine is not None and not self._engine.eof:
            raise ValueError("the packed body was cut off")

    def _pieces(self, packed: bytes) -> Iterator[bytes]:
        try:
            while True:
                # Once more when all is taken in: what was too much for the last piece is still to come out.
                piece = self._engine.decompress(packed, _PIECE)
                packed = self._engine.unconsumed_tail
                if piece:
                    yield piece
                elif not packed or self._engine.eof:
                    return
        except zlib.error:
            raise InvalidAnswerError(f"{self._label}: the answer is damaged: it cannot be unpacked.") from None


def _deflate_bits(start: bytes) -> int:
    """Return the window bits for zlib or raw deflate: some servers omit zlib's two header bytes."""
    is_zlib = len(start) > 1 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _too_large(label: str, max_bytes: int) -> InvalidAnswerError:
    return InvalidAnswerError(
        f"{label}: the answer is larger than {max_bytes:,} bytes. If it is meant to be, raise max_answer_bytes or "
        "max_result_bytes in the section [qiskit_runtime] of Airflow's configuration."
    )

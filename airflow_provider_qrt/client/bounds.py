"""How much an answer may bring, and how long it may take: one budget for everything that comes in through HTTP.

``requests`` bounds neither: its timeout starts anew with each byte, and a megabyte of gzip becomes a gigabyte. So the
bytes are counted after they are unpacked, and the seconds from the moment in which an answer is expected.
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
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_qrt.client.errors import InvalidAnswer

MEBIBYTE = 1 << 20
ACCEPTED_ENCODINGS = "gzip, deflate"
"""What is asked for; anything else is refused, since it could not be unpacked piece by piece."""
_PIECE = 1 << 16
_FORMATS = {"gzip": 31, "x-gzip": 31}


@dataclass(frozen=True)
class AnswerLimits:
    """Bounds of one answer.

    Attributes:
        max_bytes: Bytes of an answer, unpacked, that describes jobs, backends, usage and the like.
        max_result_bytes: Bytes of a result, or of a job with its input. Ten million executions at 156 bits, the most
            that IBM takes in a job, are 200 MB.
        patience: An answer may take so many times the read timeout in all, however steadily it drips.
        least_rate: Bytes a second that buy an answer more time.
    """

    max_bytes: int = 16 * MEBIBYTE
    max_result_bytes: int = 256 * MEBIBYTE
    patience: float = 2.0
    least_rate: int = 64 * 1024


class _Deadline:
    """Seconds that are left of an answer; bytes that arrive buy more."""

    def __init__(self, seconds: float, least_rate: int, most_bytes: int) -> None:
        self._ends = time.monotonic() + seconds
        self._rate = least_rate
        self._worth_time = most_bytes

    def left(self) -> float:
        return self._ends - time.monotonic()

    def extend(self, count: int) -> None:
        # Not without end: what comes before an answer's headers is not counted by anybody else.
        count = min(count, self._worth_time)
        self._worth_time -= count
        self._ends += count / self._rate


_deadline: ContextVar[_Deadline | None] = ContextVar("airflow_provider_qrt_answer_deadline", default=None)


@contextmanager
def within(read_timeout: float, limits: AnswerLimits) -> Iterator[None]:
    """Bound the time of the answers that begin in this block.

    Args:
        read_timeout: Seconds for which nothing may arrive.
        limits: Say how much longer the whole may take.
    """
    token = _deadline.set(_Deadline(limits.patience * read_timeout, limits.least_rate, limits.max_result_bytes))
    try:
        yield
    finally:
        _deadline.reset(token)


class _PatientFile(io.RawIOBase):
    """What arrives at a socket, until the deadline has passed."""

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
        # Closed by urllib3 while the response is still read, when the connection is not to be kept.
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
    """An answer that ends at the deadline, be it in its headers or in its body."""

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
    """Sends as ``requests`` does, over connections whose answers keep to the deadline of :func:`within`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use our connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_ours(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Use our connections, also through a proxy; one for SOCKS brings its own."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if type(manager) is urllib3.ProxyManager:
            _use_ours(manager)
        return manager


def _use_ours(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def read_body(response: requests.Response, max_bytes: int, label: str) -> None:
    """Read the body of an answer that was asked for with ``stream=True``; ``content`` holds it afterwards.

    Args:
        response: The answer.
        max_bytes: The most it may hold, unpacked.
        label: The request, for the message.

    Raises:
        InvalidAnswer: It is larger, damaged, or packed in a way that nobody asked for.
        requests.RequestException: The connection broke, or the answer took too long.
    """
    inner = vars(response)
    # A mock's answer may have been read before.
    if inner.get("_content", False) is not False:
        if len(response.content) > max_bytes:
            raise _too_large(label, max_bytes)
        return
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    try:
        inner["_content"] = b"".join(_pieces(response.raw, encoding, max_bytes, label))
        inner["_content_consumed"] = True
    finally:
        # One that was not read to its end must not be kept.
        response.close()


def _pieces(raw: Any, encoding: str, max_bytes: int, label: str) -> Iterator[bytes]:
    unpack = _unpacker(encoding, label)
    size = 0
    try:
        for packed in raw.stream(_PIECE, decode_content=False):
            for piece in unpack(packed) if unpack else (packed,):
                size += len(piece)
                if size > max_bytes:
                    raise _too_large(label, max_bytes)
                yield piece
    except urllib3.exceptions.ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
        raise requests.exceptions.ConnectionError(error) from error
    except urllib3.exceptions.SSLError as error:
        raise requests.exceptions.SSLError(error) from error
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def _unpacker(encoding: str, label: str) -> Any:
    if encoding in ("", "identity"):
        return None
    if encoding not in (*_FORMATS, "deflate"):
        raise InvalidAnswer(f"{label}: the answer is packed in a way that was not asked for.")
    engine: Any = None

    def unpack(packed: bytes) -> Iterator[bytes]:
        nonlocal engine
        if engine is None:
            engine = zlib.decompressobj(_FORMATS.get(encoding) or _deflate_bits(packed))
        try:
            while packed:
                piece = engine.decompress(packed, _PIECE)
                packed = engine.unconsumed_tail
                if piece:
                    yield piece
                elif not packed or engine.eof:
                    return
        except zlib.error:
            raise InvalidAnswer(f"{label}: the answer is damaged: it cannot be unpacked.") from None

    return unpack


def _deflate_bits(start: bytes) -> int:
    """Some servers send deflate without zlib's two bytes before it."""
    is_zlib = len(start) > 1 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _too_large(label: str, max_bytes: int) -> InvalidAnswer:
    return InvalidAnswer(
        f"{label}: the answer is larger than {max_bytes:,} bytes. If it is meant to be, raise max_answer_bytes or "
        "max_result_bytes in the section [qiskit_runtime] of Airflow's configuration."
    )

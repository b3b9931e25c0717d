"""A packed answer comes out whole, or not at all."""

from __future__ import annotations

import gzip
import random
import zlib
from types import SimpleNamespace

import pytest
import requests

from airflow_provider_qrt.client.bounds import _PIECE, read_body
from airflow_provider_qrt.client.errors import InvalidAnswerError

WINDOWS = {"gzip": 31, "deflate": 15, "raw deflate": -15}


def pack(data: bytes, kind: str) -> bytes:
    engine = zlib.compressobj(wbits=WINDOWS[kind])
    return engine.compress(data) + engine.flush()


def unpacked(body: bytes, encoding: str, *, piece: int = _PIECE) -> bytes:
    """Return the decoded body when it arrives in pieces."""
    response = requests.Response()
    response.headers["Content-Encoding"] = encoding

    def stream(_amount: int, decode_content: bool) -> list[bytes]:
        assert not decode_content
        return [body[start : start + piece] for start in range(0, len(body), piece)]

    response.raw = SimpleNamespace(stream=stream, close=lambda: None, release_conn=lambda: None)
    read_body(response, 10 * 2**20, "GET /jobs")
    return response.content


@pytest.mark.parametrize("kind", WINDOWS)
def test_no_byte_is_lost_at_any_length(kind):
    chance = random.Random(7)
    for length in range(_PIECE - 40, _PIECE + 300, 7):
        data = bytes(chance.choices(b"abcd", k=length))
        assert unpacked(pack(data, kind), kind.removeprefix("raw ")) == data


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("kept", [0.3, 0.75, 0.999])
def test_a_body_that_was_cut_off_is_no_answer(kind, kept):
    body = pack(bytes(random.Random(7).choices(range(256), k=101_000)), kind)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="cut off"):
        unpacked(body[: int(len(body) * kept)], kind.removeprefix("raw "))


def test_a_body_of_several_members_is_read_to_its_end():
    assert unpacked(gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0", "gzip", piece=7) == b"onetwo"


def test_no_body_at_all_is_empty():
    assert unpacked(b"", "gzip") == b""


def test_a_damaged_body_is_an_invalid_answer():
    with pytest.raises(InvalidAnswerError, match="cannot be unpacked"):
        unpacked(gzip.compress(b"x" * 1000)[:-4] + b"\xff\xff\xff\xff", "gzip")

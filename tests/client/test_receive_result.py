"""A result is given to a reader while it arrives, with the limits and the errors of every other answer."""

from __future__ import annotations

import gzip
import io
from typing import ClassVar

import pytest

from airflow_provider_qrt.client import RetryPolicy, errors
from airflow_provider_qrt.client.bounds import AnswerLimits

from .conftest import BASE, http_reply

PATH = f"{BASE}/jobs/job-1/results"
ONCE = RetryPolicy(attempts=1)
LIMITS = AnswerLimits(max_bytes=2_000, max_result_bytes=3_000)


class Reader(io.BytesIO):
    """Remembers all readers that were begun."""

    begun: ClassVar[list[Reader]] = []

    def __init__(self) -> None:
        super().__init__()
        Reader.begun.append(self)


@pytest.fixture(autouse=True)
def begun():
    Reader.begun = []
    return Reader.begun


def test_a_body_that_is_cut_off_is_asked_for_again_with_another_reader(serve, client_of, begun):
    server = serve({"GET /api/v1/jobs/job-1/results": http_reply("x" * 200_000, length=300_000)})
    with pytest.raises(errors.NoAnswerError):
        client_of(server).receive_result("job-1", Reader)
    assert len(begun) == server.count("GET /api/v1/jobs/job-1/results") == 6
    assert all(reader.getvalue().startswith(b'"xxx') for reader in begun)


def test_a_whole_body_from_a_socket_is_given_to_one_reader(serve, client_of, begun):
    server = serve({"GET /api/v1/jobs/job-1/results": http_reply("x" * 200_000)})
    reader = client_of(server).receive_result("job-1", Reader)
    assert reader.getvalue() == b'"' + b"x" * 200_000 + b'"'
    assert begun == [reader]


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_a_result_of_any_encoding_is_read(api, client, headers, begun):
    body = b'{"a": 1}' * 50_000
    api.get(PATH, content=gzip.compress(body) if headers else body, headers=headers)
    reader = client.receive_result("job-1", Reader)
    assert reader.getvalue() == body
    assert begun == [reader]


def test_an_error_is_not_given_to_a_reader(api, client, begun):
    api.get(PATH, status_code=400, json={"errors": [{"code": 1234, "message": "Not yet."}]})
    with pytest.raises(errors.ResultsNotReadyError, match="Not yet"):
        client.receive_result("job-1", Reader)
    assert begun == []


def test_a_job_without_results_yet_is_not_ready(api, client, begun):
    api.get(PATH, status_code=204)
    with pytest.raises(errors.ResultsNotReadyError):
        client.receive_result("job-1", Reader)
    assert begun == []


def test_another_attempt_has_another_reader(api, client, begun):
    refused = {"status_code": 401, "json": {"errors": [{"code": 1, "message": "old"}]}}
    busy = {"status_code": 503, "text": "busy"}
    api.get(PATH, [busy, refused, {"content": b"whole"}])
    assert client.receive_result("job-1", Reader).getvalue() == b"whole"
    assert len(begun) == 1


def test_an_answer_with_another_success_is_read(api, client):
    api.get(PATH, status_code=203, content=b"whole")
    assert client.receive_result("job-1", Reader).getvalue() == b"whole"


def test_a_result_may_only_be_so_large(api, make_client):
    client = make_client(limits=LIMITS, retry=ONCE)
    api.get(PATH, content=b"x" * 3_000)
    assert len(client.receive_result("job-1", Reader).getvalue()) == 3_000
    for content, headers in ((b"x" * 3_001, {}), (gzip.compress(b"x" * 3_001), {"Content-Encoding": "gzip"})):
        api.get(PATH, content=content, headers=headers)
        with pytest.raises(errors.InvalidAnswerError, match="GET /jobs/job-1/results: the answer is larger than 3,000"):
            client.receive_result("job-1", Reader)


def test_a_packed_body_that_is_cut_off_is_no_answer(api, make_client):
    whole = gzip.compress(bytes(range(256)) * 100)
    api.get(PATH, content=whole[:-20], headers={"Content-Encoding": "gzip"})
    with pytest.raises(errors.NoAnswerError):
        make_client(retry=ONCE).receive_result("job-1", Reader)

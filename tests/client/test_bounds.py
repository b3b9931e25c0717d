"""An answer may take only so long and be only so large."""

from __future__ import annotations

import io
import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3

from airflow_provider_qrt.client import RetryPolicy, bounds, errors
from airflow_provider_qrt.client.bounds import AnswerLimits, BoundedAdapter, read_body, within

from .conftest import BASE

SECONDS = 10.0
RATE = 100
TOO_LARGE = (
    "{}: the answer is larger than {} bytes. If it is meant to be, raise max_answer_bytes or max_result_bytes in the "
    "section [qiskit_runtime] of Airflow's configuration."
)
ONCE = RetryPolicy(attempts=1)


# Time


@pytest.fixture
def clock(monkeypatch):
    """The time of the module, which stands still."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(bounds, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def deadline(clock):
    return bounds._Deadline(SECONDS, RATE, 500)


def test_time_runs_out(deadline, clock):
    assert deadline.left() == 10.0
    clock.now += 12
    assert deadline.left() == -2.0


def test_bytes_give_more_time_up_to_a_limit(deadline):
    deadline.extend(200)
    assert deadline.left() == 12.0
    deadline.extend(1000)
    assert deadline.left() == 15.0
    deadline.extend(100)
    assert deadline.left() == 15.0


def test_the_time_of_an_answer_is_a_multiple_of_the_longest_silence(clock):
    with within(7.0, AnswerLimits(patience=3.0, least_rate=10, max_result_bytes=40)):
        deadline: Any = bounds._deadline.get()
        assert deadline.left() == 21.0
        deadline.extend(50)
        assert deadline.left() == 25.0
        with within(1.0, AnswerLimits()):
            assert bounds._deadline.get() is not deadline
        assert bounds._deadline.get() is deadline
    assert bounds._deadline.get() is None


class Line(io.RawIOBase):
    """A connection that gives ten bytes at a time, and notes how long it is waited for."""

    def __init__(self, patience: float | None = 60.0, number: int = 3) -> None:
        self.patience, self.number = patience, number
        self.waits: list[float] = []

    def gettimeout(self) -> float | None:
        return self.patience

    def settimeout(self, seconds: float) -> None:
        self.waits.append(seconds)

    def fileno(self) -> int:
        return self.number

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:10] = b"0123456789"
        return 10


def patient(line, deadline):
    return bounds._PatientFile(line, line, deadline)


@pytest.mark.parametrize(("patience", "waits"), [(60.0, [10.0, 6.1]), (3.0, [3.0, 3.0]), (None, [10.0, 6.1])])
def test_each_reading_waits_no_longer_than_there_is_time(deadline, clock, patience, waits):
    line = Line(patience)
    file = patient(line, deadline)
    for _ in waits:
        assert file.read(10) == b"0123456789"
        clock.now += 4
    assert line.waits == pytest.approx(waits)


def test_when_the_time_is_up_nothing_more_is_read(deadline, clock):
    line = Line()
    file = patient(line, deadline)
    clock.now += SECONDS
    with pytest.raises(TimeoutError) as caught:
        file.read(10)
    assert str(caught.value) == "the answer took too long in all"
    assert line.waits == []


def test_a_socket_that_was_given_up_is_read_to_its_end(deadline):
    line = Line(number=-1)
    assert patient(line, deadline).read(10) == b"0123456789"
    assert line.waits == []


def test_nothing_to_read_yet_gives_no_time(deadline, monkeypatch):
    line = Line()
    monkeypatch.setattr(line, "readinto", lambda buffer: None)
    assert patient(line, deadline).read(10) is None
    assert deadline.left() == SECONDS


def test_it_is_a_file_like_the_one_it_reads(deadline):
    line = Line(number=7)
    file = patient(line, deadline)
    assert (file.fileno(), file.readable()) == (7, True)
    assert io.BufferedReader(file).fileno() == 7
    file.close()
    file.close()
    assert (file.closed, line.closed) == (True, True)


def test_it_is_closed_though_the_file_it_reads_cannot_be(deadline, monkeypatch):
    line = Line()

    def fail():
        raise OSError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(line, "close", fail)
        file = patient(line, deadline)
        with pytest.raises(OSError, match="gone"):
            file.close()
    assert file.closed


def response_of(data, *more, **named):
    socket = SimpleNamespace(makefile=lambda mode: io.BufferedReader(io.BytesIO(data)), gettimeout=lambda: None)
    return bounds._Response(socket, *more, **named)


def test_an_answers_headers_are_read_against_the_deadline_too(clock):
    with within(1.0, AnswerLimits()):
        response = response_of(b"HTTP/1.1 200 OK\r\n\r\n", 0, method="HEAD")
        assert (response._method, response.debuglevel) == ("HEAD", 0)
        clock.now += 3
        with pytest.raises(TimeoutError, match="too long in all"):
            response.begin()
    response = response_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 3)
    assert response.debuglevel == 3
    response.debuglevel = 0
    response.begin()
    assert response.read() == b"hi"


def test_an_adapter_connects_in_its_own_way_with_and_without_a_proxy():
    adapter = BoundedAdapter(pool_maxsize=7)
    manager = adapter.poolmanager
    proxy = adapter.proxy_manager_for("http://proxy:3128", timeout=5)
    ours = {"http": bounds._HttpPool, "https": bounds._HttpsPool}
    assert (manager.pool_classes_by_scheme, proxy.pool_classes_by_scheme) == (ours, ours)
    assert (manager.connection_pool_kw["maxsize"], proxy.connection_pool_kw["timeout"]) == (7, 5)
    adapter.close()


# Size


def packed(*pieces, encoding=None, most=100, trouble=None):
    """Read a body that arrives in pieces, and then breaks with ``trouble``."""
    response = requests.Response()
    if encoding is not None:
        response.headers["Content-Encoding"] = encoding

    def stream(amount, decode_content):
        assert (amount, decode_content) == (2**16, False)
        yield from pieces
        if trouble is not None:
            raise trouble

    closed = []
    response.raw = SimpleNamespace(stream=stream, close=lambda: closed.append(1), release_conn=lambda: closed.append(2))
    try:
        read_body(response, most, "GET /jobs")
    finally:
        assert closed
    return response


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_body_may_be_as_large_as_allowed(encoding):
    response = packed(b"x" * 60, b"y" * 40, encoding=encoding)
    assert response.content == b"x" * 60 + b"y" * 40
    assert list(response.iter_content(64)) == [b"x" * 60 + b"y" * 4, b"y" * 36]


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_body_larger_than_allowed_is_an_invalid_answer(encoding):
    body = b"x" * 1235
    if encoding:
        engine = zlib.compressobj(wbits=31)
        body = engine.compress(body) + engine.flush()
    with pytest.raises(errors.InvalidAnswerError) as caught:
        packed(body[:9], body[9:], encoding=encoding, most=1234)
    assert str(caught.value) == TOO_LARGE.format("GET /jobs", "1,234")


@pytest.mark.parametrize(("encoding", "bits"), [("gzip", 31), (" X-GZip", 31), ("Deflate", 15), ("deflate", -15)])
def test_a_packed_body_is_unpacked_whatever_the_case_of_its_encoding(encoding, bits):
    engine = zlib.compressobj(wbits=bits)
    body = engine.compress(b"hello " * 10) + engine.flush()
    assert packed(body[:5], body[5:], encoding=encoding).content == b"hello " * 10


def test_what_follows_a_deflated_body_is_not_looked_at():
    assert packed(zlib.compress(b"hello") + b"something else", b"and more", encoding="deflate").content == b"hello"


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (b"x", "br", "the answer has an encoding that was not requested."),
        (b"x", "gzip, gzip", "the answer has an encoding that was not requested."),
        (b"no gzip at all", "gzip", "the answer is damaged: it cannot be unpacked."),
        (b"\xff no deflate at all", "deflate", "the answer is damaged: it cannot be unpacked."),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_an_invalid_answer(body, encoding, says):
    with pytest.raises(errors.InvalidAnswerError) as caught:
        packed(body, encoding=encoding)
    assert str(caught.value) == f"GET /jobs: {says}"


def test_a_body_that_was_cut_off_says_so():
    with pytest.raises(requests.exceptions.ChunkedEncodingError) as caught:
        packed(zlib.compress(b"hello")[:-3], encoding="deflate")
    assert str(caught.value) == "the packed body was cut off"


POOL = urllib3.HTTPConnectionPool("api.example.com")


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (urllib3.exceptions.ProtocolError("broken"), requests.exceptions.ChunkedEncodingError),
        (urllib3.exceptions.ReadTimeoutError(POOL, "/", "late"), requests.exceptions.ConnectionError),
        (TimeoutError("late"), requests.exceptions.ConnectionError),
        (urllib3.exceptions.SSLError("bad record"), requests.exceptions.SSLError),
        (urllib3.exceptions.DecodeError("odd"), requests.exceptions.ChunkedEncodingError),
        (OSError("gone"), requests.exceptions.ChunkedEncodingError),
        (ValueError("odd"), requests.exceptions.ChunkedEncodingError),
    ],
)
def test_a_line_that_breaks_within_the_body_is_an_error_of_requests(trouble, kind):
    with pytest.raises(kind) as caught:
        packed(b"hello", trouble=trouble)
    assert type(caught.value) is kind
    assert caught.value.args == (trouble,)
    assert caught.value.__cause__ is trouble


@pytest.mark.parametrize(
    ("start", "bits"),
    [
        (b"\x78\x9c", 15),
        (b"\x58\x85...", 15),
        (b"\x78\x9d", -15),
        (b"\x79\x18", -15),
        (b"\x78", -15),
        (b"\x19\x0d", -15),
    ],
)
def test_deflate_without_its_header_is_known(start, bits):
    assert bounds._deflate_bits(start) == bits


LIMITS = AnswerLimits(max_bytes=2_000, max_result_bytes=3_000)
HOST = "https://runtime.example.com"
API_TOKEN = {"channel": "api_token", "base_url": HOST, "hub": "h", "group": "g", "project": "p"}


def filled(size, **fields):
    """JSON of exactly that many bytes."""
    return json.dumps(fields).ljust(size)


@pytest.mark.parametrize(
    ("path", "body", "call"),
    [
        ("/jobs/j", {"id": "j"}, lambda c: c.job("j", exclude_params=False)),
        ("/jobs", {"jobs": []}, lambda c: list(c.jobs(exclude_params=False))),
        ("/jobs/j/results", {}, lambda c: c.job_result("j")),
    ],
)
def test_results_and_jobs_with_their_input_may_be_large(api, make_client, path, body, call):
    client = make_client(limits=LIMITS, retry=ONCE)
    api.get(BASE + path, text=filled(3_000, **body))
    call(client)
    api.get(BASE + path, text=filled(3_001, **body))
    with pytest.raises(errors.InvalidAnswerError) as caught:
        call(client)
    assert str(caught.value) == TOO_LARGE.format(f"GET {path}", "3,000")


def test_a_job_that_is_known_by_its_result_may_be_large(api, make_client):
    api.get(f"{HOST}/jobs/j/results", text="x" * 3_000)
    assert make_client(limits=LIMITS, retry=ONCE, **API_TOKEN).job("j").status.is_final


@pytest.mark.parametrize(
    ("method", "path", "body", "call"),
    [
        ("GET", "/jobs/j", {"id": "j"}, lambda c: c.job("j")),
        ("GET", "/jobs", {"jobs": []}, lambda c: list(c.jobs())),
        ("GET", "/jobs/j/logs", {}, lambda c: c.job_logs("j")),
        ("GET", "/jobs/j/metrics", {}, lambda c: c.job_metrics("j")),
        ("GET", "/backends", {"devices": []}, lambda c: c.backends()),
        ("GET", "/workloads", {"workloads": []}, lambda c: list(c.workloads())),
        ("POST", "/jobs/j/cancel", {}, lambda c: c.cancel_job("j")),
        ("GET", "/versions", {"versions": []}, lambda c: c.versions()),
    ],
)
def test_other_answers_may_not(api, make_client, method, path, body, call):
    client = make_client(limits=LIMITS, retry=ONCE)
    api.request(method, BASE + path, text=filled(2_000, **body))
    call(client)
    api.request(method, BASE + path, text=filled(2_001, **body))
    with pytest.raises(errors.InvalidAnswerError) as caught:
        call(client)
    assert str(caught.value) == TOO_LARGE.format(f"{method} {path}", "2,000")


def test_a_login_that_is_too_large_is_no_login(api, make_client):
    api.post("https://iam.cloud.ibm.com/identity/token", text=filled(2_001, access_token="t"))
    with pytest.raises(errors.TokenUnavailableError) as caught:
        make_client(limits=LIMITS, retry=ONCE).job("j")
    assert str(caught.value) == "No token could be had, so nothing was sent. " + TOO_LARGE.format(
        "POST /identity/token (IBM Cloud IAM)", "2,000"
    )


def test_a_submission_whose_answer_is_too_large_may_have_worked(api, make_client):
    api.post(f"{BASE}/jobs", text=filled(2_001, id="j"))
    with pytest.raises(errors.SubmissionUnknownError, match="POST /jobs: the answer is larger than 2,000 bytes"):
        make_client(limits=LIMITS).submit_job(program_id="sampler", backend="b", params={})


def test_without_limits_of_its_own_a_client_reads_sixteen_mebibytes(api, make_client):
    api.get(f"{BASE}/jobs/j/logs", content=b"x" * (16 * 2**20 + 1))
    with pytest.raises(errors.InvalidAnswerError, match="larger than 16,777,216 bytes"):
        make_client(retry=ONCE).job_logs("j")

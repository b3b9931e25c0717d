from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.client import RetryPolicy, errors
from airflow_provider_qrt.client.retry import parse_retry_after

BASE = "https://quantum.cloud.ibm.com/api/v1"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SERVER_ERRORS = [500, 502, 503, 504, 520, 521, 522, 523, 524]

REPEATABLE = {
    "GET": ("GET", "/jobs/job-1", lambda c: c.job("job-1")),
    "PUT": ("PUT", "/jobs/job-1/tags", lambda c: c.set_job_tags("job-1", ["a"])),
    "PATCH": ("PATCH", "/sessions/s-1", lambda c: c.close_session("s-1")),
    "DELETE": ("DELETE", "/sessions/s-1/close", lambda c: c.cancel_session("s-1")),
    "cancel": ("POST", "/jobs/job-1/cancel", lambda c: c.cancel_job("job-1")),
}
CREATING = {
    "job": ("/jobs", lambda c: c.submit_job(program_id="sampler", backend="b", params={})),
    "session": ("/sessions", lambda c: c.create_session(mode="batch", backend="b")),
}
repeatable = pytest.mark.parametrize(("method", "path", "call"), REPEATABLE.values(), ids=REPEATABLE)
creating = pytest.mark.parametrize(("path", "call"), CREATING.values(), ids=CREATING)

REFUSED_CONNECTION = requests.exceptions.ConnectTimeout
BROKEN = [
    requests.exceptions.ReadTimeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.ProxyError,
    requests.exceptions.SSLError,
]


@repeatable
@pytest.mark.parametrize("status", [*SERVER_ERRORS, 429])
def test_what_is_safe_to_repeat_is_repeated_after(api, client, method, path, call, status, sent):
    api.request(method, BASE + path, [{"status_code": status}, {"json": {"id": "job-1"}}])
    call(client)
    assert len(sent()) == 2


@repeatable
@pytest.mark.parametrize("trouble", [*BROKEN, REFUSED_CONNECTION])
def test_what_is_safe_to_repeat_is_repeated_when_the_line_breaks(api, client, method, path, call, trouble, sent):
    api.request(method, BASE + path, [{"exc": trouble}, {"json": {"id": "job-1"}}])
    call(client)
    assert len(sent()) == 2


@repeatable
@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_definite_refusal_is_not_repeated(api, client, method, path, call, status, sent):
    api.request(method, BASE + path, status_code=status)
    with pytest.raises(errors.ApiError):
        call(client)
    assert len(sent()) == 1


@creating
@pytest.mark.parametrize("status", SERVER_ERRORS)
def test_what_creates_is_never_repeated_after(api, client, path, call, status, sent, sleeps):
    api.post(BASE + path, status_code=status, headers={"Retry-After": "1"})
    with pytest.raises(errors.SubmissionUnknownError) as caught:
        call(client)
    assert isinstance(caught.value.__cause__, errors.ServerError)
    assert (len(sent()), sleeps) == (1, [])


@creating
@pytest.mark.parametrize("trouble", BROKEN)
def test_what_creates_is_never_repeated_when_the_line_breaks_after_sending(api, client, path, call, trouble, sent):
    api.post(BASE + path, exc=trouble)
    with pytest.raises(errors.SubmissionUnknownError) as caught:
        call(client)
    assert isinstance(caught.value.__cause__, errors.NoAnswerError)
    assert len(sent()) == 1


@creating
@pytest.mark.parametrize(
    "reply",
    [
        {"text": "<html>a proxy's page</html>"},
        {"text": ""},
        {"json": {}},
        {"json": {"id": ""}},
        {"json": ["job-1"]},
        {"status_code": 204},
        {"status_code": 302, "headers": {"Location": "https://elsewhere.example/"}},
    ],
    ids=str,
)
def test_an_answer_without_an_id_leaves_the_creation_unknown(api, client, path, call, reply, sent):
    api.post(BASE + path, **reply)
    with pytest.raises(errors.SubmissionUnknownError) as caught:
        call(client)
    assert isinstance(caught.value.__cause__, errors.UnexpectedAnswerError)
    assert len(sent()) == 1


@creating
def test_what_creates_is_repeated_after_429(api, client, path, call, sent):
    api.post(BASE + path, [{"status_code": 429}, {"json": {"id": "new"}}])
    assert call(client).id == "new"
    assert len(sent()) == 2


@creating
def test_what_creates_is_repeated_when_there_was_no_connection(api, client, path, call, sent):
    api.post(BASE + path, [{"exc": REFUSED_CONNECTION}, {"json": {"id": "new"}}])
    assert call(client).id == "new"
    assert len(sent()) == 2


@creating
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_definite_refusal_of_a_creation_is_never_unknown(api, client, path, call, status):
    api.post(BASE + path, status_code=status)
    with pytest.raises(errors.ApiError):
        call(client)


@creating
def test_a_lasting_429_of_a_creation_is_raised_as_such(api, client, path, call, sent):
    api.post(BASE + path, status_code=429)
    with pytest.raises(errors.RateLimitedError):
        call(client)
    assert len(sent()) == 6


@creating
def test_a_lasting_lack_of_connection_means_nothing_was_created(api, client, path, call):
    api.post(BASE + path, exc=REFUSED_CONNECTION)
    with pytest.raises(errors.ConnectionFailedError):
        call(client)


def test_a_429_on_one_try_does_not_make_a_later_5xx_repeatable(api, client, sent):
    api.post(f"{BASE}/jobs", [{"status_code": 429}, {"status_code": 503}, {"json": {"id": "twice"}}])
    with pytest.raises(errors.SubmissionUnknownError):
        client.submit_job(program_id="sampler", backend="b", params={})
    assert len(sent()) == 2


def test_a_submission_refused_with_429_waits_its_twelve_seconds(api, client, sleeps):
    api.post(f"{BASE}/jobs", [{"status_code": 429}, {"json": {"id": "job-1"}}])
    client.submit_job(program_id="sampler", backend="b", params={})
    assert 12 <= sleeps[0] <= 12 * 1.3


def test_waits_double(api, client, sleeps):
    api.get(f"{BASE}/jobs/job-1", status_code=503)
    with pytest.raises(errors.ServerError):
        client.job("job-1")
    assert len(sleeps) == 5
    assert all(0.5 * 2**n <= slept <= 0.5 * 2**n * 1.3 for n, slept in enumerate(sleeps))


def test_waits_after_a_429_double_too(api, client, sleeps):
    api.get(f"{BASE}/jobs/job-1", status_code=429)
    with pytest.raises(errors.RateLimitedError):
        client.job("job-1")
    assert len(sleeps) == 5
    assert all(0.5 * 2**n <= slept <= 0.5 * 2**n * 1.3 for n, slept in enumerate(sleeps))


def test_a_submission_refused_again_and_again_waits_the_longer_of_both_times(api, make_client, sleeps):
    api.post(f"{BASE}/jobs", status_code=429)
    with pytest.raises(errors.RateLimitedError):
        make_client(retry=RetryPolicy(first_wait=5.0)).submit_job(program_id="sampler", backend="b", params={})
    assert all(least <= slept <= least * 1.3 for least, slept in zip([12, 12, 20, 40, 60], sleeps, strict=True))


def test_a_caller_that_waits_itself_is_told_of_a_429_at_once(api, make_client, sent, sleeps):
    api.post(f"{BASE}/jobs", [{"exc": REFUSED_CONNECTION}, {"status_code": 429}, {"json": {"id": "job-1"}}])
    client = make_client(retry=RetryPolicy(min_submit_wait=None))
    with pytest.raises(errors.RateLimitedError):
        client.submit_job(program_id="sampler", backend="b", params={})
    assert len(sent()) == 2
    assert [0.5 <= slept <= 0.5 * 1.3 for slept in sleeps] == [True]


BODY = errors.ErrorBody()
PASSING = [
    errors.ServerError(503, BODY, request="GET /x"),
    errors.RateLimitedError(429, BODY, request="GET /x"),
    errors.NoAnswerError("no answer"),
    errors.ConnectionFailedError("no connection"),
    errors.UnexpectedAnswerError("a page"),
]


def attempts_of(troubles, attempts):
    """Run a coroutine that meets these troubles; return its result and the number of attempts."""
    left, made = list(troubles), 0

    async def work():
        nonlocal made
        made += 1
        if left:
            raise left.pop(0)
        return "done"

    async def run():
        try:
            return await RetryPolicy(attempts=attempts, first_wait=0.0).for_repeatable_async()(work)
        except errors.QiskitRuntimeError as error:
            return error

    return asyncio.run(run()), made


def test_a_coroutine_is_repeated_after_what_passes():
    assert attempts_of(PASSING, 6) == ("done", 6)


def test_a_coroutine_is_not_repeated_for_ever():
    assert attempts_of(PASSING, 3) == (PASSING[2], 3)


@pytest.mark.parametrize(
    "trouble",
    [
        errors.NotFoundError(404, BODY, request="GET /x"),
        errors.TokenUnavailableError("no token"),
        errors.ServerError(503, BODY, request="GET /x", retry_after=61.0),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_coroutine_is_not_repeated_after_what_does_not_pass(trouble):
    assert attempts_of([trouble], 6) == (trouble, 1)


def test_waits_do_not_grow_for_ever(api, make_client, sleeps):
    api.get(f"{BASE}/jobs/job-1", status_code=503)
    with pytest.raises(errors.ServerError):
        make_client(retry=RetryPolicy(attempts=20)).job("job-1")
    assert max(sleeps) <= 60 * 1.3


def test_one_attempt_means_no_retry(api, make_client, sent):
    api.get(f"{BASE}/jobs/job-1", status_code=503)
    with pytest.raises(errors.ServerError):
        make_client(retry=RetryPolicy(attempts=1)).job("job-1")
    assert len(sent()) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_waited_for(api, client, status, sleeps):
    api.get(f"{BASE}/jobs/job-1", [{"status_code": status, "headers": {"Retry-After": "7"}}, {"json": {"id": "job-1"}}])
    client.job("job-1")
    assert 7 <= sleeps[0] <= 7 * 1.3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_as_a_date_is_waited_for(api, client, status, sleeps):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    api.get(
        f"{BASE}/jobs/job-1", [{"status_code": status, "headers": {"Retry-After": date}}, {"json": {"id": "job-1"}}]
    )
    client.job("job-1")
    assert 25 <= sleeps[0] <= 30 * 1.3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["61", "86400", "inf", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_retry_after_that_is_too_long_is_raised_not_waited_for(api, client, status, value, sleeps):
    api.get(f"{BASE}/jobs/job-1", status_code=status, headers={"Retry-After": value})
    with pytest.raises((errors.RateLimitedError, errors.ServerError)) as caught:
        client.job("job-1")
    assert sleeps == []
    assert caught.value.retry_after > 60


def test_the_longest_wait_is_still_waited_for(api, client, sleeps):
    api.get(f"{BASE}/jobs/job-1", [{"status_code": 503, "headers": {"Retry-After": "60"}}, {"json": {"id": "job-1"}}])
    client.job("job-1")
    assert 60 <= sleeps[0] <= 60 * 1.3


def test_a_submission_told_to_wait_too_long_is_raised_not_waited_for(api, client, sleeps):
    api.post(f"{BASE}/jobs", status_code=429, headers={"Retry-After": "3600"})
    with pytest.raises(errors.RateLimitedError) as caught:
        client.submit_job(program_id="sampler", backend="b", params={})
    assert (caught.value.retry_after, sleeps) == (3600.0, [])


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        ("86399.5", 86_399.5),
        ("86401", 86_400.0),
        ("Mon, 23 Nov 2026 12:00:00 GMT", 86_400.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read(value, seconds):
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.text() | st.from_regex(r"Sat, \d{1,4} (Jan|Feb|Dec) \d{1,9} \d+:\d+:\d+ [+-]?\w{1,12}"))
def test_no_retry_after_makes_reading_fail(value):
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("body", ["<html>a captive portal</html>", "", '{"id": "job-'])
def test_a_reading_answered_with_something_else_is_repeated(api, client, body, sent):
    api.get(f"{BASE}/jobs/job-1", [{"text": body}, {"json": {"id": "job-1"}}])
    assert client.job("job-1").id == "job-1"
    assert len(sent()) == 2


def test_a_lasting_something_else_is_an_unexpected_answer(api, client):
    api.get(f"{BASE}/jobs/job-1", text="<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(errors.UnexpectedAnswerError, match="text/html instead of JSON"):
        client.job("job-1")

"""The API key, the token and the account appear in no text that is meant for people, even if a server quotes them."""

from __future__ import annotations

import json
import traceback
from urllib.parse import quote_plus

import pytest
import requests
import requests_mock as rm
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.client.crn import InstanceCrn
from airflow_provider_qrt.client.tokens import Token, forget_all_tokens

from .conftest import BASE, IAM

# Their beginnings keep words of the package out, which hypothesis likes to draw.
KEYS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/", min_size=16, max_size=60).map(
    "Zq7{}".format
)
TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=16, max_size=80).map(
    "Yw4{}".format
)
ACCOUNTS = st.text("0123456789abcdef", min_size=32, max_size=32)

CALLS = {
    "job": ("GET", "/jobs/job-1", lambda c: c.job("job-1")),
    "submit": ("POST", "/jobs", lambda c: c.submit_job(program_id="sampler", backend="b", params={})),
    "session": ("POST", "/sessions", lambda c: c.create_session(mode="batch")),
    "cancel": ("POST", "/jobs/job-1/cancel", lambda c: c.cancel_job("job-1")),
}
BODIES = {
    "errors": lambda said: json.dumps({"errors": [{"code": said, "message": said, "solution": said}], "trace": said}),
    "error": lambda said: json.dumps({"error": {"code": 1, "message": said}}),
    "iam": lambda said: json.dumps({"errorCode": "X", "errorMessage": said, "context": {"requestId": said}}),
    "list": lambda said: json.dumps([said]),
    "text": lambda said: said,
    "long text": lambda said: "x" * 1990 + said,
    "html": lambda said: f"<html>{said}</html>",
}


def crn_of(account):
    return f"crn:v1:bluemix:public:quantum-computing:us-east:a/{account}:instance-1::"


def everything_shown(error):
    """All that a log or a debugger shows of an exception and of what led to it."""
    shown = ["".join(traceback.format_exception(error))]
    cause = error
    while cause is not None:
        shown += [str(cause), repr(cause), repr(getattr(cause, "body", "")), repr(cause.args), str(vars(cause))]
        cause = cause.__cause__
    return "\n".join(shown)


def forms(key, token, account):
    return key, quote_plus(key), token, account


def provoke(key, token, account, method, path, call, *, iam=None, **reply):
    """Make the call against a service that answers with ``reply`` and return the exception."""
    forget_all_tokens()
    settings = ClientSettings.create(api_key=key, instance=crn_of(account))
    with rm.Mocker() as mock, QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1)) as client:
        mock.post(IAM, **(iam or {"json": {"access_token": token, "expires_in": 3600}}))
        mock.request(method, BASE + path, **reply)
        with pytest.raises(errors.QiskitRuntimeError) as caught:
            call(client)
    return caught.value


@pytest.mark.parametrize(("method", "path", "call"), CALLS.values(), ids=CALLS)
@given(
    key=KEYS,
    token=TOKENS,
    account=ACCOUNTS,
    status=st.sampled_from([302, 400, 401, 403, 404, 409, 429, 500, 503, 524]),
    body=st.sampled_from(sorted(BODIES)),
)
def test_an_error_that_quotes_the_request_shows_no_secret(method, path, call, key, token, account, status, body):
    said = f"You sent {key}, Bearer {token} and {crn_of(account)} of {account} apikey={quote_plus(key)}"
    error = provoke(
        key,
        token,
        account,
        method,
        path,
        call,
        status_code=status,
        text=BODIES[body](said),
        reason=said,
        headers={"X-Request-Id": said, "Location": f"https://elsewhere.example/?{key}", "Content-Type": "text/plain"},
    )
    shown = everything_shown(error)
    assert not [secret for secret in forms(key, token, account) if secret in shown]


@given(
    key=KEYS,
    account=ACCOUNTS,
    status=st.sampled_from([200, 302, 400, 401, 403, 404, 409, 429, 500, 503]),
    body=st.sampled_from(sorted(BODIES)),
)
def test_an_iam_that_quotes_the_request_shows_no_secret(key, account, status, body):
    reply = {"status_code": status, "text": BODIES[body](f"grant_type=x&apikey={quote_plus(key)} that is {key}")}
    error = provoke(key, "unused", account, *CALLS["submit"], iam=reply, text="")
    shown = everything_shown(error)
    assert not [secret for secret in (key, quote_plus(key), account) if secret in shown]


@pytest.mark.parametrize(
    "kind",
    [requests.ConnectionError, requests.ReadTimeout, requests.ConnectTimeout, requests.exceptions.ChunkedEncodingError],
)
@given(key=KEYS, token=TOKENS, account=ACCOUNTS)
def test_a_broken_line_that_quotes_the_request_shows_no_secret(kind, key, token, account):
    trouble = kind(f"('Bearer {token}', {key!r}, {crn_of(account)!r})")
    error = provoke(key, token, account, *CALLS["submit"], exc=trouble)
    shown = everything_shown(error)
    assert not [secret for secret in forms(key, token, account) if secret in shown]


@given(key=KEYS, token=TOKENS, account=ACCOUNTS)
def test_an_answer_that_is_not_json_shows_no_secret(key, token, account):
    said = f"{key} {token} {account}"
    error = provoke(key, token, account, *CALLS["job"], text=said, headers={"Content-Type": f"x/{said}"})
    shown = everything_shown(error)
    assert not [secret for secret in forms(key, token, account) if secret in shown]


@given(key=KEYS, token=TOKENS, account=ACCOUNTS)
def test_an_answer_with_an_odd_field_shows_no_secret(key, token, account):
    said = f"{key} {token} {account}"
    error = provoke(key, token, account, *CALLS["job"], json={"id": "job-1", "cost": said})
    shown = everything_shown(error)
    assert not [secret for secret in forms(key, token, account) if secret in shown]


@pytest.mark.parametrize("show", [str, repr])
@given(key=KEYS, token=TOKENS, account=ACCOUNTS)
def test_no_object_shows_a_secret(show, key, token, account):
    settings = ClientSettings.create(api_key=key, instance=crn_of(account))
    with QiskitRuntimeClient(settings) as client:
        shown = "".join(
            show(thing)
            for thing in (settings, client, client._http, client._http._auth, InstanceCrn.parse(crn_of(account)))
        )
    shown += show(Token(token, 0.0, 1.0)) + show(RetryPolicy())
    assert not [secret for secret in forms(key, token, account) if secret in shown]

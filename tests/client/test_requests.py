"""Every request is made with the same care: times, proxies, certificates, no redirects, and secrets kept."""

from __future__ import annotations

import logging

import pytest
import requests
import requests_mock

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import RetryPolicy, errors
from airflow_provider_qrt.client.tokens import token_slot
from airflow_provider_qrt.untrusted import blotter

from .conftest import ACCOUNT, API_KEY, BASE, CRN, IAM

HOST = "https://runtime.example.com"
LOGIN = "https://login.example.com"
LOGIN_URL = f"{LOGIN}/api/users/loginWithToken"
LOGOUT_URL = f"{LOGIN}/api/users/logout"
IBM_QUANTUM = {
    "channel": "ibm_quantum",
    "base_url": HOST,
    "iam_url": LOGIN,
    "hub": "h",
    "group": "g",
    "project": "p",
}
ONCE = RetryPolicy(attempts=1)
TOKEN = "Zq7-token-of-the-login"
NOT_GIVEN_BACK = "the token could not be given back and is valid until it lapses"


@pytest.fixture
def classic(api, make_client):
    """Makes clients that log in and out."""
    api.post(LOGIN_URL, json={"id": TOKEN})
    api.post(LOGOUT_URL, text="")
    api.get(f"{HOST}/backends", json={"devices": []})
    return lambda **others: make_client(**{**IBM_QUANTUM, **others})


def submit(client):
    return client.submit_job(program_id="sampler", backend="b", params={})


def test_every_request_of_a_client_has_its_times_proxies_and_certificates(api, classic):
    client = classic(read_timeout=7.0, verify="/a/bundle.pem", proxies={"https": "http://proxy:3128"})
    client.backends()
    client.close()
    login, request, logout = api.request_history
    assert (login.timeout, request.timeout, logout.timeout) == ((7.0, 7.0), (7.0, 7.0), 3.0)
    for one in (login, request, logout):
        assert (one.verify, one.proxies.get("https"), one.stream) == ("/a/bundle.pem", "http://proxy:3128", True)


def test_every_request_says_who_sends_it_and_what_it_can_read(api, client):
    api.get(f"{BASE}/instance", json={})
    client.instance()
    for one in api.request_history:
        assert one.headers["User-Agent"] == f"airflow-provider-qrt/{__version__} python-requests/{requests.__version__}"
        assert one.headers["Accept-Encoding"] == "gzip, deflate"


def test_a_logout_carries_the_token_and_nothing_from_a_netrc_file(api, classic, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client = classic()
    client.backends()
    client.close()
    for one in api.request_history:
        assert "Authorization" not in one.headers
    assert [one.headers.get("x-access-token") for one in api.request_history] == [None, TOKEN, TOKEN]
    assert [f"{one.method} {one.url}" for one in api.request_history][2:] == [f"POST {LOGOUT_URL}"]


def test_a_netrc_file_is_not_read_for_what_needs_no_credentials(api, client, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api.get(f"{BASE}/versions", json={"versions": []})
    client.versions()
    assert "Authorization" not in api.last_request.headers


def test_a_logout_follows_no_redirect(api, classic):
    elsewhere = api.post("https://elsewhere.example/", text="")
    api.get("https://elsewhere.example/", text="")
    api.post(LOGOUT_URL, status_code=302, headers={"Location": "https://elsewhere.example/"})
    client = classic()
    client.backends()
    client.close()
    assert not elsewhere.called
    assert api.last_request.url == LOGOUT_URL


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ({"status_code": 400}, f"HTTP 400: {NOT_GIVEN_BACK}."),
        ({"status_code": 500}, f"HTTP 500: {NOT_GIVEN_BACK}."),
        ({"exc": requests.ConnectTimeout("timed out")}, f"{NOT_GIVEN_BACK} (timed out)."),
        ({"exc": requests.ConnectionError(OSError("lost the line"))}, f"{NOT_GIVEN_BACK} (lost the line)."),
        ({"exc": OSError("no bundle there")}, f"{NOT_GIVEN_BACK} (no bundle there)."),
        ({"exc": requests.ReadTimeout(f"{API_KEY} {TOKEN}")}, f"{NOT_GIVEN_BACK} (*** ***)."),
        ({"exc": requests.ReadTimeout("x" * 501)}, f"{NOT_GIVEN_BACK} ({'x' * 497}...)."),
    ],
    ids=str,
)
def test_a_logout_that_fails_is_told_in_full(api, classic, caplog, monkeypatch, reply, says):
    client = classic()
    client.backends()
    api.post(LOGOUT_URL, **reply)
    # A process knows a thousand secrets at most, and may have forgotten these.
    monkeypatch.setattr(blotter, "_blotter", blotter.Blotter())
    with caplog.at_level(logging.WARNING):
        client.close()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"POST /api/users/logout (the login server): {says}")
    ]


ASKED = requests.Request("GET", BASE, headers={"Authorization": "Bearer token-1"}).prepare()


@pytest.mark.parametrize("call", [lambda c: c.job("j"), submit], ids=["read", "submit"])
@pytest.mark.parametrize(
    "reply",
    [
        lambda said: {"status_code": 403, "json": {"errors": [{"message": said}]}},
        lambda said: {"text": "", "headers": {"Content-Type": said}},
        lambda said: {"exc": requests.ReadTimeout(said, request=ASKED)},
    ],
    ids=["refused", "no json", "broken"],
)
def test_a_client_blots_out_its_own_secrets_though_the_process_has_forgotten_them(
    api, make_client, monkeypatch, call, reply
):
    client = make_client(retry=ONCE)
    client.prepare()
    monkeypatch.setattr(blotter, "_blotter", blotter.Blotter())
    api.register_uri(requests_mock.ANY, requests_mock.ANY, **reply(f"{API_KEY} & {ACCOUNT} & token-1"))
    with pytest.raises(errors.QiskitRuntimeError, match=r"\*\*\* & \*\*\* & \*\*\*") as caught:
        call(client)
    assert not [secret for secret in (API_KEY, ACCOUNT, "token-1") if secret in str(caught.value)]


def test_a_login_blots_out_its_key_though_the_process_has_forgotten_it(api, make_client, monkeypatch):
    client = make_client(retry=ONCE)
    monkeypatch.setattr(blotter, "_blotter", blotter.Blotter())
    api.post(IAM, status_code=400, json={"errorMessage": f"Key {API_KEY} is unknown."})
    with pytest.raises(errors.InvalidApiKeyError, match=r"Key \*\*\* is unknown"):
        client.prepare()
    api.post(IAM, text="", headers={"Content-Type": API_KEY})
    with pytest.raises(errors.TokenUnavailableError, match=r"with \*\*\* instead of JSON"):
        client.prepare()


def test_a_token_is_known_as_a_secret_once_it_is_had(api, client):
    api.post(IAM, json={"access_token": TOKEN})
    client.prepare()
    assert blotter.without_secrets(f"it said {TOKEN}") == "it said ***"


def had():
    raise AssertionError("there is a token already")


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        ({"access_token": "t", "expires_in": 1234}, 1234.0),
        ({"access_token": "t", "expires_in": "1234"}, 1234.0),
        ({"access_token": "t", "expires_in": 0}, 3600.0),
        ({"access_token": "t"}, 3600.0),
    ],
)
def test_a_token_lives_as_long_as_iam_says(api, client, answer, life):
    api.post(IAM, json=answer)
    client.prepare()
    token = token_slot(IAM, API_KEY).get(had)
    assert token.expires_at - token.fetched_at == pytest.approx(life)


def test_a_token_of_the_classic_platform_lives_for_a_day(classic):
    classic().prepare()
    token = token_slot(LOGIN_URL, API_KEY).get(had)
    assert (token.value, token.expires_at - token.fetched_at) == (TOKEN, pytest.approx(86_400.0))


def test_each_attempt_is_reported_with_what_came_of_it(api, make_client):
    reports = []
    client = make_client(on_request=lambda *report: reports.append(report))
    api.get(
        f"{BASE}/jobs/a%2Fb",
        [
            {"status_code": 503},
            {"exc": requests.ReadTimeout},
            {"status_code": 401},
            {"json": {"id": "a"}},
        ],
    )
    api.post(f"{BASE}/jobs", json={"id": "j"})
    api.get(f"{BASE}/versions", json={"versions": []})
    client.job("a/b")
    submit(client)
    client.versions()
    assert reports == [
        *(("GET", "/jobs/a%2Fb", status) for status in (503, None, 401, 200)),
        ("POST", "/jobs", 200),
        ("GET", "/versions", 200),
    ]


def test_the_headers_of_a_stream_are_those_of_a_request(api, client):
    assert client.stream_headers() == {
        "Authorization": "Bearer token-1",
        "Service-CRN": CRN,
        "IBM-API-Version": "2026-04-15",
        "X-Qx-Client-Application": f"qiskit-version-2/airflow_provider_qrt-{__version__}/airflow-provider-qrt",
    }

"""Tests with real sockets: the point at which a connection breaks decides whether a job may be sent again."""

from __future__ import annotations

import socket

import pytest
import requests

from airflow_provider_qrt.client import RetryPolicy, errors

from .conftest import HANG, TOKEN_REPLY, http_reply

ONCE = RetryPolicy(attempts=1)
JOB = http_reply({"id": "job-1", "state": {"status": "Queued"}})


def submit(client):
    return client.submit_job(program_id="sampler", backend="b", params={})


def test_a_submission_dropped_after_it_was_sent_is_unknown_and_made_once(serve, client_of):
    server = serve({"POST /api/v1/jobs": None})
    with pytest.raises(errors.SubmissionUnknownError) as caught:
        submit(client_of(server))
    assert isinstance(caught.value.__cause__, errors.NoAnswerError)
    assert server.count("POST /api/v1/jobs") == 1


def test_a_submission_answered_in_part_is_unknown_and_made_once(serve, client_of):
    server = serve({"POST /api/v1/jobs": http_reply({"id": "job-1"}, length=500)})
    with pytest.raises(errors.SubmissionUnknownError):
        submit(client_of(server))
    assert server.count("POST /api/v1/jobs") == 1


def test_a_submission_answered_with_garbage_is_unknown_and_made_once(serve, client_of):
    server = serve({"POST /api/v1/jobs": b"\x16\x03\x01 this is not HTTP\r\n\r\n"})
    with pytest.raises(errors.SubmissionUnknownError):
        submit(client_of(server))
    assert server.count("POST /api/v1/jobs") == 1


def test_a_session_that_is_not_answered_in_time_is_unknown_and_made_once(serve, client_of):
    server = serve({"POST /api/v1/sessions": HANG})
    with pytest.raises(errors.SubmissionUnknownError):
        client_of(server, read_timeout=0.2).create_session(mode="batch")
    assert server.count("POST /api/v1/sessions") == 1


def test_a_submission_dropped_by_a_proxy_is_unknown_and_made_once(serve, client_of):
    iam, proxy = serve({}), serve({"POST http://api.invalid/": None})
    client = client_of(iam, base_url="http://api.invalid/api/v1", proxies={"http://api.invalid": proxy.url})
    with pytest.raises(errors.SubmissionUnknownError):
        submit(client)
    assert proxy.count("POST http://api.invalid/api/v1/jobs") == 1


def test_a_submission_waits_longer_for_its_answer_than_a_reading(api, make_client, sent):
    api.post("https://quantum.cloud.ibm.com/api/v1/jobs", json={"id": "job-1"})
    api.get("https://quantum.cloud.ibm.com/api/v1/instance", json={})
    client = make_client()
    submit(client)
    client.instance()
    assert [request.timeout for request in sent()] == [(10.0, 900.0), (10.0, 60.0)]


def test_a_refused_connection_means_nothing_was_sent(serve, client_of, closed_port, sleeps):
    client = client_of(serve({}), base_url=f"http://127.0.0.1:{closed_port}/api/v1")
    with pytest.raises(errors.ConnectionFailedError, match=f"no connection to 127.0.0.1:{closed_port}"):
        submit(client)
    assert len(sleeps) == 5


def test_an_unknown_host_means_nothing_was_sent(serve, client_of, monkeypatch):
    resolve = socket.getaddrinfo

    def only_numbers(host, *others, **named):
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)
    client = client_of(serve({}), base_url="http://nowhere.invalid/api/v1", retry=ONCE)
    with pytest.raises(errors.ConnectionFailedError, match=r"no connection to nowhere\.invalid") as caught:
        submit(client)
    assert "region in the instance CRN (us-east)" in str(caught.value)


def test_an_unreachable_proxy_means_nothing_was_sent(serve, client_of, closed_port):
    proxies = {"http://api.invalid": f"http://127.0.0.1:{closed_port}"}
    client = client_of(serve({}), base_url="http://api.invalid/api/v1", proxies=proxies, retry=ONCE)
    with pytest.raises(errors.ConnectionFailedError, match="proxy"):
        submit(client)


def test_a_proxy_that_refuses_the_tunnel_means_nothing_was_sent(serve, client_of):
    proxy = serve({"CONNECT api.invalid:443": b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"})
    proxies = {"https://api.invalid": proxy.url}
    client = client_of(serve({}), base_url="https://api.invalid/api/v1", proxies=proxies, retry=ONCE)
    with pytest.raises(errors.ConnectionFailedError, match="407"):
        submit(client)


def test_iam_dropping_during_a_submission_means_nothing_was_posted(serve, client_of):
    server = serve({"POST /identity/token": None, "POST /api/v1/jobs": JOB})
    with pytest.raises(errors.TokenUnavailableError):
        submit(client_of(server))
    assert server.count("POST /api/v1/jobs") == 0


def test_an_iam_that_cannot_be_reached_is_a_token_trouble(serve, client_of, closed_port):
    server = serve({"GET /api/v1/instance": http_reply({})})
    with pytest.raises(errors.TokenUnavailableError, match=r"iam_url and proxies\. The address .* emulator running"):
        client_of(server, iam_url=f"http://127.0.0.1:{closed_port}").instance()
    assert server.lines == []


def test_tls_to_an_address_without_it_says_how_to_write_the_address(make_client, emulator):
    address = emulator.url.replace("http://", "https://")
    client = make_client(api_key=emulator.api_key, base_url=address, iam_url=emulator.iam_url, retry=ONCE)
    with pytest.raises(errors.NoAnswerError, match="begin the connection's host with http://"):
        client.job("job-1")


@pytest.mark.parametrize("reply", [None, http_reply({"id": "job-1"}, length=500)], ids=["dropped", "cut off"])
def test_a_reading_without_a_whole_answer_is_repeated(serve, client_of, reply):
    server = serve({"GET /api/v1/jobs/job-1": reply})
    with pytest.raises(errors.NoAnswerError):
        client_of(server).job("job-1")
    assert server.count("GET /api/v1/jobs/job-1") == 6


def test_a_reading_that_times_out_is_no_answer(serve, client_of):
    server = serve({"GET /api/v1/jobs/job-1": HANG})
    with pytest.raises(errors.NoAnswerError, match="gave no complete answer"):
        client_of(server, read_timeout=0.2, retry=ONCE).job("job-1")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_not_followed(serve, client_of, status):
    elsewhere = serve({"GET /": JOB})
    server = serve({"GET /api/v1/jobs": http_reply({}, status=status, headers=f"Location: {elsewhere.url}/\r\n")})
    with pytest.raises(errors.UnexpectedAnswerError, match="redirects elsewhere"):
        client_of(server, retry=ONCE).job("job-1")
    assert elsewhere.lines == []


def test_a_redirect_of_iam_is_not_laid_to_the_host(serve, client_of):
    server = serve({"POST /identity/token": http_reply({}, status="302 Found", headers="Location: /login\r\n")})
    with pytest.raises(errors.TokenUnavailableError, match=r"Check the connection's iam_url\.$"):
        client_of(server, retry=ONCE).job("job-1")


def test_the_connections_proxies_are_used_for_the_api_and_iam(serve, client_of):
    proxy = serve({"POST http://iam.invalid/identity/token": TOKEN_REPLY, "GET http://api.invalid/": JOB})
    client = client_of(
        proxy, base_url="http://api.invalid/api/v1", iam_url="http://iam.invalid", proxies={"http": proxy.url}
    )
    client.job("job-1")
    assert [line.split("?")[0] for line in proxy.lines] == [
        "POST http://iam.invalid/identity/token HTTP/1.1",
        "GET http://api.invalid/api/v1/jobs/job-1",
    ]


def test_the_connections_proxies_win_over_the_environment(serve, client_of, monkeypatch, closed_port):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    proxy = serve({"POST http://iam.invalid/identity/token": TOKEN_REPLY, "GET http://api.invalid/": JOB})
    client = client_of(
        proxy, base_url="http://api.invalid/api/v1", iam_url="http://iam.invalid", proxies={"http": proxy.url}
    )
    assert client.job("job-1").id == "job-1"


def test_the_environments_proxy_is_used_where_the_connection_has_none(serve, client_of, monkeypatch):
    proxy = serve({"POST http://iam.invalid/identity/token": TOKEN_REPLY, "GET http://api.invalid/": JOB})
    monkeypatch.setenv("http_proxy", proxy.url)
    client = client_of(proxy, base_url="http://api.invalid/api/v1", iam_url="http://iam.invalid")
    assert client.job("job-1").id == "job-1"


@pytest.mark.parametrize("verify", [False, "/a/bundle.pem"])
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_connections_verify_wins_over_the_environment(api, make_client, monkeypatch, name, verify):
    monkeypatch.setenv(name, "/another/bundle.pem")
    api.get("https://quantum.cloud.ibm.com/api/v1/instance", json={})
    make_client(verify=verify).instance()
    assert [request.verify for request in api.request_history] == [verify, verify]


def test_the_environments_bundle_is_used_where_the_connection_names_none(api, client, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/another/bundle.pem")
    api.get("https://quantum.cloud.ibm.com/api/v1/instance", json={})
    client.instance()
    assert api.last_request.verify == "/another/bundle.pem"


def test_a_bundle_that_is_not_there_is_a_setting_to_mend(make_client, closed_port):
    client = make_client(base_url=f"https://127.0.0.1:{closed_port}/api/v1", verify="/not/there.pem")
    with pytest.raises(errors.InvalidSettingsError, match="Check 'verify' in the connection"):
        client.versions()


def test_a_certificate_that_is_not_trusted_is_a_setting_to_mend(api, make_client):
    trouble = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    api.get("https://quantum.cloud.ibm.com/api/v1/versions", exc=trouble)
    with pytest.raises(errors.InvalidSettingsError, match="path of your CA bundle"):
        make_client().versions()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused_before_it_is_sent(api, client, sent, value):
    api.post("https://quantum.cloud.ibm.com/api/v1/jobs", json={"id": "job-1"})
    with pytest.raises(ValueError, match="nothing was sent"):
        client.submit_job(program_id="estimator", backend="b", params={"precision": value})
    assert sent() == []

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
import requests

from airflow_provider_qrt.client import errors, tokens
from airflow_provider_qrt.client.tokens import Token, TokenSlot, forget_all_tokens, token_slot

BASE = "https://quantum.cloud.ibm.com/api/v1"
IAM = "https://iam.cloud.ibm.com/identity/token"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slot(clock):
    return TokenSlot(clock)


@pytest.fixture
def fetch(clock):
    def fetch():
        fetch.calls += 1
        if fetch.error:
            raise fetch.error
        return Token(f"token-{fetch.calls}", clock.now, clock.now + 3600)

    fetch.calls = 0
    fetch.error = None
    return fetch


def test_the_key_is_sent_to_iam_as_a_form_and_nowhere_else(api, make_client, token_requests, sent):
    api.get(f"{BASE}/instances/usage", json={})
    make_client(api_key="a key+with&odd=signs").instance_usage()
    [request] = token_requests()
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.text) == {
        "grant_type": ["urn:ibm:params:oauth:grant-type:apikey"],
        "apikey": ["a key+with&odd=signs"],
        "response_type": ["cloud_iam"],
    }
    assert "Authorization" not in request.headers
    assert "Service-CRN" not in request.headers
    assert "odd" not in f"{sent()[0].url}{sent()[0].headers}"


def test_the_token_is_a_bearer_token_never_an_apikey_header(api, client, sent):
    api.get(f"{BASE}/instances/usage", json={})
    client.instance_usage()
    assert sent()[0].headers["Authorization"] == "Bearer token-1"


def test_a_netrc_file_does_not_replace_the_token(api, client, sent, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine quantum.cloud.ibm.com login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api.get(f"{BASE}/instances/usage", json={})
    client.instance_usage()
    assert sent()[0].headers["Authorization"] == "Bearer token-1"


def test_many_clients_share_one_token(api, make_client, token_requests):
    api.get(f"{BASE}/instances/usage", json={})
    for _ in range(5):
        make_client().instance_usage()
    assert len(token_requests()) == 1


def test_twenty_threads_that_need_a_token_at_once_make_one_request(api, make_client):
    asked = []

    def slowly(request, context):
        asked.append(request)
        time.sleep(0.1)
        return {"access_token": "shared", "expires_in": 3600}

    api.post(IAM, json=slowly)
    api.get(f"{BASE}/instances/usage", json={})
    together = threading.Barrier(20)
    clients = [make_client() for _ in range(20)]

    def use(client):
        together.wait(10)
        client.instance_usage()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(use, clients))
    assert len(asked) == 1


@pytest.mark.parametrize("other", [{"api_key": "another-key-of-the-tests"}, {"iam_url": "https://iam.example"}])
def test_other_keys_and_other_iams_do_not_share(api, make_client, sent, other):
    api.post("https://iam.example/identity/token", json={"access_token": "token-2", "expires_in": 3600})
    api.get(f"{BASE}/instances/usage", json={})
    make_client().instance_usage()
    make_client(**other).instance_usage()
    tokens = [request.headers["Authorization"] for request in sent() if request.url.startswith(BASE)]
    assert tokens == ["Bearer token-1", "Bearer token-2"]


def test_the_cache_holds_no_key():
    token_slot("https://iam.example", "api-key-of-the-tests")
    assert "api-key-of-the-tests" not in repr(tokens._slots)


def test_a_token_is_kept_until_80_percent_of_its_life(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 0.8 * 3600 - 1
    assert slot.get(fetch).value == "token-1"


def test_a_token_is_replaced_at_80_percent_of_its_life(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 0.8 * 3600
    assert slot.get(fetch).value == "token-2"


def test_a_failed_refresh_keeps_a_token_that_is_still_valid(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 3000
    fetch.error = errors.TokenUnavailableError("IAM is away.")
    assert slot.get(fetch).value == "token-1"


def test_a_failed_refresh_is_not_repeated_within_a_minute(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 3000
    fetch.error = errors.TokenUnavailableError("IAM is away.")
    slot.get(fetch)
    clock.now += 59
    slot.get(fetch)
    assert fetch.calls == 2


def test_a_failed_refresh_is_repeated_after_a_minute(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 3000
    fetch.error = errors.TokenUnavailableError("IAM is away.")
    slot.get(fetch)
    clock.now += 60
    fetch.error = None
    assert slot.get(fetch).value == "token-3"


def test_an_expired_token_is_not_used_when_the_refresh_fails(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 3600
    fetch.error = errors.TokenUnavailableError("IAM is away.")
    with pytest.raises(errors.TokenUnavailableError):
        slot.get(fetch)


def test_a_token_counts_as_expired_ten_seconds_early(slot, fetch, clock):
    slot.get(fetch)
    clock.now += 3591
    fetch.error = errors.TokenUnavailableError("IAM is away.")
    with pytest.raises(errors.TokenUnavailableError):
        slot.get(fetch)


def test_only_the_refused_token_is_dropped(slot, fetch):
    slot.get(fetch)
    slot.drop("the one before")
    assert slot.get(fetch).value == "token-1"


def test_a_token_without_a_stated_life_is_good_for_an_hour(api, client, token_requests):
    api.post(IAM, json={"access_token": "token-1"})
    api.get(f"{BASE}/instances/usage", json={})
    client.instance_usage()
    client.instance_usage()
    assert len(token_requests()) == 1


def test_after_a_401_one_fresh_token_is_fetched_and_one_more_try_made(api, client, sent):
    api.get(f"{BASE}/instances/usage", [{"status_code": 401}, {"json": {}}])
    client.instance_usage()
    assert [request.headers["Authorization"] for request in sent()] == ["Bearer token-1", "Bearer token-2"]


def test_a_token_that_is_revoked_between_login_and_use_is_replaced_again(api, client, sent):
    api.get(f"{BASE}/instances/usage", [{"status_code": 401}, {"status_code": 401}, {"json": {}}])
    client.instance_usage()
    assert [request.headers["Authorization"] for request in sent()] == [f"Bearer token-{n}" for n in (1, 2, 3)]


def test_a_401_for_two_fresh_tokens_is_final(api, client, sent, token_requests, sleeps):
    api.get(f"{BASE}/instances/usage", status_code=401, json={"errors": [{"code": 1201, "message": "No."}]})
    with pytest.raises(errors.UnauthorizedError):
        client.instance_usage()
    assert (len(sent()), len(token_requests()), sleeps) == (3, 3, [])


def test_a_submission_refused_with_401_is_made_once_more(api, client, sent):
    api.post(f"{BASE}/jobs", [{"status_code": 401}, {"json": {"id": "job-1"}}])
    assert client.submit_job(program_id="sampler", backend="b", params={}).id == "job-1"
    assert [request.json()["program_id"] for request in sent()] == ["sampler", "sampler"]


def test_without_tokens_no_job_is_posted(api, client, sent):
    api.post(IAM, status_code=503)
    with pytest.raises(errors.TokenUnavailableError):
        client.submit_job(program_id="sampler", backend="b", params={})
    assert sent() == []


@pytest.mark.parametrize(
    "reply",
    [
        {"status_code": 500},
        {"status_code": 524, "text": "<html>"},
        {"status_code": 429},
        {"text": "<html>a captive portal</html>"},
        {"json": {"access_token": None}},
        {"json": {"access_token": ""}},
        {"json": {"access_token": "two words"}},
        {"json": {"access_token": "two\r\nlines"}},
        {"json": {"access_token": 5}},
        {"json": {"access_token": "token", "expires_in": "soon"}},
        {"json": ["token"]},
        {"exc": requests.exceptions.ConnectTimeout},
        {"exc": requests.exceptions.ReadTimeout},
    ],
    ids=str,
)
def test_an_iam_that_stumbles_is_asked_again(api, client, reply, sleeps):
    api.post(IAM, [reply, {"json": {"access_token": "token-1", "expires_in": 3600}}])
    api.get(f"{BASE}/instances/usage", json={})
    client.instance_usage()
    assert len(sleeps) == 1


def test_an_iam_that_stays_away_is_asked_six_times_in_all(api, client, token_requests):
    api.post(IAM, status_code=503)
    with pytest.raises(errors.TokenUnavailableError):
        client.instance_usage()
    assert len(token_requests()) == 6


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_key_that_iam_refuses_is_an_invalid_key_at_once(api, client, status, token_requests):
    body = {
        "errorCode": "BXNIM0415E",
        "errorMessage": "Provided API key could not be found.",
        "errorDetails": "Look again.",
        "context": {"requestId": "request-7"},
    }
    api.post(IAM, status_code=status, json=body)
    with pytest.raises(errors.InvalidApiKeyError) as caught:
        client.instance_usage()
    assert len(token_requests()) == 1
    error = caught.value
    assert (error.status, error.code, error.body.trace) == (status, "BXNIM0415E", "request-7")
    assert "Provided API key could not be found. Look again." in str(error)


@pytest.mark.parametrize("status", [404, 405, 409])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.job("job-1"),
        lambda client: client.job_logs("job-1"),
        lambda client: client.cancel_job("job-1"),
        lambda client: client.submit_job(program_id="sampler", backend="b", params={}),
    ],
    ids=["read", "logs", "cancel", "submit"],
)
def test_what_answers_in_iams_place_is_not_taken_for_news_of_the_job(api, client, status, call):
    api.post(IAM, status_code=status)
    with pytest.raises(errors.InvalidSettingsError, match="iam_url"):
        call(client)


def test_forgetting_all_tokens_makes_a_client_fetch_anew(api, client, sent):
    api.get(f"{BASE}/instances/usage", json={})
    client.instance_usage()
    forget_all_tokens()
    client.instance_usage()
    assert [request.headers["Authorization"] for request in sent()] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.timeout(20)
def test_a_lock_held_during_a_fork_does_not_block_the_child(api, client):
    api.get(f"{BASE}/instances/usage", json={})
    slot = token_slot("https://iam.cloud.ibm.com/identity/token", "api-key-of-the-tests")
    with slot._lock, tokens._slots_lock:
        forget_all_tokens()
        client.instance_usage()


def test_a_token_is_not_in_its_repr():
    assert "opaque" not in repr(Token("opaque", 0.0, 1.0))


def test_a_login_under_way_does_not_hold_up_the_end_of_the_process(slot, clock):
    given_back = []
    slot.hold(clock, given_back.append)
    entered, may_go = threading.Event(), threading.Event()

    def fetch():
        entered.set()
        assert may_go.wait(20)
        return Token("token", clock.now, clock.now + 3600)

    thread = threading.Thread(target=slot.get, args=(fetch,))
    thread.start()
    assert entered.wait(20)
    slot.end(patience=0.01)
    may_go.set()
    thread.join(20)
    assert given_back == []
    slot.end()
    assert given_back == ["token"]


def test_a_token_that_was_replaced_is_given_back_too(slot, clock, fetch):
    given_back = []
    slot.hold(clock, given_back.append)
    slot.get(fetch)
    clock.now += 3000
    slot.get(fetch)
    slot.release(clock)
    assert given_back == ["token-1", "token-2"]


def test_a_token_that_was_refused_is_not_given_back(slot, clock, fetch):
    given_back = []
    slot.hold(clock, given_back.append)
    slot.drop(slot.get(fetch).value)
    slot.get(fetch)
    slot.release(clock)
    assert given_back == ["token-2"]


def test_who_holds_no_token_gives_none_back(slot, clock, fetch):
    given_back = []
    slot.hold(clock, given_back.append)
    slot.get(fetch)
    slot.release(fetch)
    assert given_back == []

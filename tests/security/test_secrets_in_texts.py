"""Secrets of a connection appear in no text, even if they are mistyped, quoted by a service, or logged."""

from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_qrt.client import ClientSettings, errors
from airflow_provider_qrt.execution.lineage_source import source_of
from airflow_provider_qrt.jobs.failure import explain_failure
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results.decode import decode_sampler_result
from airflow_provider_qrt.untrusted.blotter import Blotter, readable, without_secrets

from .hostile import ACCOUNT, CRN, KEY, HostileService, answering

MISTYPED = [
    "http://joe:Secret#Pass1@proxy.corp:3128",
    "http://joe:Secret/Pass1@proxy.corp:3128",
    "http://joe:Secret?Pass1@proxy.corp:3128",
    "http://joe:Secret Pass1@proxy.corp:3128",
    "http://joe:SecretPass1\n@proxy.corp:3128",
    "http://joe:SecretPass1@proxy.corp:31280000",
    "http://joe:SecretPass1@proxy.corp:port",
    "http://joe:SecretPass1@proxy.corp:0",
    "http:///joe:SecretPass1@proxy.corp:3128",
    "http://joe:SecretPass1@:3128",
    "http://joe:SecretPass1@[::1:3128",
    "http://joe:SecretPass1@pr oxy:3128",
    "htp://joe:SecretPass1@proxy.corp:3128",
    "http://joe:SecretPass1@proxy..corp:3128",
    "http://joe:SecretPass1@proxy.corp:3128/path",
    "http://joe:SecretPäss1@proxy.corp:3128",
]
USABLE = [
    "http://proxy:3128",
    "proxy.corp:3128",
    "joe:SecretPass1@proxy.corp:3128",
    "https://joe:Secret%23Pass1@proxy.corp",
    "http://joe:Secret@Pass1@proxy.corp:3128",
    "socks5h://[::1]:1080",
    "http://127.0.0.1:3128/",
]


def settings(**more):
    return ClientSettings.create(api_key=KEY, instance=CRN, **more)


@pytest.mark.parametrize("proxy", MISTYPED)
@pytest.mark.parametrize("scheme", ["http", "https", "all", "https://quantum.cloud.ibm.com"])
def test_a_mistyped_proxy_is_refused_and_not_quoted(proxy, scheme):
    with pytest.raises(errors.InvalidSettingsError, match="proxy") as refused:
        settings(proxies={scheme: proxy})
    assert not [part for part in ("Secret", "Pass1", "joe", "SecretPäss1") if part in str(refused.value)]


@pytest.mark.parametrize("proxy", USABLE)
def test_a_proxy_that_can_be_used_is_taken(proxy):
    assert settings(proxies={"https": proxy, "no_proxy": "localhost,.corp"}).proxies["https"] == proxy


@pytest.mark.parametrize("proxy", MISTYPED)
def test_a_mistyped_proxy_of_the_environment_is_not_quoted_either(proxy, monkeypatch):
    with answering(b"{}") as service:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with service.client() as client, pytest.raises(errors.QiskitRuntimeError) as refused:
            client.job("a")
    assert not [part for part in ("Secret", "Pass1", "SecretPäss1") if part in str(refused.value)]


def test_a_proxy_that_repeats_its_password_is_blotted(closed_port):
    proxy = f"http://joe:Secret%23Pass1@127.0.0.1:{closed_port}"
    with answering(b"{}") as service, service.client(proxies={"http": proxy}) as client:
        with pytest.raises(errors.ConnectionFailedError):
            client.job("a")
    header = base64.b64encode(b"joe:Secret#Pass1").decode()
    for said in ("Secret#Pass1", "Secret%23Pass1", header, proxy):
        assert said not in without_secrets(f"Proxy-Authorization: Basic {header} of {said} in {proxy}")


@pytest.mark.parametrize(
    "key", ["first\nsecond-half", "first\r\nsecond-half", "tab\tbed-half", "kéy-half-key", "nul\0-half"]
)
@pytest.mark.parametrize("channel", ["ibm_quantum_platform", "ibm_cloud"])
def test_a_key_that_cannot_be_one_is_refused_and_not_quoted(key, channel):
    with pytest.raises(errors.InvalidSettingsError, match="password") as refused:
        ClientSettings.create(api_key=key, instance=CRN, channel=channel, base_url="https://runtime.example.com")
    assert not [part for part in ("first", "half", "bed", "kéy") if part in str(refused.value)]


def test_what_a_job_says_of_its_failure_is_blotted_and_cannot_repaint_a_terminal():
    job = {
        "id": "a",
        "state": {
            "status": "Failed",
            "reason": f"denied for {CRN} apikey={KEY}",
            "reason_solution": "Bearer eyJabcdefgh.i",
        },
    }
    log = f"{CRN} {KEY} \x1b[2J\u202e".encode()

    def answer(_method, path):
        return (200, {}, log) if path.endswith("/logs") else (200, {}, json.dumps(job).encode())

    with HostileService(answer) as service, service.client() as client:
        shown = explain_failure(client, client.job("a")) + repr(client.job("a")) + json.dumps(client.job("a").to_json())
    assert not [part for part in (KEY, ACCOUNT, "eyJabc", "\x1b", "\u202e") if part in shown]
    assert "denied for" in shown


def test_a_result_that_is_an_error_text_is_shown_without_secrets():
    settings()
    with pytest.raises(InvalidResultError, match="Traceback") as refused:
        decode_sampler_result(f"Traceback: {CRN} apikey={KEY}")
    assert KEY not in str(refused.value)
    assert ACCOUNT not in str(refused.value)


def test_the_source_that_lineage_tells_has_no_secret():
    settings(proxies={"https": "http://joe:Passw0rd-long@proxy:1"})

    class Operator:
        program_params = {"text": f"{KEY} http://joe:Passw0rd-long@proxy:1 {CRN}"}

    language, text = source_of(Operator())
    assert language == "json"
    assert not [part for part in (KEY, "Passw0rd", ACCOUNT) if part in text]


def test_short_passwords_are_blotted_as_words_only():
    blotter = Blotter()
    blotter.learn(["pass", "abc", "emulator"])
    assert blotter.blot("pass the passage; abc emulator-x emulators") == "*** the passage; abc ***-x emulators"


def test_a_blotter_forgets_the_oldest():
    blotter = Blotter()
    blotter.learn(["the-oldest-secret-1"])
    blotter.learn(f"secret-number-{number}" for number in range(2000))
    assert "secret-number-1999" not in blotter.blot("secret-number-1999")
    assert blotter.blot("the-oldest-secret-1") == "the-oldest-secret-1"


def test_a_text_is_cut_after_it_was_blotted():
    assert KEY[:10] not in readable("x" * 1990 + KEY, known=[KEY])
    assert len(readable("y" * 10_000)) == 2000

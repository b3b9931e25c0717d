"""Addresses of proxies are checked before an HTTP library can quote them, and their secrets are known."""

from __future__ import annotations

import base64
from contextlib import nullcontext

import pytest

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.proxies import (
    check_environment,
    check_proxies,
    environment_proxy,
    problem_of,
    secrets_of,
)
from airflow_provider_qrt.untrusted.blotter import without_secrets

LONGEST_HOST = "a." * 126 + "a"
HOW = "It looks like http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128."
BLANK = "holds a blank, a control character or a letter that is not ASCII: write it as %20 and the like"
PORT = (
    "has a port that is no number from 1 to 65535, or a password with a character in it that must be encoded: "
    "write / as %2F, # as %23 and ? as %3F"
)
SCHEME = "does not begin with http://, https:// or a socks scheme"
MORE = (
    "has something after its host and port. If that belongs to the user or password, write / as %2F, # as %23 and "
    "? as %3F"
)
HOST = "has no valid host name"


@pytest.mark.parametrize(
    "address",
    [
        "proxy:3128",
        "proxy.example.com.",
        "http://proxy:3128/",
        "HTTP://proxy",
        "https://user:pass%20word@proxy:65535",
        "socks4://proxy",
        "socks4a://proxy",
        "socks5://proxy",
        "socks5h://user:password@proxy",
        "http://a_b.c-d:1",
        "[::1]:3128",
        "http://[fe80::1%eth0]:3128",
        f"http://{LONGEST_HOST}",
    ],
)
def test_a_proxys_address_is_taken_as_it_is_usually_written(address):
    assert problem_of(address) is None


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://pröxy", BLANK),
        ("http://pro\x07xy", BLANK),
        ("http://pro xy", BLANK),
        ("proxy\n", BLANK),
        ("http://proxy:99999", PORT),
        ("http://proxy:http", PORT),
        ("http://user:pass#word@proxy", PORT),
        ("http://[::1", PORT),
        ("gopher://proxy", SCHEME),
        ("//proxy", MORE),
        ("http://proxy/path", MORE),
        ("http://proxy?", MORE),
        ("http://proxy?x=1", MORE),
        ("http://proxy#", MORE),
        ("http://proxy/#x", MORE),
        ("http://", HOST),
        ("http://-proxy", HOST),
        (f"http://{LONGEST_HOST}a", HOST),
        ("http://proxy:0", "has the port 0"),
    ],
)
def test_what_is_wrong_with_a_proxys_address_is_said(address, problem):
    assert problem_of(address) == problem
    with pytest.raises(InvalidSettingsError) as caught:
        check_proxies({"https://api.example.com": address})
    assert str(caught.value) == f"The connection's proxy for https {problem}. {HOW}"
    with pytest.raises(InvalidSettingsError) as caught:
        check_environment(address)
    assert str(caught.value) == (
        f"The proxy that the environment names (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) {problem}. {HOW}"
    )


@pytest.mark.parametrize("name", ["https", "all", "http://api.example.com", "all://[::1]:8080"])
def test_proxies_are_named_by_scheme_or_by_scheme_and_host(name):
    check_proxies({name: "http://proxy:3128", "no_proxy": "127.0.0.1, *.example.com", "http": ""})


@pytest.mark.parametrize("name", ["", "HTTPS", "proxy.example.com:3128", "https://user@host", "NO_PROXY"])
def test_a_proxy_for_no_scheme_is_refused(name):
    with pytest.raises(InvalidSettingsError) as caught:
        check_proxies({"http": "http://proxy", name: "http://proxy:3128"})
    assert str(caught.value) == (
        "The connection's proxies name something that is no scheme. Write https and http on the left side, and the "
        "proxy's address on the right."
    )


@pytest.mark.parametrize("address", [None, "", "proxy:3128"])
def test_an_environment_without_a_proxy_or_with_a_good_one_is_fine(address):
    check_environment(address)


def basic(pair):
    return base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("http://proxy:3128", set()),
        ("http://user@proxy", {"user"}),
        ("http://user:pass-word@proxy", {"user:pass-word", "pass-word", basic("user:pass-word")}),
        ("user:pass-word@proxy", {"user:pass-word", "pass-word", basic("user:pass-word")}),
        ("http:///user:pass-word@proxy", {"/user:pass-word", "pass-word", "user:pass-word", basic("user:pass-word")}),
        ("http://user:pass:word@proxy", {"user:pass:word", "pass:word", basic("user:pass:word")}),
        ("http://user:p@ss-word@proxy", {"user:p@ss-word", "p@ss-word", basic("user:p@ss-word")}),
        (
            "http://user:p%40ss@proxy",
            {"user:p%40ss", "p%40ss", basic("user:p%40ss"), "p@ss", "user:p@ss", basic("user:p@ss")},
        ),
    ],
)
def test_a_proxys_secrets_are_found_in_every_form(address, secrets):
    assert set(secrets_of(address)) == secrets


@pytest.mark.parametrize(
    "check",
    [lambda address: check_proxies({"https": address}), check_environment],
    ids=["connection", "environment"],
)
@pytest.mark.parametrize(
    ("address", "outcome"),
    [
        ("http://user:Hunter2-Hunter2@proxy", nullcontext()),
        ("gopher://user:Hunter2-Hunter2@proxy", pytest.raises(InvalidSettingsError)),
    ],
)
def test_a_proxys_password_is_blotted_out_though_its_address_be_wrong(check, address, outcome):
    with outcome:
        check(address)
    assert without_secrets("it said Hunter2-Hunter2") == "it said ***"


def test_hosts_without_a_proxy_hold_no_secret():
    check_proxies({"no_proxy": "someone:Hunter3-Hunter3@example.com"})
    assert without_secrets("it said Hunter3-Hunter3") == "it said Hunter3-Hunter3"


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({}, "http://from-the-environment"),
        ({"http": "http://mine"}, "http://from-the-environment"),
        ({"https": "http://mine"}, None),
        ({"no_proxy": "example.com"}, None),
    ],
)
def test_the_environments_proxy_is_looked_at_where_it_will_be_used(monkeypatch, own, found):
    monkeypatch.setenv("https_proxy", "http://from-the-environment")
    assert environment_proxy("https://api.example.com/jobs", own) == found

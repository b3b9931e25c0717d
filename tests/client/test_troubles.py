"""A broken connection is described in a few words, and it is known whether anything was sent."""

from __future__ import annotations

import pytest
import requests
import urllib3
from urllib3 import exceptions as u3

from airflow_provider_qrt.client.troubles import innermost, is_not_sendable, nothing_was_sent

POOL = urllib3.HTTPConnectionPool("api.example.com", 80)
REFUSED = u3.NewConnectionError(POOL, "Failed to establish a new connection: [Errno 111] Connection refused")
LATE = u3.ConnectTimeoutError(POOL, "Connection to api.example.com timed out. (connect timeout=10)")
TUNNEL = OSError("Tunnel connection failed: 407 Proxy Authentication Required")
DROPPED = u3.ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))


def retried(reason):
    return u3.MaxRetryError(POOL, "/jobs?secret=1", reason)


def proxied(original):
    return retried(u3.ProxyError("Unable to connect to proxy", original))


Broken = requests.exceptions.ConnectionError


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Broken(retried(REFUSED)), "[Errno 111] Connection refused"),
        (Broken(proxied(TUNNEL)), "proxy: Tunnel connection failed: 407 Proxy Authentication Required"),
        (Broken(proxied(REFUSED)), "proxy: [Errno 111] Connection refused"),
        (Broken(DROPPED), "[Errno 104] Connection reset by peer"),
        (requests.ConnectTimeout(retried(LATE)), "Connection to api.example.com timed out. (connect timeout=10)"),
        (requests.ReadTimeout(u3.ReadTimeoutError(POOL, "/jobs", "Read timed out.")), "Read timed out."),
        (requests.exceptions.SSLError(retried(u3.SSLError(OSError("bad record: mac")))), "bad record: mac"),
        (requests.exceptions.ChunkedEncodingError(Broken(OSError(ValueError("deep: down")))), "deep: down"),
        (Broken("plain: words"), "plain: words"),
        (Broken(), "ConnectionError"),
        (Broken(TimeoutError()), "TimeoutError"),
    ],
)
def test_a_broken_connection_is_described_in_a_few_words(error, says):
    assert innermost(error) == says


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectTimeout(),
        requests.ConnectTimeout("anything"),
        Broken(retried(REFUSED)),
        Broken(retried(LATE)),
        Broken(REFUSED),
        Broken(TUNNEL),
        requests.exceptions.ProxyError(proxied(TUNNEL)),
        requests.exceptions.ProxyError(proxied(REFUSED)),
        requests.exceptions.ProxyError(proxied(LATE)),
    ],
)
def test_without_a_connection_nothing_was_sent(error):
    assert nothing_was_sent(error)


@pytest.mark.parametrize(
    "error",
    [
        Broken(),
        Broken(DROPPED),
        Broken(OSError("not a tunnel: Tunnel connection failed")),
        Broken("Tunnel connection failed"),
        Broken(retried(DROPPED)),
        requests.exceptions.ProxyError(proxied(ConnectionResetError(104, "Connection reset by peer"))),
        requests.ReadTimeout(retried(REFUSED)),
        requests.exceptions.ChunkedEncodingError(REFUSED),
    ],
)
def test_what_broke_later_may_have_been_received(error):
    assert not nothing_was_sent(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.exceptions.InvalidURL(), True),
        (requests.exceptions.InvalidSchema(), True),
        (requests.exceptions.MissingSchema(), True),
        (requests.exceptions.InvalidHeader(), True),
        (requests.exceptions.InvalidProxyURL(), True),
        (Broken(u3.LocationParseError("http://x")), True),
        (Broken(retried(u3.LocationParseError("http://x"))), True),
        (Broken(), False),
        (Broken(retried(REFUSED)), False),
        (requests.ReadTimeout("http://x"), False),
    ],
)
def test_an_address_or_header_that_cannot_be_sent_is_told_from_a_broken_connection(error, expected):
    assert is_not_sendable(error) is expected

"""A web page cannot control an emulator, requests cannot exhaust its memory, and only its owner can read its state."""

from __future__ import annotations

import http.client
import json
import stat
from urllib.parse import urlsplit

import pytest

from airflow_provider_qrt.emulator import Emulator

JSON = {"Content-Type": "application/json"}


def ask(emulator, method, path, body=None, headers=None, *, host=None):
    netloc = urlsplit(emulator.root_url).netloc
    connection = http.client.HTTPConnection(netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or netloc)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        data = body.encode() if isinstance(body, str) else body
        if data is not None and "Transfer-Encoding" not in (headers or {}):
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


FAULT = json.dumps({"path": "/backends", "status": 500})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io", "[::1"]
)
@pytest.mark.parametrize("path", ["/_emulator/jobs", "/api/v1/versions", "/_emulator/requests"])
def test_a_name_that_was_rebound_reads_nothing(emulator, host, path):
    status, _, body = ask(emulator, "GET", path, host=host)
    assert (status, json.loads(body)["errors"][0]["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "emulator.localhost", "192.0.2.7"])
def test_an_address_and_localhost_are_answered(emulator, name):
    port = urlsplit(emulator.root_url).port
    assert ask(emulator, "GET", "/api/v1/versions", host=f"{name}:{port}")[0] == 200


def test_a_name_that_was_allowed_is_answered():
    with Emulator(allowed_hosts=("emulator",)) as service:
        assert ask(service, "GET", "/api/v1/versions", host="emulator:8765")[0] == 200
        assert ask(service, "GET", "/api/v1/versions", host="another:8765")[0] == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://", "http://[::1"])
def test_another_sites_page_is_refused(emulator, origin):
    assert ask(emulator, "POST", "/_emulator/faults", FAULT, {**JSON, "Origin": origin})[0] == 403
    assert ask(emulator, "POST", "/_emulator/reset", None, {"Origin": origin})[0] == 403
    assert emulator.faults() == []


def test_its_own_pages_may_ask(emulator):
    assert ask(emulator, "POST", "/_emulator/faults", FAULT, {**JSON, "Origin": emulator.root_url})[0] == 200
    emulator.clear_faults()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_is_no_control(emulator, kind):
    headers = {"Content-Type": kind} if kind else {}
    assert ask(emulator, "POST", "/_emulator/faults", FAULT, headers)[0] == 415
    assert emulator.faults() == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/_emulator/faults", "application/json"), ("/identity/token", "application/x-www-form-urlencoded")],
)
def test_a_large_body_is_refused_whether_it_says_its_length_or_not(emulator, path, kind):
    # More than the buffers of two sockets hold: the answer is received only if the emulator reads the rest.
    large = b" " * (32 << 20)
    assert ask(emulator, "POST", path, None, {"Content-Type": kind, "Content-Length": str(300 << 20)})[0] == 413
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large)
    assert ask(emulator, "POST", path, chunk, {"Content-Type": kind, "Transfer-Encoding": "chunked"})[0] == 413


def test_a_fault_is_answered_as_text_that_no_browser_runs(emulator):
    emulator.add_fault(
        path="/versions", status=502, html="<script>alert(1)</script>", headers={"Content-Type": "text/html"}
    )
    _, headers, body = ask(emulator, "GET", "/api/v1/versions")
    emulator.clear_faults()
    named = {name.lower(): value for name, value in headers.items()}
    assert body == b"<script>alert(1)</script>"
    assert "sandbox" in named["content-security-policy"]
    assert named["x-content-type-options"] == "nosniff"


def test_the_state_can_be_read_by_its_owner_only(tmp_path):
    path = tmp_path / "state.sqlite"
    path.touch(0o644)
    with Emulator(state=str(path)):
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}

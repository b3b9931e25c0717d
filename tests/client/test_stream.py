"""A job's live status from servers that behave like real services and gateways."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import serve
from websockets.http11 import Response

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import stream
from airflow_provider_qrt.client.stream import PackageMissingError, StreamLostError, StreamUnavailableError, follow

SECRET = "a-token-that-nobody-may-read"
HEADERS = {
    "Authorization": f"Bearer {SECRET}",
    "Service-CRN": "crn:v1:bluemix:public:quantum-computing:us-east:a/x:y::",
}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@asynccontextmanager
async def service(handle, **options):
    """A server on a free port; gives the URL of a stream there."""
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"{'wss' if 'ssl' in options else 'ws'}://127.0.0.1:{port}/stream/jobs/j"


def heard(handle, headers=HEADERS, options=None, **more):
    """Return all messages of a stream from a server that runs ``handle``."""

    async def listen():
        async with service(handle, **(options or {})) as url:
            return [text async for text in follow(url, headers, **more)]

    return asyncio.run(asyncio.wait_for(listen(), 30))


def answering(status, headers=None, body=b""):
    """A server that answers the handshake with an HTTP response."""

    def process_request(connection, request):
        return Response(status, "said so", websockets.Headers(headers or {}), body)

    return {"process_request": process_request}


async def nothing(connection):
    await connection.wait_closed()


def test_it_gives_what_is_said_until_the_service_closes():
    async def tell(connection):
        for word in ("ACK", "Queued", "Completed"):
            await connection.send(word)

    assert heard(tell) == ["ACK", "Queued", "Completed"]


def test_the_request_carries_the_headers():
    found: dict[str, Any] = {}

    async def tell(connection):
        found.update(connection.request.headers.raw_items())

    heard(tell)
    assert HEADERS.items() <= found.items()
    assert found["User-Agent"].startswith("airflow-provider-qrt/")


def test_bytes_are_read_as_text():
    async def tell(connection):
        await connection.send(b"Completed\xff")

    assert heard(tell) == ["Completed\ufffd"]


@pytest.mark.parametrize("code", [1001, 1011, 1012, 4000])
def test_another_code_than_the_one_for_an_ended_job_is_a_loss(code):
    async def tell(connection):
        await connection.send("Completed")
        await connection.close(code)

    with pytest.raises(StreamLostError, match=f"closed it with code {code}"):
        heard(tell)


def test_a_connection_that_breaks_is_a_loss():
    async def tell(connection):
        await connection.send("ACK")
        connection.transport.abort()

    with pytest.raises(StreamLostError, match=r"the connection to 127\S+ broke"):
        heard(tell)


def test_a_message_too_long_is_a_loss():
    async def tell(connection):
        await connection.send("x" * (2**20 + 1))
        await connection.wait_closed()

    with pytest.raises(StreamLostError, match="code 1009"):
        heard(tell)


def test_a_server_that_answers_no_ping_is_a_loss(monkeypatch):
    monkeypatch.setattr(stream, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(stream, "PING_TIMEOUT", 0.1)

    async def tell(connection):
        connection.transport.pause_reading()
        await asyncio.sleep(5)
        connection.transport.resume_reading()

    with pytest.raises(StreamLostError, match="code 1011, keepalive ping timeout"):
        heard(tell)


def test_pings_are_as_rare_as_those_of_the_official_client():
    assert (stream.PING_INTERVAL, stream.PING_TIMEOUT) == (60.0, 10.0)


@pytest.mark.parametrize("status", [400, 403, 404, 426])
def test_a_refusal_is_final(status):
    with pytest.raises(StreamUnavailableError, match=f"answered HTTP {status}"):
        heard(nothing, options=answering(status))


@pytest.mark.parametrize("status", [401, 408, 429, 500, 502, 503])
def test_a_trouble_that_may_pass_is_not(status):
    with pytest.raises(StreamLostError, match=f"answered HTTP {status}") as lost:
        heard(nothing, options=answering(status))
    assert lost.value.unauthorized == (status == 401)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_it_follows_no_redirect(status):
    reached = []

    async def tell(connection):
        reached.append(connection.request.path)

    async def listen():
        async with service(tell) as other, service(tell, **answering(status, {"Location": other})) as url:
            return [text async for text in follow(url, HEADERS)]

    with pytest.raises(StreamUnavailableError, match=f"answered HTTP {status}"):
        asyncio.run(listen())
    assert reached == []


def test_nobody_listening_is_a_loss():
    async def listen():
        async with service(nothing) as url:
            pass
        return [text async for text in follow(url, HEADERS)]

    with pytest.raises(StreamLostError, match="no connection to 127"):
        asyncio.run(listen())


def test_a_server_that_never_answers_the_handshake_is_a_loss(monkeypatch):
    monkeypatch.setattr(stream, "CONNECT_TIMEOUT", 0.2)

    async def listen():
        async def keep(reader, writer):
            await reader.read()
            writer.close()

        server = await asyncio.start_server(keep, "127.0.0.1", 0)
        async with server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream/jobs/j"
            return [text async for text in follow(url, HEADERS)]

    with pytest.raises(StreamLostError, match="timed out"):
        asyncio.run(listen())


def test_leaving_closes_the_connection():
    async def listen():
        left = asyncio.Event()

        async def tell(connection):
            await connection.send("ACK")
            await connection.wait_closed()
            left.set()

        async with service(tell) as url:
            async with aclosing(follow(url, HEADERS)) as texts:
                assert await anext(texts) == "ACK"
            await asyncio.wait_for(left.wait(), 10)

    asyncio.run(listen())


def test_a_cancellation_closes_the_connection_though_the_server_hangs():
    async def listen():
        async def deaf(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            accepted.set()
            await reader.read()
            gone.set()
            writer.close()

        accepted, gone = asyncio.Event(), asyncio.Event()
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        async with server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream/jobs/j"
            task = asyncio.create_task(anext(follow(url, HEADERS)))
            await asyncio.wait_for(accepted.wait(), 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(listen())


# What must not be told


@pytest.mark.parametrize(
    "refusal",
    [answering(401, body=f"your token {SECRET} is bad".encode()), answering(503, {"X-Quote": SECRET})],
    ids=["body", "header"],
)
def test_no_error_quotes_a_credential(refusal):
    with pytest.raises((StreamLostError, StreamUnavailableError)) as error:
        heard(nothing, options=refusal)
    assert SECRET not in f"{error.value!r} {error.value.__cause__} {error.value.args}"
    assert error.value.__suppress_context__


def test_no_credential_is_logged_on_any_level(caplog):
    async def tell(connection):
        await connection.send("ACK")

    with caplog.at_level(logging.DEBUG):
        assert heard(tell) == ["ACK"]
    quoted = [record for record in caplog.records if record.name != "websockets.server" and SECRET in str(record.args)]
    assert quoted == []


# Proxies and TLS


@asynccontextmanager
async def proxy():
    """An HTTP proxy that lets anything through; gives its URL and what it was asked."""
    asked = []

    async def serve_one(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.decode().splitlines()[0])
        host, _, port = asked[-1].split()[1].partition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source, sink):
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def ended(connection):
    await connection.send("Completed")


@pytest.mark.parametrize("where", ["connection", "connection, without a scheme", "environment", "no_proxy", "none"])
def test_it_takes_the_proxy_that_requests_would(where, monkeypatch):
    async def listen():
        async with proxy() as (url, asked), service(ended) as there:
            proxies = {}
            if where == "connection":
                proxies = {"http": url}
            elif where == "connection, without a scheme":
                proxies = {"http": url.removeprefix("http://")}
            elif where in ("environment", "no_proxy"):
                monkeypatch.setenv("HTTP_PROXY", url)
                monkeypatch.setenv("http_proxy", url)
                bypass = "127.0.0.1" if where == "no_proxy" else ""
                monkeypatch.setenv("NO_PROXY", bypass)
                monkeypatch.setenv("no_proxy", bypass)
            assert [text async for text in follow(there, HEADERS, proxies=proxies)] == ["Completed"]
            return len(asked)

    expected = 0 if where in ("no_proxy", "none") else 1
    assert asyncio.run(asyncio.wait_for(listen(), 30)) == expected


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("http://user:hunter2-hunter2@127.0.0.1:1", StreamLostError),
        ("gopher://user:hunter2-hunter2@p", StreamUnavailableError),
    ],
)
def test_a_proxys_password_is_not_told(address, kind):
    with pytest.raises(kind) as error:
        heard(ended, proxies={"http": address})
    assert "hunter2" not in f"{error.value!r}"


@pytest.mark.skipif("python_socks" in sys.modules, reason="python-socks is installed")
def test_a_socks_proxy_names_the_package_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(PackageMissingError, match="python-socks"):
        heard(ended, proxies={"http": "socks5h://127.0.0.1:1"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody else trusts, and a context that serves it."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder: Path = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return str(folder / "cert.pem"), context


def test_a_certificate_is_checked(certificate):
    _, context = certificate
    with pytest.raises(StreamLostError, match="CERTIFICATE_VERIFY_FAILED"):
        heard(ended, options={"ssl": context})


@pytest.mark.parametrize("how", ["bundle", "environment", "unchecked"])
def test_a_certificate_is_accepted_as_the_connection_says(certificate, how, monkeypatch):
    bundle, context = certificate
    if how == "environment":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    verify = {"bundle": bundle, "environment": True, "unchecked": False}[how]
    assert heard(ended, options={"ssl": context}, verify=verify) == ["Completed"]


def test_a_bundle_that_is_not_there_is_named(certificate, tmp_path):
    _, context = certificate
    with pytest.raises(StreamUnavailableError, match=r"none\.pem cannot be used"):
        heard(ended, options={"ssl": context}, verify=str(tmp_path / "none.pem"))


def test_a_bundle_may_be_named_as_curl_does(certificate, monkeypatch):
    bundle, context = certificate
    monkeypatch.setenv("CURL_CA_BUNDLE", bundle)
    assert heard(ended, options={"ssl": context}) == ["Completed"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there.pem")
    with pytest.raises(StreamUnavailableError) as error:
        heard(ended, options={"ssl": context})
    assert str(error.value) == "the CA bundle /not/there.pem cannot be used (No such file or directory)"


def test_a_bundle_that_holds_no_certificate_is_named(tmp_path, dialled):
    bundle = tmp_path / "empty.pem"
    bundle.write_text("nothing")
    with pytest.raises(StreamUnavailableError, match=r"empty\.pem cannot be used \(.+\)$"):
        dial("wss://runtime.example.com/stream", verify=str(bundle))
    assert dialled == {}


# How it connects


@pytest.fixture
def dialled(monkeypatch):
    """The arguments with which the library is asked for a connection, which it cannot make."""
    import websockets.asyncio.client

    found: dict[str, Any] = {}

    class Refusing(websockets.asyncio.client.connect):
        def __init__(self, url, **options):
            found.update(options, url=url)

        def __await__(self):
            raise ConnectionRefusedError("nobody there")
            yield

    monkeypatch.setattr(websockets.asyncio.client, "connect", Refusing)
    return found


def dial(url, **options):
    """Return why there is no connection."""

    async def listen():
        return [text async for text in follow(url, HEADERS, **options)]

    return asyncio.run(listen())


WS, WSS = "ws://ws.example.com:81/ws/jobs/j", "wss://ws.example.com/ws/jobs/j"


def test_it_asks_for_a_connection_with_its_times_and_without_a_log(dialled):
    with pytest.raises(StreamLostError) as error:
        dial(WS)
    assert (str(error.value), error.value.unauthorized) == ("no connection to ws.example.com:81 (nobody there)", False)
    logger = dialled.pop("logger")
    assert dialled == {
        "url": WS,
        "additional_headers": HEADERS,
        "user_agent_header": f"airflow-provider-qrt/{__version__}",
        "open_timeout": 10.0,
        "ping_interval": 60.0,
        "ping_timeout": 10.0,
        "close_timeout": 1.0,
        "proxy": None,
    }
    assert logger.disabled
    assert not logger.isEnabledFor(logging.CRITICAL)


PROXY = "http://mine:3128"


@pytest.mark.parametrize(
    ("url", "proxies", "environment", "proxy"),
    [
        (WS, {"http": PROXY, "https": "http://other:1"}, {}, PROXY),
        (WSS, {"https": PROXY, "http": "http://other:1"}, {}, PROXY),
        (WS, {"http": "mine:3128"}, {}, PROXY),
        (WS, {"http": "socks5h://mine:1"}, {}, "socks5h://mine:1"),
        (WS, {"http://ws.example.com": PROXY}, {}, PROXY),
        (WSS, {"https://ws.example.com": PROXY}, {}, PROXY),
        (WS, {"all": PROXY}, {}, PROXY),
        (WS, {"https": PROXY}, {}, None),
        (WS, {"http": ""}, {"http_proxy": PROXY}, None),
        (WS, {}, {"http_proxy": PROXY}, PROXY),
        (WSS, {}, {"https_proxy": PROXY}, PROXY),
        (WSS, {}, {"http_proxy": PROXY}, None),
        (WS, {"http": PROXY}, {"http_proxy": "http://other:1"}, PROXY),
        (WS, {}, {"http_proxy": PROXY, "no_proxy": "example.com"}, None),
        (WS, {"no_proxy": "example.com"}, {"http_proxy": PROXY}, None),
        (WS, {"no_proxy": "example.org"}, {"http_proxy": PROXY}, PROXY),
    ],
)
def test_a_stream_takes_the_proxy_of_its_host(dialled, monkeypatch, url, proxies, environment, proxy):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StreamLostError):
        dial(url, proxies=proxies)
    assert (dialled["url"], dialled["proxy"]) == (url, proxy)
    assert ("ssl" in dialled, "proxy_ssl" in dialled) == (url == WSS, False)


@pytest.mark.parametrize("url", [WS, WSS])
@pytest.mark.parametrize("verify", [True, False])
def test_a_proxy_that_speaks_tls_is_checked_like_the_service(dialled, url, verify):
    with pytest.raises(StreamLostError):
        dial(url, verify=verify, proxies={"all": "https://mine:3128"})
    contexts = [dialled[name] for name in ("ssl", "proxy_ssl") if name in dialled]
    assert len(contexts) == (2 if url == WSS else 1)
    for context in contexts:
        assert context.check_hostname is verify
        assert context.verify_mode == (ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)


def test_streams_with_the_same_bundle_share_what_was_read_from_it(dialled, certificate):
    bundle, _ = certificate
    contexts = []
    for verify in (bundle, bundle, True):
        with pytest.raises(StreamLostError):
            dial(WSS, verify=verify)
        contexts.append(dialled["ssl"])
    assert contexts[0] is contexts[1]
    assert contexts[0] is not contexts[2]
    assert [one["subject"] for one in contexts[0].get_ca_certs()] == [((("commonName", "127.0.0.1"),),)]
    assert len(contexts[2].get_ca_certs()) > 10


def test_a_folder_of_certificates_is_a_bundle_too(dialled, tmp_path):
    with pytest.raises(StreamLostError, match="nobody there"):
        dial(WSS, verify=str(tmp_path))
    assert dialled["ssl"].get_ca_certs() == []
    assert dialled["ssl"].verify_mode == ssl.CERT_REQUIRED


def test_an_error_without_words_is_named_by_its_kind(dialled, monkeypatch):
    async def fail(url, **options):
        raise EOFError

    monkeypatch.setattr(stream, "_connector", fail)
    with pytest.raises(StreamLostError) as error:
        dial(WS)
    assert str(error.value) == "no connection to ws.example.com:81 (EOFError)"


def test_an_error_that_quotes_a_header_is_cleaned(monkeypatch):
    async def fail(url, **options):
        raise ValueError(f"bad header: {HEADERS['Authorization']} for {url}")

    monkeypatch.setattr(stream, "_connector", fail)
    with pytest.raises(StreamLostError) as error:
        dial(WS)
    assert str(error.value) == f"no connection to ws.example.com:81 (bad header: *** for {WS})"


# The words


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (lambda connection: connection.close(1011, "a secret"), "{} closed it with code 1011"),
        (lambda connection: connection.transport.abort(), "the connection to {} broke"),
        (
            lambda connection: connection.send("x" * (2**20 + 1)),
            "given up with code 1009, ",
        ),
    ],
    ids=["closed", "broken", "too long"],
)
def test_a_loss_is_told_in_full(ending, says):
    async def tell(connection):
        done = ending(connection)
        if done is not None:
            await done
        await connection.wait_closed()

    async def listen():
        async with service(tell) as url:
            with pytest.raises(StreamLostError) as error:
                [text async for text in follow(url, HEADERS)]
        return str(error.value), says.format(url.split("/")[2])

    found, expected = asyncio.run(asyncio.wait_for(listen(), 30))
    assert found.startswith(expected) if expected.endswith(", ") else found == expected


@pytest.mark.parametrize(
    ("status", "kind", "unauthorized"),
    [
        (401, StreamLostError, True),
        (408, StreamLostError, False),
        (499, StreamUnavailableError, None),
        (500, StreamLostError, False),
    ],
)
def test_a_refusal_is_told_in_full(status, kind, unauthorized):
    error = stream._refusal("api.example.com", status)
    assert (type(error), str(error)) == (kind, f"api.example.com answered HTTP {status}")
    assert getattr(error, "unauthorized", None) is unauthorized


def refusing_proxy(url):
    """Return the error of a stream to ``url`` through a proxy that lets nothing through."""

    async def listen():
        async def refuse(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return [text async for text in follow(url, HEADERS, proxies={"http": f"http://127.0.0.1:{port}"})]

    return asyncio.run(asyncio.wait_for(listen(), 30))


def test_a_proxy_that_lets_nothing_through_is_told_in_full():
    with pytest.raises(StreamLostError) as error:
        refusing_proxy(WS)
    assert str(error.value) == "the proxy let nothing through to ws.example.com:81 (InvalidProxyStatus)"


def test_a_proxy_of_another_kind_is_told_in_full():
    with pytest.raises(StreamUnavailableError) as error:
        dial(WS, proxies={"http": "gopher://proxy"})
    assert str(error.value) == "the proxy for ws.example.com:81 is not a URL that websockets can use"


def test_a_socks_proxy_without_its_package_is_told_in_full(monkeypatch):
    async def fail(url, **options):
        raise ImportError("python-socks is required")

    monkeypatch.setattr(stream, "_connector", fail)
    with pytest.raises(PackageMissingError) as error:
        dial(WS, proxies={"http": "socks5://proxy:1"})
    assert str(error.value) == "a SOCKS proxy needs the package python-socks; install it with pip"


# Without the library


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    with pytest.raises(PackageMissingError) as error:
        heard(ended)
    assert str(error.value) == "the package websockets is missing: pip install 'airflow-provider-qrt[stream]'"

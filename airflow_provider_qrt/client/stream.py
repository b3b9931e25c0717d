"""Live job status of the older services: a websocket that sends texts and closes when the job has ended.

Its messages are only hints: read the job to know its state.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client.errors import QiskitRuntimeError
from airflow_provider_qrt.client.limits import CONNECT_TIMEOUT
from airflow_provider_qrt.untrusted.blotter import without_secrets

PING_INTERVAL = 60.0
PING_TIMEOUT = 10.0
"""Seconds between two pings, and for the answer to one: the values of IBM's own client."""
CLOSE_TIMEOUT = 1.0
"""Seconds for the closing handshake; nothing is lost if the service does not answer it."""
ENDED = 1000
"""Close code of the stream of a job that has ended."""

PASSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""4xx answers that a retry, with a fresh token if possible, may fix."""

_unheard = logging.Logger("airflow_provider_qrt.client.stream.websockets")
"""A disabled logger, because the library logs headers, including credentials, at level DEBUG."""
_unheard.disabled = True


class StreamUnavailableError(QiskitRuntimeError):
    """There is no stream, and a retry cannot help."""


class PackageMissingError(StreamUnavailableError):
    """A package that streams need is not installed. The message names it."""


class StreamLostError(QiskitRuntimeError):
    """The connection failed, or ended before the job did; a retry may help.

    Attributes:
        unauthorized: Whether the token was rejected.
    """

    def __init__(self, reason: str, *, unauthorized: bool = False) -> None:
        super().__init__(reason)
        self.unauthorized = unauthorized


async def follow(
    url: str, headers: Mapping[str, str], *, verify: bool | str = True, proxies: Mapping[str, str] | None = None
) -> AsyncGenerator[str, None]:
    """Yield the service's messages about a job; return when the service reports that the job has ended.

    If you leave the iterator early, close it (``contextlib.aclosing``): that closes the connection.

    Args:
        url: URL of the stream, ``ws`` or ``wss``.
        headers: Headers of its request, including credentials.
        verify: Check TLS certificates: True, False, or the path of a CA bundle.
        proxies: In the form that ``requests`` takes; those of the environment are added, as ``requests`` does.

    Raises:
        StreamUnavailableError: If there is no stream; says why.
        StreamLostError: If the connection failed or was lost.
    """
    websockets = _library()
    host = urlsplit(url).netloc

    def clean(error: BaseException) -> str:
        return without_secrets(str(error) or type(error).__name__, headers.values())

    # None of these errors is chained: the causes may quote proxies and headers with their passwords.
    try:
        options = await asyncio.to_thread(_options, url, verify, proxies or {})
        connection = await _connector(url, additional_headers=dict(headers), **options)
    except websockets.exceptions.InvalidStatus as error:
        raise _refusal(host, error.response.status_code) from None
    except websockets.exceptions.InvalidProxy:
        raise StreamUnavailableError(f"the proxy for {host} is not a URL that websockets can use") from None
    except ImportError:
        raise PackageMissingError("a SOCKS proxy needs the package python-socks; install it with pip") from None
    except websockets.exceptions.ProxyError as error:
        raise StreamLostError(f"the proxy let nothing through to {host} ({type(error).__name__})") from None
    except (websockets.exceptions.WebSocketException, OSError, EOFError, ValueError) as error:
        raise StreamLostError(f"no connection to {host} ({clean(error)})") from None
    try:
        while True:
            message = await connection.recv()
            yield message if isinstance(message, str) else message.decode(errors="replace")
    except websockets.exceptions.ConnectionClosed as error:
        if error.rcvd is None or error.rcvd.code != ENDED:
            raise StreamLostError(_loss(host, error)) from None
    finally:
        try:
            await connection.close()
        finally:
            connection.transport.abort()


def _loss(host: str, closed: Any) -> str:
    if closed.sent is not None and not closed.rcvd_then_sent:
        # The reason is the library's own, such as no answer to a ping, or a message that is too long.
        return f"given up with code {closed.sent.code}, {closed.sent.reason}"
    if closed.rcvd is not None:
        return f"{host} closed it with code {closed.rcvd.code}"
    return f"the connection to {host} broke"


def _refusal(host: str, status: int) -> StreamUnavailableError | StreamLostError:
    said = f"{host} answered HTTP {status}"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING:
        return StreamUnavailableError(said)
    return StreamLostError(said, unauthorized=status == HTTPStatus.UNAUTHORIZED)


def _library() -> Any:
    try:
        import websockets.asyncio.client
        import websockets.exceptions
    except ImportError:
        raise PackageMissingError(
            "the package websockets is missing: pip install 'airflow-provider-qrt[stream]'"
        ) from None
    return websockets


async def _connector(url: str, **options: Any) -> Any:
    from websockets.asyncio.client import connect

    class Connect(connect):
        """Does not follow redirects: they would send the CRN and the token to another host."""

        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    return await Connect(
        url,
        user_agent_header=f"airflow-provider-qrt/{__version__}",
        open_timeout=CONNECT_TIMEOUT,
        ping_interval=PING_INTERVAL,
        ping_timeout=PING_TIMEOUT,
        close_timeout=CLOSE_TIMEOUT,
        logger=_unheard,
        **options,
    )


def _options(url: str, verify: bool | str, proxies: Mapping[str, str]) -> dict[str, Any]:
    """Return proxy and TLS settings, as ``requests`` finds them for the same host. Reads files."""
    from requests.utils import get_environ_proxies, select_proxy

    # The proxy rules only apply to http and https.
    page = url.replace("ws", "http", 1)
    known = {**get_environ_proxies(page, no_proxy=proxies.get("no_proxy")), **proxies}
    proxy = select_proxy(page, known)
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    options: dict[str, Any] = {"proxy": proxy or None}
    if page.startswith("https:"):
        options["ssl"] = _tls(verify)
    if str(options["proxy"]).startswith("https:"):
        options["proxy_ssl"] = _tls(verify)
    return options


def _tls(verify: bool | str) -> ssl.SSLContext:
    """Return a context with the checks of ``requests``; streams with the same settings share it."""
    if verify is False:
        return _unchecked()
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    path = verify if isinstance(verify, str) else _environment_bundle() or DEFAULT_CA_BUNDLE_PATH
    try:
        return _checked(path, Path(path).stat().st_mtime)
    except OSError as error:
        raise StreamUnavailableError(f"the CA bundle {path} cannot be used ({error.strerror or error})") from None


def _environment_bundle() -> str | None:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


@lru_cache(maxsize=8)
def _checked(path: str, changed: float) -> ssl.SSLContext:  # noqa: ARG001 - a bundle that was replaced is read again
    if Path(path).is_dir():
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


@lru_cache(maxsize=1)
def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

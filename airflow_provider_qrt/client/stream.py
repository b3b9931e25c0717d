"""A job's live status, as the older services tell it: a websocket that sends texts and closes when the job has ended.

What it says is a hint, never a fact: whoever follows it reads the job to know how it stands.
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
"""Seconds between two pings, and until one must have been answered: what IBM's own client used."""
CLOSE_TIMEOUT = 1.0
"""Seconds for saying goodbye; nothing is lost when the service does not answer it."""
ENDED = 1000
"""Code with which the service closes the stream of a job that has ended."""

PASSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""Refusals with a 4xx that another try, with a fresh token where there is one, may not meet."""

_unheard = logging.Logger("airflow_provider_qrt.client.stream.websockets")
"""The library logs headers, credentials among them, on level DEBUG."""
_unheard.disabled = True


class StreamUnavailable(QiskitRuntimeError):
    """There is no stream to be had here; another try would change nothing."""


class PackageMissing(StreamUnavailable):
    """A package that streams need is not installed. Says which."""


class StreamLost(QiskitRuntimeError):
    """There was no connection, or it ended before the service said that the job has; another try may help.

    Attributes:
        unauthorized: Whether the token was not accepted.
    """

    def __init__(self, reason: str, *, unauthorized: bool = False) -> None:
        super().__init__(reason)
        self.unauthorized = unauthorized


async def follow(
    url: str, headers: Mapping[str, str], *, verify: bool | str = True, proxies: Mapping[str, str] | None = None
) -> AsyncGenerator[str, None]:
    """Yield what the service says of a job, as it says it; return when it says that the job has ended.

    Close the iterator (``contextlib.aclosing``) when leaving it early: that closes the connection.

    Args:
        url: Of the stream, ``ws`` or ``wss``.
        headers: Of its request, credentials among them.
        verify: Check TLS certificates: True, False, or the path of a CA bundle.
        proxies: As ``requests`` takes them; those of the environment are added, as ``requests`` does.

    Raises:
        StreamUnavailable: If there is no stream to be had; says why.
        StreamLost: If there is no connection, or no longer.
    """
    websockets = _library()
    host = urlsplit(url).netloc

    def clean(error: BaseException) -> str:
        return without_secrets(str(error) or type(error).__name__, headers.values())

    # Not chained, any of them: proxies and headers with their passwords may be quoted in the causes.
    try:
        options = await asyncio.to_thread(_options, url, verify, proxies or {})
        connection = await _connector(url, additional_headers=dict(headers), **options)
    except websockets.exceptions.InvalidStatus as error:
        raise _refusal(host, error.response.status_code) from None
    except websockets.exceptions.InvalidProxy:
        raise StreamUnavailable(f"the proxy for {host} is not a URL that websockets can use") from None
    except ImportError:
        raise PackageMissing("a SOCKS proxy needs the package python-socks; install it with pip") from None
    except websockets.exceptions.ProxyError as error:
        raise StreamLost(f"the proxy let nothing through to {host} ({type(error).__name__})") from None
    except (websockets.exceptions.WebSocketException, OSError, EOFError, ValueError) as error:
        raise StreamLost(f"no connection to {host} ({clean(error)})") from None
    try:
        while True:
            message = await connection.recv()
            yield message if isinstance(message, str) else message.decode(errors="replace")
    except websockets.exceptions.ConnectionClosed as error:
        if error.rcvd is None or error.rcvd.code != ENDED:
            raise StreamLost(_loss(host, error)) from None
    finally:
        try:
            await connection.close()
        finally:
            connection.transport.abort()


def _loss(host: str, closed: Any) -> str:
    if closed.sent is not None and not closed.rcvd_then_sent:
        # The reason is the library's own: no answer to a ping, a message too long.
        return f"given up with code {closed.sent.code}, {closed.sent.reason}"
    if closed.rcvd is not None:
        return f"{host} closed it with code {closed.rcvd.code}"
    return f"the connection to {host} broke"


def _refusal(host: str, status: int) -> StreamUnavailable | StreamLost:
    said = f"{host} answered HTTP {status}"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING:
        return StreamUnavailable(said)
    return StreamLost(said, unauthorized=status == HTTPStatus.UNAUTHORIZED)


def _library() -> Any:
    try:
        import websockets.asyncio.client
        import websockets.exceptions
    except ImportError:
        raise PackageMissing("the package websockets is missing: pip install 'airflow-provider-qrt[stream]'") from None
    return websockets


async def _connector(url: str, **options: Any) -> Any:
    from websockets.asyncio.client import connect

    class Connect(connect):
        """Does not follow redirects: they would carry the CRN and the token to a host nobody named."""

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
    """Proxy and TLS, as ``requests`` finds them for the same host. Reads files."""
    from requests.utils import get_environ_proxies, select_proxy

    # The rules for proxies know http and https only.
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
    """The checks that ``requests`` makes; one object for all streams that ask for the same."""
    if verify is False:
        return _unchecked()
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    path = verify if isinstance(verify, str) else _environment_bundle() or DEFAULT_CA_BUNDLE_PATH
    try:
        return _checked(path, Path(path).stat().st_mtime)
    except OSError as error:
        raise StreamUnavailable(f"the CA bundle {path} cannot be used ({error.strerror or error})") from None


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

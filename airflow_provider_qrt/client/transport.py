"""HTTP as this API speaks it: a timeout on every call, our own errors, retries where they are safe."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.auth import AuthBase

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.connections import SharedConnections
from airflow_provider_qrt.client.errors import ErrorBody, without_secrets
from airflow_provider_qrt.client.limits import CONNECT_TIMEOUT, LOGOUT_TIMEOUT, READ_TIMEOUT
from airflow_provider_qrt.client.login import Login
from airflow_provider_qrt.client.retry import RetryPolicy, parse_retry_after
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.tokens import KeyAuth, Token, TokenAuth, token_slot

log = logging.getLogger(__name__)

REQUEST_TIMEOUT = 408
"""The one 4xx besides 429 that may pass: a gateway gave up waiting."""

FRESH_TOKENS = 2
"""How many new tokens a request is tried with after a 401. Not one: somebody may revoke a token between the login,
whose answer may be slow, and its use."""

_BY_STATUS: dict[int, type[errors.ApiError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
}


_LONGEST_MESSAGE = 2000
_USABLE_TOKEN = re.compile(r"[!-~]+")
_NO_TUNNEL = "Tunnel connection failed"
"""How ``http.client`` begins when a proxy refuses ``CONNECT``."""


OnRequest = Callable[[str, str, int | None], object]
"""Told of each request to the API: its method, its path, and the HTTP status of the answer, or None without one."""


class _NoAuth(AuthBase):
    """Keeps ``requests`` from looking for credentials in a netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Sends requests to the API and to the login, as the channel spells them.

    Args:
        settings: Where to and with which credentials.
        retry: How stubborn to be.
        sleep: Called with seconds between two tries.
        read_timeout: Seconds to wait for an answer, unless a call says otherwise.
        on_request: Told of each request to the API, those that are repeated too; raises nothing.
        shared_connections: Use the connections of all clients of the process; else connections of its own.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        retry: RetryPolicy,
        sleep: Callable[[float], None] = time.sleep,
        read_timeout: float = READ_TIMEOUT,
        on_request: OnRequest | None = None,
        shared_connections: bool = True,
    ) -> None:
        self._settings = settings
        self._on_request = on_request
        self._retry = retry
        self._sleep = sleep
        self._read_timeout = read_timeout
        self._connect_timeout = min(CONNECT_TIMEOUT, read_timeout)
        self._session = requests.Session()
        if shared_connections:
            for scheme in ("https://", "http://"):
                self._session.mount(scheme, SharedConnections())
        self._session.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": f"airflow-provider-qrt/{__version__} {requests.utils.default_user_agent()}",
            }
        )
        self._channel = settings.generation
        self._api_headers = self._channel.headers(settings)
        self._auth = self._authentication()
        # Re-entrant: a signal handler may close a client, or ask again, in the middle of this.
        self._use_lock = threading.RLock()
        self._calls_under_way = 0
        self._closed = False

    def close(self) -> None:
        """Close the connections, and give the token back if no other client uses it.

        It is given back after the last call that is under way in another thread: that one would be refused with it, and
        log in once more.
        """
        self._session.close()
        with self._use_lock:
            self._closed = True
            if self._calls_under_way:
                return
        self._auth.release()

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Note that a call is under way. A call that begins after the last one has ended opens the client again."""
        with self._use_lock:
            self._closed = self._closed and self._calls_under_way > 0
            self._calls_under_way += 1
        try:
            yield
        finally:
            with self._use_lock:
                self._calls_under_way -= 1
                closed_meanwhile = self._closed and not self._calls_under_way
            if closed_meanwhile:
                self._auth.release()

    def headers(self) -> dict[str, str]:
        """What every request carries, for one that is not sent from here; may fetch a token.

        Raises:
            QiskitRuntimeError: If no token could be had.
        """
        with self._call():
            return {**self._api_headers, **self._auth.headers()}

    def _authentication(self) -> TokenAuth | KeyAuth:
        settings, channel = self._settings, self._channel
        login = channel.login(settings)
        if login is None:
            return KeyAuth(channel.auth_header, channel.auth_prefix, settings.api_key)
        return TokenAuth(
            partial(token_slot, login.base_url + login.path, settings.api_key),
            partial(self._fetch_token, login),
            header=channel.auth_header,
            prefix=channel.auth_prefix,
            # Not a method: at the end of the process there may be no client any more.
            log_out=partial(log_out, settings, login) if login.logout_path else None,
        )

    def send(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> requests.Response:
        """Send a request that may safely be sent twice; retried on what may pass.

        Returns:
            The answer, with a 2xx status.

        Raises:
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`.
        """
        with self._call():
            return self._retry.for_repeatable(self._sleep)(self._once, method, path, params=params, body=body)

    def get_json(self, path: str, *, params: Mapping[str, Any] | None = None, authenticated: bool = True) -> Any:
        """GET something and read its JSON; an answer that is not JSON is tried again like a failure.

        Raises:
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`.
        """

        def once() -> Any:
            response = self._once("GET", path, params=params, authenticated=authenticated)
            return read_json(response, f"GET {path}", self._secrets_in(response.request))

        with self._call():
            return self._retry.for_repeatable(self._sleep)(once)

    def submit(self, path: str, *, body: Any, read_timeout: float | None = None) -> Any:
        """POST what must not act twice: retried only after 429 or when nothing can have been received.

        Returns:
            The answer's JSON.

        Raises:
            SubmissionUnknown: When the request went out and its fate is not known.
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`; nothing was created then.
            ValueError: If ``body`` holds NaN or infinity, which JSON has not; nothing was sent.
        """

        def once() -> Any:
            response = self._once("POST", path, body=body, read_timeout=read_timeout)
            answer = read_json(response, f"POST {path}", self._secrets_in(response.request))
            if not isinstance(answer, Mapping) or not answer.get("id"):
                raise errors.UnexpectedAnswer(f"POST {path}: the answer holds no id.")
            return answer

        try:
            with self._call():
                return self._retry.for_submission(self._sleep)(once)
        except (errors.NoAnswer, errors.ServerError, errors.UnexpectedAnswer) as error:
            raise errors.SubmissionUnknown(
                f"It is not known whether the service acted on POST {path}: {error}"
            ) from error

    def _once(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        authenticated: bool = True,
        read_timeout: float | None = None,
    ) -> requests.Response:
        """One try; a 401 drops the token, and another is made with a fresh one, :data:`FRESH_TOKENS` times."""
        url = self._settings.base_url + path
        label = f"{method} {path}"

        def attempt() -> requests.Response:
            status = None
            try:
                response = self._exchange(
                    label,
                    method,
                    url,
                    params=params,
                    json=body,
                    headers=self._api_headers,
                    auth=self._auth if authenticated else _NoAuth(),
                    timeout=(self._connect_timeout, read_timeout or self._read_timeout),
                )
                status = response.status_code
                return response
            finally:
                if self._on_request is not None:
                    self._on_request(method, path, status)

        response = attempt()
        fresh_tokens = 0
        # Dropped after the last try too: the next request must not begin with a token that was refused.
        while response.status_code == 401 and authenticated and self._auth.drop(response.request):
            if fresh_tokens == FRESH_TOKENS:
                break
            fresh_tokens += 1
            response = attempt()
        return self._checked(response, label)

    def _exchange(
        self, label: str, method: str, url: str, *, field: str = "host", **arguments: Any
    ) -> requests.Response:
        """Send and receive; only connection troubles are errors here. ``field`` of the connection led to ``url``."""
        try:
            return self._session.request(
                method,
                url,
                verify=self._settings.verify,
                # A redirect would carry the CRN to a host nobody named.
                allow_redirects=False,
                # On the request, not the session: there HTTPS_PROXY of the environment would win.
                proxies=dict(self._settings.proxies),
                **arguments,
            )
        except requests.exceptions.InvalidJSONError as error:
            raise ValueError(f"{label}: the body cannot be written as JSON ({error}); nothing was sent.") from None
        except requests.RequestException as error:
            raise self._connection_error(label, url, error, field) from None
        except OSError as error:
            if "CA certificate bundle" not in str(error):
                raise
            raise errors.InvalidSettings(
                f"{label}: {error}. Check 'verify' in the connection and REQUESTS_CA_BUNDLE in the environment."
            ) from None

    def _connection_error(self, label: str, url: str, error: requests.RequestException, field: str) -> Exception:
        """Say whether anything can have reached the server. The cause is not chained: it may quote the request."""
        host = urlsplit(url).netloc
        reason = without_secrets(_innermost(error), self._secrets_in(error.request))
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return errors.InvalidSettings(
                f"{label}: the TLS certificate of {host} was not accepted ({reason}). "
                "Set 'verify' in the connection to the path of your CA bundle."
            )
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return errors.InvalidSettings(f"{label}: {reason}")
        if nothing_was_sent(error):
            crn = self._settings.instance if field == "host" else None
            checks = f", proxies and the region in the instance CRN ({crn.region})" if crn else " and proxies"
            return errors.ConnectionFailed(
                f"{label}: no connection to {host} ({reason}). Check the connection's {field}{checks}."
            )
        what_to_do = (
            f" It does not seem to speak TLS: if that is meant, begin the connection's {field} with http://."
            if "WRONG_VERSION_NUMBER" in reason
            else ""
        )
        return errors.NoAnswer(f"{label}: {host} gave no complete answer ({reason}).{what_to_do}")

    def _secrets_in(self, request: requests.PreparedRequest | requests.Request | None) -> tuple[str, ...]:
        """What an answer to ``request`` might quote and nobody may read."""
        carried = str(request.headers.get(self._channel.auth_header, "")) if request is not None else ""
        return *self._settings.secrets, carried.removeprefix(self._channel.auth_prefix)

    def _checked(self, response: requests.Response, label: str, field: str = "host") -> requests.Response:
        if response.ok and response.status_code < 300:
            return response
        status = response.status_code
        body = read_error(response, self._secrets_in(response.request))
        retry_after = parse_retry_after(response.headers.get("Retry-After"))
        if status == 429:
            raise errors.RateLimited(status, body, request=label, retry_after=retry_after)
        if status >= 500 or status == REQUEST_TIMEOUT:
            raise errors.ServerError(status, body, request=label, retry_after=retry_after)
        if status < 400:
            raise errors.UnexpectedAnswer(
                f"{label}: HTTP {status}: the service redirects elsewhere, which it never does. "
                f"Check the connection's {field}."
            )
        if _is_page(response):
            raise errors.UnexpectedAnswer(
                f"{label}: HTTP {status} with an HTML page. The service never sends one: a proxy or firewall answered "
                f"in its place, or the connection's {field} is wrong."
            )
        kind = _BY_STATUS.get(status, errors.BadRequest)
        if status == 400 and body.code == "1234":
            kind = errors.ResultsNotReady
        what_to_do = self._channel.unauthorized if status == 401 else None
        raise kind(status, body, request=label, what_to_do=what_to_do)

    def _fetch_token(self, login: Login) -> Token:
        """Exchange the API key for a token.

        Raises:
            InvalidApiKey: If the login server does not know or accept the key.
            InvalidSettings: If what answers is not the login server.
            TokenUnavailable: If it cannot be reached or does not answer as it should.
        """
        label = login.label
        as_what = "data" if login.as_form else "json"

        def once() -> Token:
            asked_at = time.time()
            response = self._exchange(
                label,
                "POST",
                login.base_url + login.path,
                field="iam_url",
                **{as_what: dict(login.body)},
                auth=_NoAuth(),
                timeout=(self._connect_timeout, self._read_timeout),
            )
            refused = response.status_code in (400, 401, 403)
            if refused and not _is_page(response):
                raise errors.InvalidApiKey(
                    response.status_code,
                    read_error(response, self._secrets_in(response.request)),
                    request=label,
                    what_to_do=login.refused,
                )
            if 400 <= response.status_code < 500 and response.status_code != 429 and not refused:
                # Not NotFound or Conflict: a caller would take those for the state of its job.
                raise errors.InvalidSettings(
                    f"{label}: HTTP {response.status_code} from {urlsplit(login.base_url).netloc}, which does "
                    f"not seem to be {login.server}. Check the connection's iam_url and proxies."
                )
            answer = read_json(self._checked(response, label, "iam_url"), label, self._secrets_in(response.request))
            value = answer.get(login.token_field) if isinstance(answer, Mapping) else None
            if not isinstance(value, str) or not _USABLE_TOKEN.fullmatch(value):
                raise errors.UnexpectedAnswer(f"{label}: the answer holds no access token.")
            try:
                lifetime = float((login.lifetime_field and answer.get(login.lifetime_field)) or login.lifetime)
            except (TypeError, ValueError):
                raise errors.UnexpectedAnswer(
                    f"{label}: the answer's {login.lifetime_field} is not a number."
                ) from None
            return Token(value, asked_at, asked_at + lifetime)

        try:
            # A token may be asked for twice without harm, also on the way of a submission.
            return self._retry.for_repeatable(self._sleep)(once)
        except errors.TRANSIENT as error:
            raise errors.TokenUnavailable(f"No token could be had, so nothing was sent. {error}") from error


def log_out(settings: ClientSettings, login: Login, token: str) -> None:
    """Make a token invalid: one short try, for it lapses anyway. Whatever goes wrong is logged only."""
    header = {settings.generation.auth_header: settings.generation.auth_prefix + token}
    what = f"POST {login.logout_path} ({login.server})"
    try:
        response = requests.post(
            f"{login.base_url}{login.logout_path}",
            headers=header,
            auth=_NoAuth(),
            verify=settings.verify,
            allow_redirects=False,
            proxies=dict(settings.proxies),
            timeout=LOGOUT_TIMEOUT,
        )
    except (requests.RequestException, OSError) as error:
        reason = without_secrets(_innermost(error), (*settings.secrets, token))
        log.warning("%s: the token could not be given back and is valid until it lapses (%s).", what, reason)
        return
    # 401: it is not valid any more.
    if not response.ok and response.status_code != 401:
        log.warning(
            "%s: HTTP %d: the token could not be given back and is valid until it lapses.", what, response.status_code
        )


def nothing_was_sent(error: requests.RequestException) -> bool:
    """Whether the connection was never made, so that the request cannot have reached the server."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(error, requests.exceptions.ConnectionError):
        return False
    cause: object = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    if isinstance(cause, urllib3.exceptions.ProxyError):
        # Raised as well when the proxy drops a request that it may have passed on already.
        cause = cause.original_error
    if isinstance(cause, OSError) and str(cause).startswith(_NO_TUNNEL):
        return True
    return isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _innermost(error: BaseException) -> str:
    """The plainest words for a connection trouble, without URLs and their query strings."""
    cause: Any = error
    while True:
        if isinstance(cause, urllib3.exceptions.MaxRetryError) and cause.reason:
            cause = cause.reason
        elif isinstance(cause, urllib3.exceptions.ProxyError):
            return f"proxy: {_innermost(cause.original_error)}"
        elif getattr(cause, "args", ()) and isinstance(cause.args[0], BaseException):
            cause = cause.args[0]
        else:
            break
    text = str(cause).rsplit(": ", 1)[-1] if isinstance(cause, urllib3.exceptions.HTTPError) else str(cause)
    return text or type(cause).__name__


def _is_page(response: requests.Response) -> bool:
    """Whether somebody answered with HTML, for people."""
    kind = response.headers.get("Content-Type", "")
    return "html" in kind or response.text.lstrip()[:1] == "<"


def read_error(response: requests.Response, secrets: Iterable[str] = ()) -> ErrorBody:
    """Read an error in any of its shapes: the API's, older gateways', IAM's, or bare HTML from a proxy.

    Args:
        response: The answer.
        secrets: What to blot out if the answer quotes it.
    """

    def said(value: Any) -> str:
        # Blotted before it is cut: a cut secret would not be recognised any more.
        return without_secrets(str(value), secrets)[:_LONGEST_MESSAGE] if value is not None else ""

    trace = said(response.headers.get("X-Request-Id") or response.headers.get("CF-Ray")) or None
    try:
        data = response.json()
    except ValueError:
        text = "" if _is_page(response) else said(response.text).strip()
        return ErrorBody(message=text or said(response.reason), trace=trace)
    if not isinstance(data, Mapping):
        return ErrorBody(message=said(json.dumps(data)), trace=trace)
    if "errorCode" in data or "errorMessage" in data:
        context = data.get("context")
        request_id = context.get("requestId") if isinstance(context, Mapping) else None
        return ErrorBody(
            code=said(data.get("errorCode")) or None,
            message=" ".join(said(data[k]) for k in ("errorMessage", "errorDetails") if data.get(k)),
            trace=said(request_id) or trace,
        )
    trace = said(data.get("trace")) or trace
    listed = data.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else data.get("error", data)
    if not isinstance(first, Mapping):
        return ErrorBody(message=said(first), trace=trace)
    return ErrorBody(
        code=said(first.get("code")) or None,
        message=said(first.get("message")) or said(response.reason),
        solution=said(first.get("solution")) or None,
        trace=trace,
    )


def read_json(response: requests.Response, label: str, secrets: Iterable[str] = ()) -> Any:
    """Return the answer's JSON.

    Raises:
        UnexpectedAnswer: If it is not JSON.
    """
    try:
        return response.json()
    except ValueError:
        kind = without_secrets(response.headers.get("Content-Type", "no content type"), secrets)[:100]
        raise errors.UnexpectedAnswer(
            f"{label}: HTTP {response.status_code} with {kind} instead of JSON; something between Airflow and "
            "the service answered in its place."
        ) from None

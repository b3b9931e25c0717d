"""HTTP transport: a timeout on every call, our own errors, and retries where they are safe."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.answers import is_page, read_error, read_json
from airflow_provider_qrt.client.bounds import (
    ACCEPTED_ENCODINGS,
    AnswerLimits,
    BodyReader,
    BoundedAdapter,
    read_body,
    within,
)
from airflow_provider_qrt.client.cautions import is_this_machine
from airflow_provider_qrt.client.connections import SharedConnections
from airflow_provider_qrt.client.endpoint import Endpoint
from airflow_provider_qrt.client.limits import CONNECT_TIMEOUT, LOGOUT_TIMEOUT, READ_TIMEOUT
from airflow_provider_qrt.client.login import Login
from airflow_provider_qrt.client.proxies import check_environment, environment_proxy
from airflow_provider_qrt.client.reading import read_number
from airflow_provider_qrt.client.retry import RetryPolicy, parse_retry_after
from airflow_provider_qrt.client.tokens import KeyAuth, Token, TokenAuth, token_slot
from airflow_provider_qrt.client.troubles import innermost, is_not_sendable, nothing_was_sent
from airflow_provider_qrt.untrusted.blotter import learn, readable

log = logging.getLogger(__name__)

T = TypeVar("T")

REQUEST_TIMEOUT = 408
"""Besides 429, the only temporary 4xx status: a gateway timed out."""

FRESH_TOKENS = 2
"""Number of new tokens to try after a 401. More than one, because a token may be revoked between a slow login and its
first use."""

_BY_STATUS: dict[int, type[errors.ApiError]] = {
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
}


_LONGEST_REASON = 500
"""Maximum number of characters quoted from an error of the HTTP library."""
_USABLE_TOKEN = re.compile(r"[!-~]+")

OnRequest = Callable[[str, str, int | None], object]
"""Called for each API request with its method, its path, and the HTTP status, or None if there was no answer."""


class _NoAuth(AuthBase):
    """Prevents ``requests`` from reading credentials from a netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Sends requests to the API and to the login server.

    Args:
        endpoint: Service address and credentials.
        retry: When to retry.
        sleep: Called with the seconds to wait between two attempts.
        read_timeout: Seconds to wait for an answer, unless a call sets its own.
        limits: Limits for the size and total time of an answer.
        on_request: Called for each API request, including retries; must not raise anything.
        shared_connections: Whether to share connections with all clients of the process.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        retry: RetryPolicy,
        sleep: Callable[[float], None] = time.sleep,
        read_timeout: float = READ_TIMEOUT,
        limits: AnswerLimits | None = None,
        on_request: OnRequest | None = None,
        shared_connections: bool = True,
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits or AnswerLimits()
        self._on_request = on_request
        self._retry = retry
        self._sleep = sleep
        self._read_timeout = read_timeout
        self._connect_timeout = min(CONNECT_TIMEOUT, read_timeout)
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, SharedConnections() if shared_connections else BoundedAdapter())
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED_ENCODINGS,
                "User-Agent": f"airflow-provider-qrt/{__version__} {requests.utils.default_user_agent()}",
            }
        )
        self._auth = self._authentication()
        # Re-entrant: a signal handler may close the client or send a request while this thread holds the lock.
        self._use_lock = threading.RLock()
        self._calls_under_way = 0
        self._closed = False

    def close(self) -> None:
        """Close the connections, and log out if no other client uses the token.

        The logout waits for calls in progress in other threads: otherwise they would be rejected, and log in again.
        """
        self._session.close()
        with self._use_lock:
            self._closed = True
            if self._calls_under_way:
                return
        self._auth.release()

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Track a call in progress. A call that begins when no other is in progress reopens a closed client."""
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
        """Return the headers for a request that is not sent by this class; may fetch a token.

        Raises:
            QiskitRuntimeError: If no token can be obtained.
        """
        with self._call():
            return {**self._endpoint.headers, **self._auth.headers()}

    def _authentication(self) -> TokenAuth | KeyAuth:
        endpoint, login = self._endpoint, self._endpoint.login
        if login is None:
            return KeyAuth(endpoint.auth_header, endpoint.auth_prefix, endpoint.api_key)
        return TokenAuth(
            partial(token_slot, login.base_url + login.path, endpoint.api_key),
            partial(self._fetch_token, login),
            header=endpoint.auth_header,
            prefix=endpoint.auth_prefix,
            # Not a method: at the end of the process the client may no longer exist.
            log_out=partial(log_out, endpoint, login) if login.logout_path else None,
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        large: bool = False,
        new_reader: Callable[[], BodyReader] | None = None,
    ) -> requests.Response:
        """Send a request that is safe to repeat, and retry it after temporary errors.

        Args:
            method: HTTP method.
            path: Path of the request.
            params: Query parameters.
            body: Body, sent as JSON.
            large: Whether the answer may be as large as a result.
            new_reader: Called for each answer with status 200; takes its body while it arrives.

        Returns:
            The answer, with a 2xx status; without content if a reader took it.

        Raises:
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`.
        """
        with self._call():
            return self._retry.for_repeatable(self._sleep)(
                self._once, method, path, params=params, body=body, large=large, new_reader=new_reader
            )

    def get_json(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        authenticated: bool = True,
        large: bool = False,
    ) -> Any:
        """Send a GET request and return its JSON; an answer that is not JSON is retried like an error.

        ``large`` as in :meth:`send`.

        Raises:
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`.
        """

        def once() -> Any:
            response = self._once("GET", path, params=params, authenticated=authenticated, large=large)
            return read_json(response, f"GET {path}", self._secrets_in(response.request))

        with self._call():
            return self._retry.for_repeatable(self._sleep)(once)

    def submit(self, path: str, *, body: Any, reader: Callable[[Any], T], read_timeout: float | None = None) -> T:
        """Send a POST request that must not act twice; retry only after 429, or if nothing can have been received.

        Args:
            path: Path of the request.
            body: Body, sent as JSON.
            reader: Reads the answer's JSON; if it fails, the outcome of the submission is unknown.
            read_timeout: Seconds to wait for an answer.

        Returns:
            The value that ``reader`` returns.

        Raises:
            SubmissionUnknownError: If the request was sent and its outcome is unknown.
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`; nothing was created.
            ValueError: If ``body`` holds NaN or infinity, which JSON does not allow; nothing was sent.
        """

        def once() -> T:
            response = self._once("POST", path, body=body, read_timeout=read_timeout)
            answer = read_json(response, f"POST {path}", self._secrets_in(response.request))
            if not isinstance(answer, Mapping) or not answer.get("id"):
                raise errors.UnexpectedAnswerError(f"POST {path}: the answer holds no id.")
            return reader(answer)

        try:
            with self._call():
                return self._retry.for_submission(self._sleep)(once)
        except (errors.NoAnswerError, errors.ServerError, errors.UnexpectedAnswerError) as error:
            raise errors.SubmissionUnknownError(
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
        large: bool = False,
        new_reader: Callable[[], BodyReader] | None = None,
    ) -> requests.Response:
        """Send a request once; after a 401, repeat it with a fresh token up to :data:`FRESH_TOKENS` times."""
        url = self._endpoint.base_url + path
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
                    headers=dict(self._endpoint.headers),
                    auth=self._auth if authenticated else _NoAuth(),
                    timeout=(self._connect_timeout, read_timeout or self._read_timeout),
                    max_bytes=self._limits.max_result_bytes if large else self._limits.max_bytes,
                    new_reader=new_reader,
                )
                status = response.status_code
                return response
            finally:
                if self._on_request is not None:
                    self._on_request(method, path, status)

        response = attempt()
        fresh_tokens = 0
        # Drop the token after the last attempt too: the next request must not use a rejected token.
        while response.status_code == 401 and authenticated and self._auth.drop(response.request):
            if fresh_tokens == FRESH_TOKENS:
                break
            fresh_tokens += 1
            response = attempt()
        return self._checked(response, label)

    def _exchange(
        self,
        label: str,
        method: str,
        url: str,
        *,
        timeout: tuple[float, float],
        field: str = "host",
        max_bytes: int | None = None,
        new_reader: Callable[[], BodyReader] | None = None,
        **arguments: Any,
    ) -> requests.Response:
        """Send and receive; raise on connection errors only. ``url`` comes from the connection's ``field``."""
        check_environment(environment_proxy(url, self._endpoint.proxies))
        try:
            with within(timeout[1], self._limits):
                response = self._session.request(
                    method,
                    url,
                    verify=self._endpoint.verify,
                    # A redirect would send the CRN to another host.
                    allow_redirects=False,
                    # Set on the request, since HTTPS_PROXY would take precedence over the session's proxies.
                    proxies=dict(self._endpoint.proxies),
                    timeout=timeout,
                    stream=True,
                    **arguments,
                )
                reader = new_reader() if new_reader is not None and response.status_code == 200 else None
                read_body(response, max_bytes or self._limits.max_bytes, label, reader)
                return response
        except requests.exceptions.InvalidJSONError as error:
            raise ValueError(f"{label}: the body cannot be written as JSON ({error}); nothing was sent.") from None
        except requests.RequestException as error:
            raise self._connection_error(label, url, error, field) from None
        except OSError as error:
            if "CA certificate bundle" not in str(error):
                raise
            raise errors.InvalidSettingsError(
                f"{label}: {readable(error)}. Check 'verify' in the connection and REQUESTS_CA_BUNDLE in the "
                "environment."
            ) from None

    def _connection_error(self, label: str, url: str, error: requests.RequestException, field: str) -> Exception:
        """Return an error that tells whether the server can have received anything.

        The cause is not chained: it may quote the request.
        """
        host = urlsplit(url).netloc
        reason = readable(innermost(error), _LONGEST_REASON, self._secrets_in(error.request))
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return errors.InvalidSettingsError(
                f"{label}: the TLS certificate of {host} was not accepted ({reason}). "
                "Set 'verify' in the connection to the path of your CA bundle."
            )
        if is_not_sendable(error):
            # The error's text is not quoted: it contains the whole address, header or path.
            return errors.InvalidSettingsError(
                f"{label}: the request cannot be sent ({type(error).__name__}). Check the connection's {field}, its "
                "password and proxies for characters that do not belong there."
            )
        if nothing_was_sent(error):
            region = self._endpoint.region if field == "host" else None
            checks = f", proxies and the region in the instance CRN ({region})" if region else " and proxies"
            return errors.ConnectionFailedError(
                f"{label}: no connection to {host} ({reason}). Check the connection's {field}{checks}."
            )
        what_to_do = (
            f" It does not seem to speak TLS: if that is meant, begin the connection's {field} with http://."
            if "WRONG_VERSION_NUMBER" in reason
            else ""
        )
        return errors.NoAnswerError(f"{label}: {host} gave no complete answer ({reason}).{what_to_do}")

    def _secrets_in(self, request: requests.PreparedRequest | requests.Request | None) -> tuple[str, ...]:
        """Return the texts to redact if the answer to ``request`` quotes them."""
        carried = str(request.headers.get(self._endpoint.auth_header, "")) if request is not None else ""
        return *self._endpoint.secrets, carried.removeprefix(self._endpoint.auth_prefix)

    def _checked(self, response: requests.Response, label: str, field: str = "host") -> requests.Response:
        if response.ok and response.status_code < 300:
            return response
        status = response.status_code
        body = read_error(response, self._secrets_in(response.request))
        retry_after = parse_retry_after(response.headers.get("Retry-After"))
        if status == 429:
            raise errors.RateLimitedError(status, body, request=label, retry_after=retry_after)
        if status >= 500 or status == REQUEST_TIMEOUT:
            raise errors.ServerError(status, body, request=label, retry_after=retry_after)
        if status < 400:
            raise errors.UnexpectedAnswerError(
                f"{label}: HTTP {status}: the service redirects elsewhere, which it never does. "
                f"Check the connection's {field}."
            )
        if is_page(response):
            raise errors.UnexpectedAnswerError(
                f"{label}: HTTP {status} with an HTML page. The service never sends one: a proxy or firewall answered "
                f"in its place, or the connection's {field} is wrong."
            )
        kind = _BY_STATUS.get(status, errors.BadRequestError)
        if status == 400 and body.code == "1234":
            kind = errors.ResultsNotReadyError
        what_to_do = self._endpoint.unauthorized if status == 401 else None
        raise kind(status, body, request=label, what_to_do=what_to_do)

    def _fetch_token(self, login: Login) -> Token:
        """Exchange the API key for a token.

        Raises:
            InvalidApiKeyError: If the login server does not know or accept the key.
            InvalidSettingsError: If the server that answers is not the login server.
            TokenUnavailableError: If it cannot be reached or gives an unexpected answer.
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
                **{as_what: dict(login.body)},  # type: ignore[arg-type]
                auth=_NoAuth(),
                timeout=(self._connect_timeout, self._read_timeout),
            )
            refused = response.status_code in (400, 401, 403)
            if refused and not is_page(response):
                raise errors.InvalidApiKeyError(
                    response.status_code,
                    read_error(response, self._secrets_in(response.request)),
                    request=label,
                    what_to_do=login.refused,
                )
            if 400 <= response.status_code < 500 and response.status_code != 429 and not refused:
                # Not NotFoundError or ConflictError: a caller would relate those to its job.
                raise errors.InvalidSettingsError(
                    f"{label}: HTTP {response.status_code} from {urlsplit(login.base_url).netloc}, which does "
                    f"not seem to be {login.server}. Check the connection's iam_url and proxies."
                )
            answer = read_json(self._checked(response, label, "iam_url"), label, self._secrets_in(response.request))
            value = answer.get(login.token_field) if isinstance(answer, Mapping) else None
            if not isinstance(value, str) or not _USABLE_TOKEN.fullmatch(value):
                raise errors.UnexpectedAnswerError(f"{label}: the answer holds no access token.")
            lifetime = (login.lifetime_field and read_number(answer.get(login.lifetime_field))) or login.lifetime
            learn([value])
            return Token(value, asked_at, asked_at + lifetime)

        try:
            # A token request is safe to repeat, even as part of a submission.
            return self._retry.for_repeatable(self._sleep)(once)
        except errors.TRANSIENT as error:
            message = f"No token could be had, so nothing was sent. {error}"
            if isinstance(error, errors.ConnectionFailedError) and is_this_machine(
                urlsplit(login.base_url).hostname or ""
            ):
                message += " The address is this machine's own: is the emulator running, and on that port?"
            raise errors.TokenUnavailableError(message) from error


def log_out(endpoint: Endpoint, login: Login, token: str) -> None:
    """Invalidate a token with one short attempt, since it expires anyway. Errors are only logged."""
    header = {endpoint.auth_header: endpoint.auth_prefix + token}
    what = f"POST {login.logout_path} ({login.server})"
    try:
        with requests.Session() as session, within(LOGOUT_TIMEOUT, AnswerLimits()):
            for scheme in ("https://", "http://"):
                session.mount(scheme, BoundedAdapter())
            response = session.post(
                f"{login.base_url}{login.logout_path}",
                headers=header,
                auth=_NoAuth(),
                verify=endpoint.verify,
                allow_redirects=False,
                proxies=dict(endpoint.proxies),
                timeout=LOGOUT_TIMEOUT,
                stream=True,
            )
    except (requests.RequestException, OSError) as error:
        reason = readable(innermost(error), _LONGEST_REASON, (*endpoint.secrets, token))
        log.warning("%s: the token could not be given back and is valid until it lapses (%s).", what, reason)
        return
    # 401: the token is no longer valid.
    if not 200 <= response.status_code < 300 and response.status_code != 401:
        log.warning(
            "%s: HTTP %d: the token could not be given back and is valid until it lapses.", what, response.status_code
        )

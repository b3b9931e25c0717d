"""HTTP as this API speaks it: a timeout on every call, our own errors, retries where they are safe."""

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
from airflow_provider_qrt.client.bounds import ACCEPTED_ENCODINGS, AnswerLimits, BoundedAdapter, read_body, within
from airflow_provider_qrt.client.cautions import is_this_machine
from airflow_provider_qrt.client.connections import SharedConnections
from airflow_provider_qrt.client.limits import CONNECT_TIMEOUT, LOGOUT_TIMEOUT, READ_TIMEOUT
from airflow_provider_qrt.client.login import Login
from airflow_provider_qrt.client.proxies import check_environment, environment_proxy
from airflow_provider_qrt.client.reading import read_number
from airflow_provider_qrt.client.retry import RetryPolicy, parse_retry_after
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.tokens import KeyAuth, Token, TokenAuth, token_slot
from airflow_provider_qrt.client.troubles import innermost, is_not_sendable, nothing_was_sent
from airflow_provider_qrt.untrusted.blotter import learn, readable

log = logging.getLogger(__name__)

T = TypeVar("T")

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


_LONGEST_REASON = 500
"""Characters of what the HTTP library may say in an error."""
_USABLE_TOKEN = re.compile(r"[!-~]+")

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
        limits: How much an answer may bring and how long it may take.
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
        limits: AnswerLimits | None = None,
        on_request: OnRequest | None = None,
        shared_connections: bool = True,
    ) -> None:
        self._settings = settings
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
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        large: bool = False,
    ) -> requests.Response:
        """Send a request that may safely be sent twice; retried on what may pass.

        ``large`` says that the answer may be as large as a result.

        Returns:
            The answer, with a 2xx status.

        Raises:
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`.
        """
        with self._call():
            return self._retry.for_repeatable(self._sleep)(
                self._once, method, path, params=params, body=body, large=large
            )

    def get_json(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        authenticated: bool = True,
        large: bool = False,
    ) -> Any:
        """GET something and read its JSON; an answer that is not JSON is tried again like a failure.

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
        """POST what must not act twice: retried only after 429 or when nothing can have been received.

        Args:
            path: Where to.
            body: As JSON.
            reader: Reads the answer's JSON; what it cannot read leaves the submission's fate unknown.
            read_timeout: Seconds to wait for an answer.

        Returns:
            What the answer says.

        Raises:
            SubmissionUnknown: When the request went out and its fate is not known.
            QiskitRuntimeError: See :mod:`airflow_provider_qrt.client.errors`; nothing was created then.
            ValueError: If ``body`` holds NaN or infinity, which JSON has not; nothing was sent.
        """

        def once() -> T:
            response = self._once("POST", path, body=body, read_timeout=read_timeout)
            answer = read_json(response, f"POST {path}", self._secrets_in(response.request))
            if not isinstance(answer, Mapping) or not answer.get("id"):
                raise errors.UnexpectedAnswer(f"POST {path}: the answer holds no id.")
            return reader(answer)

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
        large: bool = False,
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
                    max_bytes=self._limits.max_result_bytes if large else self._limits.max_bytes,
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
        self,
        label: str,
        method: str,
        url: str,
        *,
        timeout: tuple[float, float],
        field: str = "host",
        max_bytes: int | None = None,
        **arguments: Any,
    ) -> requests.Response:
        """Send and receive; only connection troubles are errors here. ``field`` of the connection led to ``url``."""
        check_environment(environment_proxy(url, self._settings.proxies))
        try:
            with within(timeout[1], self._limits):
                response = self._session.request(
                    method,
                    url,
                    verify=self._settings.verify,
                    # A redirect would carry the CRN to a host nobody named.
                    allow_redirects=False,
                    # On the request, not the session: there HTTPS_PROXY of the environment would win.
                    proxies=dict(self._settings.proxies),
                    timeout=timeout,
                    stream=True,
                    **arguments,
                )
                read_body(response, max_bytes or self._limits.max_bytes, label)
                return response
        except requests.exceptions.InvalidJSONError as error:
            raise ValueError(f"{label}: the body cannot be written as JSON ({error}); nothing was sent.") from None
        except requests.RequestException as error:
            raise self._connection_error(label, url, error, field) from None
        except OSError as error:
            if "CA certificate bundle" not in str(error):
                raise
            raise errors.InvalidSettings(
                f"{label}: {readable(error)}. Check 'verify' in the connection and REQUESTS_CA_BUNDLE in the "
                "environment."
            ) from None

    def _connection_error(self, label: str, url: str, error: requests.RequestException, field: str) -> Exception:
        """Say whether anything can have reached the server. The cause is not chained: it may quote the request."""
        host = urlsplit(url).netloc
        reason = readable(innermost(error), _LONGEST_REASON, self._secrets_in(error.request))
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return errors.InvalidSettings(
                f"{label}: the TLS certificate of {host} was not accepted ({reason}). "
                "Set 'verify' in the connection to the path of your CA bundle."
            )
        if is_not_sendable(error):
            # Not quoted: the libraries put the whole address, header or path into these.
            return errors.InvalidSettings(
                f"{label}: the request cannot be sent ({type(error).__name__}). Check the connection's {field}, its "
                "password and proxies for characters that do not belong there."
            )
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
        if is_page(response):
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
                **{as_what: dict(login.body)},  # type: ignore[arg-type]
                auth=_NoAuth(),
                timeout=(self._connect_timeout, self._read_timeout),
            )
            refused = response.status_code in (400, 401, 403)
            if refused and not is_page(response):
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
            lifetime = (login.lifetime_field and read_number(answer.get(login.lifetime_field))) or login.lifetime
            learn([value])
            return Token(value, asked_at, asked_at + lifetime)

        try:
            # A token may be asked for twice without harm, also on the way of a submission.
            return self._retry.for_repeatable(self._sleep)(once)
        except errors.TRANSIENT as error:
            message = f"No token could be had, so nothing was sent. {error}"
            if isinstance(error, errors.ConnectionFailed) and is_this_machine(urlsplit(login.base_url).hostname or ""):
                message += " The address is this machine's own: is the emulator running, and on that port?"
            raise errors.TokenUnavailable(message) from error


def log_out(settings: ClientSettings, login: Login, token: str) -> None:
    """Make a token invalid: one short try, for it lapses anyway. Whatever goes wrong is logged only."""
    header = {settings.generation.auth_header: settings.generation.auth_prefix + token}
    what = f"POST {login.logout_path} ({login.server})"
    try:
        with requests.Session() as session, within(LOGOUT_TIMEOUT, AnswerLimits()):
            for scheme in ("https://", "http://"):
                session.mount(scheme, BoundedAdapter())
            response = session.post(
                f"{login.base_url}{login.logout_path}",
                headers=header,
                auth=_NoAuth(),
                verify=settings.verify,
                allow_redirects=False,
                proxies=dict(settings.proxies),
                timeout=LOGOUT_TIMEOUT,
                stream=True,
            )
    except (requests.RequestException, OSError) as error:
        reason = readable(innermost(error), _LONGEST_REASON, (*settings.secrets, token))
        log.warning("%s: the token could not be given back and is valid until it lapses (%s).", what, reason)
        return
    # 401: it is not valid any more.
    if not response.ok and response.status_code != 401:
        log.warning(
            "%s: HTTP %d: the token could not be given back and is valid until it lapses.", what, response.status_code
        )

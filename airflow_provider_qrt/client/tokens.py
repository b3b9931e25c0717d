"""Tokens, shared by all clients of the process with the same login URL and API key.

Tokens are valid for an hour (IBM Cloud IAM) or a day, which is shorter than many jobs queue. One is kept per login URL
and API key, shared by all clients and threads of the process, replaced after 80 % of its lifetime and dropped when the
API answers 401. The key itself is only sent to the login server, and the cache's keys are digests.

If the service has a logout, the last client to be closed logs out: an earlier logout could make requests of the others
fail. At the end of the process, tokens of clients that were not closed are logged out too.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import requests
from requests.auth import AuthBase

from airflow_provider_qrt.client.errors import QiskitRuntimeError

REFRESH_AT = 0.8
"""Fraction of a token's lifetime after which it is replaced."""
RETRY_REFRESH_SECONDS = 60.0
"""Seconds for which a valid token is used after a failed attempt to replace it."""
EXPIRY_MARGIN_SECONDS = 10.0
EXIT_PATIENCE = 1.0
"""Seconds for which a login in another thread may delay the end of the process."""


@dataclass(frozen=True)
class Token:
    """A token that requests carry.

    Attributes:
        value: The token.
        fetched_at: Epoch seconds.
        expires_at: Epoch seconds.
    """

    value: str = field(repr=False)
    fetched_at: float
    expires_at: float

    @property
    def refresh_at(self) -> float:
        """Epoch seconds after which a new token is fetched."""
        return self.fetched_at + REFRESH_AT * (self.expires_at - self.fetched_at)

    def is_valid(self, now: float) -> bool:
        """Return whether the API can be expected to accept it."""
        return now < self.expires_at - EXPIRY_MARGIN_SECONDS


FetchToken = Callable[[], Token]
LogOut = Callable[[str], None]
"""Logs out a token; raises nothing."""


class TokenSlot:
    """The token of a login URL and API key; threads that need it at the same time share one request."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # Re-entrant: a signal handler that cancels a job may need a token while the same thread is fetching one.
        self._lock = threading.RLock()
        self._token: Token | None = None
        self._next_attempt = 0.0
        self._users: weakref.WeakSet[object] = weakref.WeakSet()
        self._log_out: LogOut | None = None
        self._replaced: list[str] = []

    def get(self, fetch: FetchToken) -> Token:
        """Return a token that is valid now.

        Raises:
            QiskitRuntimeError: The error of ``fetch``, unless the current token is still valid.
        """
        with self._lock:
            token, now = self._token, self._clock()
            if token and (now < token.refresh_at or (token.is_valid(now) and now < self._next_attempt)):
                return token
            try:
                self._token = fetch()
                if token is not None and token.value != self._token.value and self._log_out is not None:
                    self._replaced.append(token.value)
            except QiskitRuntimeError:
                if token is None or not token.is_valid(now):
                    raise
                self._next_attempt = now + RETRY_REFRESH_SECONDS
                return token
            return self._token

    def drop(self, value: str) -> None:
        """Forget the token if it is still ``value``; another thread may have replaced it already."""
        with self._lock:
            if self._token and self._token.value == value:
                self._token = None

    def hold(self, user: object, log_out: LogOut) -> None:
        """Register ``user`` as a user of the token; ``log_out`` is called when there are none left."""
        with self._lock:
            self._users.add(user)
            self._log_out = log_out

    def release(self, user: object) -> None:
        """Unregister ``user``; after the last one the token is logged out."""
        with self._lock:
            held = user in self._users
            self._users.discard(user)
            if not held or self._users:
                return
        self.end()

    def end(self, patience: float = -1.0) -> None:
        """Log out, if the service has a logout, even if the token is in use.

        Args:
            patience: Longest wait in seconds for a login in progress; negative means no limit.
        """
        if self._log_out is None or not self._lock.acquire(timeout=patience):
            return
        try:
            log_out, replaced, token = self._log_out, self._replaced, self._token
            self._token, self._replaced = None, []
        finally:
            self._lock.release()
        for value in [*replaced, *([token.value] if token else [])]:
            log_out(value)


_slots: dict[tuple[str, str], TokenSlot] = {}
_slots_lock = threading.RLock()


def token_slot(login_url: str, api_key: str) -> TokenSlot:
    """Return the process-wide slot of a login URL and API key."""
    key = (login_url, hashlib.sha256(api_key.encode()).hexdigest())
    with _slots_lock:
        return _slots.setdefault(key, TokenSlot())


def forget_all_tokens() -> None:
    """Empty the cache: for tests, and after a fork, where a lock may be held by a thread that the child lacks."""
    global _slots_lock
    _slots_lock = threading.RLock()
    _slots.clear()


os.register_at_fork(after_in_child=forget_all_tokens)


@atexit.register
def log_out_everywhere() -> None:
    """Log out the tokens of clients that were not closed, at the end of the process."""
    for slot in list(_slots.values()):
        slot.end(EXIT_PATIENCE)


class TokenAuth(AuthBase):
    """Adds the shared token to each request; called by ``requests``.

    Args:
        slot: Returns the slot. Called each time, so that a client created before a fork uses the child's own.
        fetch: Gets a new token from the login server.
        header: Header that carries the token.
        prefix: Text before the token in that header.
        log_out: Logs the token out; None if tokens only expire.
    """

    def __init__(
        self,
        slot: Callable[[], TokenSlot],
        fetch: FetchToken,
        *,
        header: str = "Authorization",
        prefix: str = "Bearer ",
        log_out: LogOut | None = None,
    ) -> None:
        self._slot = slot
        self._fetch = fetch
        self._header = header
        self._prefix = prefix
        self._log_out = log_out

    def headers(self) -> dict[str, str]:
        """Return the header with a valid token.

        Raises:
            QiskitRuntimeError: If no token can be obtained.
        """
        slot = self._slot()
        if self._log_out is not None:
            slot.hold(self, self._log_out)
        return {self._header: f"{self._prefix}{slot.get(self._fetch).value}"}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        request.headers.update(self.headers())
        return request

    def drop(self, request: requests.PreparedRequest) -> bool:
        """Forget the token that was rejected with ``request``; return whether a new one may be accepted."""
        self._slot().drop(str(request.headers.get(self._header, "")).removeprefix(self._prefix))
        return True

    def release(self) -> None:
        """Stop using the token because the client is closed. The client may be used again."""
        if self._log_out is not None:
            self._slot().release(self)


class KeyAuth(AuthBase):
    """Adds the API token itself to each request, on channels without a login.

    Args:
        header: Header that carries the token.
        prefix: Text before the token in that header.
        key: The API token.
    """

    def __init__(self, header: str, prefix: str, key: str) -> None:
        self._header = header
        self._value = f"{prefix}{key}"

    def headers(self) -> dict[str, str]:
        """Return the header."""
        return {self._header: self._value}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        request.headers.update(self.headers())
        return request

    def drop(self, request: requests.PreparedRequest) -> bool:  # noqa: ARG002
        """Return False: there is no other token."""
        return False

    def release(self) -> None:
        """Do nothing: there is no login to end."""

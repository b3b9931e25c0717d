"""Tokens: one for all clients of the process that log in at the same place with the same key.

Tokens live an hour at most (IBM Cloud IAM) or a day, less than many a job queues. One is kept per login URL and API
key, shared by every client and thread of the process, replaced when 80 % of its life has passed and dropped when the
API answers 401. The key itself is never sent anywhere but to the login, and the cache's keys are digests.

Where a token can be given back (logout), it is when the last client that uses it is closed; never while another one is
open, whose request it might spoil. Clients that nobody closed are no reason to keep it beyond the end of the process.
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
"""Share of a token's life after which it is replaced."""
RETRY_REFRESH_SECONDS = 60.0
"""How long an old, still valid token is used after a failed attempt to replace it."""
EXPIRY_MARGIN_SECONDS = 10.0
EXIT_PATIENCE = 1.0
"""Seconds for which a login that is under way in another thread may hold up the end of the process."""


@dataclass(frozen=True)
class Token:
    """What requests carry.

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
        """Epoch seconds from which a new one is fetched."""
        return self.fetched_at + REFRESH_AT * (self.expires_at - self.fetched_at)

    def is_valid(self, now: float) -> bool:
        """Whether the API can be expected to accept it."""
        return now < self.expires_at - EXPIRY_MARGIN_SECONDS


FetchToken = Callable[[], Token]
LogOut = Callable[[str], None]
"""Gives a token back; raises nothing."""


class TokenSlot:
    """The one token of a login URL and API key; threads that need it at the same time share one request."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # Re-entrant: a signal handler that cancels a job may need a token while its own thread is fetching one.
        self._lock = threading.RLock()
        self._token: Token | None = None
        self._next_attempt = 0.0
        self._users: weakref.WeakSet[object] = weakref.WeakSet()
        self._log_out: LogOut | None = None
        self._replaced: list[str] = []

    def get(self, fetch: FetchToken) -> Token:
        """Return a token that is good for a request now.

        Raises:
            QiskitRuntimeError: What ``fetch`` raises, unless the token at hand is still valid.
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
        """Note that ``user`` is going to use the token, which is given back with ``log_out`` when nobody does."""
        with self._lock:
            self._users.add(user)
            self._log_out = log_out

    def release(self, user: object) -> None:
        """Note that ``user`` is done; after the last one the token is given back."""
        with self._lock:
            held = user in self._users
            self._users.discard(user)
            if not held or self._users:
                return
        self.end()

    def end(self, patience: float = -1.0) -> None:
        """Give the token back, if that can be done, whoever uses it.

        Args:
            patience: Seconds to wait for a login under way at most; negative: as long as it takes.
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
    """Empty the cache: for tests, and after a fork, where a lock may be held by a thread that is not there."""
    global _slots_lock
    _slots_lock = threading.RLock()
    _slots.clear()


os.register_at_fork(after_in_child=forget_all_tokens)


@atexit.register
def log_out_everywhere() -> None:
    """Give back the tokens of clients that nobody closed, at the end of the process."""
    for slot in list(_slots.values()):
        slot.end(EXIT_PATIENCE)


class TokenAuth(AuthBase):
    """Puts the shared token on each request; ``requests`` calls it.

    Args:
        slot: Gives the slot. Asked each time, so that a client made before a fork finds the child's own.
        fetch: Gets a new token from the login.
        header: Header that carries it.
        prefix: What stands before it there.
        log_out: Gives it back; None if it just lapses.
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
        """The header with a token that is good now.

        Raises:
            QiskitRuntimeError: If none could be had.
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
        """Forget the token that ``request`` was refused with; return whether another one may do better."""
        self._slot().drop(str(request.headers.get(self._header, "")).removeprefix(self._prefix))
        return True

    def release(self) -> None:
        """Say that the client is closed. It may be used again."""
        if self._log_out is not None:
            self._slot().release(self)


class KeyAuth(AuthBase):
    """Puts the API token itself on each request, where there is no login.

    Args:
        header: Header that carries it.
        prefix: What stands before it there.
        key: The API token.
    """

    def __init__(self, header: str, prefix: str, key: str) -> None:
        self._header = header
        self._value = f"{prefix}{key}"

    def headers(self) -> dict[str, str]:
        """The header."""
        return {self._header: self._value}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        request.headers.update(self.headers())
        return request

    def drop(self, request: requests.PreparedRequest) -> bool:  # noqa: ARG002
        """There is no other token."""
        return False

    def release(self) -> None:
        """There is nothing to give back."""

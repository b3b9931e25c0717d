"""IBM Cloud IAM: an API key becomes a bearer token, once for all clients of the process.

Tokens live at most an hour (https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey), less than many a
job queues. One is kept per IAM URL and API key, shared by every client and thread of the process, replaced when 80 % of
its life has passed and dropped when the API answers 401. The key itself is never sent anywhere but to IAM, and the
cache's keys are digests.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests
from requests.auth import AuthBase

from airflow_provider_qrt.client.errors import QiskitRuntimeError

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"
REFRESH_AT = 0.8
"""Share of a token's life after which it is replaced."""
RETRY_REFRESH_SECONDS = 60.0
"""How long an old, still valid token is used after a failed attempt to replace it."""
EXPIRY_MARGIN_SECONDS = 10.0


@dataclass(frozen=True)
class Token:
    """A bearer token.

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


class TokenSlot:
    """The one token of an IAM URL and API key; threads that need it at the same time share one request."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # Re-entrant: a signal handler that cancels a job may need a token while its own thread is fetching one.
        self._lock = threading.RLock()
        self._token: Token | None = None
        self._next_attempt = 0.0

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


_slots: dict[tuple[str, str], TokenSlot] = {}
_slots_lock = threading.RLock()


def token_slot(iam_url: str, api_key: str) -> TokenSlot:
    """Return the process-wide slot of an IAM URL and API key."""
    key = (iam_url, hashlib.sha256(api_key.encode()).hexdigest())
    with _slots_lock:
        return _slots.setdefault(key, TokenSlot())


def forget_all_tokens() -> None:
    """Empty the cache: for tests, and after a fork, where a lock may be held by a thread that is not there."""
    global _slots_lock
    _slots_lock = threading.RLock()
    _slots.clear()


os.register_at_fork(after_in_child=forget_all_tokens)


class BearerAuth(AuthBase):
    """Puts the shared token on each request; ``requests`` calls it.

    Args:
        slot: Gives the slot. Asked each time, so that a client made before a fork finds the child's own.
        fetch: Gets a new token from IAM.
    """

    def __init__(self, slot: Callable[[], TokenSlot], fetch: FetchToken) -> None:
        self._slot = slot
        self._fetch = fetch

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the ``Authorization`` header."""
        request.headers["Authorization"] = f"Bearer {self._slot().get(self._fetch).value}"
        return request

    def drop(self, request: requests.PreparedRequest) -> None:
        """Forget the token that ``request`` was refused with."""
        self._slot().drop(str(request.headers.get("Authorization", "")).removeprefix("Bearer "))

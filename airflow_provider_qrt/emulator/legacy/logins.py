"""The login of the ``ibm_quantum`` generation: an API token is exchanged for an id, sent as ``x-access-token``."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.errors import AUTHENTICATION_FAILED, INVALID_CREDENTIALS, ApiError, bad_request
from airflow_provider_qrt.emulator.settings import Settings

HEADER = "x-access-token"
MOST_LOGINS = 10_000


class Logins:
    """Issues and checks login ids. An id is valid as long as an IAM token."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._expiry: dict[str, float] = {}

    def issue(self, body: Any) -> str:
        """Answer a login.

        Raises:
            ApiError: 400 for a malformed body, 401 for an unknown API token.
        """
        token = checks.text(checks.mapping(body, "the body"), "apiToken")
        if token is None:
            raise bad_request("apiToken is missing.", "Send your API token.")
        if not hmac.compare_digest(token.encode(), self._settings.api_key.encode()):
            raise ApiError(401, INVALID_CREDENTIALS, "Login failed.", "Check the API token.")
        now = self._clock.unhurried()
        if len(self._expiry) >= MOST_LOGINS:
            self._expiry = {name: expiry for name, expiry in self._expiry.items() if expiry > now}
        login = secrets.token_urlsafe(48)
        self._expiry[login] = now + self._settings.token_lifetime
        return login

    def check(self, login: str | None) -> None:
        """Accept the value of an ``x-access-token`` header.

        Raises:
            ApiError: 401, with code 1201 for a missing or unknown id, and 1219 for one that has expired or logged out.
        """
        expiry = self._expiry.get(login or "")
        if expiry is None:
            raise _unauthorised(INVALID_CREDENTIALS, "The access token is missing or not known.")
        if self._clock.unhurried() >= expiry:
            raise _unauthorised(AUTHENTICATION_FAILED, "The access token is no longer good.")

    def give_back(self, login: str | None) -> None:
        """Log out.

        Raises:
            ApiError: 401, as for any other request.
        """
        self.check(login)
        self._expiry[login or ""] = 0.0

    def revoke(self) -> int:
        """Expire every login so far, and return how many were still valid."""
        now = self._clock.unhurried()
        good = [login for login, expiry in self._expiry.items() if expiry > now]
        self._expiry.update(dict.fromkeys(good, 0.0))
        return len(good)


def _unauthorised(code: int, message: str) -> ApiError:
    return ApiError(401, code, message, "Log in and send the id as x-access-token.")

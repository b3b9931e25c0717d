"""The identity service, which exchanges an API key for a bearer token that expires.

IBM's REST API reference: ``POST /identity/token`` with a form body; tokens live for at most an hour and cannot be
refreshed, only replaced.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from typing import Any

from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.errors import (
    AUTHENTICATION_FAILED,
    INVALID_CREDENTIALS,
    ApiError,
    IamError,
)
from airflow_provider_qrt.emulator.settings import USER_ID, Settings

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"
MOST_TOKENS = 10_000


class Identity:
    """Issues and checks access tokens."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._expiry: dict[str, float] = {}

    def issue(self, form: dict[str, str]) -> dict[str, Any]:
        """Answer a token request.

        Raises:
            IamError: The grant type is missing or wrong, or the key is missing or unknown.
        """
        grant, key = form.get("grant_type"), form.get("apikey")
        if not grant:
            raise IamError("BXNIM0109E", "Property missing or empty: grant_type")
        if grant != GRANT_TYPE:
            raise IamError("BXNIM0106E", f"Unsupported grant_type; this service takes {GRANT_TYPE}")
        if not key:
            raise IamError("BXNIM0109E", "Property missing or empty: apikey")
        if not hmac.compare_digest(key.encode(), self._settings.api_key.encode()):
            raise IamError("BXNIM0415E", "Provided API key could not be found.")
        now = self._clock.unhurried()
        self._forget_old(now)
        lifetime = self._settings.token_lifetime
        token = self._sign(now, now + lifetime)
        self._expiry[token] = now + lifetime
        return {
            "access_token": token,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "expiration": int(now + lifetime),
            "scope": "ibm openid",
        }

    def check(self, authorization: str | None) -> None:
        """Accept the value of an ``Authorization`` header.

        Raises:
            ApiError: 401, with code 1201 for a credential that is missing, unknown or of another kind, and 1219 for a
                token that has expired or was revoked.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if not authorization:
            raise _unauthorised(INVALID_CREDENTIALS, "The Authorization header is missing.")
        if scheme.lower() != "bearer":
            raise _unauthorised(INVALID_CREDENTIALS, "Only bearer tokens are accepted.")
        expiry = self._expiry.get(token.strip())
        if expiry is None:
            raise _unauthorised(INVALID_CREDENTIALS, "The access token is not known.")
        if self._clock.unhurried() >= expiry:
            raise _unauthorised(AUTHENTICATION_FAILED, "The access token has expired.")

    def revoke(self) -> int:
        """Expire every token issued so far, and return how many were still valid."""
        now = self._clock.unhurried()
        good = [token for token, expiry in self._expiry.items() if expiry > now]
        self._expiry.update(dict.fromkeys(good, 0.0))
        return len(good)

    def _forget_old(self, now: float) -> None:
        # Forget tokens that expired long ago, because an emulator may run for days.
        if len(self._expiry) >= MOST_TOKENS:
            self._expiry = {token: expiry for token, expiry in self._expiry.items() if expiry > now}

    def _sign(self, issued: float, expires: float) -> str:
        account = self._settings.instance.split(":")[6].removeprefix("a/")
        claims = {
            "iam_id": USER_ID,
            "id": USER_ID,
            "sub": "emulator@example.invalid",
            "account": {"valid": True, "bss": account},
            "iat": int(issued),
            "exp": int(expires),
            "jti": uuid.uuid4().hex,
            "scope": "ibm openid",
        }
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = hmac.new(self._key, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(signature)}"


def _unauthorised(code: int, message: str) -> ApiError:
    return ApiError(401, code, message, "Get a new access token from IAM and send it as a bearer token.")


def _part(claims: dict[str, Any]) -> str:
    return _base64url(json.dumps(claims, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

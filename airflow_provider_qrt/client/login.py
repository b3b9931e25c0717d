"""Logins, as data: where an API key or token becomes the token that requests carry, and where that is given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 3600.0
DAY = 86_400.0


@dataclass(frozen=True)
class Login:
    """A request that answers with a token.

    Attributes:
        server: What answers, for messages, such as ``IBM Cloud IAM``.
        base_url: Of the login server; with the API key it says which clients share a token.
        path: Of the request.
        body: What is sent; holds the API key.
        as_form: Send it as a form, not as JSON.
        token_field: Field of the answer with the token.
        lifetime_field: Field with the seconds it lives; None if the answer has none.
        lifetime: Seconds it lives when the answer does not say.
        logout_path: Where a token is made invalid; None if it just lapses.
        refused: What to do when the key is not accepted.
    """

    server: str
    base_url: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    as_form: bool
    token_field: str
    lifetime_field: str | None
    lifetime: float
    logout_path: str | None = None
    refused: str | None = None

    @property
    def label(self) -> str:
        """The request, for messages."""
        return f"POST {self.path} ({self.server})"

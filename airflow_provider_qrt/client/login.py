"""Description of a login: how to exchange an API key for a token, and how to log out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 3600.0
DAY = 86_400.0


@dataclass(frozen=True)
class Login:
    """A request that returns a token.

    Attributes:
        server: Name of the server for messages, such as ``IBM Cloud IAM``.
        base_url: Base URL of the login server; clients with the same URL and API key share a token.
        path: Path of the request.
        body: Body of the request, with the API key.
        as_form: Send the body as a form, not as JSON.
        token_field: Field of the answer that holds the token.
        lifetime_field: Field with the token's lifetime in seconds; None if the answer has none.
        lifetime: Lifetime in seconds if the answer does not give one.
        logout_path: Path that invalidates a token; None if tokens only expire.
        refused: Advice for a key that is not accepted.
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

"""The service as the transport sees it: base URL, headers and credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_qrt.client.login import Login


@dataclass(frozen=True)
class Endpoint:
    """Transport values derived from a client's settings and channel.

    Attributes:
        base_url: Base URL of the API, without a trailing slash.
        headers: Headers of every request, without the token.
        api_key: The key that ``login`` exchanges for a token; without a login it is the token.
        login: The token exchange; None on a channel without one.
        auth_header: Header that carries the token.
        auth_prefix: Text before the token in that header.
        verify: Check TLS certificates: True, False, or the path of a CA bundle.
        proxies: In the form that ``requests`` takes.
        secrets: Texts to redact if an answer quotes them.
        region: The region that ``base_url`` was derived from, if the instance has one.
        unauthorized: What to do about a 401.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    api_key: str = field(repr=False)
    login: Login | None = None
    auth_header: str = "Authorization"
    auth_prefix: str = "Bearer "
    verify: bool | str = True
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    region: str | None = None
    unauthorized: str = ""

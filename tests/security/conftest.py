"""No tokens of other tests, and no proxies of the machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from airflow_provider_qrt.client.tokens import forget_all_tokens


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    forget_all_tokens()
    yield
    forget_all_tokens()


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

"""A client that never sleeps, an IAM that always answers, and a server of raw bytes for cases that no mock covers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests_mock as rm

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy
from airflow_provider_qrt.client.bounds import AnswerLimits
from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.client.transport import OnRequest

API_KEY = "api-key-of-the-tests"
ACCOUNT = "0123456789abcdef" * 2
CRN = f"crn:v1:bluemix:public:quantum-computing:us-east:a/{ACCOUNT}:00000000-0000-4000-8000-000000000001::"
BASE = "https://quantum.cloud.ibm.com/api/v1"
IAM = "https://iam.cloud.ibm.com/identity/token"


@pytest.fixture(autouse=True)
def no_tokens_and_plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    forget_all_tokens()
    yield
    forget_all_tokens()


@pytest.fixture
def settings() -> ClientSettings:
    return ClientSettings.create(api_key=API_KEY, instance=CRN)


@pytest.fixture
def sleeps() -> list[float]:
    """How long the client would have slept, in order."""
    return []


@pytest.fixture
def make_client(sleeps: list[float]) -> Iterator[Callable[..., QiskitRuntimeClient]]:
    made: list[QiskitRuntimeClient] = []

    def make(
        *,
        retry: RetryPolicy | None = None,
        read_timeout: float = 60.0,
        api_key: str = API_KEY,
        limits: AnswerLimits | None = None,
        on_request: OnRequest | None = None,
        **settings: Any,
    ) -> QiskitRuntimeClient:
        client = QiskitRuntimeClient(
            ClientSettings.create(api_key=api_key, instance=CRN, **settings),
            retry=retry,
            sleep=sleeps.append,
            read_timeout=read_timeout,
            limits=limits,
            on_request=on_request,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., QiskitRuntimeClient]) -> QiskitRuntimeClient:
    return make_client()


@pytest.fixture
def api(requests_mock: rm.Mocker) -> rm.Mocker:
    """The mock of all HTTP, with an IAM that gives the tokens ``token-1``, ``token-2``, ..."""
    count = iter(range(1, 1000))
    requests_mock.post(IAM, json=lambda request, context: {"access_token": f"token-{next(count)}", "expires_in": 3600})
    return requests_mock


@pytest.fixture
def sent(api: rm.Mocker) -> Callable[[], list[Any]]:
    """The requests that went to the API, without those to IAM."""
    return lambda: [request for request in api.request_history if request.url != IAM]


@pytest.fixture
def token_requests(api: rm.Mocker) -> Callable[[], list[Any]]:
    return lambda: [request for request in api.request_history if request.url == IAM]


HANG = object()
"""A reply that never comes."""


def http_reply(body: Any, *, status: str = "200 OK", length: int | None = None, headers: str = "") -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}"
    return f"{head}Content-Length: {len(data) if length is None else length}\r\n\r\n".encode() + data


TOKEN_REPLY = http_reply({"access_token": "token-of-the-socket", "expires_in": 3600})


@dataclass
class RawServer:
    """Answers each request line that begins with a key of ``replies`` with bytes, by hanging up (None), or never."""

    replies: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    return
                head += line
            text = head.decode("latin-1")
            length = next(
                (int(line.split(":")[1]) for line in text.splitlines() if line.lower().startswith("content-length")), 0
            )
            stream.read(length)
            first = text.splitlines()[0]
            self.heads.append(text)
            self.lines.append(first)
            reply = next((reply for start, reply in self.replies.items() if first.startswith(start)), None)
            if reply is HANG:
                self._over.wait(30)
            elif reply is not None:
                connection.sendall(reply)

    def count(self, start: str) -> int:
        return sum(line.startswith(start) for line in self.lines)

    def stop(self) -> None:
        self._over.set()
        # Wakes up accept(), which closing alone does not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, Any]], RawServer]]:
    servers: list[RawServer] = []

    def start(replies: dict[str, Any]) -> RawServer:
        servers.append(RawServer({"POST /identity/token": TOKEN_REPLY, **replies}))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client_of(make_client: Callable[..., QiskitRuntimeClient]) -> Callable[..., QiskitRuntimeClient]:
    """Makes a client of a :class:`RawServer`."""

    def make(server: RawServer, **others: Any) -> QiskitRuntimeClient:
        return make_client(**{"base_url": f"{server.url}/api/v1", "iam_url": server.url, **others})

    return make


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

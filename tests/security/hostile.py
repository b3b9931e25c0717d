"""A local service with configurable answers, and clients for it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy

ACCOUNT = "0123456789abcdef" * 2
CRN = f"crn:v1:bluemix:public:quantum-computing:us-east:a/{ACCOUNT}:11111111-2222-3333-4444-555555555555::"
KEY = "SuperSecretApiKey-0123456789"
TOKEN = "eyJtok.AAAA.BBBB"

Answer = tuple[int, dict[str, str], Any]


class HostileService:
    """Answers each request to the API with what ``answer`` returns: status, headers, and a body or its writer."""

    def __init__(self, answer: Callable[[str, str], Answer]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def serve(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/identity/token":
                    status, headers, body = 200, {}, json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode()
                else:
                    status, headers, body = answer(self.command, self.path)
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                if not callable(body):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    if callable(body):
                        self.close_connection = True
                        body(self.wfile)
                    else:
                        self.wfile.write(body)
                except OSError:
                    # The client has had enough.
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def client(self, *, read_timeout: float = 15.0, **settings: Any) -> QiskitRuntimeClient:
        """A client that tries once."""
        checked = ClientSettings.create(
            api_key=KEY, instance=CRN, base_url=f"{self.url}/api/v1", iam_url=self.url, **settings
        )
        return QiskitRuntimeClient(checked, retry=RetryPolicy(attempts=1), read_timeout=read_timeout)

    def __enter__(self) -> HostileService:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answering(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> HostileService:
    """A service that answers everything with this."""
    return HostileService(lambda _method, _path: (status, headers or {}, body))

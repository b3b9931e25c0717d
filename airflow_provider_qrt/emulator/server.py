"""Serves an emulator: inside a test with :class:`Emulator`, or in the foreground for ``python -m``."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError

from airflow_provider_qrt.emulator.official import Environment, connect
from airflow_provider_qrt.emulator.settings import Settings
from airflow_provider_qrt.emulator.simulation import simulator

if TYPE_CHECKING:
    import uvicorn

    from airflow_provider_qrt.emulator.service import Service

START_TIMEOUT_SECONDS = 30.0
CONTROL_TIMEOUT_SECONDS = 120.0


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only for sockets that name their protocol; with it, an answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def make_server(service: Service, on_ready: Callable[[], None]) -> uvicorn.Server:
    """Return a uvicorn server for an emulator, which calls ``on_ready`` once it is listening."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from airflow_provider_qrt.emulator.http.app import build
    from airflow_provider_qrt.emulator.http.websocket_protocol import websocket_protocol
    from airflow_provider_qrt.emulator.http.wire import TRANSPORT, Receive, Scope, Send

    class DroppableProtocol(H11Protocol):
        """HTTP over a connection that the application can drop."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            application: Any = self.app

            async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
                scope[TRANSPORT] = self.transport
                await application(scope, receive, send)

            self.app = with_transport

    class Announcing(uvicorn.Server):
        """A server that reports when it is ready."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            simulator.start()
            on_ready()

    config = uvicorn.Config(
        build(service),
        loop="asyncio",
        http=DroppableProtocol,
        ws=websocket_protocol() or "none",
        lifespan="off",
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return Announcing(config)


class Emulator:
    """A Qiskit Runtime service on this machine that runs during a ``with`` block.

    It listens on 127.0.0.1 in a thread of this process. Keyword arguments are the attributes of
    :class:`~airflow_provider_qrt.emulator.settings.Settings`.

    Args:
        port: TCP port; 0 picks a free port.
        settings: ``queue_seconds``, ``run_seconds``, ``seed``, ``rate_limit``, ``token_lifetime``,
            ``usage_pending_seconds``, ``api_key``, ``instance``, ``backends`` and so on.
    """

    def __init__(self, *, port: int = 0, **settings: Any) -> None:
        unknown = set(settings) - {one.name for one in fields(Settings)}
        if unknown:
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
        for name in ("backends", "withdrawn_programs"):
            if name in settings:
                settings[name] = tuple(settings[name])
        self._settings = Settings(**settings)
        self._asked_port = port
        self._port: int | None = None
        self._server: uvicorn.Server | None = None
        self._service: Service | None = None
        self._thread: threading.Thread | None = None
        self._environment = Environment()
        # Ignore proxies from the environment, because the emulator runs on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def root_url(self) -> str:
        """``http://127.0.0.1:<port>``."""
        if self._port is None:
            raise RuntimeError("the emulator is not running")
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Base URL of the API, ``.../api/v1``."""
        return f"{self.root_url}/api/v1"

    @property
    def stream_url(self) -> str:
        """Base URL of the older generations' streams; ``/stream/jobs/{id}`` follows it."""
        return self.root_url.replace("http", "ws", 1)

    @property
    def iam_url(self) -> str:
        """Base URL of IAM; ``/identity/token`` follows it."""
        return self.root_url

    @property
    def api_key(self) -> str:
        """The API key that IAM accepts."""
        return self._settings.api_key

    @property
    def instance(self) -> str:
        """The CRN of the instance."""
        return self._settings.instance

    def start(self) -> Self:
        """Start serving; return once the server is listening.

        Raises:
            RuntimeError: It did not start.
        """
        from airflow_provider_qrt.emulator.service import Service

        ready = threading.Event()
        self._service = Service(self._settings)
        listener = listen("127.0.0.1", self._asked_port)
        self._server = make_server(self._service, ready.set)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="qrt-emulator", daemon=True
        )
        self._port = listener.getsockname()[1]
        self._thread.start()
        if not ready.wait(START_TIMEOUT_SECONDS):
            self.stop()
            raise RuntimeError("the emulator did not start")
        return self

    def stop(self) -> None:
        """Stop serving, and wait for running simulations."""
        self._environment.restore()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
        if self._service is not None:
            self._service.shut_down()
        self._server = self._thread = self._service = self._port = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def qiskit_service(self, **options: Any) -> Any:
        """Return the official ``QiskitRuntimeService``, connected to this emulator and to nothing else.

        The client uses the emulator's credentials. While the emulator runs, environment variables redirect the
        client's look-ups to it (see ``airflow_provider_qrt.emulator.official``).

        Args:
            options: Further arguments of ``QiskitRuntimeService``.
        """
        return connect(
            url=self.url,
            root_url=self.root_url,
            iam_url=self.iam_url,
            api_key=self.api_key,
            instance=self.instance,
            environment=self._environment,
            options=options,
        )

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job, oldest first."""
        found: list[dict[str, Any]] = self._control("GET", "/jobs")["jobs"]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """Return the journal, oldest request first."""
        found: list[dict[str, Any]] = self._control("GET", "/requests")["requests"]
        return found

    def clear_requests(self) -> None:
        """Empty the journal."""
        self._control("DELETE", "/requests")

    def add_fault(self, **rule: Any) -> dict[str, Any]:
        """Add a fault rule with the attributes of :class:`~airflow_provider_qrt.emulator.faults.Fault`."""
        fault: dict[str, Any] = self._control("POST", "/faults", rule)
        return fault

    def faults(self) -> list[dict[str, Any]]:
        """Return the fault rules, including how often each was applied."""
        found: list[dict[str, Any]] = self._control("GET", "/faults")["faults"]
        return found

    def clear_faults(self) -> None:
        """Remove all fault rules."""
        self._control("DELETE", "/faults")

    def add_rule(self, **rule: Any) -> dict[str, Any]:
        """Add a rule about how future jobs wait, run and end.

        Args:
            rule: The attributes of :class:`~airflow_provider_qrt.emulator.rules.JobRule`.
        """
        added: dict[str, Any] = self._control("POST", "/rules", rule)
        return added

    def rules(self) -> list[dict[str, Any]]:
        """Return the job rules, including how often each was applied."""
        found: list[dict[str, Any]] = self._control("GET", "/rules")["rules"]
        return found

    def clear_rules(self) -> None:
        """Remove all job rules."""
        self._control("DELETE", "/rules")

    def configure(self, **settings: Any) -> dict[str, Any]:
        """Change settings while the emulator runs: durations, ``rate_limit``, ``backends`` (status, queue_length)."""
        changed: dict[str, Any] = self._control("POST", "/settings", settings)
        return changed

    def finish(
        self,
        job_id: str,
        status: str = "Completed",
        reason: str | None = None,
        reason_code: int | None = None,
        reason_solution: str | None = None,
    ) -> dict[str, Any]:
        """End a job immediately and return it.

        ``Completed`` only skips the waiting: the result still comes from the simulator, and a circuit that cannot run
        still fails.
        """
        body = {
            "status": status,
            "reason": reason,
            "reason_code": reason_code,
            "reason_solution": reason_solution,
        }
        job: dict[str, Any] = self._control("POST", f"/jobs/{job_id}", body)
        return job

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock forward."""
        self._control("POST", "/clock", {"advance_seconds": seconds})

    def revoke_tokens(self) -> None:
        """Expire every token issued so far."""
        self._control("POST", "/tokens/revoke")

    def reset(self) -> None:
        """Forget jobs, sessions, faults, rules and the journal."""
        self._control("POST", "/reset")

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - always http to this machine
            f"{self.root_url}/_emulator{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=CONTROL_TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except HTTPError as error:
            with error:
                detail = json.loads(error.read())["errors"][0]["message"]
            raise ValueError(detail) from None
        return json.loads(text) if text else None

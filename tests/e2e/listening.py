"""Servers on the loopback interface that receive StatsD metrics and spans."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class StatsdListener:
    """Hears metrics with tags in InfluxDB's style.

    Attributes:
        port: Of UDP.
        lines: What was heard, as ``name,tag=value:number|type``.
    """

    port: int
    lines: list[str] = field(default_factory=list)

    def total(self, name: str, **tags: str) -> float:
        """The sum of a counter, or of a timer's durations, where it has these tags."""
        return sum(self._heard(name, tags))

    def _heard(self, name: str, tags: dict[str, str]) -> Iterator[float]:
        for line in list(self.lines):
            head, _, value = line.rpartition(":")
            heard, *pairs = head.split(",")
            found = dict(pair.split("=", 1) for pair in pairs)
            if heard == f"airflow.{name}" and tags.items() <= found.items():
                yield float(value.partition("|")[0])


@contextlib.contextmanager
def statsd() -> Iterator[StatsdListener]:
    """Listen as a StatsD server does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(0.2)
        listener, ended = StatsdListener(ear.getsockname()[1]), threading.Event()

        def listen() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    listener.lines.extend(ear.recv(65_536).decode().splitlines())

        thread = threading.Thread(target=listen, name="statsd listener")
        thread.start()
        try:
            yield listener
        finally:
            ended.set()
            thread.join()


@dataclass
class SpanListener:
    """Hears spans over OTLP/HTTP.

    Attributes:
        url: Where to send them.
        spans: OpenTelemetry's own objects.
    """

    url: str
    spans: list[Any] = field(default_factory=list)

    def named(self, name: str, **attributes: str) -> list[Any]:
        """The spans of a name that have these attributes, named after ``qiskit_runtime.``."""
        wanted = {f"qiskit_runtime.{key}": value for key, value in attributes.items()}
        return [span for span in self.spans if span.name == name and wanted.items() <= attributes_of(span).items()]


def attributes_of(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


@contextlib.contextmanager
def otlp() -> Iterator[SpanListener]:
    """Listen as an OpenTelemetry collector does."""

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    listener.spans.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        listener = SpanListener(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = threading.Thread(target=server.serve_forever, name="span listener")
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()

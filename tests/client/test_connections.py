"""Connections are shared by all clients of a process, and by no other process."""

from __future__ import annotations

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, connections
from airflow_provider_qrt.client.connections import SharedConnections

CRN = f"crn:v1:bluemix:public:quantum-computing:us-east:a/{'0' * 32}:00000000-0000-4000-8000-000000000001::"


class Counting(ThreadingHTTPServer):
    """Counts the connections that were made, and those that are open."""

    daemon_threads = True

    def __init__(self) -> None:
        self.made, self.open = 0, 0
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Counting

    def handle(self) -> None:
        self.server.made += 1
        self.server.open += 1
        super().handle()
        self.server.open -= 1

    def do_GET(self) -> None:
        self.answer({"devices": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": "t", "expires_in": 3600})

    def answer(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with Counting() as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def client(server):
    """Makes sessions that can ask the server; all are closed at the end."""
    made = []

    def create() -> requests.Session:
        session = requests.Session()
        session.mount("http://", SharedConnections())
        session.trust_env = False
        made.append(session)
        return session

    yield create
    for session in made:
        session.close()


def ask(session: requests.Session, server: Counting) -> bool:
    return session.get(f"http://127.0.0.1:{server.server_port}/", timeout=10).ok


def wait_for_open(server: Counting, number: int) -> bool:
    """The server notices a moment later that a connection was closed."""
    end = time.monotonic() + 10
    while server.open != number and time.monotonic() < end:
        time.sleep(0.01)
    return server.open == number


def test_two_clients_use_one_connection(client, server):
    one, other = client(), client()
    assert all([ask(one, server), ask(other, server), ask(one, server)])
    assert server.made == 1


def test_it_stays_open_for_the_other_when_one_is_closed_and_ends_with_the_last(client, server):
    one, other = client(), client()
    ask(one, server)
    ask(other, server)
    one.close()
    ask(other, server)
    assert (server.made, server.open) == (1, 1)
    other.close()
    assert wait_for_open(server, 0)


def test_a_client_that_was_closed_may_be_used_again(client, server):
    session = client()
    ask(session, server)
    session.close()
    assert ask(session, server)
    assert server.made == 2


def test_closing_twice_does_not_close_for_others(client, server):
    one, other = client(), client()
    ask(one, server)
    ask(other, server)
    one.close()
    one.close()
    ask(other, server)
    assert server.made == 1


def test_a_client_that_is_gone_without_being_closed_holds_nothing_back(client, server):
    forgotten = requests.Session()
    forgotten.mount("http://", SharedConnections())
    ask(forgotten, server)
    del forgotten
    session = client()
    ask(session, server)
    session.close()
    assert wait_for_open(server, 0)


def test_a_fork_has_connections_of_its_own(client, server):
    session = client()
    ask(session, server)
    child = os.fork()
    if child == 0:
        try:
            session.close()
            os._exit(0 if ask(session, server) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.made == 2
    # The child closed nothing of its parent's.
    assert ask(session, server)
    assert server.made == 2


def test_clients_of_the_service_share_them(server):
    address = f"http://127.0.0.1:{server.server_port}"
    settings = ClientSettings.create(api_key="k", instance=CRN, base_url=address, iam_url=address)
    with QiskitRuntimeClient(settings) as one, QiskitRuntimeClient(settings) as other:
        for client in (one, other, one):
            assert client.backends() == []
    assert server.made == 1
    assert wait_for_open(server, 0)


def test_a_pool_that_was_forgotten_is_not_used_any_more(client, server, monkeypatch):
    monkeypatch.setattr(connections, "_pool", connections._Pool())
    one, other = client(), client()
    ask(one, server)
    connections._forget()
    assert all([ask(one, server), ask(other, server)])
    assert server.made == 2
    one.close()
    assert ask(other, server)
    other.close()
    assert server.made == 2


def test_a_pool_keeps_ten_idle_connections():
    adapter = connections._Pool().of(SharedConnections())
    assert adapter.poolmanager.connection_pool_kw["maxsize"] == 10


def test_a_request_is_passed_on_as_it_came(monkeypatch):
    class Adapter:
        def send(self, *arguments, **named):
            return arguments, named

    class Pool:
        def of(self, user):
            return {shared: Adapter()}[user]

    shared = SharedConnections()
    monkeypatch.setattr(connections, "_pool", Pool())
    assert shared.send("request", True, timeout=5) == (("request", True), {"timeout": 5})


def test_a_client_may_have_connections_of_its_own(server):
    address = f"http://127.0.0.1:{server.server_port}"
    settings = ClientSettings.create(api_key="k", instance=CRN, base_url=address, iam_url=address)
    with (
        QiskitRuntimeClient(settings, shared_connections=False) as one,
        QiskitRuntimeClient(settings, shared_connections=False) as other,
    ):
        for client in (one, other, one):
            assert client.backends() == []
    assert server.made == 2
    assert wait_for_open(server, 0)

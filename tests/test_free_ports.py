"""Ports for servers that take seconds to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import processes
from tools.processes import free_port

ROOT = Path(__file__).resolve().parents[1]
FIND = "from tools import processes; processes.EPHEMERAL = __import__('pathlib').Path({file!r}); processes.RANGE = 1; "


@pytest.fixture
def one_port(tmp_path, monkeypatch):
    """Let there be one port to choose; return the file that says so, and the port."""
    port = free_port()
    # The system gives it to nobody, and this test leaves it to others again.
    processes._reserved.pop().close()
    file = tmp_path / "range"
    file.write_text(f"{port + 1} 60999")
    monkeypatch.setattr(processes, "EPHEMERAL", file)
    monkeypatch.setattr(processes, "RANGE", 1)
    return file, port


def in_another_process(file: Path) -> str:
    code = FIND.format(file=str(file)) + "print(processes.free_port())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_the_system_gives_a_port_to_nothing_else():
    if not processes.EPHEMERAL.exists():
        pytest.skip("Only Linux says which ports it gives away.")
    first, last = map(int, processes.EPHEMERAL.read_text().split())
    assert not first <= free_port() <= last


def test_a_port_is_given_to_one_process_until_that_has_ended(one_port):
    file, port = one_port
    assert in_another_process(file) == str(port)
    assert free_port() == port
    assert in_another_process(file) == f"RuntimeError: No port between {port} and {port} is free."
    with pytest.raises(RuntimeError, match="No port"):
        free_port()
    processes._reserved.pop().close()


def test_a_port_on_which_a_server_listens_is_not_free(one_port):
    import socket

    file, port = one_port
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        assert in_another_process(file) == f"RuntimeError: No port between {port} and {port} is free."

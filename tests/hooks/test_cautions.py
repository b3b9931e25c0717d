"""Connections that work but expose data to others, which the task's log and the connection test report."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.hooks import qiskit_runtime
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(qiskit_runtime, "_warned_of", set())


def elsewhere(url: str) -> str:
    """The emulator under an address that is not known to be this machine's."""
    return url.replace("127.0.0.1", "0.0.0.0")


@pytest.mark.parametrize(
    ("parts", "extra", "says"),
    [
        (["host"], {}, ["host begins with http://: the token, circuits and results cross the network unencrypted"]),
        (["iam_url"], {}, ["iam_url begins with http://: the API key crosses"]),
        ([], {"verify": False}, ["verify is false: anybody on the way can pose as the service"]),
        (["host", "iam_url"], {"verify": "false"}, ["host begins", "iam_url begins", "verify is false"]),
        ([], {}, []),
    ],
)
def test_what_lets_others_read_along_is_said(connect, emulator, capsys, parts, extra, says):
    host = elsewhere(emulator.url) if "host" in parts else emulator.url
    iam = elsewhere(emulator.iam_url) if "iam_url" in parts else emulator.iam_url
    connect({"iam_url": iam, **extra}, host=host)

    usable, said = QiskitRuntimeHook().test_connection()
    assert usable, said
    for text in says:
        assert text in said
    assert ("anybody on the way" in said) == bool(says)

    for _ in range(2):
        with QiskitRuntimeHook() as hook:
            assert next(iter(hook.client.backends())).name
    logged = [line for line in capsys.readouterr().out.splitlines() if "anybody on the way" in line]
    assert len(logged) == len(says), "once in a process"
    for text in says:
        assert any(text in line and "warning" in line for line in logged)

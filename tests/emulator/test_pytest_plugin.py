"""The fixtures that pytest finds where the provider is installed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "testing-your-dags.md"


def python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "AIRFLOW"))}
    # The checkout comes before whatever else is installed.
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        # A server that our own tests start brings a plugin too, which would import Qiskit.
        env={**clean, "PYTHONPATH": path, "PYTEST_ADDOPTS": "-p no:localqpu", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def passed(done: subprocess.CompletedProcess[str]) -> int:
    """How many tests passed; none may have failed."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) passed", done.stdout)
    assert found, done.stdout
    return int(found[1])


def test_loading_the_plugin_imports_nothing_heavy(tmp_path):
    code = (
        "import sys, airflow_provider_qrt.emulator.pytest_plugin, airflow_provider_qrt.hybrid.pytest_plugin;"
        "print([one for one in ('fastapi', 'uvicorn', 'qiskit', 'qiskit_aer', 'airflow', 'numpy', 'requests')"
        " if one in sys.modules])"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


def test_tests_that_use_no_fixture_of_it_pay_nothing(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    assert not {'fastapi', 'qiskit', 'airflow', 'uvicorn'} & set(sys.modules)\n"
    )
    assert passed(python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", cwd=tmp_path)) == 1


def test_every_test_begins_with_an_emulator_as_new(tmp_path):
    (tmp_path / "test_it.py").write_text(
        """
import urllib.request

import pytest

URLS = set()


@pytest.mark.parametrize("number", range(2))
def test_it(qiskit_runtime_emulator, number):
    emulator = qiskit_runtime_emulator
    URLS.add(emulator.url)
    assert len(URLS) == 1
    assert emulator.faults() == []
    assert emulator.requests() == []
    settings = emulator.configure()
    assert settings["queue_seconds"] == 0
    assert settings["rate_limit"] is False
    assert settings["backends"]["ibm_fez"]["status"] == "online"
    urllib.request.urlopen(f"{emulator.url}/versions").close()
    emulator.add_fault(path="/jobs", status=503)
    emulator.configure(queue_seconds=600, rate_limit=True, backends={"ibm_fez": {"status": "paused"}})
"""
    )
    assert passed(python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", cwd=tmp_path)) == 2


def test_the_connection_is_there_during_the_test_only(tmp_path):
    (tmp_path / "test_it.py").write_text(
        """
import json
import os

NAME = "AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT"


def test_with(qiskit_runtime_connection, qiskit_runtime_emulator):
    assert qiskit_runtime_connection == "qiskit_runtime_default"
    connection = json.loads(os.environ[NAME])
    assert connection["host"] == qiskit_runtime_emulator.url
    assert connection["extra"]["instance"] == qiskit_runtime_emulator.instance
    assert "https_proxy" not in os.environ


def test_without():
    assert NAME not in os.environ
    assert os.environ["https_proxy"] == "http://proxy.invalid:1"
"""
    )
    done = python(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "test_it.py",
        cwd=tmp_path,
        https_proxy="http://proxy.invalid:1",
    )
    assert passed(done) == 2


def examples() -> dict[str, str]:
    """The files that the guide shows, by the name in their first line."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(blocks) == GUIDE.read_text().count("```python")
    return dict(blocks)


def environment(folder: Path) -> dict[str, str]:
    """The variables that the guide sets, when it is followed in this folder."""
    [line] = re.findall(r"^\$ export (.*)$", GUIDE.read_text(), re.MULTILINE)
    return dict(one.replace("$PWD", str(folder)).split("=", 1) for one in shlex.split(line))


@pytest.mark.timeout(300)
def test_the_guides_example_runs_as_it_stands(tmp_path):
    for name, text in examples().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    airflow = environment(tmp_path)
    migrated = python("-m", "airflow", "db", "migrate", cwd=tmp_path, **airflow)
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path, **airflow)
    assert passed(done) == sum(text.count("def test_") for text in examples().values())

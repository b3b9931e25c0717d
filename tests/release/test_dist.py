"""The distribution: what is in it, that it is reproducible, and that it works when nothing else is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from airflow_provider_qrt import __version__
from airflow_provider_qrt.emulator import Emulator
from tools.demo import connection
from tools.dist import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
DAG = """
from airflow.sdk import dag
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

BELL = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; rz(pi/2) $0; sx $0; rz(pi/2) $0; cz $0, $1; c[0] = measure $0;'

@dag(schedule=None)
def from_the_wheel():
    QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL, backend="ibm_fez", shots=100)

made = from_the_wheel()

if __name__ == "__main__":
    run = made.test()
    assert str(run.state) == "success", run.state
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> list[Path]:
    return build(ROOT, tmp_path_factory.mktemp("built") / "dist")


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    return next(file for file in built if file.suffix == ".whl")


@pytest.fixture(scope="module")
def empty_environment(wheel, tmp_path_factory) -> Path:
    """An environment with nothing but the wheel and what it asks for; returns its programs."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    command = [UV, "pip", "install", "--quiet", "--python", python, "-c", ROOT / "constraints.txt"]
    subprocess.run([*command, f"{wheel}[emulator]"], check=True)
    return python.parent


@pytest.fixture
def airflow(empty_environment, tmp_path):
    """Runs a command of that environment, outside of the repository."""
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "NO_PROXY": "127.0.0.1"}

    def run(*command: str, **more: str) -> str:
        done = subprocess.run(
            [empty_environment / "python", *command],
            cwd=tmp_path,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    return run


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", folder], capture_output=True, text=True, check=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).exists()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"airflow_provider_qrt-{__version__}.dist-info"
    assert {name for name in names if not name.startswith(info)} == tracked("airflow_provider_qrt")
    assert {f"{info}/METADATA", f"{info}/entry_points.txt", f"{info}/licenses/LICENSE"} <= names
    assert "airflow_provider_qrt/py.typed" in names


def test_the_sdist_holds_what_is_needed_to_build_and_to_read(built):
    sdist = next(file for file in built if file.name.endswith(".tar.gz"))
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked("airflow_provider_qrt") <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"} <= names
    assert not [name for name in names if name.startswith(("tests", ".", "benchmarks")) and name != ".gitignore"]


def test_no_link_of_the_description_is_relative(wheel):
    archive = zipfile.ZipFile(wheel)
    [metadata] = [name for name in archive.namelist() if name.endswith("METADATA")]
    links = re.findall(r"\]\(([^)]+)\)", archive.read(metadata).decode())
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_two_builds_are_the_same(built, tmp_path):
    again = build(ROOT, tmp_path / "dist")
    assert [file.name for file in again] == [file.name for file in built]
    assert [one.read_bytes() == other.read_bytes() for one, other in zip(again, built, strict=True)] == [True, True]


def test_airflow_finds_the_provider_and_its_pages(airflow):
    providers = json.loads(airflow("-m", "airflow", "providers", "list", "--output", "json"))
    assert [one["version"] for one in providers if one["package_name"] == "airflow-provider-qrt"] == [__version__]
    plugins = airflow("-m", "airflow", "plugins", "--output", "json")
    assert "qiskit_runtime" in plugins


def test_a_dag_runs_against_the_emulator(airflow, tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "dag.py").write_text(DAG)
    airflow("-m", "airflow", "db", "migrate")
    airflow("-m", "airflow", "dags", "reserialize")
    with Emulator(queue_seconds=0, run_seconds=0) as service:
        variable = {"AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT": json.dumps(connection(service))}
        airflow("dags/dag.py", **variable)
        assert [job["status"] for job in service.jobs()] == ["Completed"]


def test_the_emulator_starts_from_it(airflow):
    assert "--port" in airflow("-m", "airflow_provider_qrt.emulator", "--help")

"""Tasks that wait during an upgrade of the package continue with the new code and succeed."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from airflow_provider_qrt.emulator import Emulator
from tools.demo import connection
from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "689e690"
"""The last commit with the former layout of the package."""
ONE_JOB = ("waits_for_a_job", "waits_for_a_functions_job", "waits_to_submit")
SETTINGS = {"AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES": "3250", "AIRFLOW__QISKIT_RUNTIME__DEFER_AFTER": "0"}


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid)


@pytest.fixture(scope="module")
def former_code(tmp_path_factory) -> Path:
    """The package as it was, in a folder that can be put before everything else that is imported."""
    if git("cat-file", "-e", f"{BEFORE}^{{commit}}").returncode:
        pytest.skip(f"needs the history of the repository, with commit {BEFORE}")
    folder = tmp_path_factory.mktemp("former")
    archive = git("archive", BEFORE, "airflow_provider_qrt").stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def service() -> Iterator[Emulator]:
    with Emulator(queue_seconds=600, run_seconds=0.5) as running:
        yield running


@pytest.fixture
def airflow(service, tmp_path_factory) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("upgraded")
    shutil.copytree(Path(__file__).parent / "dags", home / "dags")
    airflow = LocalAirflow(
        home, home / "dags", connections={"qiskit_runtime_default": connection(service)}, settings=SETTINGS
    )
    yield airflow
    airflow.stop()


def test_what_waits_during_an_upgrade_ends_well(airflow, service, former_code):
    # "python -m" would put the working directory, with the present code, before everything else.
    airflow.environment["PYTHONSAFEPATH"] = "1"
    airflow.environment["PYTHONPATH"] = str(former_code)
    with airflow:
        service.add_fault(method="POST", path="/api/v1/jobs", status=429, times=1, retry_after=120)
        runs = {"waits_to_submit": airflow.trigger("waits_to_submit")}
        airflow.wait_for_task_state("waits_to_submit", runs["waits_to_submit"], "waits", "deferred")
        service.configure(backends={"ibm_boston": {"status": "paused", "reason": "calibrating"}})
        for dag_id in ("waits_for_a_job", "waits_for_several_jobs", "waits_for_a_functions_job", "waits_for_a_backend"):
            runs[dag_id] = airflow.trigger(dag_id)
        for dag_id, run_id in runs.items():
            waiting = airflow.wait_for_task_state(dag_id, run_id, "waits", "deferred")
            # Told to stop while it ends, the former code's process would cancel the job.
            wait_until(partial(has_ended, waiting["pid"]), seconds=300, what=f"The end of the process of {dag_id}")
        assert len(service.jobs()) == 4
        log = airflow.task_log("waits_for_several_jobs", runs["waits_for_several_jobs"], "waits")
        # The former code's words: it was that code which ran.
        assert "2 PUBs are distributed over 2 jobs." in log

    # The upgrade.
    del airflow.environment["PYTHONPATH"]
    with airflow:
        service.configure(queue_seconds=0, backends={"ibm_boston": {"status": "online", "reason": "available"}})
        service.advance(600)
        for dag_id, run_id in runs.items():
            airflow.expect_end(dag_id, run_id, seconds=300)
        results = {dag_id: airflow.xcom(dag_id, run_id, "waits") for dag_id, run_id in runs.items()}
        assert len(service.jobs()) == 5
        assert all(job["status"] == "Completed" for job in service.jobs())
        assert [len(results[dag_id]["results"]) for dag_id in ONE_JOB] == [1, 1, 1]
        assert results["waits_for_a_job"]["results"][0]["parameter_values"] == {"a": [0.1, 0.2]}
        assert results["waits_for_a_functions_job"]["results"][0]["parameter_values"] == {"a": 0.5}
        assert len(results["waits_for_several_jobs"]["job_ids"]) == 2
        assert len(results["waits_for_several_jobs"]["results"]) == 2
        assert results["waits_for_a_backend"]["backend"] == "ibm_boston"

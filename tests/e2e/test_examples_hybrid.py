"""Rounds of a hybrid loop as tasks in one batch, and the nightly record of the calibration."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

VQE = "qiskit_runtime_h2_vqe_rounds"
RECORD = "qiskit_runtime_calibration_record"
H2_GROUND_ENERGY = -1.1373
"""Hartree, with the repulsion of the nuclei: full configuration interaction, STO-3G, 0.735 angstrom."""


@pytest.fixture(scope="module")
def vqe_run(airflow, service):
    """One run of the VQE DAG for all tests of it."""
    service.configure(queue_seconds=0, run_seconds=0.2)
    run_id = airflow.trigger(VQE)
    airflow.expect_end(VQE, run_id, seconds=300)  # under a minute where nothing else runs
    return run_id


def test_the_loop_reaches_the_ground_energy_of_hydrogen(airflow, vqe_run):
    found = airflow.xcom(VQE, vqe_run, "compare")
    assert found["exact_energy"] == pytest.approx(H2_GROUND_ENERGY, abs=1e-4)
    assert abs(found["energy"] - H2_GROUND_ENERGY) < 0.05
    assert found["error"] == pytest.approx(found["energy"] - found["exact_energy"])
    assert 0 < found["standard_error"] < 0.02


def test_it_is_the_rounds_that_bring_it_there(airflow, vqe_run):
    energies = [airflow.xcom(VQE, vqe_run, f"improve_{number}", "energy") for number in (1, 2, 3)]
    assert energies[0] > H2_GROUND_ENERGY + 0.1
    assert energies[-1] == pytest.approx(H2_GROUND_ENERGY, abs=0.1)
    assert airflow.xcom(VQE, vqe_run, "compare")["angles"] == airflow.xcom(VQE, vqe_run, "improve_3", "angles")


def test_all_its_jobs_run_in_one_batch_that_is_closed(airflow, api, submissions, vqe_run):
    jobs = submissions(vqe_run)
    opened = airflow.xcom(VQE, vqe_run, "open_session")
    assert len(jobs) == 4
    assert {(job["session_id"], job["program_id"]) for job in jobs} == {(opened, "executor")}
    session = api(f"/sessions/{opened}")
    assert (session["mode"], session["state"], session["accepting_jobs"]) == ("batch", "closed", False)
    assert airflow.xcom(VQE, vqe_run, "close_session")["jobs"] == 4


def expected_rows(api) -> set[tuple]:
    """Backend, qubits, quantity and value, read from the service."""
    rows = set()
    for device in api("/backends")["devices"]:
        name = device["name"]
        properties = api(f"/backends/{name}/properties")
        for qubit, measured in enumerate(properties["qubits"]):
            values = {one["name"]: one["value"] for one in measured}
            rows |= {(name, qubit, None, None, key, values[key]) for key in ("T1", "T2", "readout_error")}
        for gate in properties["gates"]:
            if len(gate["qubits"]) == 2:
                [error] = [one["value"] for one in gate["parameters"] if one["name"] == "gate_error"]
                rows.add((name, *gate["qubits"], gate["gate"], "gate_error", error))
    return rows


def test_the_calibration_of_every_backend_is_recorded_once_a_day(airflow, api, tmp_path):
    import pyarrow.parquet as pq

    folder = tmp_path / "calibration"
    run_id = airflow.run_dag(RECORD, {"folder": folder.as_uri()})
    found = airflow.xcom(RECORD, run_id, "record")
    run_after = airflow.api("GET", f"/dags/{RECORD}/dagRuns/{run_id}")["run_after"]
    [file] = folder.iterdir()
    assert file.as_uri() == found["path"]
    assert file.name == f"calibration-{datetime.fromisoformat(run_after).astimezone(UTC):%Y-%m-%d}.parquet"

    rows = pq.read_table(file).to_pylist()
    columns = ("backend", "qubit", "partner", "gate", "quantity", "value")
    assert {tuple(row[column] for column in columns) for row in rows} == expected_rows(api)
    assert len(rows) == found["rows"] == len(expected_rows(api))
    for backend in found["backends"]:
        updated = datetime.fromisoformat(api(f"/backends/{backend}/properties")["last_update_date"])
        assert {row["calibrated_at"] for row in rows if row["backend"] == backend} == {updated}

    before = file.read_bytes()
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["record"], "only_failed": False}
    airflow.api("POST", f"/dags/{RECORD}/clearTaskInstances", json=body)
    airflow.expect_end(RECORD, run_id)
    assert airflow.task(RECORD, run_id, "record")["try_number"] == 2
    assert [one.read_bytes() for one in folder.iterdir()] == [before]


def test_the_calibration_asked_for_is_that_of_the_run(airflow, service, tmp_path):
    run_id = airflow.run_dag(RECORD, {"folder": tmp_path.as_uri()})
    run = airflow.api("GET", f"/dags/{RECORD}/dagRuns/{run_id}")
    asked = [one for one in service.requests() if one["path"].endswith("/properties")][-4:]
    moments = {parse_qs(one["query"])["updated_before"][0] for one in asked}
    assert {datetime.fromisoformat(moment) for moment in moments} == {datetime.fromisoformat(run["run_after"])}

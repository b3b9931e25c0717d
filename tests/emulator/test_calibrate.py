"""The program ``calibrate``, which a session runs to calibrate its machine."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_qrt.emulator import Emulator

PARAMS = {"schema_version": "v0.1", "options": {"experimental": {}}}


def opened(api, mode="dedicated", backend="ibm_fez"):
    return api.send("POST", "/sessions", json={"mode": mode, "backend": backend}).json()["id"]


def post(api, params=PARAMS, backend="ibm_fez", **body):
    return api.send("POST", "/jobs", json={"program_id": "calibrate", "backend": backend, "params": params, **body})


def calibrated(api, **body):
    answer = post(api, session_id=opened(api, backend=body.get("backend", "ibm_fez")), **body)
    assert answer.status_code == 200, answer.text
    return api.wait(answer.json()["id"])


def properties(api, backend="ibm_fez", **query):
    return api.get(f"/backends/{backend}/properties", params=query).json()


def test_the_machine_is_newly_calibrated_afterwards_and_no_other(api):
    before = properties(api)
    job = calibrated(api)
    assert job["state"]["status"] == "Completed"
    after = properties(api)
    result = api.get(f"/jobs/{job['id']}/results").json()
    assert after["last_update_date"] == result["stop"]
    assert datetime.fromisoformat(after["last_update_date"]) > datetime.fromisoformat(before["last_update_date"])
    assert {fact["date"] for facts in after["qubits"] for fact in facts} == {result["stop"]}
    numbers = [[fact["value"] for fact in facts] for facts in after["qubits"]]
    assert numbers == [[fact["value"] for fact in facts] for facts in before["qubits"]]
    assert properties(api, "ibm_boston")["last_update_date"] < result["start"]


def test_the_result_passes_ibms_model(api):
    from ibm_quantum_schemas.calibrator.version_0_1 import CalibratorResultModel, ParamsModel

    ParamsModel.model_validate(PARAMS)
    api.emulator.configure(run_seconds=30)
    job_id = post(api, session_id=opened(api)).json()["id"]
    api.emulator.advance(30)
    result = CalibratorResultModel.model_validate_json(json.dumps(api.result(job_id)))
    assert result.stop - result.start == timedelta(seconds=30)
    assert result.start.tzinfo is not None


def test_a_calibration_takes_the_time_that_is_set_for_it(api):
    api.emulator.configure(calibration_seconds=40)
    session_id = opened(api)
    job_id = post(api, session_id=session_id).json()["id"]
    api.emulator.advance(39)
    assert api.job(job_id)["state"]["status"] == "Running"
    api.emulator.advance(2)
    assert api.wait(job_id)["usage"]["qpu_charge_time_seconds"] == 40
    api.wait(api.submit((api.bell(), None, 1), session_id=session_id))
    assert api.emulator.configure(calibration_seconds=None)["calibration_seconds"] is None
    assert calibrated(api)["usage"]["qpu_charge_time_seconds"] == 0


@pytest.mark.parametrize("mode", [None, "batch"])
def test_a_calibration_outside_of_a_session_is_refused(api, mode):
    session_id = None if mode is None else opened(api, mode)
    answer = post(api, session_id=session_id)
    assert api.refusal(answer) == (400, 1002)
    assert "session" in answer.json()["errors"][0]["message"]
    assert api.emulator.jobs() == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {**PARAMS, "schema_version": "v0.2"},
        {**PARAMS, "unknown": 1},
        {"schema_version": "v0.1"},
        {**PARAMS, "options": {"unknown": 1}},
        {**PARAMS, "options": {"experimental": 1}},
    ],
)
def test_malformed_inputs_are_refused(api, params):
    assert api.refusal(post(api, params, session_id=opened(api))) == (400, 1002)


def test_a_calibration_that_is_cancelled_changes_nothing(api):
    before = properties(api)
    api.emulator.configure(run_seconds=100)
    job_id = post(api, session_id=opened(api)).json()["id"]
    assert api.job(job_id)["state"]["status"] == "Running"
    api.send("POST", f"/jobs/{job_id}/cancel")
    assert properties(api) == before


def test_an_older_calibration_can_be_asked_for(api):
    snapshot = properties(api)
    first = calibrated(api)["id"]
    between = api.get(f"/jobs/{first}/results").json()["stop"]
    api.emulator.advance(600)
    calibrated(api)
    assert properties(api)["last_update_date"] > between
    assert properties(api, updated_before=between)["last_update_date"] == between
    assert properties(api, updated_before="2026-05-01T00:00:00Z") == snapshot
    assert properties(api, updated_before="2020-01-01T00:00:00Z") == {}
    assert properties(api, "mock_fez", updated_before="2020-01-01T00:00:00Z") == {}
    assert properties(api, "mock_fez", updated_before=between)["last_update_date"] == between
    assert api.refusal(api.get("/backends/ibm_fez/properties?updated_before=yesterday"))[0] == 400


def test_a_dry_run_calibrates_nothing(api):
    before = properties(api)
    job = calibrated(api, backend="mock_fez")
    assert set(api.get(f"/jobs/{job['id']}/results").json()) == {"schema_version", "start", "stop"}
    assert properties(api) == before


def test_faulty_qubits_stay_faulty(api):
    api.emulator.configure(backends={"ibm_fez": {"faulty_qubits": [3]}})
    calibrated(api)
    assert "operational" in {fact["name"] for fact in properties(api)["qubits"][3]}


def test_the_calibration_survives_a_restart_and_a_reset_forgets_it(connect, tmp_path):
    settings = {"state": str(tmp_path / "state.db"), "queue_seconds": 0, "run_seconds": 0}
    with Emulator(**settings) as emulator:
        api = connect(emulator)
        snapshot = properties(api)
        calibrated(api)
        newest = properties(api)
    assert newest != snapshot
    with Emulator(**settings) as emulator:
        assert properties(connect(emulator)) == newest
        emulator.reset()
        assert properties(connect(emulator)) == snapshot


def test_a_private_calibration_can_be_read_once(api):
    job = calibrated(api, private=True)
    assert api.get(f"/jobs/{job['id']}/results").status_code == 200
    assert api.get(f"/jobs/{job['id']}/results").status_code == 404


def test_the_official_calibrator_runs_in_a_session(emulator):
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.calibrator import Calibrator

    backend = emulator.qiskit_service().backend("ibm_fez")
    before = backend.properties().last_update_date
    begun = datetime.fromtimestamp(time.time(), UTC) - timedelta(seconds=1)
    with Session(backend=backend) as session:
        result = Calibrator(session).run().result()
    assert begun <= result.start <= result.stop
    assert backend.properties(refresh=True).last_update_date > before

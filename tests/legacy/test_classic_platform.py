"""The classic platform, with a login, hub, group and project."""

from __future__ import annotations

import requests

FIRST_FIVE = [
    "simulator_stabilizer",
    "simulator_extended_stabilizer",
    "simulator_statevector",
    "simulator_mps",
    "simulator_stabilizer",
]


def test_login_job_result_and_logout(service):
    # Query API without authentication
    response = requests.get(f"{service.url}/programs", timeout=30)
    assert response.status_code == 200
    programs = [program["id"] for program in response.json()["programs"]]
    assert programs == ["qasm3-runner", "sampler", "estimator", "circuit-runner"]

    # Get temporary access token
    auth_response = requests.post(
        f"{service.url}/api/users/loginWithToken", json={"apiToken": service.token}, timeout=30
    )
    auth_id = auth_response.json()["id"]
    assert isinstance(auth_id, str)

    # GET available backends
    headers = {"Content-Type": "application/json", "x-access-token": auth_id}
    backends_response = requests.get(f"{service.url}/backends", headers=headers, timeout=30)
    devices = backends_response.json()["devices"]
    assert devices[:5] == FIRST_FIVE
    assert "ibm_wellington" in devices

    # Run a job
    url = f"{service.url}/jobs"
    job_input = {
        "program_id": "sampler",
        "backend": "ibm_wellington",
        "hub": "ibm-q-internal",
        "group": "dev-sys-software",
        "project": "internal-test",
        "params": {"circuits": [service.qasm]},
    }
    response = requests.post(url, headers=headers, json=job_input, timeout=30)
    assert response.status_code == 200, response.text
    job_id = response.json().get("id")
    assert response.json() == {"id": job_id, "backend": "ibm_wellington"}

    # Wait for results
    status_result = service.get_until(
        url + "/" + job_id, headers, lambda one: one.json()["state"] != {"status": "Running"}
    )
    status_result = service.get_until(
        url + "/" + job_id, headers, lambda one: one.json()["state"]["status"] not in ("Queued", "Running")
    )
    assert status_result.json()["state"] == {"status": "Completed"}

    # Get results
    response_result = requests.get(url + "/" + job_id + "/results", headers=headers, timeout=30)
    result = response_result.json()
    assert set(result) == {"quasi_dists", "metadata"}
    assert len(result["quasi_dists"]) == 1
    assert service.is_flipped_qubit(result["quasi_dists"][0])
    assert set(result["metadata"][0]) == {"shots", "readout_mitigation_overhead", "readout_mitigation_time"}
    assert result["metadata"][0]["shots"] == 4000
    assert round(result["metadata"][0]["readout_mitigation_overhead"], 4) == 1.0098

    # Invalidate token
    headers = {"x-access-token": auth_id}
    logout_response = requests.post(f"{service.url}/api/users/logout", headers=headers, timeout=30)
    assert logout_response.ok
    assert logout_response.text == ""
    assert requests.get(url + "/" + job_id, headers=headers, timeout=30).status_code == 401


def test_a_job_that_runs_shows_nothing_but_its_status_as_its_state(service):
    service.emulator.configure(run_seconds=600)
    login = requests.post(f"{service.url}/api/users/loginWithToken", json={"apiToken": service.token}, timeout=30)
    headers = {"x-access-token": login.json()["id"]}
    job_input = {
        "program_id": "sampler",
        "backend": "ibm_wellington",
        "hub": "ibm-q-internal",
        "group": "dev-sys-software",
        "project": "internal-test",
        "params": {"circuits": [service.qasm]},
    }
    job_id = requests.post(f"{service.url}/jobs", headers=headers, json=job_input, timeout=30).json()["id"]
    job = requests.get(f"{service.url}/jobs/{job_id}", headers=headers, timeout=30).json()
    assert job["state"] == {"status": "Running"}

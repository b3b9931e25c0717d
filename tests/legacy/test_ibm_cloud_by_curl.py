"""The recommended workflow for IBM Cloud, by curl."""

from __future__ import annotations

import requests


def test_the_workflow_for_ibm_cloud(service):
    # curl -X POST .../identity/token
    answer = requests.post(
        f"{service.url}/identity/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        data=f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={service.token}",
        timeout=30,
    )
    assert answer.status_code == 200
    token = answer.json()["access_token"]

    # curl -X POST .../jobs, the circuit as it is written there, on one line with its line breaks escaped
    circuit = (
        '\\nOPENQASM 3;\\ninclude \\"stdgates.inc\\";\\nqreg q[1];\\ncreg c[1];\\nx q[0];\\nc[0] = measure q[0]; \\n'
    )
    body = (
        '{"program_id": "sampler", "backend": "ibmq_qasm_simulator", "start_session": false, "params": {"circuits": ["'
        + circuit
        + '"]}}'
    )
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Service-CRN": service.crn,
    }
    submitted = requests.post(
        f"{service.url}/jobs",
        headers={"x-qx-client-application": "qiskit-version-2/0.39.2/your_application", **headers},
        data=body,
        timeout=30,
    )
    assert submitted.status_code == 200, submitted.text
    assert set(submitted.json()) == {"id", "backend"}
    assert submitted.json()["backend"] == "ibmq_qasm_simulator"
    job_id = submitted.json()["id"]

    # curl -X GET .../jobs/job_id
    seen = set()

    def ended(response: requests.Response) -> bool:
        seen.add(response.json()["state"]["status"])
        return bool(seen & {"Completed", "Failed"})

    service.get_until(f"{service.url}/jobs/{job_id}", headers, ended)
    assert seen <= {"Queued", "Running", "Completed"}

    # curl -X GET .../jobs/job_id/results
    result = requests.get(f"{service.url}/jobs/{job_id}/results", headers=headers, timeout=30)
    assert result.status_code == 200
    assert result.json()["quasi_dists"] == [{"1": 1.0}]
    assert result.json()["metadata"][0]["shots"] == 4000


def test_the_prefix_in_the_application_header_is_necessary(service):
    form = f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={service.token}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    token = requests.post(f"{service.url}/identity/token", headers=kind, data=form, timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Service-CRN": service.crn}
    body = {"program_id": "sampler", "backend": "ibmq_qasm_simulator", "params": {"circuits": [service.qasm]}}
    for application in (None, "your_application"):
        own = headers if application is None else {**headers, "x-qx-client-application": application}
        assert requests.post(f"{service.url}/jobs", headers=own, json=body, timeout=30).status_code == 400
    assert service.emulator.jobs() == []

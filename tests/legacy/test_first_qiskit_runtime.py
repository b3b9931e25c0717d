"""The first Qiskit Runtime, whose programs take JSON text and answer in text."""

from __future__ import annotations

import json

import requests

PROGRAMS = {
    "circuit-runner": "A runtime program that takes one or more circuits, compiles them, executes them, and optionally "
    "applies measurement error mitigation.",
    "mit-6": "",
    "quantum-kernel-alignment": "Quantum kernel alignment algorithm that learns, on a given dataset, a quantum kernel "
    "maximizing the SVM classification margin.",
    "runtime-simple": "Simple runtime program used for testing.",
    "simple": "",
    "vqe": "Variational Quantum Eigensolver (VQE) to find the minimal eigenvalue of a Hamiltonian.",
}


def test_programs_a_run_and_its_text(service):
    service.emulator.configure(run_seconds=3600)
    headers = {"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"}
    runtime_api_url = service.url + "/"

    # Get the list of programs
    response = requests.get(runtime_api_url + "programs", headers=headers, timeout=30)
    assert response.status_code == 200
    list_of_programs = response.json()
    assert {program["name"]: program["description"] for program in list_of_programs} == PROGRAMS
    assert [program["name"] for program in list_of_programs] == list(PROGRAMS)

    # show info from one of the programs
    shown = list_of_programs[0]
    assert list(shown) == ["id", "name", "cost", "description", "creationDate", "version", "parameters"]
    assert (shown["id"], shown["cost"], shown["creationDate"], shown["version"]) == (
        "circuit-runner",
        1800,
        "2021-05-07T00:17:07Z",
        "1",
    )
    documented = json.loads(shown["parameters"])["doc"]
    assert [one["name"] for one in documented[:2]] == ["circuits", "shots"]
    assert set(documented[0]) == {"name", "description", "type", "required"}

    # Run a Qiskit Runtime program
    params = json.dumps(
        {
            "programId": "runtime-simple",
            "hub": "ibm-q-internal",
            "group": "near-time",
            "project": "qiskit-runtime",
            "backend": "ibmq_montreal",
            "params": [json.dumps({"iterations": 2})],
        }
    )
    response = requests.post(runtime_api_url + "jobs", data=params, headers=headers, timeout=30)
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"id"}
    job_id = response.json()["id"]

    # Getting the result; the document sends params with this GET, whatever they hold by then
    first = requests.get(runtime_api_url + "jobs/" + job_id + "/results", data=params, headers=headers, timeout=30)
    assert (first.status_code, first.text) == (204, "")
    service.emulator.finish(job_id)
    last = service.get_until(
        runtime_api_url + "jobs/" + job_id + "/results", headers, lambda one: one.status_code != 204
    )
    assert (last.status_code, last.text) == (200, "All done!")

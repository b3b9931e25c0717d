"""The current platform, with requests under /api/v1."""

from __future__ import annotations

import json

import requests

CIRCUIT = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


def authorise(service):
    data = f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={service.token}"
    response = requests.post(f"{service.url}/identity/token", data=data, timeout=30)
    assert response.status_code == 200
    return response.json()["access_token"]


def test_backends_job_results_and_session(service):
    api = f"{service.url}/api/v1"
    bearer_token = authorise(service)

    # Get available backends
    headers_list = {
        "Accept": "application/json",
        "Authorization": f"Bearer {bearer_token}",
        "Service-CRN": f"{service.crn}",
        "IBM-API-Version": "2025-05-01",
    }
    response = requests.request("GET", f"{api}/backends", data="", headers=headers_list, timeout=30)
    assert response.status_code == 200
    backend = response.json()["devices"][0]["name"]
    assert backend.startswith("ibm_")

    # Submit a job
    headers_list["Content-Type"] = "application/json"
    payload = json.dumps(
        {"program_id": "sampler", "backend": f"{backend}", "params": {"pubs": [[CIRCUIT]], "version": 2}}
    )
    response = requests.request("POST", f"{api}/jobs", data=payload, headers=headers_list, timeout=30)
    assert response.status_code == 200, response.text
    assert response.json()["backend"] == backend
    job_id = response.json()["id"]

    # Retrieve results
    response = service.get_until(
        f"{api}/jobs/{job_id}", headers_list, lambda one: one.json()["status"] not in ("Queued", "Running")
    )
    assert response.status_code == 200
    assert response.json()["status"] == "Completed"
    response = requests.request("GET", f"{api}/jobs/{job_id}/results", data="", headers=headers_list, timeout=30)
    assert response.status_code == 200
    assert response.json()["results"][0]["data"]["c"]["samples"] == ["0x1"] * 4096

    # Create a session: the document sends neither a backend nor IBM-API-Version here
    without_version = {name: value for name, value in headers_list.items() if name != "IBM-API-Version"}
    payload = json.dumps({"mode": "dedicated", "max_ttl": 28800})
    response = requests.request("POST", f"{api}/sessions", data=payload, headers=without_version, timeout=30)
    assert response.status_code == 200, response.text
    session_id = response.json()["id"]
    assert response.json()["mode"] == "dedicated"
    assert response.json()["max_ttl"] == 28800

    # Submit a job in the session
    payload = json.dumps(
        {
            "program_id": "sampler",
            "backend": f"{backend}",
            "session_id": f"{session_id}",
            "params": {"pubs": [[CIRCUIT]], "options": {}, "version": 2},
        }
    )
    response = requests.request("POST", f"{api}/jobs", data=payload, headers=headers_list, timeout=30)
    assert response.status_code == 200, response.text
    assert response.json()["session_id"] == session_id


def test_question_1_the_api_token_is_no_bearer_token(service):
    headers_list = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": f"Bearer {service.token}",
        "Service-CRN": f"{service.crn}",
        "IBM-API-Version": "2025-05-01",
    }
    payload = json.dumps({"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [[CIRCUIT]], "version": 2}})
    response = requests.request("POST", f"{service.url}/api/v1/jobs", data=payload, headers=headers_list, timeout=30)
    assert response.status_code == 401
    assert "id" not in response.json()
    assert service.emulator.jobs() == []


def test_question_2_a_job_has_its_status_without_a_version(service):
    api = f"{service.url}/api/v1"
    headers = {"Authorization": f"Bearer {authorise(service)}", "Service-CRN": service.crn}
    body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [[CIRCUIT]], "version": 2}}
    job_id = requests.post(f"{api}/jobs", json=body, headers=headers, timeout=30).json()["id"]
    job = requests.get(f"{api}/jobs/{job_id}", headers=headers, timeout=30).json()
    assert {"id", "status", "backend", "created"} <= set(job)


def test_an_open_plan_refuses_the_session(service):
    from airflow_provider_qrt.emulator import Emulator

    with Emulator(plan="open", queue_seconds=0, run_seconds=0) as emulator:
        own = type(service)(emulator)
        headers = {"Authorization": f"Bearer {authorise(own)}", "Service-CRN": own.crn}
        body = {"mode": "dedicated", "max_ttl": 28800}
        response = requests.post(f"{own.url}/api/v1/sessions", json=body, headers=headers, timeout=30)
        assert response.status_code == 403

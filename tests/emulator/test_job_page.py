"""The page behind the link to a job of the emulator."""

from __future__ import annotations

import requests

from airflow_provider_qrt.links.qiskit_runtime import job_url

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PARAMS = {
    "pubs": [['OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;', None, 10]],
    "version": 2,
}


def submit(api, **more):
    answer = api.send("POST", "/jobs", json={"program_id": "sampler", "backend": "ibm_fez", "params": PARAMS, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def test_a_browser_gets_a_page_about_the_job(api):
    job_id = submit(api, tags=["dag:nightly", "<script>"])
    answer = requests.get(job_url(api.emulator.url, job_id), headers=BROWSER, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    for said in (f"<h1>Job {job_id}</h1>", "ibm_fez", "dag:nightly", "sampler"):
        assert said in answer.text
    assert "<script>" not in answer.text
    assert api.emulator.instance not in answer.text


def test_an_unknown_job_is_said_to_be_unknown(api):
    answer = requests.get(f"{api.emulator.url}/jobs/nothing", headers=BROWSER, timeout=30)
    assert answer.status_code == 404
    assert "knows no such job" in answer.text


def test_a_program_without_a_token_is_refused_as_before(api):
    job_id = submit(api)
    for headers in ({}, {"Accept": "application/json"}, {**BROWSER, "Authorization": "Bearer wrong"}):
        answer = requests.get(f"{api.emulator.url}/jobs/{job_id}", headers=headers, timeout=30)
        assert answer.status_code == 401
        assert answer.json()["errors"]
    assert requests.get(f"{api.emulator.url}/jobs", headers=BROWSER, timeout=30).status_code == 401
    assert requests.get(f"{api.emulator.url}/jobs/{job_id}/results", headers=BROWSER, timeout=30).status_code == 401

"""The link from a task to its job."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.xcom import XCom

from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink, job_url


@pytest.mark.parametrize("base", ["https://quantum.cloud.ibm.com/api/v1", "https://eu-de.quantum.cloud.ibm.com/api/v1"])
def test_a_job_of_ibms_has_a_page_for_people(base):
    assert job_url(base, "dabc") == "https://quantum.cloud.ibm.com/workloads?search=dabc"


@pytest.mark.parametrize("base", ["http://127.0.0.1:8765/api/v1", "https://quantum.cloud.ibm.com.evil.example/api/v1"])
def test_a_job_of_another_service_has_its_address_in_the_api(base):
    assert job_url(base, "dabc") == f"{base}/jobs/dabc"


def test_an_id_cannot_lead_elsewhere():
    assert job_url("http://h/api/v1", "../x?y#z") == "http://h/api/v1/jobs/..%2Fx%3Fy%23z"


@pytest.mark.parametrize("url", ["https://there", ""])
def test_the_link_is_the_operators_own_if_it_knows_whether_there_is_one(monkeypatch, url):
    monkeypatch.setattr(XCom, "get_value", lambda **_: pytest.fail("XCom was asked"))
    assert QiskitRuntimeJobLink().get_link(SimpleNamespace(job_url=url), ti_key="ti") == url


@pytest.mark.parametrize(("stored", "link"), [("https://stored", "https://stored"), (None, "")])
def test_an_operator_that_does_not_know_it_any_more_finds_it_in_xcom(monkeypatch, stored, link):
    asked = []

    def get_value(*, ti_key, key):
        asked.append((ti_key, key))
        return stored

    monkeypatch.setattr(XCom, "get_value", get_value)
    assert QiskitRuntimeJobLink().get_link(SimpleNamespace(job_url=None), ti_key="ti") == link
    assert asked == [("ti", QiskitRuntimeJobLink().xcom_key)]

"""A real Airflow stays within a budget of QPU seconds."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

DAG_ID = "qiskit_runtime_budget"


def test_the_budget_of_a_dag_stops_its_second_run_before_a_job_is_submitted(airflow, service, submissions):
    service.configure(run_seconds=2.5, queue_seconds=0.5, backends={"ibm_fez": {"queue_length": 7}})
    try:
        first = airflow.run_dag(DAG_ID)
        second = airflow.run_dag(DAG_ID, expect="failed")
    finally:
        service.configure(backends={"ibm_fez": {"queue_length": 0}})
    value = airflow.xcom(DAG_ID, first, "measure")
    assert value["backend"] != "ibm_fez"
    assert value["usage_seconds"] == pytest.approx(2.5)
    assert airflow.xcom(DAG_ID, first, "agreement") > 0.95
    assert airflow.xcom(DAG_ID, first, "spent") == pytest.approx({"run": 2.5, "dag": 2.5, "jobs": 1})
    assert submissions(second) == []
    assert airflow.xcom(DAG_ID, second, "spent") == pytest.approx({"run": 0, "dag": 2.5, "jobs": 1})
    log = airflow.task_log(DAG_ID, second, "measure")
    assert "this DAG has spent 2.5 s" in log
    assert "of its budget of 4 s. Nothing was submitted." in log

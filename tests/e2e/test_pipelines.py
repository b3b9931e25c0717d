"""A real Airflow runs the example DAGs, and the same task both ways."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


@pytest.mark.parametrize(
    "dag_id",
    [
        "qiskit_runtime_bell_pair",
        "qiskit_runtime_first_circuit",
        "qiskit_runtime_ising_energy",
        "qiskit_runtime_submit_and_wait",
    ],
)
def test_every_example_dag_runs_to_success_with_one_job(airflow, submissions, dag_id):
    run_id = airflow.run_dag(dag_id)
    assert len(submissions(run_id)) == 1


def test_the_bell_pair_dag_hands_counts_to_its_downstream_task(airflow):
    dag_id = "qiskit_runtime_bell_pair"
    run_id = airflow.run_dag(dag_id, {"shots": 400})
    phi, psi = airflow.xcom(dag_id, run_id, "measure")["results"]
    assert set(phi["counts"]) == {"00", "11"}
    assert set(psi["counts"]) == {"01", "10"}
    assert sum(phi["counts"].values()) == phi["shots"] == 400
    assert airflow.xcom(dag_id, run_id, "correlation") == {"phi": 1.0, "psi": -1.0}


@pytest.mark.parametrize("dag_id", ["both_ways_blocking", "both_ways_deferred"])
def test_blocking_and_deferred_give_the_same_shape_of_xcom(airflow, dag_id):
    run_id = airflow.run_dag(dag_id)
    value = airflow.xcom(dag_id, run_id, "measure")
    assert set(value) == {
        "job_id", "backend", "program_id", "status", "session_id", "created", "finished", "usage_seconds",
        "usage_complete", "result_path", "results",
    }  # fmt: skip
    assert value["backend"] == "ibm_fez"
    assert value["status"] == "Completed"
    assert value["usage_seconds"] > 0
    assert value["usage_complete"] is True
    assert value["finished"] > value["created"]
    [result] = value["results"]
    assert set(result["counts"]) == {"00", "11"}
    assert result["registers"] == {"c": {"num_bits": 2, "index": 0, "counts": result["counts"]}}
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert airflow.xcom(dag_id, run_id, "measure", "job_id") == value["job_id"]


def test_a_waiting_task_is_deferred_and_shows_its_job(airflow, service):
    service.configure(queue_seconds=8)
    dag_id = "both_ways_deferred"
    run_id = airflow.trigger(dag_id)
    airflow.wait_for_task_state(dag_id, run_id, "measure", "deferred")
    job_id = airflow.xcom(dag_id, run_id, "measure", "job_id")
    links = airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/measure/links")
    assert job_id in links["extra_links"]["IBM Quantum job"]
    assert f"Submitted job {job_id}" in airflow.task_log(dag_id, run_id, "measure")
    airflow.expect_end(dag_id, run_id)


def test_a_job_carries_the_identity_of_its_task(airflow, submissions):
    dag_id = "both_ways_deferred"
    run_id = airflow.run_dag(dag_id)
    [job] = submissions(run_id)
    assert {"mine", f"dag:{dag_id}", "task:measure"} <= set(job["tags"])
    assert any(tag.startswith("qrt:") for tag in job["tags"])


def test_mapped_tasks_submit_a_job_each(airflow, submissions):
    run_id = airflow.run_dag("mapped")
    assert len(submissions(run_id)) == 2


def test_a_sensor_waits_in_every_mode(airflow):
    run_id = airflow.run_dag("sensors")
    job_id = airflow.xcom("sensors", run_id, "submit", "job_id")
    for task_id in ("poke", "reschedule", "deferred", "from_trigger", "not_from_trigger"):
        seen = airflow.xcom("sensors", run_id, task_id)
        assert (seen["job_id"], seen["status"]) == (job_id, "Completed"), task_id


def test_a_sensor_that_starts_from_the_trigger_holds_a_worker_only_at_its_end(airflow, service):
    # Long enough that the other one's first look, on a busy machine too, finds that there is something to wait for.
    service.configure(queue_seconds=30)
    run_id = airflow.run_dag("sensors")
    # A first leg on a worker would log the task's start a second time.
    legs = airflow.task_log("sensors", run_id, "from_trigger").count("DAG bundles loaded")
    assert legs == airflow.task_log("sensors", run_id, "deferred").count("DAG bundles loaded") - 1


def test_the_connection_test_says_which_rights_it_proved(airflow, service):
    body = {
        "connection_id": "try_it",
        "conn_type": "qiskit_runtime",
        "host": service.url,
        "password": service.api_key,
        "extra": json.dumps({"instance": service.instance, "iam_url": service.iam_url}),
    }
    good = airflow.api("POST", "/connections/test", json=body)
    assert good["status"] is True
    for proved in ("API key is valid", "may list backends: ibm_fez", "may read jobs", "may read usage"):
        assert proved in good["message"]
    bad = airflow.api("POST", "/connections/test", json={**body, "password": "wrong"})
    assert bad["status"] is False
    assert "BXNIM0415E" in bad["message"]

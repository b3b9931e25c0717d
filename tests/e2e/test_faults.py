"""Real failures in a real Airflow."""

from __future__ import annotations

import re

import pytest

from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def wait_for_trigger(airflow, dag_id: str, run_id: str, task_id: str) -> None:
    """Wait until the triggerer has taken up the task's trigger: only then can anybody tell it to stop."""
    wait_until(
        lambda: "starting" in airflow.task_log(dag_id, run_id, task_id),
        seconds=300,
        what="The start of the trigger",
    )


def job_status(service, job_id: str) -> str:
    """Where a job is on the server."""
    return next(job["status"] for job in service.jobs() if job["id"] == job_id)


def test_a_job_that_is_not_isa_fails_the_task_with_ibms_reason_and_no_retry(airflow, submissions):
    run_id = airflow.run_dag("not_isa", expect="failed")
    assert len(submissions(run_id)) == 1
    assert airflow.task("not_isa", run_id, "measure")["try_number"] == 1
    log = airflow.task_log("not_isa", run_id, "measure")
    assert re.search(r"reason code 7\d\d\d", log)
    assert "IBM's solution:" in log
    assert "A retry cannot help" in log


def test_a_missing_circuit_file_fails_at_once_and_submits_nothing(airflow, submissions):
    run_id = airflow.run_dag("missing_file", expect="failed")
    assert submissions(run_id) == []
    assert airflow.task("missing_file", run_id, "measure")["try_number"] == 1
    assert "'circuits/not_there.qasm' was not found" in airflow.task_log("missing_file", run_id, "measure")


def test_a_result_that_could_not_be_read_is_fetched_by_the_retry_and_not_bought_again(airflow, service, submissions):
    service.add_fault(method="GET", path="/api/v1/jobs/*/results", times=6, status=503)
    run_id = airflow.run_dag("result_unreadable_once")
    assert airflow.task("result_unreadable_once", run_id, "measure")["try_number"] == 2
    assert len(submissions(run_id)) == 1


def test_a_job_that_is_late_is_cancelled(airflow, service):
    service.configure(queue_seconds=600)
    run_id = airflow.run_dag("too_late", expect="failed")
    job_id = airflow.xcom("too_late", run_id, "measure", "job_id")
    assert job_status(service, job_id) == "Cancelled"
    assert "after its timeout of 8 s" in airflow.task_log("too_late", run_id, "measure")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_deferred_task_cancels_its_job(airflow, service, state):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger("stopped")
    airflow.wait_for_task_state("stopped", run_id, "measure", "deferred")
    wait_for_trigger(airflow, "stopped", run_id, "measure")
    job_id = airflow.xcom("stopped", run_id, "measure", "job_id")
    path = f"/dags/stopped/dagRuns/{run_id}/taskInstances/measure"
    airflow.api("PATCH", path, json={"new_state": state})
    wait_until(lambda: job_status(service, job_id) == "Cancelled", seconds=300, what="The cancellation of the job")


def test_marking_a_task_that_waits_on_its_worker_cancels_its_job(airflow, service):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger("stopped_on_the_worker")
    task_log = lambda: airflow.task_log("stopped_on_the_worker", run_id, "measure")  # noqa: E731
    submitted = wait_until(lambda: re.search(r"Submitted job (\w+)", task_log()), seconds=300, what="The submission")
    job_id = submitted[1]
    path = f"/dags/stopped_on_the_worker/dagRuns/{run_id}/taskInstances/measure"
    airflow.api("PATCH", path, json={"new_state": "failed"})
    wait_until(lambda: job_status(service, job_id) == "Cancelled", seconds=300, what="The cancellation of the job")


def test_clearing_a_deferred_task_cancels_its_job_and_submits_a_new_one(airflow, service, submissions):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger("stopped")
    airflow.wait_for_task_state("stopped", run_id, "measure", "deferred")
    wait_for_trigger(airflow, "stopped", run_id, "measure")
    first = airflow.xcom("stopped", run_id, "measure", "job_id")
    service.configure(queue_seconds=2)
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["measure"], "only_failed": False}
    airflow.api("POST", "/dags/stopped/clearTaskInstances", json=body)
    wait_until(lambda: job_status(service, first) == "Cancelled", seconds=300, what="The cancellation of the job")
    airflow.expect_end("stopped", run_id)
    assert len(submissions(run_id)) == 2


def test_no_secret_is_in_any_log_or_row(airflow, traces_of, platform_secrets):
    run_id = airflow.run_dag("qiskit_runtime_bell_pair")
    assert traces_of(*platform_secrets) == []
    assert traces_of(run_id) != []

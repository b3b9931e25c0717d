"""Many circuits in few jobs, with a real Airflow."""

from __future__ import annotations

import math

import pytest

from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def test_a_sweep_of_two_hundred_points_is_one_job(airflow, submissions):
    dag_id = "qiskit_runtime_parameter_sweep"
    run_id = airflow.run_dag(dag_id)
    assert len(submissions(run_id)) == 1
    curve = airflow.xcom(dag_id, run_id, "curve")
    assert len(curve) == 200
    for step, share in enumerate(curve):
        assert share == pytest.approx(math.cos(math.pi * step / 199) ** 2, abs=0.15)


def test_what_is_too_much_for_one_job_is_three_and_one_result(airflow, submissions):
    run_id = airflow.run_dag("packed")
    jobs = submissions(run_id)
    assert len(jobs) == 3
    value = airflow.xcom("packed", run_id, "measure")
    assert value["job_ids"] == [job["id"] for job in jobs] == airflow.xcom("packed", run_id, "measure", "job_ids")
    assert [one["counts"] for one in value["results"]] == [
        {"1": 10}, {"1": 6_000_000}, {"0": 5_500_000}, {"1": 5_100_000}, {"0": 20},
    ]  # fmt: skip
    assert len({job["session_id"] for job in jobs}) == 1
    assert "All jobs are submitted" in airflow.task_log("packed", run_id, "measure")


def test_a_deferred_task_that_is_marked_failed_takes_its_three_jobs_along(airflow, service, submissions):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger("packed")
    airflow.wait_for_task_state("packed", run_id, "measure", "deferred")
    started = lambda: "starting" in airflow.task_log("packed", run_id, "measure")  # noqa: E731
    wait_until(started, seconds=300, what="The start of the trigger")
    airflow.api(
        "PATCH",
        f"/dags/packed/dagRuns/{run_id}/taskInstances/measure",
        json={"new_state": "failed"},
    )
    cancelled = lambda: [job["cancelled"] for job in submissions(run_id)] == [True] * 3  # noqa: E731
    wait_until(cancelled, seconds=300, what="The cancellation of the jobs")

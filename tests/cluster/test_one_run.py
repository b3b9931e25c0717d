"""One deferred job from submission to result, on two workers."""

from __future__ import annotations

import pytest

from tools.processes import wait_until

pytestmark = pytest.mark.timeout(600)

WORKERS = ("worker-1", "worker-2")


def job_of(service, run_id: str) -> dict:
    """The only job of a run."""
    [job] = [job for job in service.jobs() if f"run:{run_id}"[:86] in job["tags"]]
    return job


def workers_of(cluster, ti_id: str) -> list[str]:
    """The workers that were handed a task instance."""
    return [name for name in WORKERS if ti_id in cluster.component_log(name)]


def test_a_job_submitted_by_one_worker_is_fetched_by_another(cluster, service):
    run_id = cluster.trigger("measured_once")
    task = cluster.wait_for_task_state("measured_once", run_id, "measure", "deferred", seconds=180)
    job = job_of(service, run_id)
    [submitter] = workers_of(cluster, task["id"])
    cluster.stop_component(submitter)

    service.finish(job["id"])
    cluster.expect_end("measured_once", run_id, seconds=180)
    [other] = set(WORKERS) - {submitter}
    assert other in workers_of(cluster, task["id"])
    value = cluster.xcom("measured_once", run_id, "measure")
    assert value["job_id"] == job["id"]
    [result] = value["results"]
    assert sum(result["counts"].values()) == result["shots"] == 200
    assert cluster.xcom("measured_once", run_id, "agreement") > 0.8
    cluster.start_component(submitter)
    wait_until(
        lambda: "ready." in cluster.component_log(submitter).rpartition("[config]")[2],
        seconds=120,
        what=f"The return of {submitter}",
    )


def test_a_restart_of_redis_while_a_job_waits_costs_nothing(cluster, service):
    run_id = cluster.trigger("measured_once")
    cluster.wait_for_task_state("measured_once", run_id, "measure", "deferred", seconds=180)
    cluster.redis.restart()
    job_id = job_of(service, run_id)["id"]
    service.finish(job_id)
    cluster.expect_end("measured_once", run_id, seconds=300)
    assert cluster.xcom("measured_once", run_id, "measure")["job_id"] == job_of(service, run_id)["id"] == job_id

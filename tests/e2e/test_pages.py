"""The pages of a real Airflow show the work of its tasks correctly."""

from __future__ import annotations

from typing import Any

import pytest
import requests

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

BELL_PAIR = "qiskit_runtime_bell_pair"


def is_read(page: dict[str, Any]) -> bool:
    return bool(page["tasks"]) and not any(job["to_be_read"] for task in page["tasks"] for job in task["jobs"])


def test_a_run_is_followed_from_the_queue_to_its_counts(airflow, service, ask):
    service.configure(queue_seconds=10_000)
    run_id = airflow.trigger(BELL_PAIR)
    airflow.wait_for_task_state(BELL_PAIR, run_id, "measure", "deferred")
    [waiting] = ask(is_read, "/api/result", dag_id=BELL_PAIR, run_id=run_id)["tasks"]
    job_id = airflow.xcom(BELL_PAIR, run_id, "measure", "job_id")
    assert waiting["goes_on"]
    assert [(job["id"], job["state"]) for job in waiting["jobs"]] == [(job_id, "Queued")]
    assert "OPENQASM" in waiting["circuits"][0]["text"]

    service.finish(job_id)
    airflow.expect_end(BELL_PAIR, run_id)

    [done] = ask(
        lambda page: is_read(page) and page["tasks"][0]["jobs"][0]["timeline"]["running"],
        "/api/result",
        dag_id=BELL_PAIR,
        run_id=run_id,
    )["tasks"]
    counts = airflow.xcom(BELL_PAIR, run_id, "measure")["results"][0]["counts"]
    bars = done["pubs"][0]["points"][0]["bars"]
    assert {bar["label"]: bar["count"] for bar in bars} == counts
    assert not done["goes_on"]
    jobs = ask(
        lambda page: any(row["id"] == job_id for row in page["jobs"]["rows"]),
        "/api/quantum",
        dag_id=BELL_PAIR,
        state="Completed",
        page_size=100,
    )["jobs"]["rows"]
    [row] = [row for row in jobs if row["id"] == job_id]
    assert (row["run_id"], row["task"]) == (run_id, "measure")
    assert requests.get(airflow.url + row["task_url"], timeout=60).ok


def test_a_task_that_failed_shows_ibms_reason(airflow, ask):
    run_id = airflow.run_dag("not_isa", expect="failed")

    [task] = ask(is_read, "/api/result", dag_id="not_isa", run_id=run_id)["tasks"]

    [job] = task["jobs"]
    assert (task["state"], job["state"]) == ("failed", "Failed")
    assert job["failure"]["reason"]
    assert job["failure"]["retry"] is False
    assert task["pubs"] == []

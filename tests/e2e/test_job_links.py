"""The link to the job that Airflow's REST API returns to the UI."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

LINK = "IBM Quantum job"
STATES = "/dags/{}/dagRuns/{}/taskInstances/{}/listMapped"


def link(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str | None:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
    links = airflow.api("GET", path, params={"map_index": map_index})["extra_links"]
    return links[LINK]


def mapped_states(airflow: LocalAirflow, run_id: str) -> dict[int, str]:
    found = airflow.api("GET", STATES.format("mapped", run_id, "measure"))["task_instances"]
    return {one["map_index"]: one["state"] for one in found}


def end_of_leg(airflow: LocalAirflow, dag_id: str, run_id: str) -> bool:
    """Whether Airflow has stored what the task gave for its link, as it does last."""
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/measure/xcomEntries"
    return any(one["key"].startswith("_link_") for one in airflow.api("GET", path)["xcom_entries"])


@pytest.fixture
def wait_for_mapped(airflow: LocalAirflow) -> Callable[..., None]:
    def wait(run_id: str, **states: str) -> None:
        wanted = {int(index.removeprefix("task_")): state for index, state in states.items()}
        wait_until(lambda: mapped_states(airflow, run_id) == wanted, seconds=300, what=f"mapped tasks being {wanted}")

    return wait


def test_mapped_tasks_have_their_links_while_they_wait_and_when_one_fails(airflow, service, wait_for_mapped):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger("mapped")
    wait_for_mapped(run_id, task_0="deferred", task_1="deferred")
    jobs = [airflow.xcom("mapped", run_id, "measure", "job_id", map_index=index) for index in (0, 1)]
    pages = [f"{service.url}/jobs/{job_id}" for job_id in jobs]
    assert [link(airflow, "mapped", run_id, "measure", index) for index in (0, 1)] == pages
    service.finish(jobs[0])
    service.finish(jobs[1], "Failed", reason="The device is on fire", reason_code=9999)
    wait_for_mapped(run_id, task_0="success", task_1="failed")
    assert [link(airflow, "mapped", run_id, "measure", index) for index in (0, 1)] == pages


def test_a_task_that_waits_for_its_turn_has_no_link_and_looks_for_none(airflow, service):
    service.add_fault(method="POST", path="/api/v1/jobs", status=429, times=1, retry_after=600)
    run_id = airflow.trigger("stopped")
    airflow.wait_for_task_state("stopped", run_id, "measure", "deferred")
    wait_until(lambda: end_of_leg(airflow, "stopped", run_id), seconds=300, what="The end of the task's first leg")
    assert link(airflow, "stopped", run_id, "measure") is None
    lines = airflow.component_log("scheduler").splitlines()
    assert [line for line in lines if run_id in line and "XCom not found" in line] == []
    airflow.api("PATCH", f"/dags/stopped/dagRuns/{run_id}/taskInstances/measure", json={"new_state": "failed"})

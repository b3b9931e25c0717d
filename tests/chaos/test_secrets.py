"""No key, CRN, account, token or proxy password appears in anything that Airflow writes or shows after any failure.

The search covers all files (logs, database files, lineage), all rows, and the pages.
"""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.chaos.lanes import Lane
from tests.chaos.secrets_search import LINEAGE, Pages, find_in_airflow, find_in_pages
from tools.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

FAULTS = {
    "key refused": {"path": "/identity/token", "status": 400, "times": None},
    "no token": {"path": "/identity/token", "drop": "after", "times": None},
    "token refused": {"path": "/jobs*", "status": 401, "times": None},
    "forbidden": {"path": "/jobs*", "status": 403, "times": None},
    "not found": {"method": "GET", "path": "/backends*", "status": 404, "times": None},
    "a page": {"path": "/jobs*", "status": 404, "html": "<html></html>", "times": None},
}


def fail(lane: Lane, fault: dict[str, object]) -> None:
    lane.service.add_fault(**fault)
    run = lane.start("chaos_deferred_without_retries")
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")


FAILURES = {name: partial(fail, fault=fault) for name, fault in FAULTS.items()}


@pytest.mark.parametrize("scenario", FAILURES.values(), ids=FAILURES)
def test_a_service_that_refuses_everything_fails_the_task(scenario, played):
    """Cause such failures; their output is searched with everything else at the end of the suite."""
    played()


def test_a_proxy_that_cannot_be_used_fails_the_task(lanes, airflow, wrong_proxies, proxy_password):
    runs = {conn_id: lanes[0].start("chaos_deferred_without_retries", connection=conn_id) for conn_id in wrong_proxies}
    for conn_id, run in runs.items():
        airflow.expect_end(run.dag_id, run.run_id, "failed")
        assert "proxy" in run.log.lower(), conn_id
    assert find_in_airflow(airflow.home, [proxy_password]) == []


def test_no_secret_is_in_anything_that_was_written(lanes, airflow, hidden):
    run = lanes[0].start("chaos_deferred")
    run.expect_success()
    # The task's process sends lineage after it has reported its success.
    wait_until(
        lambda: {"xcom", "task_state_store", LINEAGE} <= set(find_in_airflow(airflow.home, [run.jobs[0]["id"]])),
        seconds=60,
        what="That the search finds what is there",
    )
    places = set(find_in_airflow(airflow.home, [run.jobs[0]["id"]]))
    assert any(place.startswith("airflow.db") for place in places)
    assert any(place.startswith("logs/") for place in places)
    assert find_in_airflow(airflow.home, hidden) == []


def test_no_secret_is_on_the_pages(lanes, airflow, wrong_proxies, hidden):
    run = lanes[0].start("chaos_deferred")
    run.expect_success()
    pages = Pages(airflow)
    job_id = run.jobs[0]["id"]

    def shown():
        """Read the pages repeatedly: their content is loaded in the background, and refreshed after some seconds."""
        found = list(pages.of_connections([*(lane.connection for lane in lanes), *wrong_proxies]))
        read = not any(re.search(rb'"state": *"reading"', content) for _, content in found)
        return found if read and find_in_pages(found, [job_id]) else None

    of_connections = wait_until(shown, seconds=300, what="The job on the page of its connection", pause=5)
    of_runs = list(pages.of_runs())
    assert find_in_pages(of_runs, [job_id])
    assert find_in_pages([*of_connections, *of_runs], hidden) == []

"""Neither the API key, the account nor a bearer token is in anything that Airflow has written, whatever went wrong."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chaos.lanes import Lane
from tests.chaos.secrets_search import find_in_airflow, secrets_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

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
    """What such failures write is searched at the end of the suite, with all the rest."""
    played()


def test_no_secret_is_in_anything_that_was_written(lanes, airflow):
    run = lanes[0].start("chaos_deferred")
    run.expect_success()
    places = set(find_in_airflow(airflow.home, [run.jobs[0]["id"]]))
    assert {"xcom", "task_state_store"} <= places, "the search finds what is there"
    assert any(place.startswith("airflow.db") for place in places)
    assert any(place.startswith("logs/") for place in places)
    assert find_in_airflow(airflow.home, [secret for lane in lanes for secret in secrets_of(lane.service)]) == []

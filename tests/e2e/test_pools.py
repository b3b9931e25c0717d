"""A pool limits the jobs in flight, including those of deferred tasks."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def test_a_pool_that_counts_deferred_tasks_bounds_the_jobs_in_flight(airflow, submissions):
    airflow.api(
        "POST", "/pools", json={"name": "one_in_flight", "slots": 1, "include_deferred": True, "description": ""}
    )
    first, second = sorted(submissions(airflow.run_dag("pooled")), key=lambda job: job["created"])
    assert first["ended"] <= second["created"]

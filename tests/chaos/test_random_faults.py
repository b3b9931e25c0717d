"""One request in five fails, in every possible way, during a whole DAG run."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from airflow_provider_qrt.emulator import Emulator
from tests.chaos.dags.chaos import MAPPED_TASKS
from tests.chaos.lanes import expect_bell_pair

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

FAULTS = {
    "503": {"status": 503},
    "503 with a time": {"status": 503, "retry_after": 1},
    "500 after the service acted": {"status": 500, "phase": "after"},
    "429": {"status": 429},
    "429 with a time": {"status": 429, "retry_after": 2},
    "a gateway's page": {"status": 502, "html": "<html><body>Bad gateway</body></html>"},
    "no connection": {"drop": "before"},
    "lost answer": {"drop": "after"},
    "half an answer": {"truncate": 20},
    "slow": {"delay": 1, "phase": "after"},
}
SHARE = 0.022
"""Probability of each; ten of them strike one request in five."""
REVOCATION_PAUSE = 6.0
"""Seconds after which all tokens are revoked again. Long enough for everybody to have a good one by then: a request
that is refused with an old token and with a fresh one has met no hiccup but a refusal."""


@contextmanager
def revocations(service: Emulator) -> Iterator[list[float]]:
    """Revoke all tokens again and again; the list holds the moments."""
    moments: list[float] = []
    over = threading.Event()

    def revoke() -> None:
        while not over.wait(REVOCATION_PAUSE):
            service.revoke_tokens()
            moments.append(time.monotonic())

    with ThreadPoolExecutor(1) as pool:
        pool.submit(revoke)
        try:
            yield moments
        finally:
            over.set()


def test_fifty_tasks_get_one_job_each_though_one_request_in_five_fails(lanes, airflow):
    lane = lanes[0]
    lane.service.configure(visibility_seconds=1)
    for seed, fault in enumerate(FAULTS.values()):
        lane.service.add_fault(probability=SHARE, seed=seed, **fault)
    with revocations(lane.service) as revoked:
        run = lane.start("chaos_mapped")
        airflow.expect_end(run.dag_id, run.run_id, seconds=600)

    jobs = run.jobs
    assert Counter(tag for job in jobs for tag in job["tags"] if tag.startswith("task:")) == Counter(
        f"task:measure[{index}]" for index in range(MAPPED_TASKS)
    )
    by_task = {tag: job["id"] for job in jobs for tag in job["tags"]}
    for index in range(MAPPED_TASKS):
        value = airflow.xcom(run.dag_id, run.run_id, "measure", map_index=index)
        expect_bell_pair(value, by_task[f"task:measure[{index}]"])

    applied = [rule["applied"] for rule in lane.service.faults()]
    assert len(revoked) >= 5
    assert all(applied), dict(zip(FAULTS, applied, strict=True))
    assert sum(applied) > 0.15 * len(lane.service.requests())

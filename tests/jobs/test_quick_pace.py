"""When a job that may end within seconds is looked at."""

import itertools
import random

import pytest

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.wait.quick_pace import FIRST_LOOK, JITTER, MARGIN, SHORTEST, QuickPace


class Still(random.Random):
    def uniform(self, a, b):
        return a


def pace(**more):
    return QuickPace(0.0, 0.0, random=Still(), **more)


def job(status, runs=None):
    return Job.from_json({"id": "j", "state": {"status": status}, "estimated_running_time_seconds": runs})


def looks(pace, queued, runs, estimate, until=60.0):
    """The times of all looks at a job, the last of which finds it completed."""
    now, found = 0.0, []
    while now < until:
        now += pace.delay(now)
        found.append(round(now, 3))
        if now >= queued + runs:
            return found
        pace.seen(job("Running" if now >= queued else "Queued", estimate), now)
        if pace.is_over(now):
            return found
    return found


def test_the_first_look_comes_after_a_fraction_of_a_second():
    assert pace().delay(0.0) == FIRST_LOOK
    assert pace().delay(0.2) == pytest.approx(FIRST_LOOK - 0.2)
    # A job that was submitted earlier is looked at now.
    assert pace().delay(100.0) == 0.0


def test_looks_are_put_off_at_random():
    assert len({QuickPace(0.0, 0.0).delay(0.0) for _ in range(20)}) > 10
    assert all(FIRST_LOOK <= QuickPace(0.0, 0.0).delay(0.0) <= FIRST_LOOK + JITTER for _ in range(50))


def test_a_running_job_is_looked_at_when_it_should_end():
    assert looks(pace(), queued=0.0, runs=2.4, estimate=2.4) == [FIRST_LOOK, 2.4 + MARGIN]


def test_a_queued_job_cannot_end_before_it_has_run():
    # It may have begun right after the first look.
    assert looks(pace(), queued=0.6, runs=2.4, estimate=2.4) == [0.5, 0.5 + 2.4 + MARGIN]


def test_the_services_waiting_time_counts_as_well():
    told = pace(queue_seconds=4.0, is_predictable=True)
    assert looks(told, queued=4.0, runs=2.0, estimate=2.0) == [0.5, 6.0 + MARGIN]


def test_a_waiting_time_that_is_no_guide_is_not_trusted_for_long():
    told = pace(queue_seconds=9.0, is_predictable=False)
    assert looks(told, queued=1.0, runs=1.0, estimate=1.0) == [0.5, 2.0]


def test_an_overdue_job_is_looked_at_at_growing_intervals():
    found = looks(pace(), queued=0.0, runs=4.0, estimate=1.0)
    gaps = [round(b - a, 3) for a, b in itertools.pairwise(found[1:])]
    assert gaps[0] == SHORTEST
    assert gaps == sorted(gaps)
    assert len(found) <= 8


def test_a_service_that_says_nothing_of_the_run_time():
    found = looks(pace(), queued=0.0, runs=3.0, estimate=None)
    assert found[0] == FIRST_LOOK
    assert len(found) <= 7


def test_it_is_over_when_the_time_on_the_worker_is():
    waiting = pace(leave_at=10.0, latest=20.0)
    assert looks(waiting, queued=3600.0, runs=1.0, estimate=None)[-1] == 10.0
    assert waiting.is_over(10.0)


def test_a_job_that_would_end_too_late_is_over_at_once():
    waiting = pace(leave_at=10.0, latest=20.0)
    waiting.seen(job("Queued", 300.0), 0.5)
    assert waiting.is_over(0.5)
    assert not pace().is_over(10_000.0)


def test_a_running_job_that_ends_soon_is_waited_for_longer():
    waiting = pace(leave_at=10.0, latest=20.0)
    assert looks(waiting, queued=3.0, runs=9.0, estimate=9.0)[-1] >= 12.0
    late = pace(leave_at=10.0, latest=20.0)
    late.seen(job("Running", 30.0), 5.0)
    assert late.is_over(5.0)


def test_failed_reads_are_repeated_at_growing_intervals():
    waiting = pace()
    delays = []
    for _ in range(8):
        waiting.failed()
        delays.append(waiting.delay(1.0))
    assert delays == sorted(delays)
    assert delays[0] == 2 * FIRST_LOOK
    assert delays[-1] == delays[-2] == 32.0
    waiting.seen(job("Running", 2.0), 1.0)
    assert waiting.delay(1.0) <= 2.0


@pytest.mark.parametrize("estimate", [0.0, 0.05, 0.3])
def test_a_tiny_estimate_does_not_let_a_queued_job_be_looked_at_all_the_time(estimate):
    found = looks(pace(leave_at=10.0, latest=20.0), queued=3600.0, runs=1.0, estimate=estimate)
    assert len(found) <= 9
    assert min(b - a for a, b in itertools.pairwise(found)) >= SHORTEST - 0.001


def test_a_wait_that_begins_late_is_young_all_the_same():
    late = QuickPace(0.0, 3600.0)
    assert late.is_young(3601.0)
    assert not late.is_young(3600.0 + 31)
    assert late.delay(3600.0) <= JITTER


def test_no_pause_is_longer_than_the_time_on_the_worker():
    waiting = pace(leave_at=10.0, latest=20.0)
    assert waiting.within(300.0, 4.0) == 6.0
    assert waiting.within(300.0, 14.0) == 0.0
    assert pace().within(300.0, 4.0) == 300.0


@pytest.mark.parametrize(
    ("known", "stays"),
    [
        ({"queue_seconds": 4.0, "is_predictable": True}, True),
        ({"queue_seconds": 4.0}, False),
        ({"is_predictable": True}, False),
        ({"queue_seconds": 12.0, "is_predictable": True}, False),
    ],
)
def test_a_queued_job_is_waited_for_like_a_running_one_if_its_queue_is_predictable(known, stays):
    waiting = pace(leave_at=10.0, latest=20.0, **known)
    waiting.seen(job("Queued", 9.8), 0.5)
    assert waiting.is_over(0.5) is not stays


def test_a_queue_that_is_longer_than_predicted_is_left_when_the_job_is_too_late():
    found = looks(
        pace(leave_at=10.0, latest=20.0, queue_seconds=4.0, is_predictable=True), queued=3600.0, runs=9.0, estimate=9.0
    )
    assert 11.0 <= found[-1] <= 14.0

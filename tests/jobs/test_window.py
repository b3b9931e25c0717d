"""The time at which a refused submission is retried."""

from __future__ import annotations

import random

import pytest

from airflow_provider_qrt.jobs.submit.rate import MOST_SPREAD, SPACING, SubmissionQueue, pause_before_submission


@pytest.mark.parametrize("refusals", [1, 2, 5, 50])
@pytest.mark.parametrize(("retry_after", "least"), [(None, SPACING), (1.0, 1.0), (90.0, 90.0)])
def test_nobody_comes_back_too_early_or_for_ever_late(refusals, retry_after, least):
    pauses = [pause_before_submission(retry_after, refusals, random.Random(seed)) for seed in range(200)]
    assert min(pauses) >= least
    assert max(pauses) <= least + SPACING * min(2 ** (refusals - 1), MOST_SPREAD)


def test_tasks_that_wait_by_themselves_do_not_come_back_together():
    pauses = sorted(pause_before_submission(None, 3, random.Random(seed)) for seed in range(100))
    assert pauses[-1] - pauses[0] > SPACING * 3


def test_tasks_that_wait_in_one_place_come_back_one_after_the_other():
    queue = SubmissionQueue()
    assert [queue.reserve(100.0) for _ in range(3)] == [100.0, 112.0, 124.0]


def test_a_task_that_comes_late_waits_for_nobody():
    queue = SubmissionQueue()
    queue.reserve(100.0)
    assert queue.reserve(500.0) == 500.0


def test_a_turn_that_was_given_back_is_the_next_ones():
    queue = SubmissionQueue()
    turns = [queue.reserve(100.0) for _ in range(4)]
    queue.give_back(turns[1])
    queue.give_back(turns[3])
    assert [queue.reserve(101.0) for _ in range(3)] == [112.0, 136.0, 148.0]


@pytest.mark.parametrize(("refusals", "longest"), [(1, 12.0), (2, 24.0), (3, 48.0), (4, 96.0), (5, 120.0), (9, 120.0)])
def test_each_refusal_spreads_the_next_try_over_more_time(refusals, longest):
    class Last(random.Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0.0
            return b

    assert pause_before_submission(None, refusals, Last()) == SPACING + longest
    assert pause_before_submission(5.0, refusals, Last()) == 5.0 + longest


def test_turns_that_are_over_are_forgotten_and_those_of_a_moment_ago_are_not():
    queue = SubmissionQueue(spacing=10.0)
    assert [queue.reserve(moment) for moment in (100.0, 109.0, 111.0, 131.0)] == [100.0, 110.0, 120.0, 131.0]


def test_a_turn_that_was_never_reserved_may_be_given_back():
    queue = SubmissionQueue()
    queue.give_back(7.0)
    assert queue.reserve(7.0) == 7.0


def test_a_gap_between_two_turns_is_used_if_it_is_wide_enough():
    queue = SubmissionQueue(spacing=10.0)
    turns = [queue.reserve(100.0) for _ in range(3)]
    queue.give_back(turns[1])
    assert queue.reserve(105.0) == 110.0
    assert queue.reserve(105.0) == 130.0

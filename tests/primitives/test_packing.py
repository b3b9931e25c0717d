"""Many PUBs in few jobs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.primitives.inputs.packing import Load, pack, unpack

LOADS = st.lists(st.builds(Load, st.integers(1, 100), st.integers(1, 1000)), max_size=60)


@given(LOADS)
def test_every_pub_is_in_one_job_and_no_job_is_too_large(loads):
    jobs = pack(loads, max_executions=100, max_body_bytes=1000)
    assert sorted(index for job in jobs for index in job) == list(range(len(loads)))
    for job in jobs:
        assert sum(loads[index].executions for index in job) <= 100
        assert sum(loads[index].body_bytes for index in job) <= 1000


@given(LOADS)
def test_results_come_back_in_the_order_of_the_pubs(loads):
    jobs = pack(loads, max_executions=100, max_body_bytes=1000)
    assert unpack(jobs, [[f"result {index}" for index in job] for job in jobs]) == [
        f"result {index}" for index in range(len(loads))
    ]


@given(LOADS)
def test_no_two_jobs_would_have_fitted_into_one(loads):
    jobs = pack(loads, max_executions=100, max_body_bytes=1000)
    sums = [
        (sum(loads[index].executions for index in job), sum(loads[index].body_bytes for index in job)) for job in jobs
    ]
    for place, one in enumerate(sums):
        for other in sums[:place]:
            assert one[0] + other[0] > 100 or one[1] + other[1] > 1000


@pytest.mark.parametrize(("count", "each"), [(200, 4096), (200, 100_000), (3, 10_000_000)])
def test_alike_pubs_take_the_fewest_jobs_there_can_be(count, each):
    jobs = pack([Load(each, 500)] * count, max_executions=10_000_000)
    assert len(jobs) == math.ceil(count / (10_000_000 // each))


def test_what_fits_nowhere_stands_alone():
    assert pack([Load(5, 1), Load(200, 1), Load(5, 1)], max_executions=100) == [[0, 2], [1]]


def test_nothing_takes_no_job():
    assert pack([], max_executions=100) == []


def test_a_job_with_too_few_results_is_an_error():
    with pytest.raises(ValueError, match="zip"):
        unpack([[0, 1]], [["one"]])

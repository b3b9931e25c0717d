"""When circuits ran, by the metadata of a result."""

from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.primitives.results.timing import execution_times

ONE = {"start": "2026-11-30T10:00:00Z", "stop": "2026-11-30T10:00:02.5Z"}
TWO = {"start": "2026-11-30T10:00:02Z", "stop": "2026-11-30T12:00:04+02:00"}


def at(second, micro=0):
    return datetime(2026, 11, 30, 10, 0, second, micro, tzinfo=UTC)


def test_chunks_of_an_executor_job():
    assert execution_times({"chunk_timing": [ONE]}) == (at(0), at(2, 500_000))
    assert execution_times({"chunk_timing": [TWO, ONE]}) == (at(0), at(4))


def test_spans_of_a_sampler_job():
    assert execution_times({"execution": {"execution_spans": {"spans": [ONE]}}}) == (at(0), at(2, 500_000))
    assert execution_times({"execution": {"execution_spans": [ONE]}}) == (at(0), at(2, 500_000))


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "text",
        {},
        {"chunk_timing": []},
        {"chunk_timing": "soon"},
        {"chunk_timing": [{}]},
        {"chunk_timing": ["soon"]},
        {"chunk_timing": [{"start": "soon", "stop": "later"}]},
        {"chunk_timing": [{"start": 1, "stop": 2}]},
        {"chunk_timing": [{"start": ONE["stop"], "stop": ONE["start"]}]},
        # Beyond what a calendar holds in UTC, and what nobody can mean.
        {"chunk_timing": [{"start": "0001-01-01T00:00:00+01:00", "stop": "2026-11-30T10:00:00Z"}]},
        {"chunk_timing": [{"start": "2026-11-30T10:00:00Z", "stop": "9999-12-31T23:59:59-01:00"}]},
        {"chunk_timing": [{"start": "2026-11-30T10:00:00Z", "stop": "9999-12-31T00:00:00Z"}]},
        {"chunk_timing": [{"start": "0001-01-01T00:00:00Z", "stop": "2026-11-30T10:00:00Z"}]},
        {"execution": {}},
        {"execution": {"execution_spans": {"spans": None}}},
    ],
)
def test_metadata_that_do_not_tell(metadata):
    assert execution_times(metadata) is None


def test_a_time_without_a_zone_is_in_utc():
    times = execution_times({"chunk_timing": [{"start": "2026-11-30T10:00:00", "stop": "2026-11-30T10:00:04"}]})
    assert times == (at(0), at(4))
